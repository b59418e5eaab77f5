"""The state behind the cohort workspace: cases, order, filters, views, what is kept."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from momkd_core.case_triage import DEFAULT_ORDER, FACTORS, in_order
from momkd_core.decision import Decision
from momkd_core.slide_summary import SlideSummary
from momkd_viewer.state.analysis import CaseEntry
from momkd_viewer.state.blinding import set_blinded
from momkd_viewer.state.case_marks import CaseMarks, Reviewed
from momkd_viewer.state.source import Source
from momkd_viewer.state.work_list import CaseFinding
from momkd_viewer.state.workspace import ANSWERED, FAILED, MISSING, Question, Workspace, cases_of
from momkd_viewer.state.workspace_columns import allowed, columns_of, shown_text, usual
from momkd_viewer.state.workspace_filter import Filter, shown
from momkd_viewer.state.workspace_memory import (
    WorkspaceMemory,
    WorkspaceMemoryError,
    from_json,
    memory_name,
    to_json,
)
from momkd_viewer.state.workspace_order import COHORT, Ordering, arranged, triage_order
from momkd_viewer.state.workspace_views import BUILT_IN, View, taken

HER2 = Question("her2", ("a" * 64, frozenset()), Decision("her2", "positive", "negative", 0.4))
PR = Question("pr", ("b" * 64, frozenset()), Decision("pr", "positive", "negative", 0.5))


def entry(case: str, slide: str = "", **values: str) -> CaseEntry:
    path = Path(f"/slides/{slide or case}.svs")
    return CaseEntry(case, Source(path), {"patient_id": f"P{case}", **values}, bool(slide))


def summary(p: float, glass: float | None = 0.1, effective: float = 50.0) -> SlideSummary:
    return SlideSummary("s", p, glass, "no mask", glass, effective, 1000, 1.0, 0.5, 0.4)


def found(p: float, glass: float | None = 0.1, effective: float = 50.0) -> CaseFinding:
    return CaseFinding("", summary(p, glass, effective))


def of(entries: list[CaseEntry], findings: dict[str, CaseFinding]) -> Workspace:
    by_path = {Path(f"/slides/{name}.svs"): finding for name, finding in findings.items()}
    return Workspace().renewed(cases_of(entries), [HER2], [by_path])


@pytest.fixture
def five() -> Workspace:
    """Wrong on glass, right, undecided without a label, failed, not analysed."""
    return of(
        [
            entry("a", her2="negative", site="Lakeview"),
            entry("b", her2="positive", site="Northgate"),
            entry("c", site="Lakeview"),
            entry("d", her2="positive"),
            entry("e", her2="negative"),
        ],
        {
            "a": found(0.95, 0.6),
            "b": found(0.9, 0.05),
            "c": found(0.41, None),
            "d": CaseFinding(failure="d.svs cannot be read. Copy it again."),
        },
    )


def ids(workspace: Workspace, rows: np.ndarray) -> str:
    return "".join(workspace.cases[row].case_id for row in rows)


def kept(workspace: Workspace, wanted: Filter, marks: CaseMarks | None = None) -> str:
    mask = shown(workspace, wanted, "her2", marks or CaseMarks())
    return ids(workspace, np.flatnonzero(mask))


def test_a_case_is_answered_when_all_its_slides_are() -> None:
    entries = [entry("a", "a1", her2="positive"), entry("b"), entry("a", "a2", her2="positive")]
    half = of(entries, {"a1": found(0.3)})
    assert [case.case_id for case in half.cases] == ["a", "b"] and len(half.cases[0].slides) == 2
    assert half.answers[0].status.tolist() == [MISSING, MISSING]
    whole = of(entries, {"a1": found(0.3), "a2": found(0.7)})
    assert whole.answers[0].status.tolist() == [ANSWERED, MISSING]
    assert whole.answers[0].number("probability")[0] == pytest.approx(0.5)
    broken = of(entries, {"a1": found(0.3), "a2": CaseFinding(failure="gone")})
    assert broken.answers[0].status[0] == FAILED and broken.answers[0].of[0].failure == "gone"


def test_only_what_changed_is_read_again(five: Workspace) -> None:
    findings = {path: f for case, a in zip(five.cases, five.answers[0].of, strict=True)
                for path, f in zip(case.paths, a.findings, strict=True) if f}  # fmt: skip
    same = five.renewed(five.cases, [HER2], [findings])
    assert same.answers[0] is five.answers[0]
    findings[five.cases[4].paths[0]] = found(0.1)
    more = five.renewed(five.cases, [HER2], [findings])
    assert more.answers[0].of[0] is five.answers[0].of[0]
    assert more.answers[0].status[4] == ANSWERED and five.answers[0].status[4] == MISSING


def test_the_order_of_triage_is_the_engines() -> None:
    rng = random.Random(3)
    entries = [entry(f"{i:03}", her2=rng.choice(["positive", "negative", ""])) for i in range(300)]
    findings = {
        one.case_id: found(
            rng.choice([0.4, rng.random()]), rng.choice([None, rng.random()]), rng.uniform(1, 99)
        )
        for one in entries
    }
    answers = of(entries, findings).answers[0]
    cases = [answer.triage for answer in answers.of]
    for order in (DEFAULT_ORDER, ("doubt",), ("background", "concentration"), tuple(FACTORS)):
        expected = [case.case_id for case in in_order([c for c in cases if c], order)]
        assert [entries[row].case_id for row in triage_order(answers, order)] == expected


def test_columns_order_too_and_unknown_comes_last(five: Workspace) -> None:
    columns, marks = columns_of(five), CaseMarks()

    def by(key: str, descending: bool) -> str:
        ordering = Ordering(key, descending)
        rows = arranged(five, ordering, "her2", columns, marks, masked=False)
        return ids(five, rows)

    assert by("her2/probability", False) == "cbade" and by("her2/probability", True) == "abcde"
    assert by("value:site", True)[:3] == "bac"
    assert by(COHORT, False) == "abcde" and by("triage", False) == "acbde"


def test_filters(five: Workspace) -> None:
    marks = CaseMarks({"b": Reviewed("Ada", datetime.now(UTC))})
    assert kept(five, Filter(correctness="wrong")) == "a"
    assert kept(five, Filter(correctness="right")) == "b"
    assert kept(five, Filter(correctness="unlabelled")) == "c"
    assert kept(five, Filter(flag="glass")) == "a" and kept(five, Filter(flag="undecided")) == "c"
    assert kept(five, Filter(label="positive")) == "bd"
    assert kept(five, Filter(predicted="positive")) == "abc"
    assert kept(five, Filter(probability=(0.9, 1.0))) == "ab"
    assert kept(five, Filter(background=(0.0, 0.5))) == "b", "unknown is in no range"
    assert kept(five, Filter(state="failed")) == "d" and kept(five, Filter(state="missing")) == "e"
    assert kept(five, Filter(reviewed="yes"), marks) == "b"
    assert kept(five, Filter(reviewed="no"), marks) == "acde"
    assert kept(five, Filter(text="lake")) == "ac" and kept(five, Filter(text="PB")) == "b"
    assert kept(five, Filter(text="undecided")) == "c", "flags are searched by their words"
    assert kept(five, Filter(text="lake confident")) == "a"


def test_blinded_nothing_tells_of_the_answer(five: Workspace) -> None:
    set_blinded(True)
    columns = columns_of(five)
    told = {column.kind for column in allowed(columns, masked=False)}
    assert not told & {"label", "predicted", "correct", "probability", "margin", "value"}
    assert kept(five, Filter(correctness="wrong", label="negative", flag="confident")) == "abcde"
    assert kept(five, Filter(text="wrong")) == kept(five, Filter(text="positive")) == ""
    assert kept(five, Filter(text="lakeview")) == "", "a column of the table may be a label"
    rows = arranged(five, Ordering(), "her2", columns, CaseMarks(), masked=False)
    assert ids(five, rows) == "abcde" and Ordering().words == "background focus"
    sorted_ = Ordering("her2/probability", True)
    rows = arranged(
        five, sorted_, "her2", allowed(columns, masked=False), CaseMarks(), masked=False
    )
    assert ids(five, rows) == "abcde", "the cohort's order"
    flags = next(column for column in columns if column.kind == "flags")
    assert shown_text(five, flags, 0, CaseMarks()) == "60 % of attention on glass"


def test_masked_names_are_not_looked_through(five: Workspace) -> None:
    def masked(text: str) -> str:
        name = lambda at: f"Case {at + 1}"  # noqa: E731
        return ids(five, np.flatnonzero(shown(five, Filter(text=text), "her2", CaseMarks(), name)))

    assert masked("pb") == masked("lakeview") == "" and masked("case 2") == "b"
    assert not [c for c in allowed(columns_of(five), masked=True) if c.kind in ("patient", "value")]


def test_every_model_has_columns_and_the_first_has_most(five: Workspace) -> None:
    both = five.renewed(five.cases, [HER2, PR], [{}, {}])
    keys = usual(columns_of(both))
    assert "her2/margin" in keys and "pr/probability" in keys and "pr/margin" not in keys
    assert {c.title for c in columns_of(both) if c.kind == "probability"} == {"her2\nP", "pr\nP"}


def test_a_view_and_a_memory_come_back_as_they_were() -> None:
    view = View(
        "mine", "pr", Filter("x", "wrong", probability=(0.2, 1.0)), Ordering("case", True),
        ("case", "pr/probability"), {"case": 240},
    )  # fmt: skip
    memory = WorkspaceMemory(
        {"a": Reviewed("Ada", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))},
        view,
        (view, View("other")),
        "a",
        ("/models/pr.safetensors",),
    )
    assert from_json(to_json(memory), "") == memory
    for text in ("", "[]", to_json(memory).replace('"version": 1', '"version": 9')):
        with pytest.raises(WorkspaceMemoryError, match="Move that file away"):
            from_json(text, "x.json")


def test_a_memory_is_of_a_table_and_its_cases() -> None:
    name = memory_name(Path("/data/cohort.csv"), ["b", "a"])
    assert name == memory_name(Path("/data/cohort.csv"), ["a", "b"])
    assert name != memory_name(Path("/data/cohort.csv"), ["a"])
    assert name != memory_name(Path("/data/other.csv"), ["a", "b"])


def test_built_in_views_leave_columns_alone() -> None:
    mine = replace(View("mine"), columns=("case",), task="pr")
    wrong = taken(mine, BUILT_IN[1])
    assert wrong.columns == ("case",) and wrong.task == "pr"
    assert wrong.filter == Filter(correctness="wrong", background=(0.2, 1.0))


def test_ten_thousand_cases_are_renewed_in_time() -> None:
    """Not a benchmark: a limit far above what it takes, so that nobody makes it quadratic."""
    import time

    entries = [entry(f"{i:05}", her2="positive", pr="negative") for i in range(10_000)]
    cases = cases_of(entries)
    findings = {one.path: found(0.3) for one in entries}
    first = Workspace().renewed(cases, [HER2, PR], [findings, findings])
    part = Workspace().renewed(cases, [HER2, PR], [findings, findings], most=100)
    assert not part.complete and (part.answers[1].status == ANSWERED).sum() == 100
    assert part.renewed(cases, [HER2, PR], [findings, findings]).complete
    findings[entries[7].path] = found(0.9)
    start = time.perf_counter()
    first.renewed(cases, [HER2, PR], [findings, findings])
    assert time.perf_counter() - start < 1.0
