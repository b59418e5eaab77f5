"""What is kept of a slide's result when its patches are let go: the numbers that cases are told by."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from momkd_core.component_names import MEMORIES
from momkd_core.result import SlideResult


@dataclass(frozen=True)
class SlideSummary:
    """A slide's result in a few numbers.

    Attributes:
        background_focus: Σ α (1 - tissue fraction), unclipped; None where unknown, and
            ``background_focus_reason`` says why.
        glass_area: share of glass in the area of its patches; None where unknown.
        effective_patches: 1 / Σ α², None without attention; ``patches`` are all there are.
        entropy: of component use, nats; None for the mean of several folds, which has no components.
        entropy_normalised: the same, 0 to 1; see :func:`component_entropy`.
        strangeness: in units of the limit that training set; None where the model does not say.
    """

    slide_name: str
    probability: float
    background_focus: float | None
    background_focus_reason: str
    glass_area: float | None
    effective_patches: float | None
    patches: int
    entropy: float | None
    entropy_normalised: float | None
    strangeness: float | None

    @classmethod
    def of(cls, result: SlideResult) -> SlideSummary:
        tissue = result.tissue_fraction
        entropy = component_entropy(result) or (None, None)
        return cls(
            slide_name=result.slide_name,
            probability=result.probability,
            background_focus=result.background_focus,
            background_focus_reason=result.background_focus_reason,
            glass_area=None if tissue is None else float(1.0 - tissue.mean(dtype=float)),
            effective_patches=result.effective_patches,
            patches=len(result),
            entropy=entropy[0],
            entropy_normalised=entropy[1],
            strangeness=result.strangeness,
        )

    @property
    def outside(self) -> bool | None:
        """Whether the slide is outside what the model knows; None where unknown."""
        return None if self.strangeness is None else self.strangeness > 1.0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def component_entropy(result: SlideResult) -> tuple[float, float] | None:
    """Entropy of a slide's component use by attention, nats and 0 to 1; None without components.

    -Σ p ln p over the attention mass on each component, mean of both memories; normalised by its
    maximum, the logarithm of the number of components that are not muted.
    """
    if result.match is None:
        return None
    found = []
    for memory in MEMORIES:
        mass = np.array([use.attention for use in result.components() if use.memory == memory])
        used = mass[mass > 0]
        nats = max(0.0, float(-(used * np.log(used)).sum()))
        left = len(mass) - len(result.muted.get(memory, ()))
        found.append((nats, nats / math.log(left) if left > 1 else 0.0))
    nats, normalised = np.mean(found, axis=0).tolist()
    return nats, normalised
