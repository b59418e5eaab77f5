"""How far apart neighbouring patches lie, for feature files that do not say how large patches are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def grid_step(coords: NDArray[np.int64]) -> int | None:
    """The commonest distance from a patch to the next one in its row or column, in level-0 pixels.

    Within rows and columns, because CLAM lays a grid of its own over each piece of tissue: between
    pieces, distances mean nothing. Where patches do not overlap this is their side.

    Args:
        coords: (N, 2) corners.

    Returns:
        None where no two patches share a row or a column.
    """
    gaps = np.concatenate([_gaps(coords, along=0), _gaps(coords, along=1)])
    if len(gaps) == 0:
        return None
    values, counts = np.unique(gaps, return_counts=True)
    return int(values[counts.argmax()])  # of equally common ones the smallest


def _gaps(coords: NDArray[np.int64], *, along: int) -> NDArray[np.int64]:
    """Distances along an axis between patches that are neighbours in a row (0) or column (1)."""
    across = 1 - along
    ordered = coords[np.lexsort((coords[:, along], coords[:, across]))]
    steps = np.diff(ordered, axis=0)
    found: NDArray[np.int64] = steps[(steps[:, across] == 0) & (steps[:, along] > 0), along]
    return found
