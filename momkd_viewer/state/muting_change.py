"""What muting components changes, in words: for the open slide, and for the cases of a cohort."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from momkd_core.result import SlideResult
from momkd_viewer.state.analysis import Outcome

if TYPE_CHECKING:  # torch takes seconds, which the window should not wait for
    from momkd_core.cohort_change import CaseChange, CohortChange, Difference

_FOCUS = "attention on glass"
_FOCUS_TIP = "Background focus: share of the attention that lies on empty glass"

#: How a case is called, and how a message is worded: names may be masked.
Named = Callable[[str], str]


@dataclass(frozen=True)
class ChangeFact:
    """A line: what, its value, and what it means."""

    name: str
    value: str
    tip: str = ""


@dataclass(frozen=True)
class Flip:
    """A case of which the other class is predicted.

    Attributes:
        case_id: as the cohort names it; ``shown`` may be masked.
        label: as recorded; '' where there is none that the model knows.
        became: ``right``, ``wrong``, or '' without a label.
    """

    case_id: str
    shown: str
    label: str
    predicted: str
    probability: str
    became: str


@dataclass(frozen=True)
class ChangeView:
    """What the panel shows.

    Attributes:
        muted: names of the muted components, or that nothing is.
        facts: of the open slide, then of the cohort.
        message: about the cohort, where it has no facts yet or cannot have any.
        failed: whether the message is a failure.
        flips: None where the cohort has not been scored.
        notes: what a reader of the numbers must know; cases that could not be scored.
        can_save, can_score: whether a curated model can be saved, and the cohort be scored (again).
    """

    muted: str
    facts: tuple[ChangeFact, ...] = ()
    message: str = ""
    failed: bool = False
    flips: tuple[Flip, ...] | None = None
    notes: tuple[str, ...] = ()
    can_save: bool = False
    can_score: bool = False


def slide_facts(outcome: Outcome | None) -> tuple[ChangeFact, ...]:
    """Before and after on the open slide; nothing where no component is muted."""
    if outcome is None or outcome.unmuted is None:
        return ()
    before, after = outcome.unmuted, outcome.result
    flips = before.predicted != after.predicted
    said = f"{before.predicted} → {after.predicted}" if flips else f"stays {after.predicted}"
    return (
        ChangeFact(
            "Open slide",
            f"{said} · probability {before.probability:.3f} → {after.probability:.3f} · "
            f"{_FOCUS} {_focus(before)} → {_focus(after)}",
            "With all components, and without the muted ones",
        ),
    )


def _focus(result: SlideResult) -> str:
    value = result.background_focus
    return "unknown" if value is None else f"{value:.1%}"


def cohort_facts(change: CohortChange) -> tuple[ChangeFact, ...]:
    """How many cases flip, and what becomes of AUC and of attention on glass."""
    flipped = change.flipped
    judged = [case.became for case in flipped if case.became is not None]
    detail = (
        f" · {judged.count('right')} became right, {judged.count('wrong')} wrong" if judged else ""
    )
    return (
        ChangeFact(
            "Cases that flip",
            f"{len(flipped)} of {len(change.cases)}{detail}",
            "Cases of which the other class is predicted without the muted components",
        ),
        ChangeFact(
            "AUC",
            difference_text(change.auc, "{:.3f}", "{:+.3f}"),
            "Area under the ROC curve, with all components and without the muted ones. The interval "
            f"is that of the difference: paired, over patients drawn anew {change.resamples:,} times",
        ),
        ChangeFact(
            _FOCUS.capitalize(),
            difference_text(change.background_focus, "{:.1%}", "{:+.1%}"),
            f"{_FOCUS_TIP}, mean over cases; the interval is that of the difference",
        ),
    )


def difference_text(found: Difference, value: str, signed: str) -> str:
    """``0.700 → 0.720, +0.020 (95 % interval …; n = 24)``, or why it is unknown.

    Args:
        value, signed: formats of a number and of a difference.
    """
    if found.before is None or found.after is None or found.difference is None:
        return f"unknown: {found.reason}"
    interval = (
        f"no interval: {found.reason}"
        if found.low is None or found.high is None
        else f"95 % interval {signed.format(found.low)} to {signed.format(found.high)}"
    )
    return (
        f"{value.format(found.before)} → {value.format(found.after)}, "
        f"{signed.format(found.difference)} ({interval}; n = {found.cases})"
    )


def flips(change: CohortChange, named: Named) -> tuple[Flip, ...]:
    """The cases that flip: those that became wrong first, then as far as they moved."""
    order = {"wrong": 0, "right": 1, None: 2}

    def rank(case: CaseChange) -> tuple[int, float]:
        moved = abs(case.probability_after - case.probability_before)
        return order[case.became], -moved

    return tuple(
        Flip(
            case.case_id,
            named(case.case_id),
            case.label or "",
            f"{case.predicted_before} → {case.predicted_after}",
            f"{case.probability_before:.3f} → {case.probability_after:.3f}",
            case.became or "",
        )
        for case in sorted(change.flipped, key=rank)
    )


def notes(change: CohortChange, named: Named, worded: Named) -> tuple[str, ...]:
    """Warnings, then the cases that could not be scored, each with its reason."""
    failed = [f"{named(one.case_id)}: {worded(str(one.error))}" for one in change.failures]
    count = len(failed)
    head = [f"{count} case{'s' if count > 1 else ''} could not be scored:"] if failed else []
    return (*(worded(warning) for warning in change.warnings), *head, *failed)
