"""A case as the review queue sees it, and the order of that queue.

A case is summed up by the mean over its slides, as its probability is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from momkd_core.decision import Decision
from momkd_core.errors import SettingsError
from momkd_core.slide_summary import SlideSummary
from momkd_core.triage_flags import Flag, certainty, flags_of

CASE_COLUMNS = (
    "case_id patient_id label probability predicted correct background_focus glass_area "
    "effective_patches patches entropy entropy_normalised margin strangeness flags reasons"
).split()


@dataclass(frozen=True)
class CaseTriage:
    """A case by a model's answers on its slides; at least one.

    Attributes:
        label: as recorded; None where the cohort has none that the model knows.
        slides: in the cohort's order.
    """

    case_id: str
    patient_id: str
    label: str | None
    decision: Decision
    slides: tuple[SlideSummary, ...]

    @cached_property
    def probability(self) -> float:
        """Mean over the slides, as of all numbers here."""
        return _mean_of([slide.probability for slide in self.slides])

    @property
    def predicted(self) -> str:
        return self.decision.predicted(self.probability)

    @property
    def threshold(self) -> float:
        return self.decision.threshold

    @property
    def correct(self) -> bool | None:
        """None without a label."""
        return None if self.label is None else self.predicted == self.label

    @property
    def margin(self) -> float:
        """How far the probability lies from the threshold."""
        return abs(self.probability - self.threshold)

    @property
    def certainty(self) -> float:
        """The margin over the largest one on its side of the threshold, 0 to 1."""
        return certainty(self.probability, self.threshold)

    @cached_property
    def background_focus(self) -> float | None:
        """None where that of one slide is unknown."""
        return _mean([slide.background_focus for slide in self.slides])

    @property
    def background_focus_reason(self) -> str:
        """Why it is None; '' where it is known."""
        unknown = (slide for slide in self.slides if slide.background_focus is None)
        return next((slide.background_focus_reason for slide in unknown), "")

    @cached_property
    def glass_area(self) -> float | None:
        """Share of glass in the patches' area: what attention spread evenly would give."""
        return _mean([slide.glass_area for slide in self.slides])

    @cached_property
    def effective_patches(self) -> float | None:
        """None where a method gives its patches no attention."""
        return _mean([slide.effective_patches for slide in self.slides])

    @property
    def concentration(self) -> float | None:
        """Share of the attention that each of its effective patches has."""
        return None if self.effective_patches is None else 1.0 / self.effective_patches

    @property
    def patches(self) -> float:
        return _mean_of([slide.patches for slide in self.slides])

    @cached_property
    def entropy(self) -> float | None:
        """Of component use, nats."""
        return _mean([slide.entropy for slide in self.slides])

    @cached_property
    def entropy_normalised(self) -> float | None:
        """The same, 0 to 1."""
        return _mean([slide.entropy_normalised for slide in self.slides])

    @property
    def strangest(self) -> SlideSummary | None:
        """The slide that lies farthest from training; None where no model says."""
        known = [slide for slide in self.slides if slide.strangeness is not None]
        return max(known, key=lambda slide: slide.strangeness or 0.0, default=None)

    @property
    def strangeness(self) -> float | None:
        """Of its strangest slide."""
        return None if self.strangest is None else self.strangest.strangeness

    @cached_property
    def flags(self) -> tuple[Flag, ...]:
        """What is striking, the gravest first."""
        return flags_of(self)

    def as_json(self) -> dict[str, Any]:
        """Its values by :data:`CASE_COLUMNS`; flags and their reasons as two lists of one order."""
        found = {name: getattr(self, name) for name in CASE_COLUMNS[:-2]}
        return found | {
            "flags": [flag.words for flag in self.flags],
            "reasons": [flag.reason for flag in self.flags],
        }

    def as_row(self) -> dict[str, Any]:
        """The same for a table: flags in one cell."""
        found = self.as_json()
        return found | {name: "; ".join(found[name]) for name in ("flags", "reasons")}


def _mean(values: Sequence[float | None]) -> float | None:
    """None where one is unknown: a mean of the others would be of another case."""
    known = [value for value in values if value is not None]
    return _mean_of(known) if len(known) == len(values) else None


def _mean_of(values: Sequence[float]) -> float:
    # Not NumPy's: a window sums up ten thousand cases of a slide or two, and an array costs more.
    return sum(values) / len(values)


# -- the order of review ------------------------------------------------------------------------

#: What an order multiplies. None is unknown: it counts as 0, and only among equals is it left out.
FACTORS: dict[str, Callable[[CaseTriage], float | None]] = {
    "wrong": lambda case: None if case.correct is None else float(not case.correct),
    "background": lambda case: case.background_focus,
    "margin": lambda case: case.margin,
    "doubt": lambda case: 1.0 - case.certainty,
    "concentration": lambda case: case.concentration,
    "strangeness": lambda case: case.strangeness,
}
Order = tuple[str, ...]
DEFAULT_ORDER: Order = ("wrong", "background", "margin")


def parse_order(text: str) -> Order:
    """``wrong,background,margin`` (or with ``*``) as an order. Raises :class:`SettingsError`."""
    names = tuple(part for part in re.split(r"[\s,*×]+", text) if part)
    unknown = [name for name in names if name not in FACTORS]
    if unknown or not names:
        raise SettingsError(
            f"There is no factor {unknown[0]!r} to order by" if unknown else "The order is empty",
            f"Join some of: {', '.join(FACTORS)}; for instance {','.join(DEFAULT_ORDER)}",
        )
    return names


def priority(case: CaseTriage, order: Order = DEFAULT_ORDER) -> tuple[float, int, float]:
    """A key to sort by: the smallest is to be looked at first; see :func:`in_order`."""
    values = {name: FACTORS[name](case) for name in order}
    product = math.prod(0.0 if value is None else value for value in values.values())
    rank = 1 if case.correct is None else 2 * case.correct
    known = [v for name, v in values.items() if name != "wrong" and v is not None]
    return (-product, rank, -math.prod(known))


def in_order(cases: Iterable[CaseTriage], order: Order = DEFAULT_ORDER) -> list[CaseTriage]:
    """Cases by the product of the order's factors, the largest first.

    Equal products (all right cases have 0) are told apart by correctness (wrong, without a label,
    right), then by the product of what else is known, then by the cohort's order.
    """
    return sorted(cases, key=lambda case: priority(case, order))
