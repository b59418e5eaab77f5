"""A cohort by cases, and what every open model says of each: what the cohort workspace shows.

A :class:`Workspace` is a snapshot that nobody changes. The next one is made beside it, away from the
window, and takes over whatever has the same findings: ten thousand cases are read once, not at every
slide that is analysed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from momkd_core.case_triage import FACTORS, CaseTriage
from momkd_core.decision import Decision
from momkd_core.triage_flags import FLAG_KINDS, OF_ANSWER
from momkd_viewer.state.analysis import Asked, CaseEntry, OpenModel
from momkd_viewer.state.work_list import CaseFinding

FloatArray = NDArray[np.float64]

#: What is known of a case; an order has them one after the other.
ANSWERED, FAILED, MISSING = 0, 1, 2

#: Numbers of an answered case by their names; NaN where None. Factors of the order are among them.
NUMBERS: Final[Mapping[str, Callable[[CaseTriage], float | None]]] = {
    **FACTORS,
    "correct": lambda case: None if case.correct is None else float(case.correct),
    "probability": lambda case: case.probability,
    "effective": lambda case: case.effective_patches,
    "effective_log": lambda case: _log10(case.effective_patches),
    "patches": lambda case: case.patches,
    "entropy": lambda case: case.entropy_normalised,
}


def _log10(value: float | None) -> float | None:
    return None if value is None else math.log10(value)


_ROW = {name: row for row, name in enumerate(NUMBERS)}
_BIT = {kind: 1 << bit for bit, kind in enumerate(FLAG_KINDS)}


@dataclass(frozen=True)
class WorkspaceCase:
    """A case with its slides.

    Attributes:
        values: the other columns of its row.
        paths: of its slides, as findings know them.
        words, identity: what a search looks through, and the same without what may be a label.
    """

    case_id: str
    patient_id: str
    slides: tuple[CaseEntry, ...]
    values: Mapping[str, str]
    paths: tuple[Path, ...]
    words: str
    identity: str


class Cases(tuple[WorkspaceCase, ...]):
    """The cases of a cohort, in its order."""

    @cached_property
    def places(self) -> Mapping[Path, tuple[int, ...]]:
        """Positions of the cases that have a file."""
        found: dict[Path, tuple[int, ...]] = {}
        for at, case in enumerate(self):
            for path in case.paths:
                found[path] = (*found.get(path, ()), at)
        return found

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """By case id."""
        return {case.case_id: at for at, case in enumerate(self)}


def cases_of(entries: Iterable[CaseEntry]) -> Cases:
    """Rows of a cohort, one a slide, by case; in the order in which cases come first."""
    found: dict[str, list[CaseEntry]] = {}
    for entry in entries:
        found.setdefault(entry.case_id, []).append(entry)
    return Cases(_case(case_id, tuple(slides)) for case_id, slides in found.items())


def _case(case_id: str, slides: tuple[CaseEntry, ...]) -> WorkspaceCase:
    first = slides[0]
    paths = tuple(slide.path for slide in slides)
    identity = "\n".join((case_id, first.patient_id, *(path.stem for path in paths))).casefold()
    words = "\n".join((identity, *first.values.values())).casefold()
    return WorkspaceCase(case_id, first.patient_id, slides, first.values, paths, words, identity)


@dataclass(frozen=True)
class Question:
    """An open model as the workspace knows it.

    Attributes:
        key: its task; numbered where several models have the same.
        asked: the model and what is muted in it: what findings belong to.
    """

    key: str
    asked: Asked
    decision: Decision


def questions_of(models: Sequence[OpenModel]) -> tuple[Question, ...]:
    """The open models, in the order in which they were opened."""
    found: list[Question] = []
    for entry in models:
        decision = entry.model.decision
        same = sum(one.decision.task == decision.task for one in found)
        key = decision.task if same == 0 else f"{decision.task} {same + 1}"
        found.append(Question(key, (entry.model.sha256, entry.muted), decision))
    return tuple(found)


@dataclass(frozen=True)
class Answer:
    """What a model said of a case.

    Attributes:
        findings: of its slides; None where one is not analysed yet.
        triage: the case as a whole, once all its slides are known.
        failure: why there is none, with a cure; '' where nothing failed.
    """

    findings: tuple[CaseFinding | None, ...]
    triage: CaseTriage | None = None
    failure: str = ""

    @property
    def status(self) -> int:
        """ANSWERED, FAILED, or MISSING."""
        if self.triage is not None:
            return ANSWERED
        return FAILED if self.failure else MISSING


@dataclass(frozen=True)
class Answers:
    """What a model said of all cases; arrays and lists have one element a case.

    Attributes:
        numbers: (len(NUMBERS), cases), NaN where unknown; see :meth:`number`.
        status: ANSWERED, FAILED or MISSING.
        flags: bits of the kinds of flag, see :meth:`flagged`.
        flag_words: flags in words; ``blinded_words`` without those that tell of the answer.
        seen: the findings that are in it.
        complete: whether these were all there are.
    """

    question: Question
    of: list[Answer]
    numbers: FloatArray
    status: NDArray[np.int8]
    flags: NDArray[np.uint16]
    labels: list[str]
    predicted: list[str]
    flag_words: list[str]
    blinded_words: list[str]
    seen: dict[Path, CaseFinding] = field(default_factory=dict)
    complete: bool = True

    def number(self, name: str) -> FloatArray:
        """A number of all cases, by its name in :data:`NUMBERS`."""
        row: FloatArray = self.numbers[_ROW[name]]
        return row

    def flagged(self, kind: str) -> NDArray[np.bool_]:
        """Which cases have a kind of flag."""
        found: NDArray[np.bool_] = (self.flags & np.uint16(_BIT[kind])) != 0
        return found

    @classmethod
    def empty(cls, question: Question, cases: Sequence[WorkspaceCase]) -> Answers:
        n = len(cases)
        return cls(
            question,
            [Answer((None,) * len(case.paths)) for case in cases],
            np.full((len(NUMBERS), n), np.nan),
            np.full(n, MISSING, np.int8),
            np.zeros(n, np.uint16),
            [case.values.get(question.decision.task, "") for case in cases],
            [""] * n,
            [""] * n,
            [""] * n,
        )

    def renewed(
        self, cases: Cases, found: Mapping[Path, CaseFinding], most: int | None = None
    ) -> Answers:
        """The same with what is found now, in at most so many files; this one if nothing changed."""
        seen = self.seen
        files = [path for path, finding in found.items() if seen.get(path) is not finding]
        files += [path for path in seen if path not in found]
        if not files:
            return self
        new = Answers(
            self.question,
            self.of.copy(),
            self.numbers.copy(),
            self.status.copy(),
            self.flags.copy(),
            self.labels,
            self.predicted.copy(),
            self.flag_words.copy(),
            self.blinded_words.copy(),
            dict(seen),
            most is None or len(files) <= most,
        )
        for path in files[:most]:
            new._see(path, found.get(path))
        changed = {at for path in files[:most] for at in cases.places.get(path, ())}
        for at in changed:
            case = cases[at]
            findings = tuple([new.seen.get(path) for path in case.paths])
            new._set(at, _answer(case, self.question.decision, findings))
        return new

    def _see(self, path: Path, finding: CaseFinding | None) -> None:
        if finding is None:
            self.seen.pop(path, None)
        else:
            self.seen[path] = finding

    def _set(self, at: int, answer: Answer) -> None:
        self.of[at] = answer
        self.status[at] = answer.status
        case = answer.triage
        flags = () if case is None else case.flags
        if case is None:
            self.numbers[:, at] = np.nan
        else:
            values = [of(case) for of in NUMBERS.values()]
            self.numbers[:, at] = [np.nan if value is None else value for value in values]
        self.flags[at] = sum(_BIT[flag.kind] for flag in flags)
        self.predicted[at] = "" if case is None else case.predicted
        self.flag_words[at] = "; ".join(flag.words for flag in flags)
        self.blinded_words[at] = "; ".join(f.words for f in flags if f.kind not in OF_ANSWER)


def _answer(
    case: WorkspaceCase, decision: Decision, findings: tuple[CaseFinding | None, ...]
) -> Answer:
    failure = next((f.failure for f in findings if f is not None and f.failure), "")
    summaries = tuple(f.summary for f in findings if f is not None and f.summary is not None)
    if failure or len(summaries) < len(findings):
        return Answer(findings, None, failure)
    label = decision.label(case.values)
    return Answer(findings, CaseTriage(case.case_id, case.patient_id, label, decision, summaries))


@dataclass(frozen=True)
class Workspace:
    """A cohort's cases with the answers of every open model."""

    cases: Cases = field(default_factory=Cases)
    answers: tuple[Answers, ...] = ()

    def __len__(self) -> int:
        return len(self.cases)

    @property
    def complete(self) -> bool:
        """Whether all that was found is in it."""
        return all(one.complete for one in self.answers)

    @property
    def findings(self) -> int:
        """How many are in it."""
        return sum(len(one.seen) for one in self.answers)

    def answers_of(self, task: str) -> Answers | None:
        """Of a question by its key; of the first where there is no such; None without a model."""
        named = (one for one in self.answers if one.question.key == task)
        return next(named, self.answers[0] if self.answers else None)

    def renewed(
        self,
        cases: Cases,
        questions: Sequence[Question],
        found: Sequence[Mapping[Path, CaseFinding]],
        most: int | None = None,
    ) -> Workspace:
        """The workspace of these cases and questions.

        Args:
            found: what each model said, by file.
            most: findings of a model that are taken over at once; see :attr:`complete`.
        """
        known = {one.question: one for one in self.answers} if cases is self.cases else {}
        answers = []
        for question, findings in zip(questions, found, strict=True):
            before = known.get(question) or Answers.empty(question, cases)
            answers.append(before.renewed(cases, findings, most))
        return Workspace(cases, tuple(answers))
