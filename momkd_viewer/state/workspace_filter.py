"""Which cases of a workspace are shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from momkd_core.triage_flags import OF_ANSWER
from momkd_viewer.state.blinding import blinded
from momkd_viewer.state.case_marks import CaseMarks
from momkd_viewer.state.workspace import FAILED, MISSING, Answers, Workspace

Mask = NDArray[np.bool_]
Correctness = Literal["", "wrong", "right", "unlabelled"]
Span = tuple[float, float]

ALL: Span = (0.0, 1.0)
#: Kinds of flag in words, for a menu.
FLAG_CHOICES = (
    ("wrong", "Wrong"),
    ("confident", "Confidently wrong"),
    ("undecided", "Undecided"),
    ("glass", "Attention on glass"),
    ("glass unknown", "Attention on glass unknown"),
    ("few patches", "Attention on few patches"),
    ("outside", "Outside what the model knows"),
)


def flag_choices() -> tuple[tuple[str, str], ...]:
    """Those that may be asked for now: none that tells of the answer while judging blinded."""
    return tuple(one for one in FLAG_CHOICES if not (blinded() and one[0] in OF_ANSWER))


@dataclass(frozen=True)
class Filter:
    """What a case must be like; '' and ALL ask for nothing.

    Attributes:
        text: words that must all occur in its case, patient, slides, flags or columns of the table.
        correctness, flag, label, predicted, probability, background: by the chosen model.
        reviewed: ``yes`` or ``no``.
        state: ``failed`` or ``missing``: not analysed yet.
    """

    text: str = ""
    correctness: str = ""
    flag: str = ""
    label: str = ""
    predicted: str = ""
    reviewed: str = ""
    state: str = ""
    probability: Span = ALL
    background: Span = ALL

    @property
    def is_empty(self) -> bool:
        return self == Filter()

    @property
    def open(self) -> Filter:
        """As it holds now: what tells of the answer is not asked while the reader judges blinded."""
        if not blinded():
            return self
        flag = "" if self.flag in OF_ANSWER else self.flag
        return replace(self, correctness="", label="", predicted="", probability=ALL, flag=flag)

    def as_json(self) -> dict[str, object]:
        """Only what asks for something."""
        default = Filter()
        names = [field.name for field in fields(self)]
        return {n: getattr(self, n) for n in names if getattr(self, n) != getattr(default, n)}

    @classmethod
    def from_json(cls, kept: object) -> Filter:
        """What is not usable asks for nothing."""
        found: dict[str, object] = {}
        for name, value in kept.items() if isinstance(kept, dict) else ():
            default = getattr(cls(), name, None)
            if isinstance(default, str) and isinstance(value, str):
                found[name] = value
            elif isinstance(default, tuple) and isinstance(value, list) and len(value) == 2:
                low, high = (
                    float(v) if isinstance(v, int | float) else e
                    for v, e in zip(value, ALL, strict=True)
                )
                found[name] = (low, high)
        return cls(**found)  # type: ignore[arg-type]


def shown(
    workspace: Workspace,
    wanted: Filter,
    task: str,
    marks: CaseMarks,
    masked_name: Callable[[int], str] | None = None,
) -> Mask:
    """Which cases are shown, one a case.

    Args:
        task: the question that the filter is about.
        masked_name: what a case is called while names are masked: real ones are not looked through.
    """
    asked = wanted.open
    mask = np.ones(len(workspace), bool)
    answers = workspace.answers_of(task)
    if answers is not None:
        _ask_model(mask, answers, asked)
    elif asked.state == "failed":
        mask[:] = False
    if asked.reviewed:
        ticked = [case.case_id in marks.reviewed for case in workspace.cases]
        mask &= np.array(ticked, bool) == (asked.reviewed == "yes")
    for word in asked.text.casefold().split():
        mask &= _holding(workspace, word, masked_name)
    return mask


def _ask_model(mask: Mask, answers: Answers, asked: Filter) -> None:
    if asked.correctness:
        correct = answers.number("correct")
        if asked.correctness == "unlabelled":
            mask &= np.isnan(correct) & (answers.status == 0)
        else:
            mask &= correct == (asked.correctness == "right")
    if asked.flag:
        mask &= answers.flagged(asked.flag)
    for value, texts in ((asked.label, answers.labels), (asked.predicted, answers.predicted)):
        if value:
            mask &= np.array([text == value for text in texts], bool)
    for name in ("probability", "background"):
        low, high = getattr(asked, name)
        if (low, high) != ALL:
            values = answers.number(name)
            mask &= (values >= low) & (values <= high)
    if asked.state:
        mask &= answers.status == (FAILED if asked.state == "failed" else MISSING)


def _holding(workspace: Workspace, word: str, masked_name: Callable[[int], str] | None) -> Mask:
    cases = workspace.cases
    if masked_name is not None:
        found = [word in masked_name(at).casefold() for at in range(len(cases))]
    elif blinded():
        found = [word in case.identity for case in cases]
    else:
        found = [word in case.words for case in cases]
    mask = np.array(found, bool)
    for answers in workspace.answers:
        flags = answers.blinded_words if blinded() else answers.flag_words  # in lower case
        mask |= np.array([word in words for words in flags], bool)
    return mask
