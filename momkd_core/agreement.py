"""How far reviewers agree: pairs that say the same, and kappa, which takes chance out of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

from momkd_core.errors import ReviewError
from momkd_core.verdicts import Subject, Verdict

Question = Literal["term", "credible"]
# Subject -> reviewer -> answer.
Answers = dict[Subject, dict[str, str]]


@dataclass(frozen=True)
class Kappa:
    """Agreement beyond chance over the subjects that all reviewers judged.

    Attributes:
        value: 1 agreement, 0 what chance gives; None where it is undefined.
        method: ``cohen`` for two reviewers, ``fleiss`` for more; None where it is undefined.
        reviewers: whose verdicts were compared.
        subjects: how many all of them judged (n).
        reason: why there is no value; ``""`` where there is one.
    """

    value: float | None
    method: Literal["cohen", "fleiss"] | None
    reviewers: tuple[str, ...]
    subjects: int
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "kappa": self.value,
            "method": self.method,
            "reviewers": list(self.reviewers),
            "n": self.subjects,
            "reason": self.reason or None,
        }


@dataclass(frozen=True)
class SubjectAgreement:
    """One subject.

    Attributes:
        answers: each reviewer's answer.
        agreeing: share of the pairs of reviewers that gave the same; None for one reviewer.
    """

    subject: Subject
    answers: dict[str, str]
    agreeing: float | None


@dataclass(frozen=True)
class ComponentAgreement:
    """One component, over the cases in which it was judged."""

    memory: str
    index: int
    kappa: Kappa


@dataclass(frozen=True)
class Agreement:
    """Agreement on one question about one model.

    Attributes:
        question: which answer was compared.
        subjects: every subject that anyone answered for.
        components: components that at least two reviewers judged in at least two cases each.
        overall: over subjects of all kinds.
        verdicts: how many answers were compared.
        blinded: how many of them were given blinded; the others may have been led.
    """

    question: Question
    subjects: tuple[SubjectAgreement, ...]
    components: tuple[ComponentAgreement, ...]
    overall: Kappa
    verdicts: int
    blinded: int

    def as_json(self) -> dict[str, Any]:
        return {
            "question": self.question,
            "verdicts": self.verdicts,
            "blinded": self.blinded,
            "overall": self.overall.as_json(),
            "components": [
                {"memory": c.memory, "index": c.index, **c.kappa.as_json()} for c in self.components
            ],
            "subjects": [
                {
                    "memory": s.subject.memory,
                    "index": s.subject.index,
                    "case_id": s.subject.case_id,
                    "answers": s.answers,
                    "agreeing": s.agreeing,
                }
                for s in self.subjects
            ],
        }


def agreement(verdicts: Iterable[Verdict], question: Question = "term") -> Agreement:
    """Compares what counts of several reviewers.

    Args:
        verdicts: on one model, as ``ReviewStore.current`` gives them; where a reviewer judged a
            subject more than once, the last one counts.
        question: ``term`` or ``credible``; verdicts that leave it open are left out.

    Raises:
        ReviewError: verdicts on several models, whose components have nothing in common.
    """
    answers: Answers = defaultdict(dict)
    used: dict[tuple[Subject, str], Verdict] = {}
    models = set()
    for verdict in sorted(verdicts, key=lambda v: v.number):
        models.add(verdict.model_sha256)
        used[verdict.subject, verdict.reviewer] = verdict
    if len(models) > 1:
        raise ReviewError(
            f"The verdicts are on {len(models)} models", "Compare those on one model at a time"
        )
    given = [v for v in used.values() if not v.withdrawn and getattr(v, question) is not None]
    for verdict in given:
        answers[verdict.subject][verdict.reviewer] = getattr(verdict, question)
    ordered = dict(sorted(answers.items(), key=lambda item: _order(item[0])))
    return Agreement(
        question,
        tuple(SubjectAgreement(s, dict(a), _agreeing_pairs(a)) for s, a in ordered.items()),
        _components(ordered),
        _kappa(ordered),
        len(given),
        sum(verdict.blinded for verdict in given),
    )


def _order(subject: Subject) -> tuple[bool, bool, int, str]:
    """Components first, C⁺ before C⁻, by number, then by case."""
    index = -1 if subject.index is None else subject.index
    return subject.memory is None, subject.memory == "negative", index, subject.case_id or ""


def _agreeing_pairs(answers: dict[str, str]) -> float | None:
    pairs = list(combinations(answers.values(), 2))
    return sum(a == b for a, b in pairs) / len(pairs) if pairs else None


def _components(answers: Answers) -> tuple[ComponentAgreement, ...]:
    """Over its cases, by the reviewers who judged the component in two cases or more."""
    by_component: dict[tuple[str, int], Answers] = defaultdict(dict)
    for subject, given in answers.items():
        if subject.memory is not None and subject.index is not None and subject.case_id is not None:
            by_component[subject.memory, subject.index][subject] = given
    found = []
    for (memory, index), of_cases in by_component.items():
        counts = Counter(reviewer for given in of_cases.values() for reviewer in given)
        busy = {reviewer for reviewer, count in counts.items() if count >= 2}
        if len(busy) >= 2:
            kept = {s: {r: a for r, a in g.items() if r in busy} for s, g in of_cases.items()}
            found.append(ComponentAgreement(memory, index, _kappa(kept)))
    return tuple(found)


def _kappa(answers: Answers) -> Kappa:
    reviewers = tuple(sorted({reviewer for given in answers.values() for reviewer in given}))
    table = [[g[r] for r in reviewers] for g in answers.values() if len(g) == len(reviewers)]
    who = "both reviewers" if len(reviewers) == 2 else f"all {len(reviewers)} reviewers"
    reason = ""
    if len(reviewers) < 2:
        reason = "fewer than two reviewers answered"
    elif len(table) < 2:
        reason = f"{who} judged {len(table)} subjects in common; two are needed"
    elif len({answer for row in table for answer in row}) == 1:
        reason = f"{who} gave one and the same answer throughout, which chance would give too"
    if reason:
        return Kappa(None, None, reviewers, len(table), reason)
    if len(reviewers) == 2:
        return Kappa(_cohen(table), "cohen", reviewers, len(table))
    return Kappa(_fleiss(table), "fleiss", reviewers, len(table))


def _cohen(table: Sequence[Sequence[str]]) -> float:
    from sklearn.metrics import cohen_kappa_score

    first, second = zip(*table, strict=True)
    return float(cohen_kappa_score(first, second))


def _fleiss(table: Sequence[Sequence[str]]) -> float:
    from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

    number = {answer: i for i, answer in enumerate(sorted({a for row in table for a in row}))}
    counts, _ = aggregate_raters([[number[answer] for answer in row] for row in table])
    return float(fleiss_kappa(counts))
