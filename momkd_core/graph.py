"""Coordinates to neighbours: the only k-nearest-neighbour rule of the engine.

The paper joins each patch to its k = 8 nearest neighbours by centroid distance (section 3.2). On a
regular grid distances tie all the time, so ties are broken by the lower index, which makes the graph
a function of the coordinates alone. The authors' code takes ties as scikit-learn's k-d tree returns
them; preset ``reference`` keeps that.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import KDTree
from torch import Tensor

from momkd_core.errors import TissueError
from momkd_core.features import FeatureBag
from momkd_core.settings import ModelSettings, TieRule

DEFAULT_NEIGHBOURS = 8


def nearest_neighbours(
    coords: NDArray[np.int64],
    neighbours: int = DEFAULT_NEIGHBOURS,
    ties: TieRule = "lower-index",
) -> NDArray[np.int64]:
    """The k nearest other patches of every patch.

    Args:
        coords: (N, 2) corners or centres; all patches have one size, so both give the same graph.
        neighbours: k, reduced to N - 1 for small slides.
        ties: of equally distant patches, the ones with lower indices, or as scikit-learn's k-d tree
            finds them.

    Returns:
        (N, k) int64 indices, by distance, then by ``ties``.

    Raises:
        TissueError: fewer than two patches.
    """
    count = len(coords)
    if count < 2:
        raise TissueError(
            f"A slide with {count} patch{'' if count == 1 else 'es'} has no neighbourhood graph",
            "At least 2 patches are needed: leave the slide out, or extract it with a lower "
            "--min-tissue",
        )
    k = min(neighbours, count - 1)
    if ties == "kd-tree":
        # Imported here: scikit-learn takes a second, and only preset reference needs it.
        from sklearn.neighbors import NearestNeighbors

        found = NearestNeighbors(n_neighbors=k, algorithm="kd_tree").fit(coords)
        return np.asarray(found.kneighbors(return_distance=False), np.int64)
    tree = KDTree(coords)
    result = np.empty((count, k), dtype=np.int64)
    pending = np.arange(count)
    wanted = min(count, 3 * k + 2)
    while len(pending):
        _, found = tree.query(coords[pending], k=wanted)
        found = found.reshape(len(pending), wanted)
        squared = ((coords[found] - coords[pending, None]) ** 2).sum(axis=2)
        squared[found == pending[:, None]] = -1  # itself first, also among coinciding patches
        order = np.lexsort((found, squared), axis=1)
        squared = np.take_along_axis(squared, order, axis=1)
        found = np.take_along_axis(found, order, axis=1)
        # A tie that reaches the last answer may go on beyond it: ask those patches for more.
        complete = (squared[:, -1] > squared[:, k]) & (squared[:, 0] == -1)
        if wanted == count:
            complete[:] = True
        result[pending[complete]] = found[complete, 1 : k + 1]
        pending = pending[~complete]
        wanted = min(count, 2 * wanted)
    return result


def slide_edges(name: str, bag: FeatureBag, settings: ModelSettings) -> Tensor:
    """The graph of a bag as a model's settings want it, (2, E); its name is in the error.

    Raises:
        TissueError: fewer than two patches.
    """
    try:
        neighbours = nearest_neighbours(bag.coords, settings.neighbours, settings.ties)
    except TissueError as error:
        raise TissueError(f"{name}: {error.cause}", error.cure) from error
    return edge_index(neighbours, reverse=settings.edges == "reversed")


def edge_index(neighbours: NDArray[np.int64], *, reverse: bool = False) -> Tensor:
    """Neighbours as torch-geometric's edges.

    Args:
        neighbours: (N, k) of :func:`nearest_neighbours`.
        reverse: False lets a patch gather from its own neighbours; True sends each patch to them,
            as the authors' code does.

    Returns:
        (2, N k) int64: row 0 the sources, row 1 the patches that gather.
    """
    count, k = neighbours.shape
    own = np.repeat(np.arange(count), k)
    other = neighbours.ravel()
    pair = (own, other) if reverse else (other, own)
    return torch.from_numpy(np.stack(pair))
