"""What is told of one case below the table: its slides, its flags with reasons, what failed."""

from __future__ import annotations

from dataclasses import dataclass

from momkd_core.triage_flags import OF_ANSWER
from momkd_viewer.state.blinding import blinded
from momkd_viewer.state.case_marks import CaseMarks
from momkd_viewer.state.work_list import CaseFinding
from momkd_viewer.state.workspace import Answers, Workspace


@dataclass(frozen=True)
class Said:
    """A sentence of a model.

    Attributes:
        task: of the model; '' where only one is open.
        what: a flag's words, or that it failed; ``why`` its reason.
    """

    task: str
    what: str
    why: str


@dataclass(frozen=True)
class CaseDetail:
    """Attributes:
    slides: what each model says of each slide, in the case's order.
    said: flags and failures, the first model's first.
    reviewed: who ticked it off, and when; '' for nobody.
    """

    slides: tuple[str, ...]
    said: tuple[Said, ...]
    reviewed: str


def detail_of(workspace: Workspace, at: int, marks: CaseMarks) -> CaseDetail:
    """What is told of a case, by its position."""
    case = workspace.cases[at]
    slides = tuple(
        " · ".join(
            f"{answers.question.key} {_finding(answers, answers.of[at].findings[position])}"
            for answers in workspace.answers
        )
        for position in range(len(case.slides))
    )
    several = len(workspace.answers) > 1
    said = tuple(
        one
        for answers in workspace.answers
        for one in _said(answers, at, answers.question.key if several else "")
    )
    mark = marks.reviewed.get(case.case_id)
    return CaseDetail(slides, said, mark.text if mark else "")


def _finding(answers: Answers, finding: CaseFinding | None) -> str:
    if finding is None:
        return "not analysed yet"
    summary = finding.summary
    if summary is None:
        return "failed"
    focus = summary.background_focus
    glass = "glass unknown" if focus is None else f"{focus:.1%} on glass"
    if blinded():
        return glass
    predicted = answers.question.decision.predicted(summary.probability)
    return f"{predicted} {summary.probability:.2f}, {glass}"


def _said(answers: Answers, at: int, task: str) -> list[Said]:
    answer = answers.of[at]
    if answer.failure:
        return [Said(task, "failed", answer.failure)]
    flags = answer.triage.flags if answer.triage else ()
    return [
        Said(task, flag.words, flag.reason)
        for flag in flags
        if not (blinded() and flag.kind in OF_ANSWER)
    ]
