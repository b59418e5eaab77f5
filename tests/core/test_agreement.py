"""Agreement between reviewers, against values worked out by hand and in the literature."""

from __future__ import annotations

import pytest

from momkd_core.agreement import agreement
from momkd_core.errors import ReviewError
from momkd_core.review import Subject, Verdict

MODEL = "a" * 64


def verdicts(table: dict[str, list[str | None]], memory: str = "positive") -> list[Verdict]:
    """One verdict for each answer; a reviewer's list goes over the cases, None is no verdict."""
    return [
        Verdict(
            subject=Subject(memory, 3, f"A-{i}"),
            reviewer=reviewer,
            model_sha256=MODEL,
            term=answer,
            number=i + 1,
        )
        for reviewer, answers in table.items()
        for i, answer in enumerate(answers)
        if answer is not None
    ]


def test_two_reviewers_by_cohen() -> None:
    # 20 of 50 both yes, 15 both no, 5 and 10 apart: (0.7 - 0.5) / (1 - 0.5).
    a = ["tumour"] * 25 + ["fat"] * 25
    b = ["tumour"] * 20 + ["fat"] * 5 + ["tumour"] * 10 + ["fat"] * 15
    found = agreement(verdicts({"Anna": [*a], "Bob": [*b]}))
    assert found.overall.method == "cohen" and found.overall.subjects == 50
    assert found.overall.value == pytest.approx(0.4)
    assert found.components[0].kappa == found.overall
    assert sum(s.agreeing or 0 for s in found.subjects) == 35


def test_more_reviewers_by_fleiss() -> None:
    """The example of Fleiss's method in Wikipedia: 14 raters, 10 subjects, kappa 0.210."""
    counts = [
        (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
        (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
    ]  # fmt: skip
    terms = ("tumour", "fat", "stroma", "vessel", "mixed")
    rows = [[t for t, n in zip(terms, row, strict=True) for _ in range(n)] for row in counts]
    table: dict[str, list[str | None]] = {f"R{r:02}": [row[r] for row in rows] for r in range(14)}
    found = agreement(verdicts(table))
    assert found.overall.method == "fleiss"
    assert found.overall.value == pytest.approx(0.210, abs=5e-4)
    assert found.subjects[0].agreeing == 1 and found.subjects[5].agreeing == pytest.approx(42 / 91)


def test_kappa_that_is_undefined_says_why() -> None:
    alone = agreement(verdicts({"Anna": ["fat", "mixed"]})).overall
    assert alone.value is None and "fewer than two reviewers" in alone.reason
    one = agreement(verdicts({"Anna": ["fat", "mixed"], "Bob": ["fat", None]})).overall
    assert one.value is None and "both reviewers judged 1 subjects in common" in one.reason
    same = agreement(verdicts({n: ["fat", "fat"] for n in ("Anna", "Bob", "Cem")})).overall
    assert same.value is None and "one and the same answer" in same.reason
    assert same.subjects == 2 and same.method is None
    assert agreement([]).overall.value is None


def test_a_component_is_compared_over_its_cases_by_those_who_judged_two() -> None:
    given = verdicts({"Anna": ["fat", "mixed", "fat"], "Bob": ["fat", "mixed", None]})
    given += verdicts({"Cem": ["fat"]}) + verdicts({"Anna": ["fat"], "Bob": ["fat"]}, "negative")
    given += [
        Verdict(subject=Subject("positive", 3), reviewer=name, model_sha256=MODEL, term="fat")
        for name in ("Anna", "Bob")
    ]
    found = agreement(given)
    assert [(c.memory, c.index) for c in found.components] == [("positive", 3)]
    kappa = found.components[0].kappa
    assert (kappa.value, kappa.reviewers, kappa.subjects) == (1.0, ("Anna", "Bob"), 2)
    assert [str(s.subject) for s in found.subjects[:2]] == ["positive 3", "positive 3 in case A-0"]


def test_the_last_answer_counts_and_open_questions_do_not() -> None:
    case = Subject(case_id="A-1")
    first = Verdict(subject=case, reviewer="Anna", model_sha256=MODEL, term="fat", number=1)
    later = Verdict(subject=case, reviewer="Anna", model_sha256=MODEL, term="mixed", number=3)
    gone = Verdict(subject=case, reviewer="Bob", model_sha256=MODEL, withdrawn=True, number=4)
    note = Verdict(subject=case, reviewer="Cem", model_sha256=MODEL, note="?", number=5)
    found = agreement([later, first, gone, note])
    assert found.subjects[0].answers == {"Anna": "mixed"} and found.verdicts == 1
    assert agreement([later, note], "credible").subjects == ()
    other = Verdict(subject=case, reviewer="Anna", model_sha256="b" * 64, term="fat")
    with pytest.raises(ReviewError, match="on 2 models"):
        agreement([later, other])
