"""What a legend says, in words and colours; painting it is a widget's work."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Ramp:
    """A continuous colour map.

    Attributes:
        colours: (256, 3) uint8 from low to high.
        labels: values at low, middle and high, with their unit.
        captions: words below both ends; may be empty.
    """

    colours: NDArray[np.uint8]
    labels: tuple[str, str, str]
    captions: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Category:
    """One colour of a categorical map: what has it, and which share of the patches (0 to 1)."""

    colour: tuple[int, int, int]
    name: str
    share: float


@dataclass(frozen=True)
class LegendContent:
    """A legend.

    Attributes:
        ramp: of a continuous overlay, or None.
        categories: of a categorical overlay, in the order of their shares.
        notes: what has to be known: range, ranks, smoothing; or why there is nothing to see.
    """

    title: str
    ramp: Ramp | None = None
    categories: tuple[Category, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All of it, for who does not see it."""
        parts = [self.title]
        if self.ramp is not None:
            parts.append(f"from {self.ramp.labels[0]} to {self.ramp.labels[2]}")
        parts += [f"{c.name} {c.share:.0%}" for c in self.categories]
        return ", ".join([*parts, *self.notes])
