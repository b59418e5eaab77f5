"""Colours of categories, and colours to a picture of one pixel a patch.

Categories have the colours of Okabe & Ito (2008, "Color Universal Design"; see Wong, Nature Methods
8:441, 2011), without black, which would look like dense nuclei. Maps of values are the engine's
(:mod:`momkd_core.colour_scale`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Okabe & Ito: blue, orange, bluish green, yellow, sky blue, vermilion; last the one nearest to eosin.
CATEGORIES = ("#0072b2", "#e69f00", "#009e73", "#f0e442", "#56b4e9", "#d55e00", "#cc79a7")
#: For everything that has no colour of its own.
OTHER = "#8f949b"

Rgba = NDArray[np.uint8]


@dataclass(frozen=True)
class PatchRaster:
    """Patches painted on a grid: as cheap to draw with a hundred thousand patches as with one.

    Attributes:
        index: (rows, columns) int32, the patch of each cell or -1.
        left, top: level-0 corner of the first cell.
        cell: side of a cell in level-0 pixels.
    """

    index: NDArray[np.int32]
    left: int
    top: int
    cell: int

    @property
    def right(self) -> int:
        return self.left + int(self.index.shape[1]) * self.cell

    @property
    def bottom(self) -> int:
        return self.top + int(self.index.shape[0]) * self.cell

    def patch_at(self, x: float, y: float) -> int | None:
        """The patch under a level-0 point."""
        column, row = int((x - self.left) // self.cell), int((y - self.top) // self.cell)
        rows, columns = self.index.shape
        if not (0 <= column < columns and 0 <= row < rows):
            return None
        found = int(self.index[row, column])
        return found if found >= 0 else None

    def image(self, colours: Rgba) -> NDArray[np.uint32]:
        """A pixel a cell: (rows, columns), 0xAARRGGBB premultiplied, 0 where there is no patch.

        Args:
            colours: (N, 4) RGBA of the patches, alpha 0 or 255.
        """
        red, green, blue, alpha = (colours[:, c].astype(np.uint32) for c in range(4))
        packed = np.where(alpha > 0, alpha << 24 | red << 16 | green << 8 | blue, 0)
        # A last, transparent entry for index -1.
        table = np.append(packed, 0).astype(np.uint32)
        return np.ascontiguousarray(table[self.index])


_MOST_CELLS = 16_000_000
_FINEST_CELL = 16  # of a patch side: finer overlaps are drawn to the nearest sixteenth


def rasterise(coords: NDArray[np.int64], size: int) -> PatchRaster:
    """The grid that holds patches exactly; where patches overlap, the later one shows.

    Args:
        coords: (N, 2) level-0 corners.
        size: side in level-0 pixels.

    Where no exact grid of reasonable size exists, patches are drawn to the nearest cell.
    """
    left, top = (int(v) for v in coords.min(axis=0))
    right, bottom = (int(v) for v in coords.max(axis=0) + size)
    offsets = coords - (left, top)
    cell = int(np.gcd.reduce(np.concatenate([offsets.ravel(), [size]])))
    cell = max(cell, size // _FINEST_CELL)
    while ((right - left) // cell + 1) * ((bottom - top) // cell + 1) > _MOST_CELLS:
        cell *= 2
    columns, rows = -(-(right - left) // cell), -(-(bottom - top) // cell)
    index = np.full((rows, columns), -1, np.int32)
    side = max(1, round(size / cell))
    first = np.round(offsets / cell).astype(np.intp)
    patches = np.arange(len(coords), dtype=np.int32)
    for dy in range(side):
        for dx in range(side):
            row = np.minimum(first[:, 1] + dy, rows - 1)
            column = np.minimum(first[:, 0] + dx, columns - 1)
            np.maximum.at(index, (row, column), patches)
    return PatchRaster(index, left, top, cell)
