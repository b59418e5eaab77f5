"""What patches lie on where there is no slide: an empty area of its size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from momkd_core.geometry import Mpp

if TYPE_CHECKING:  # h5py takes time, which the window should not wait for
    from momkd_core.features import FeatureBag


@dataclass(frozen=True)
class PatchGround:
    """An area that holds every patch of a feature file.

    Attributes:
        width, height: level-0 pixels, of the whole slide where the file says so.
        mpp: resolution at level 0, or None where the file does not say.
    """

    width: int
    height: int
    mpp: Mpp | None

    @classmethod
    def of(cls, bag: FeatureBag) -> PatchGround | None:
        """None where the places say nothing: two patches cannot lie in one place of one slide."""
        if len(np.unique(bag.coords, axis=0)) < len(bag.coords):
            return None
        right, bottom = (int(v) for v in bag.coords.max(axis=0) + bag.size_level0)
        mpp = None
        if bag.target_mpp and bag.patch_size and bag.size_level0 > 0:
            side = bag.target_mpp * bag.patch_size / bag.size_level0
            mpp = Mpp(side, side) if side > 0 else None
        return cls(
            max(1, right, _stated(bag, "level0_width")),
            max(1, bottom, _stated(bag, "level0_height")),
            mpp,
        )


def _stated(bag: FeatureBag, name: str) -> int:
    """A side of the slide; 0 where the file does not say, or says something else."""
    value = bag.attributes.get(name)
    return int(value) if isinstance(value, int | float) and 0 < value < 2**31 else 0
