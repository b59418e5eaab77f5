"""The patch grid of a slide: squares at one resolution, kept where there is tissue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from momkd_core.errors import TissueError
from momkd_core.geometry import patch_size_level0
from momkd_core.settings import ExtractionSettings
from momkd_core.slide import Slide
from momkd_core.tissue import TissueMask


@dataclass(frozen=True)
class PatchGrid:
    """Squares of a slide in reading order (row by row, left to right).

    Attributes:
        coords: (N, 2) int64, level-0 top-left corners (x, y).
        size_level0: side of each square in level-0 pixels.
        tissue_fraction: (N,) float32 in [0, 1].
        candidates: squares of the full grid before the tissue rule.
    """

    coords: NDArray[np.int64]
    size_level0: int
    tissue_fraction: NDArray[np.float32]
    candidates: int

    def __len__(self) -> int:
        return len(self.coords)


@dataclass(frozen=True)
class FullGrid:
    """All squares of a slide, before the tissue rule.

    Attributes:
        size: side of a square in level-0 pixels.
        step: from one square to the next, in the same; a fraction of a pixel may be left over.
    """

    size: int
    step: float
    columns: int
    rows: int

    def __len__(self) -> int:
        return self.columns * self.rows

    def corners(self) -> NDArray[np.int64]:
        """(N, 2) level-0 top-left corners (x, y), row by row."""
        # With overlap the step may be a fraction of a pixel; keeping it, a long row does not drift.
        x = np.round(np.arange(self.columns) * self.step).astype(np.int64)
        y = np.round(np.arange(self.rows) * self.step).astype(np.int64)
        return np.stack([np.tile(x, self.rows), np.repeat(y, self.columns)], axis=1)


def full_grid(slide: Slide, settings: ExtractionSettings) -> FullGrid:
    """The grid of a slide; it starts at the slide's corner and holds whole squares only.

    Raises:
        SlideError: the resolution is unknown or too coarse.
        TissueError: the slide is smaller than a patch.
    """
    size = patch_size_level0(settings.patch_size, settings.target_mpp, slide.mpp)
    if slide.width < size or slide.height < size:
        raise TissueError(
            f"{slide.path.name} is {slide.width} x {slide.height} px, smaller than one patch "
            f"({size} px at level 0 for {settings.patch_size} px at {settings.target_mpp:g} µm/px)",
            "Use a larger slide, or check its resolution (--slide-mpp)",
        )
    step = size * (settings.patch_size - settings.overlap) / settings.patch_size
    columns = int((slide.width - size) / step) + 1
    rows = int((slide.height - size) / step) + 1
    return FullGrid(size, step, columns, rows)


def plan_patches(slide: Slide, mask: TissueMask, settings: ExtractionSettings) -> PatchGrid:
    """The grid of patches to encode.

    The tissue rule is lenient on purpose (5 % by default): what a model does on near-empty glass has
    to be seen, not hidden.

    Raises:
        SlideError, TissueError: as :func:`full_grid`; or no patch holds enough tissue.
    """
    grid = full_grid(slide, settings)
    coords = grid.corners()
    fraction = mask.fractions(coords, grid.size)
    keep = fraction >= settings.min_tissue
    if not keep.any():
        raise TissueError(
            f"No tissue was found on {slide.path.name}: none of {len(coords)} patches has a tissue "
            f"fraction of at least {settings.min_tissue:g} (the largest is {fraction.max():.2g})",
            "Check that the slide is not blank; a very pale one can be extracted with a lower "
            "--min-tissue",
        )
    return PatchGrid(coords[keep], grid.size, fraction[keep], len(coords))
