"""A comparison of cures on its way: what was asked, what arrived, and what the window says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from momkd_viewer.jobs.cure_work import CureRequest, CuresBegun, SummedCure
from momkd_viewer.state.cure_table import (
    CureColumn,
    CuresView,
    TriedCase,
    case_column,
    cohort_column,
    column_so_far,
    refused_column,
)
from momkd_viewer.state.name_mask import NameMask

_WAITING = "Waiting for other work on the cohort, then reading the first case."
_STOPPED = "Stopped: these are the numbers of the cases that were compared until then."
_STOPPED_EARLY = "Stopped before a case was compared."
_OWN_MUTING = (
    "Compared with the model as its file is: what is muted in the window does not count here."
)


@dataclass
class CureTrial:
    """Attributes:
    begun: None before the first case is read.
    summed: None before all is told.
    failure: why it ended early, '' where it did not fail.
    stopped: by the user.
    """

    request: CureRequest
    begun: CuresBegun | None = None
    tried: list[TriedCase] = field(default_factory=list)
    summed: list[SummedCure] | None = None
    failure: str = ""
    stopped: bool = False

    @property
    def one_case(self) -> bool:
        """Whether one case was asked about, whatever the cohort."""
        return self.request.table is None or self.request.case_id is not None


def worded(trial: CureTrial, mask: NameMask, *, muted: bool) -> CuresView:
    """What the window shows of a trial.

    Args:
        muted: whether components are muted in the window that the model's file does not mute.
    """
    notes = [*trial.summed[0].report.change.warnings] if trial.summed else []
    if muted:
        notes.append(_OWN_MUTING)
    return CuresView(
        _heading(trial, mask),
        _columns(trial, mask),
        tuple(mask.text(note) for note in notes),
        mask.text(trial.failure) if trial.failure else _message(trial),
        failed=bool(trial.failure),
    )


def _columns(trial: CureTrial, mask: NameMask) -> dict[str, CureColumn]:
    columns: dict[str, CureColumn] = {}
    begun = trial.begun
    if begun is not None and not (trial.stopped and not trial.tried):
        for name, error in begun.refused.items():
            columns[name] = refused_column(mask.text(str(error)))
        for cure in begun.comparison.cures:
            columns[cure.name] = column_so_far(cure.name, cure.does, trial.tried, begun.total)
    named = _naming(trial, mask)
    for one in trial.summed or ():
        columns[one.report.name] = (
            case_column(one.report, one.note, named, mask.text)
            if trial.one_case
            else cohort_column(one.report, named, mask.text)
        )
    return columns


def _naming(trial: CureTrial, mask: NameMask) -> Callable[[str], str]:
    """How cases are called; a slide that is in no cohort by its file."""
    source = trial.request.source
    if source is not None:
        return lambda _: mask.slide(source.path, suffix=False)
    return mask.case_alone


def _heading(trial: CureTrial, mask: NameMask) -> str:
    card, begun = trial.request.model.card, trial.begun
    if not trial.one_case:
        return f"{card.task}, {begun.total} cases" if begun else card.task
    name = _naming(trial, mask)(trial.request.case_id or "")
    before = trial.tried[0].before if trial.tried else None
    label = f", label {before.label}" if before is not None and before.label else ""
    return f"{card.task}, {name}{label}"


def _message(trial: CureTrial) -> str:
    if trial.stopped:
        return _STOPPED if trial.tried else _STOPPED_EARLY
    return _WAITING if trial.begun is None else ""
