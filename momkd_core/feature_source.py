"""A feature file of any layout, open: its vectors, its patches' corners, what it says of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from momkd_core import stamp_layout, trident_layout
from momkd_core.errors import FeatureError
from momkd_core.feature_attributes import stated_attributes
from momkd_core.feature_facts import FeatureFacts
from momkd_core.hdf5_completeness import is_unfinished
from momkd_core.patch_step import grid_step
from momkd_core.stamp_layout import StampPatches
from momkd_core.tensor_file import TENSOR_SUFFIX, read_tensor, require_places

_STAMP_VECTORS = "feats"  # where others write 'features'


@dataclass(frozen=True)
class FeatureSource:
    """An open feature file.

    Attributes:
        path: of the vectors; coordinates may lie in another file beside it.
        vectors: (N, D) or (1, N, D), not read yet where the file is HDF5.
        coords: the corners, not read yet.
        tissue: tissue fractions, which only files of ours have.
        attributes: of the file, of both datasets and of the folder, as the layout calls them.
        is_stamp: whether corners and attributes are STAMP's.
    """

    path: Path
    vectors: h5py.Dataset | NDArray[Any]
    coords: h5py.Dataset
    tissue: h5py.Dataset | None
    attributes: dict[str, Any]
    is_stamp: bool

    @cached_property
    def corners(self) -> NDArray[Any]:
        """(N, 2) numbers as stored, one row for each row of vectors. Raises FeatureError."""
        if is_unfinished(self.coords):
            raise FeatureError(
                f"{self.path.name} was not written to its end: part of its coords is missing",
                "Extract the slide again",
            )
        coords: NDArray[Any] = self.coords[()]
        if coords.ndim == 3 and coords.shape[0] == 1:
            coords = coords[0]
        shape = self.shape
        if len(shape) != 2 or coords.ndim != 2 or coords.shape[1] != 2:
            raise FeatureError(
                f"{self.path.name}: features {shape} and coords {coords.shape} have the wrong form",
                "Expected (N, D) and (N, 2)",
            )
        if shape[0] == 0:
            raise FeatureError(
                f"{self.path.name} holds no patch",
                "The slide had no tissue: leave it out or extract again",
            )
        if shape[0] != len(coords):
            raise FeatureError(
                f"{self.path.name} has {shape[0]} feature rows but {len(coords)} coordinates",
                "Extract the slide again",
            )
        numeric = coords.dtype.kind in "iuf"
        if not numeric or not np.isfinite(coords).all() or np.abs(coords).max() >= 2**31:
            raise FeatureError(  # slides are smaller than 2^31 pixels a side
                f"{self.path.name}: coords hold values that are no level-0 pixels",
                "Extract the slide again",
            )
        return coords

    @cached_property
    def stamp_patches(self) -> StampPatches:
        """Where STAMP's patches lie. Raises FeatureError where their unit is not known."""
        return stamp_layout.patches(self.path.name, self.corners, self.attributes)

    @cached_property
    def facts(self) -> FeatureFacts:
        """What the file says of its patches. Raises FeatureError as :attr:`stamp_patches`."""
        if self.is_stamp:
            return stamp_layout.facts(
                self.attributes, self.stamp_patches.side, self.stamp_patches.pixels
            )
        return trident_layout.facts(self.attributes)

    def place(self, mpp: float | None) -> tuple[NDArray[np.int64], int]:
        """Corners (N, 2) and side of the patches in level-0 pixels.

        Args:
            mpp: the slide's own resolution, which STAMP's microns are divided by.

        Raises:
            FeatureError: the corners or the side cannot be told.
        """
        if self.is_stamp:
            if mpp is None:
                raise FeatureError(
                    f"{self.path.name} places its patches in microns, and the resolution of the slide "
                    "is not known",
                    "State it in the cohort's column 'mpp' or with --slide-mpp, or name the slide",
                )
            return self.stamp_patches.at(mpp)
        coords = np.round(self.corners).astype(np.int64)
        return coords, self.facts.size_level0 or self._side(coords)

    @property
    def width(self) -> int:
        """D."""
        return int(self.vectors.shape[-1])

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, D), where the vectors have the right form."""
        shape: tuple[int, ...] = tuple(self.vectors.shape)
        return shape[1:] if len(shape) == 3 and shape[0] == 1 else shape

    def _side(self, coords: NDArray[np.int64]) -> int:
        """Of CLAM's feature files, which keep corners only: the grid's step and what overlaps."""
        step = grid_step(coords)
        if step is None:
            raise FeatureError(
                f"{self.path.name} does not say how large its patches are",
                "Add the attribute 'patch_size_level0' to 'coords'",
            )
        facts = self.facts
        if facts.patch_size and facts.overlap and facts.overlap < facts.patch_size:
            return round(step * facts.patch_size / (facts.patch_size - facts.overlap))
        return step


@contextmanager
def open_features(path: Path, *, vectors_too: bool = True) -> Iterator[FeatureSource]:
    """Opens a feature file of any layout.

    Args:
        vectors_too: whether their numbers are wanted, or only how many there are.

    Raises:
        FeatureError: the file is missing or damaged, or lacks a dataset; also where reading it later,
            in the block, meets damage.
    """
    if not path.is_file():
        raise FeatureError(f"{path} does not exist", "Check the path, or run momkd extract first")
    tensor = path.suffix.lower() == TENSOR_SUFFIX
    vectors = read_tensor(path, mapped=not vectors_too) if tensor else None
    opened = require_places(path) if tensor else path
    try:
        with h5py.File(opened, "r") as file:
            yield _source(path, file, vectors)
    except (OSError, RuntimeError, KeyError) as error:  # h5py's, for damage of various kinds
        raise FeatureError(
            f"{opened} is not a readable HDF5 file ({(str(error).splitlines() or [''])[0]})",
            "The file may be truncated or corrupt: extract it again with --overwrite",
        ) from error


def _source(path: Path, file: h5py.File, vectors: NDArray[Any] | None) -> FeatureSource:
    stamp = vectors is None and _STAMP_VECTORS in file and "features" not in file
    name = _STAMP_VECTORS if stamp else "features"
    if stamp:
        stamp_layout.check_patch_features(path.name, file.attrs)
    stored = vectors if vectors is not None else _dataset(path, file, name)
    coords = _dataset(path, file, "coords")
    tissue = file.get("tissue_fraction")
    return FeatureSource(
        path=path,
        vectors=stored,
        coords=coords,
        tissue=tissue if isinstance(tissue, h5py.Dataset) else None,
        attributes=stated_attributes(path, file, coords),
        is_stamp=stamp,
    )


def _dataset(path: Path, file: h5py.File, name: str) -> h5py.Dataset:
    found = file.get(name)
    if isinstance(found, h5py.Dataset) and found.shape:
        return found
    raise FeatureError(
        f"{path.name}: {name!r} is no table"  # but a group, one number, or nothing
        if name in file
        else f"{path.name} has no dataset {name!r} (it has: {', '.join(file) or 'nothing'})",
        "Name a feature file with 'features' (N, D) and 'coords' (N, 2)",
    )
