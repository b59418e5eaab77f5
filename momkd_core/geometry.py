"""Lengths and points with their units.

Names carry the frame: ``level0`` is the slide's full-resolution pixel grid, origin top left,
x to the right. A size in microns never shares a name with a size in pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from momkd_core.errors import SlideError

#: Reading finer than the slide was scanned invents detail; beyond this it is refused.
MAX_UPSAMPLING = 1.5


@dataclass(frozen=True, slots=True)
class Mpp:
    """Resolution in microns per pixel, along x and y."""

    x: float
    y: float

    def __post_init__(self) -> None:
        for value in (self.x, self.y):
            if not (math.isfinite(value) and value > 0):
                raise SlideError(
                    f"The resolution {self.x} x {self.y} µm/px is not a positive number",
                    "State the slide's resolution with --slide-mpp or the cohort's mpp column",
                )

    @property
    def mean(self) -> float:
        return (self.x + self.y) / 2


@dataclass(frozen=True, slots=True)
class Level:
    """One resolution of a slide's pyramid; ``downsample`` is level-0 pixels per pixel."""

    width: int
    height: int
    downsample: float


def patch_size_level0(patch_size: int, target_mpp: float, slide_mpp: Mpp) -> int:
    """Side in level-0 pixels of a patch of ``patch_size`` pixels at ``target_mpp``.

    Raises:
        SlideError: the slide is coarser than the target by more than :data:`MAX_UPSAMPLING`.
    """
    factor = slide_mpp.mean / target_mpp
    if factor > MAX_UPSAMPLING:
        raise SlideError(
            f"The slide has {slide_mpp.mean:.4g} µm/px: patches at {target_mpp:g} µm/px would be "
            f"upsampled {factor:.2f} times, more than {MAX_UPSAMPLING}",
            "Use a slide scanned at a higher magnification, or state the true resolution with "
            "--slide-mpp if the file's is wrong; features of another kind of model may be "
            "extracted with a larger --target-mpp",
        )
    return max(1, round(patch_size / factor))
