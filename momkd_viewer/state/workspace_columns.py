"""The columns of a workspace: what each is called, what it says of a case, and who may see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from momkd_viewer.state.blinding import blinded
from momkd_viewer.state.case_marks import CaseMarks
from momkd_viewer.state.workspace import ANSWERED, FAILED, Answers, Question, Workspace


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        key: its name in what is kept of a view, for instance ``her2/probability``.
        title: two lines where it is of a model, the first of which names the task.
        kind: what it says of a case.
        question: position of its model; -1 for none.
        number: name of the number it shows and is sorted by; None for text.
        polar: must not be known to a reader who judges blinded.
        private: may say who a patient is.
    """

    key: str
    title: str
    tip: str
    kind: str
    width: int
    question: int = -1
    number: str | None = None
    polar: bool = False
    private: bool = False

    @property
    def is_numeric(self) -> bool:
        return self.number is not None and self.kind != "correct"


#: kind -> (title, tip, width, number, polar)
_OF_MODEL: dict[str, tuple[str, str, int, str | None, bool]] = {
    "label": ("Label", "Recorded in the cohort table", 76, None, True),
    "predicted": ("Predicted", "By this model", 80, None, True),
    "correct": ("Correct", "✓ as recorded, ✗ not as recorded", 60, "correct", True),
    "probability": ("P", "Probability of the positive class", 54, "probability", True),
    "margin": ("Margin", "How far the probability lies from the threshold", 60, "margin", True),
    "background": (
        "Glass",
        "Background focus: share of attention on glass",
        60,
        "background",
        False,
    ),
    "effective": ("Patches", "Effective patches: 1 / Σ α²", 66, "effective", False),
    "entropy": (
        "Entropy",
        "Entropy of component use: 0 one component, 1 all alike",
        64,
        "entropy",
        False,
    ),
    "strangeness": (
        "Strange",
        "Strangeness; above 1 the slide is outside what the model knows",
        66,
        "strangeness",
        False,
    ),
    "flags": ("Flags", "What is striking; reasons are below the table", 210, None, False),
}
#: What is shown of the first model, and of the others, until the user chooses.
_FIRST = tuple(kind for kind in _OF_MODEL if kind != "strangeness")
_OTHERS = ("label", "predicted", "correct", "probability", "background")

_CASE = (
    Column("case", "Case", "With a picture of its first slide", "case", 160),
    Column("patient", "Patient", "As the table names them", "patient", 90, private=True),
    Column("slides", "Slides", "How many the case has", "slides", 50),
    Column("reviewed", "Reviewed", "Space or R ticks a case off", "reviewed", 70),
    Column("verdict", "Verdict", "On the case, with the chosen model", "verdict", 80),
)


def columns_of(workspace: Workspace) -> tuple[Column, ...]:
    """All there are: of the case, of its row in the table, of each model."""
    found = [*_CASE]
    names = dict.fromkeys(name for case in workspace.cases for name in case.values)
    tasks = {answers.question.decision.task for answers in workspace.answers}
    for name in names:
        if name != "patient_id" and name not in tasks:
            found.append(
                Column(f"value:{name}", name, "From the cohort table", "value", 90,
                       polar=True, private=True)
            )  # fmt: skip
    for position, answers in enumerate(workspace.answers):
        found += _of_model(position, answers.question)
    return tuple(found)


def _of_model(position: int, question: Question) -> list[Column]:
    return [
        Column(
            f"{question.key}/{kind}",
            f"{question.key}\n{title}",
            tip,
            kind,
            width,
            position,
            number,
            polar,
        )
        for kind, (title, tip, width, number, polar) in _OF_MODEL.items()
    ]


def allowed(columns: Sequence[Column], *, masked: bool) -> tuple[Column, ...]:
    """Those that may be seen now."""
    return tuple(
        column
        for column in columns
        if not (column.polar and blinded()) and not (column.private and masked)
    )


def usual(columns: Sequence[Column]) -> tuple[str, ...]:
    """Keys of the columns that are shown until the user chooses others."""
    shown = []
    for column in columns:
        kinds = _FIRST if column.question == 0 else _OTHERS
        if column.question < 0:
            kinds = ("case", "reviewed", "verdict")
        if column.kind in kinds:
            shown.append(column.key)
    return tuple(shown)


def shown_text(workspace: Workspace, column: Column, at: int, marks: CaseMarks) -> str:
    """What a cell says; '' where that is unknown. Names are those of the table."""
    if column.question >= 0:
        return _said(workspace.answers[column.question], column, at)
    case = workspace.cases[at]
    if column.kind == "case":
        return case.case_id
    if column.kind == "patient":
        return case.patient_id
    if column.kind == "slides":
        return str(len(case.slides))
    if column.kind == "reviewed":
        return "✓" if case.case_id in marks.reviewed else ""
    if column.kind == "verdict":
        mark = marks.verdicts.get(case.case_id)
        return mark.text if mark is not None else ""
    return case.values.get(column.title, "")


def _said(answers: Answers, column: Column, at: int) -> str:
    if column.kind == "label":
        return answers.labels[at]
    status = answers.status[at]
    if column.kind == "predicted":
        return "failed" if status == FAILED else answers.predicted[at]
    if column.kind == "flags":
        if status == FAILED:
            return answers.of[at].failure
        return (answers.blinded_words if blinded() else answers.flag_words)[at]
    assert column.number is not None
    value = answers.number(column.number)[at]
    if status != ANSWERED or value != value:  # NaN
        return ""
    if column.kind == "correct":
        return "✓" if value else "✗"
    if column.kind == "background":
        return f"{value:.1%}"
    return f"{value:,.1f}" if column.kind == "effective" else f"{value:.2f}"
