"""What is striking in a case, in words, with the reason for each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from momkd_core.cohort_prediction import CaseResult

#: From this share of the way from threshold to certainty on, an answer counts as confident.
CONFIDENT = 0.5
#: Below this share of that way it counts as undecided.
UNDECIDED = 0.1
#: Attention on glass is flagged from here on, however much of the area is glass: there is nothing to
#: see on it. On drawn cohorts this is where slides of fragments or under pen part from the others.
GLASS = 0.2
#: Fewer effective patches than this are few, where they are also less than a tenth of all.
FEW_PATCHES = 5.0


@dataclass(frozen=True)
class Flag:
    """``words`` for a list, ``reason`` for who wants to know what they rest on."""

    words: str
    reason: str


def certainty(probability: float, threshold: float) -> float:
    """How far a probability lies from the threshold: 0 on it, 1 at 0 or 1."""
    room = 1.0 - threshold if probability >= threshold else threshold
    return abs(probability - threshold) / room if room else 0.0


def glass_area(case: CaseResult) -> float | None:
    """Share of glass in the area of a case's patches, mean over its slides; None where unknown."""
    shares = [
        float(1.0 - slide.tissue_fraction.mean(dtype=float))
        for slide in case.slides
        if slide.tissue_fraction is not None
    ]
    return sum(shares) / len(shares) if len(shares) == len(case.slides) else None


def flags_of(case: CaseResult) -> tuple[Flag, ...]:
    """The flags of a case, the gravest first."""
    return (*_of_answer(case), *_of_glass(case), *_of_spread(case), *_of_slides(case))


def _of_answer(case: CaseResult) -> Iterator[Flag]:
    sure = certainty(case.probability, case.threshold)
    told = f"probability {case.probability:.3f}, threshold {case.threshold:.3f}"
    if case.label is not None and case.predicted != case.label:
        yield Flag("wrong", f"recorded {case.label}, predicted {case.predicted}")
        if sure >= CONFIDENT:
            yield Flag("confident", f"{told}: {percent(sure)} of the way to certainty")
    if sure < UNDECIDED:
        yield Flag("undecided", told)


def _of_glass(case: CaseResult) -> Iterator[Flag]:
    focus, area = case.background_focus, glass_area(case)
    if focus is None or area is None:
        yield Flag("attention on glass unknown", case.background_focus_reason)
    elif focus >= GLASS:
        yield Flag(
            f"{percent(focus)} of attention on glass",
            f"glass is {percent(area)} of the area of its patches: attention "
            f"{'seeks' if focus > area else 'does not seek'} it",
        )


def _of_spread(case: CaseResult) -> Iterator[Flag]:
    effective = case.effective_patches
    patches = sum(len(slide) for slide in case.slides) / len(case.slides)
    if effective is not None and effective < FEW_PATCHES and effective < patches / 10:
        yield Flag(
            "attention on few patches", f"effective patches {effective:.1f}, of {patches:.0f}"
        )


def _of_slides(case: CaseResult) -> Iterator[Flag]:
    strange = [slide for slide in case.slides if slide.outside]
    if strange:
        worst = max(strange, key=lambda slide: slide.strangeness or 0.0)
        yield Flag(
            "outside what the model knows",
            f"strangeness {worst.strangeness:.2f} ({worst.slide_name}); up to 1 is familiar",
        )


def percent(share: float) -> str:
    """A share for people: ``61 %``."""
    return f"{100 * share:.0f} %"
