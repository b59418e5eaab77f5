"""Patches as the pixels of an image, one each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from momkd_core.errors import SlideError
from momkd_core.result import Floats

_FINEST = 16  # steps a patch's side; smaller ones are no overlap but patches anywhere


@dataclass(frozen=True)
class PatchRaster:
    """Where each patch's pixel is.

    Attributes:
        rows, columns: (N,) of each patch's pixel.
        shape: rows and columns in all.
        step: between neighbouring patches, level-0 pixels along x and y.
        centre: of the first pixel, level-0 pixels (x, y).
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    shape: tuple[int, int]
    step: tuple[float, float]
    centre: tuple[float, float]

    @classmethod
    def of(cls, coords: NDArray[np.int64], size: int, step: float | None = None) -> PatchRaster:
        """The grid that patches of a side ``size`` lie on, level-0 pixels.

        Args:
            step: between neighbours, as the features state it; None has it searched for.

        Raises:
            SlideError: they lie on none.
        """
        (columns, step_x), (rows, step_y) = (
            _indices(coords[:, axis], size, step) for axis in (0, 1)
        )
        if len(np.unique(rows * (columns.max() + 1) + columns)) < len(coords):
            raise _no_grid()
        x, y = coords.min(axis=0) + size / 2
        shape = (int(rows.max()) + 1, int(columns.max()) + 1)
        return cls(rows, columns, shape, (step_x, step_y), (float(x), float(y)))

    def image(self, values: Floats) -> Floats:
        """(rows, columns) float32, NaN where no patch lies."""
        filled = np.full(self.shape, np.nan, np.float32)
        filled[self.rows, self.columns] = values
        return filled


def _indices(
    values: NDArray[np.int64], size: int, stated: float | None
) -> tuple[NDArray[np.int64], float]:
    """Each value's place on a regular grid, and the grid's step."""
    from_first = values - values.min()
    for step in (stated, float(size), _searched(from_first)):
        if step is None or step * _FINEST < size:  # anything lies on a grid that is fine enough
            continue
        indices = np.round(from_first / step).astype(np.int64)
        # Corners are whole pixels: both ends of a distance are rounded.
        if np.abs(indices * step - from_first).max() <= 1:
            return indices, step
    raise _no_grid()


def _searched(from_first: NDArray[np.int64]) -> float | None:
    """A step that may be a fraction of a pixel: more exact with every patch that is farther away."""
    there = np.unique(from_first)[1:]
    if len(there) == 0:
        return None
    step = float(np.diff(there, prepend=0).min())
    for distance in there:
        step = float(distance / max(1, round(distance / step)))
    return step


def _no_grid() -> SlideError:
    return SlideError(
        "The patches lie on no regular grid, so they are no pixels of a map",
        "Give features that say how they were cut (patch_size, overlap), or leave --dicom out",
    )
