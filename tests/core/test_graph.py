"""The neighbour rule against brute force, ties included."""

from __future__ import annotations

import numpy as np
import pytest

from momkd_core.errors import TissueError
from momkd_core.graph import edge_index, nearest_neighbours


def brute_force(coords: np.ndarray, k: int) -> np.ndarray:
    squared = ((coords[:, None] - coords[None]) ** 2).sum(axis=2).astype(float)
    np.fill_diagonal(squared, np.inf)
    return np.argsort(squared, axis=1, kind="stable")[:, :k]  # stable: ties by lower index


@pytest.mark.parametrize("seed", range(3))
def test_grid_with_holes(seed: int) -> None:
    random = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(23), np.arange(17))
    coords = np.stack([x.ravel(), y.ravel()], axis=1) * 256
    coords = coords[random.random(len(coords)) < 0.7]
    random.shuffle(coords)
    np.testing.assert_array_equal(nearest_neighbours(coords), brute_force(coords, 8))


def test_coinciding_patches() -> None:
    coords = np.array([[0, 0]] * 30 + [[256, 0]] * 30)
    np.testing.assert_array_equal(nearest_neighbours(coords), brute_force(coords, 8))


def test_small_slides_have_fewer_neighbours() -> None:
    assert nearest_neighbours(np.array([[0, 0], [256, 0], [512, 0]])).shape == (3, 2)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_patches(count: int) -> None:
    with pytest.raises(TissueError, match=f"{count} patch"):
        nearest_neighbours(np.zeros((count, 2), np.int64))


def test_a_patch_gathers_from_its_own_neighbours() -> None:
    neighbours = np.array([[1], [0], [1]])
    assert edge_index(neighbours).tolist() == [[1, 0, 1], [0, 1, 2]]
    assert edge_index(neighbours, reverse=True).tolist() == [[0, 1, 2], [1, 0, 1]]
