"""What is striking in a case, in words, with the reason for each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from momkd_core.case_triage import CaseTriage

#: From this share of the way from threshold to certainty on, an answer counts as confident.
CONFIDENT = 0.5
#: Below this share of that way it counts as undecided.
UNDECIDED = 0.1
#: Attention on glass is flagged from here on, however much of the area is glass: there is nothing to
#: see on it. On drawn cohorts this is where slides of fragments or under pen part from the others.
GLASS = 0.2
#: Fewer effective patches than this are few, where they are also less than a tenth of all.
FEW_PATCHES = 5.0


#: The kinds of flag, the gravest first.
FLAG_KINDS = ("wrong", "confident", "undecided", "glass", "glass unknown", "few patches", "outside")
#: Those that tell of the answer itself, which a reader must not know who judges blinded.
OF_ANSWER = frozenset({"wrong", "confident", "undecided"})


@dataclass(frozen=True)
class Flag:
    """``words`` for a list, ``reason`` for who wants to know what they rest on.

    Attributes:
        kind: one of :data:`FLAG_KINDS`; '' for what a report adds.
    """

    words: str
    reason: str
    kind: str = ""


def certainty(probability: float, threshold: float) -> float:
    """How far a probability lies from the threshold: 0 on it, 1 at 0 or 1."""
    room = 1.0 - threshold if probability >= threshold else threshold
    return abs(probability - threshold) / room if room else 0.0


def flags_of(case: CaseTriage) -> tuple[Flag, ...]:
    """The flags of a case, the gravest first."""
    return (*_of_answer(case), *_of_glass(case), *_of_spread(case), *_of_slides(case))


def _of_answer(case: CaseTriage) -> Iterator[Flag]:
    sure = case.certainty
    told = f"probability {case.probability:.3f}, threshold {case.threshold:.3f}"
    if case.correct is False:
        yield Flag("wrong", f"recorded {case.label}, predicted {case.predicted}", "wrong")
        if sure >= CONFIDENT:
            told_so = f"{told}: {percent(sure)} of the way to certainty"
            yield Flag("confident", told_so, "confident")
    if sure < UNDECIDED:
        yield Flag("undecided", told, "undecided")


def _of_glass(case: CaseTriage) -> Iterator[Flag]:
    focus, area = case.background_focus, case.glass_area
    if focus is None or area is None:
        yield Flag("attention on glass unknown", case.background_focus_reason, "glass unknown")
    elif focus >= GLASS:
        yield Flag(
            f"{percent(focus)} of attention on glass",
            f"glass is {percent(area)} of the area of its patches: attention "
            f"{'seeks' if focus > area else 'does not seek'} it",
            "glass",
        )


def _of_spread(case: CaseTriage) -> Iterator[Flag]:
    effective, patches = case.effective_patches, case.patches
    if effective is not None and effective < FEW_PATCHES and effective < patches / 10:
        yield Flag(
            "attention on few patches",
            f"effective patches {effective:.1f}, of {patches:.0f}",
            "few patches",
        )


def _of_slides(case: CaseTriage) -> Iterator[Flag]:
    worst = case.strangest
    if worst is not None and worst.outside:
        yield Flag(
            "outside what the model knows",
            f"strangeness {worst.strangeness:.2f} ({worst.slide_name}); up to 1 is familiar",
            "outside",
        )


def percent(share: float) -> str:
    """A share for people: ``61 %``."""
    return f"{100 * share:.0f} %"
