"""Cures side by side, in words: what each does, before and after, whether it only hides the problem."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from momkd_viewer.state.muting_change import ChangeFact, difference_text

if TYPE_CHECKING:  # torch takes seconds, which the window should not wait for
    from momkd_core.cohort_change import CaseChange, Difference
    from momkd_core.cohort_prediction import CaseFailure, CaseResult
    from momkd_core.cure_comparison import CuredCase, CureReport

#: How a case is called, and how a message is worded: names may be masked.
Named = Callable[[str], str]

_MOST_FAILURES = 2
_GLASS = "Attention on glass"
_GLASS_TIP = "Background focus: share of the attention that lies on empty glass"
_HIDES = "may only hide the problem: "


@dataclass(frozen=True)
class CureKind:
    """A cure as it is offered.

    Attributes:
        name: the engine's, as on the command line.
        asks: what its limit, a tissue fraction, divides.
        limit: the usual one.
    """

    name: str
    title: str
    asks: str
    limit: float


#: In the engine's order.
KINDS = (
    CureKind("mask-background", "Mask background patches", "patches with less tissue than", 0.25),
    CureKind(
        "mute-background", "Mute components on background", "components with less tissue than", 0.5
    ),
    CureKind("stricter-tissue", "Stricter tissue rule", "extract again: a patch has at least", 0.5),
)


@dataclass(frozen=True)
class TriedCase:
    """A case as it arrives.

    Attributes:
        outcome: as the engine gives it, to be summed up.
        before: None where the case could not be read.
        changes, failures: by the cure's name; each cure is in one of them.
        notes: the engine's, on the changes.
    """

    outcome: CuredCase | CaseFailure
    before: CaseResult | None
    changes: Mapping[str, CaseChange]
    failures: Mapping[str, CaseFailure]
    notes: Mapping[str, str]


@dataclass(frozen=True)
class CureColumn:
    """What one cure comes to.

    Attributes:
        does: the cure in words, with what it muted; '' before it is known.
        facts: before and after; those of every column have the same names.
        hides: why it may only hide the problem, each as a sentence.
        notes: what else a reader must know; cases that it could not be tried on.
        refused: why it could not be tried at all; then there are no facts.
        can_mute: whether what it mutes can be muted in the window.
    """

    does: str = ""
    facts: tuple[ChangeFact, ...] = ()
    hides: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    refused: str = ""
    can_mute: bool = False


@dataclass(frozen=True)
class CuresOffer:
    """On what cures can be tried now.

    Attributes:
        models: what the open ones are called; ``chosen`` is the position of the one that is shown.
        cohort, case: what is listed, and what is open; '' where nothing is.
    """

    models: tuple[str, ...] = ()
    chosen: int = 0
    cohort: str = ""
    case: str = ""


@dataclass(frozen=True)
class CuresView:
    """What came out.

    Attributes:
        heading: of which model and cases.
        columns: by the cure's name.
        notes: of all of them.
        message: where there is nothing else to say, or the work failed.
    """

    heading: str = ""
    columns: Mapping[str, CureColumn] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    message: str = ""
    failed: bool = False


def refused_column(reason: str, does: str = "") -> CureColumn:
    """Of a cure that cannot be tried."""
    return CureColumn(does, refused=reason)


def column_so_far(name: str, does: str, tried: Sequence[TriedCase], total: int) -> CureColumn:
    """While cases arrive: what can be counted already. Intervals wait for all of them."""
    changes = [one.changes[name] for one in tried if name in one.changes]
    failed = sum(name in one.failures for one in tried)
    known = _flips(changes) if changes else "none so far"
    facts = (
        ChangeFact("Cases", f"{len(changes)} of {total} so far"),
        ChangeFact("Flips", known),
        ChangeFact("AUC", "when the last case is read"),
        ChangeFact(_GLASS, "when the last case is read"),
    )
    notes = (f"{failed} could not be tried so far.",) if failed else ()
    return CureColumn(sentence(does), facts, notes=notes)


def cohort_column(report: CureReport, named: Named, worded: Named) -> CureColumn:
    """What a cure comes to over a cohort."""
    change, does = report.change, sentence(report.does)
    failed = _failures(change.failures, named, worded)
    if not change.cases:
        return refused_column(f"No case could be tried. {' '.join(failed)}".strip(), does)
    tried, count = len(change.cases), len(change.cases) + len(change.failures)
    facts = (
        ChangeFact("Cases", f"{tried}" if tried == count else f"{tried} of {count}"),
        ChangeFact("Flips", _flips(change.cases), "Cases of which the other class is predicted"),
        ChangeFact(
            "AUC",
            worded(_difference(change.auc, "{:.3f}", "{:+.3f}")),
            "Area under the ROC curve, before → after; the interval is that of the difference: "
            f"paired, {change.resamples:,} samples of patients",
        ),
        ChangeFact(
            _GLASS,
            _difference(change.background_focus, "{:.1%}", "{:+.1%}"),
            f"{_GLASS_TIP}, mean over cases; the interval is that of the difference",
        ),
    )
    return CureColumn(
        does,
        facts,
        tuple(sentence(_HIDES + reason) for reason in report.hides),
        (*(sentence(note) for note in report.notes), *failed),
        can_mute=change.muted_after != change.muted_before,
    )


def case_column(report: CureReport, note: str, named: Named, worded: Named) -> CureColumn:
    """What a cure makes of the one case that was tried.

    Args:
        note: the engine's, on the case.
    """
    change, does = report.change, sentence(report.does)
    if not change.cases:
        return refused_column(" ".join(_failures(change.failures, named, worded)), does)
    (case,) = change.cases
    facts = (
        ChangeFact("Predicted", _predicted(case)),
        ChangeFact(
            "Probability",
            f"{case.probability_before:.3f} → {case.probability_after:.3f}, "
            f"{case.probability_after - case.probability_before:+.3f}",
        ),
        ChangeFact(
            _GLASS,
            f"{_share(case.background_focus_before)} → {_share(case.background_focus_after)}",
            _GLASS_TIP,
        ),
        ChangeFact(
            "Effective patches",
            f"{_spread(case.effective_patches_before)} → {_spread(case.effective_patches_after)}",
            "Over how many patches attention is spread: 1 / Σ α²",
        ),
    )
    muted = change.muted_after != change.muted_before
    # Of one case there is nothing to average: it is hidden where it was wrong, and stays so.
    stays_wrong = case.label is not None and case.became is None and note != ""
    stays_wrong = stays_wrong and case.predicted_after != case.label
    notes = [sentence(note)] if note and not stays_wrong else []
    notes += [sentence(said) for said in report.notes]
    if muted:
        notes.append("Which components live on background was judged on this case alone.")
    hides = (sentence(_HIDES + note),) if stays_wrong else ()
    return CureColumn(does, facts, hides, tuple(notes), can_mute=muted)


def _difference(found: Difference, value: str, signed: str) -> str:
    """On two lines, the interval below, where both are known: columns are narrow."""
    text = difference_text(found, value, signed)
    return text if found.difference is None else text.replace(" (", "\n(", 1)


def _predicted(case: CaseChange) -> str:
    if not case.flipped:
        return f"stays {case.predicted_after}"
    became = f": becomes {case.became}" if case.became else ""
    return f"{case.predicted_before} → {case.predicted_after}{became}"


def _flips(changes: Sequence[CaseChange]) -> str:
    flipped = [case for case in changes if case.flipped]
    became = [case.became for case in flipped]
    right, wrong = became.count("right"), became.count("wrong")
    count = f"{len(flipped)} of {len(changes)}"
    if all(case.label is None for case in changes):
        return f"{count}; whether that is right is unknown: no case has a label"
    unknown = became.count(None)
    rest = f", {unknown} without a label" if unknown else ""
    return f"{count}: {right} become right, {wrong} wrong{rest}"


def _failures(failures: Sequence[CaseFailure], named: Named, worded: Named) -> tuple[str, ...]:
    """The first of them with their reasons, and how many more there are."""
    found = []
    for one in failures[:_MOST_FAILURES]:
        name, reason = named(one.case_id), worded(str(one.error))
        found.append(reason if reason.startswith(name) else f"{name}: {reason}")
    more = len(failures) - len(found)
    if more:
        found.append(f"And {more} more case{'s' if more > 1 else ''} could not be tried.")
    return tuple(found)


def _spread(patches: float | None) -> str:
    return "unknown" if patches is None else f"{patches:.1f}"


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1%}"


def sentence(text: str) -> str:
    """Begins with a capital and ends with a full stop."""
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text.endswith(".") else ".")
