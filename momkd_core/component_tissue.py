"""On what the components of a memory live: tissue or background, over a cohort."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from momkd_core.component_names import MEMORIES
from momkd_core.result import SlideResult

#: Of the attention of a memory; a component with less says too little to be judged.
LEAST_ATTENTION = 0.005


class ComponentTissue:
    """Attention-weighted mean tissue fraction of each component's patches, slide by slide.

    Args:
        components: n of each memory.
    """

    def __init__(self, components: int) -> None:
        self._mass: dict[str, NDArray[np.float64]] = {
            memory: np.zeros(components) for memory in MEMORIES
        }
        self._tissue = {memory: mass.copy() for memory, mass in self._mass.items()}

    def add(self, result: SlideResult) -> None:
        """A slide's patches, by their winners in each memory; nothing where its tissue is unknown."""
        if result.tissue_fraction is None or result.attention is None:
            return
        attention = result.attention.astype(float)
        for memory in MEMORIES:
            winners, count = result.winners(memory), len(self._mass[memory])
            self._mass[memory] += np.bincount(winners, attention, count)
            self._tissue[memory] += np.bincount(winners, attention * result.tissue_fraction, count)

    def means(self, memory: str) -> NDArray[np.float64]:
        """(n,) Σ α tissue fraction / Σ α of the patches that each component wins.

        NaN where a component has less than :data:`LEAST_ATTENTION` of the attention.
        """
        mass = self._mass[memory]
        judged = mass >= max(LEAST_ATTENTION * mass.sum(), np.finfo(float).tiny)
        means: NDArray[np.float64] = np.full(len(mass), np.nan)
        means[judged] = self._tissue[memory][judged] / mass[judged]
        return means

    def on_background(
        self, limit: float, muted: Mapping[str, list[int]] | None = None
    ) -> dict[str, list[int]]:
        """The components whose mean tissue fraction is below a limit, by memory.

        Where that is all that can be judged of a memory, the one with the most tissue is left.

        Args:
            muted: components that are left out already.
        """
        found: dict[str, list[int]] = {}
        for memory in MEMORIES:
            means = self.means(memory)
            means[list((muted or {}).get(memory, ()))] = np.nan
            judged = np.flatnonzero(~np.isnan(means))
            low = [int(j) for j in judged if means[j] < limit]
            if low and len(low) == len(judged):
                low.remove(int(judged[means[judged].argmax()]))
            if low:
                found[memory] = low
        return found
