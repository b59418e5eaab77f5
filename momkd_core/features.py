"""The feature bag of a slide, and its ``.h5`` file.

Written files follow TRIDENT's layout (https://github.com/mahmoodlab/TRIDENT): ``features`` (N, D)
and ``coords`` (N, 2), level-0 top-left corners, with attributes on both. Ours add
``tissue_fraction`` (N,). CLAM's files, which have fewer attributes, are read as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from momkd_core.errors import FeatureError
from momkd_core.storage import atomic_path

_KEPT = (
    "level0_width level0_height bounds_x bounds_y min_tissue slide_mpp precision regions "
    "regions_sha256 regions_class"
).split()

WHOLE_SLIDES = "whole slides"


@dataclass(frozen=True)
class FeatureBag:
    """Features of one slide's patches.

    Attributes:
        features: (N, D) float32, finite.
        coords: (N, 2) int64, level-0 top-left corners (x, y).
        size_level0: side of a patch in level-0 pixels.
        tissue_fraction: (N,) float32, or None where the file does not know.
        tissue_reason: why they could not be taken from the slide either; '' where that was not tried.
        encoder: name of the encoder, or None where the file does not say.
        encoder_sha256: hash of its weights, or None.
        encoder_preprocessing: how patches were prepared for it, in words, or None.
        target_mpp, patch_size, overlap: how the patches were cut, where known.
        attributes: what else the file said, for the record.
    """

    features: NDArray[np.float32]
    coords: NDArray[np.int64]
    size_level0: int
    tissue_fraction: NDArray[np.float32] | None = None
    encoder: str | None = None
    encoder_sha256: str | None = None
    encoder_preprocessing: str | None = None
    target_mpp: float | None = None
    patch_size: int | None = None
    overlap: int | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    tissue_reason: str = ""

    def __len__(self) -> int:
        return len(self.features)

    @property
    def width(self) -> int:
        """D, the width of a feature vector."""
        return int(self.features.shape[1])

    @property
    def step_level0(self) -> float | None:
        """Between neighbouring patches, level-0 pixels; None where the file does not say."""
        if not self.patch_size or self.overlap is None:
            return None
        return self.size_level0 * (self.patch_size - self.overlap) / self.patch_size

    @property
    def bounds_offset(self) -> tuple[int, int]:
        """Level-0 corner of the scanned area; (0, 0) where the file does not say."""
        return int(self.attributes.get("bounds_x", 0)), int(self.attributes.get("bounds_y", 0))

    @property
    def cut_from(self) -> str:
        """What its patches were kept of, in words that are the same for a cohort's slides."""
        if "regions_sha256" not in self.attributes:
            return WHOLE_SLIDES
        class_name = self.attributes.get("regions_class")
        return "areas of any class" if class_name is None else f"areas of class {class_name!r}"


def write_features(path: Path, bag: FeatureBag) -> None:
    """Writes a bag atomically. Raises :class:`~momkd_core.errors.OutputError`."""
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        features = file.create_dataset("features", data=bag.features)
        coords = file.create_dataset("coords", data=bag.coords)
        if bag.tissue_fraction is not None:
            file.create_dataset("tissue_fraction", data=bag.tissue_fraction)
        shared: dict[str, Any] = {"name": path.stem, "patch_size_level0": bag.size_level0}
        for key, value in (
            ("encoder", bag.encoder),
            ("encoder_sha256", bag.encoder_sha256),
            ("encoder_preprocessing", bag.encoder_preprocessing),
            ("target_mpp", bag.target_mpp),
            ("patch_size", bag.patch_size),
            ("overlap", bag.overlap),
        ):
            if value is not None:
                shared[key] = value
        shared.update(bag.attributes)
        for holder in (features, coords, file):
            for key, value in shared.items():
                holder.attrs[key] = value


def read_features(path: str | Path) -> FeatureBag:
    """Reads a feature file of ours, TRIDENT's or CLAM's.

    Raises:
        FeatureError: the file is missing, no HDF5, lacks a dataset, or holds impossible values.
    """
    return _open(Path(path), _read)


def read_header(path: str | Path) -> FeatureBag:
    """What a feature file says about itself: a bag without patches (features (0, D)).

    Raises:
        FeatureError: as :func:`read_features`, as far as no patch has to be read.
    """
    return _open(Path(path), _read_header)


def read_places(path: str | Path) -> FeatureBag:
    """Where a feature file's patches lie: a bag whose features are left in the file ((N, 0)).

    Raises:
        FeatureError: as :func:`read_features`, but for the values of the features.
    """
    return _open(Path(path), _read_places)


def _open(path: Path, read: Callable[[Path, h5py.File], FeatureBag]) -> FeatureBag:
    if not path.is_file():
        raise FeatureError(f"{path} does not exist", "Check the path, or run momkd extract first")
    try:
        with h5py.File(path, "r") as file:
            return read(path, file)
    except (OSError, RuntimeError, KeyError) as error:  # h5py's, for damage of various kinds
        raise FeatureError(
            f"{path} is not a readable HDF5 file ({(str(error).splitlines() or [''])[0]})",
            "The file may be truncated or corrupt: extract it again with --overwrite",
        ) from error


def _read_header(path: Path, file: h5py.File) -> FeatureBag:
    _check_datasets(path, file)
    attributes = _attributes(file)
    width = file["features"].shape[-1]
    return FeatureBag(
        features=np.empty((0, width), np.float32),
        coords=np.empty((0, 2), np.int64),
        size_level0=_integer(attributes.get("patch_size_level0")) or 0,
        **_identity(attributes),
    )


def _read_places(path: Path, file: h5py.File) -> FeatureBag:
    _check_datasets(path, file)
    coords = _coords(path, file)
    attributes = _attributes(file)
    return FeatureBag(
        features=np.empty((len(coords), 0), np.float32),
        coords=coords,
        size_level0=_size_level0(path, attributes, coords),
        **_identity(attributes),
    )


def _coords(path: Path, file: h5py.File) -> NDArray[np.int64]:
    """(N, 2) corners, one for each row of features."""
    coords = np.asarray(file["coords"])
    count = file["features"].shape
    if len(count) == 3 and count[0] == 1:
        count = count[1:]
    if coords.ndim == 3 and coords.shape[0] == 1:
        coords = coords[0]
    if len(count) != 2 or coords.ndim != 2 or coords.shape[1] != 2:
        raise FeatureError(
            f"{path.name}: features {tuple(count)} and coords {coords.shape} have the wrong form",
            "Expected (N, D) and (N, 2)",
        )
    if count[0] == 0:
        raise FeatureError(
            f"{path.name} holds no patch", "The slide had no tissue: leave it out or extract again"
        )
    if count[0] != len(coords):
        raise FeatureError(
            f"{path.name} has {count[0]} feature rows but {len(coords)} coordinates",
            "Extract the slide again",
        )
    return _integral(path, coords)


def _check_datasets(path: Path, file: h5py.File) -> None:
    for name in ("features", "coords"):
        if not isinstance(file.get(name), h5py.Dataset):
            raise FeatureError(
                f"{path.name} has no dataset {name!r} (it has: {', '.join(file) or 'nothing'})",
                "Name a feature file with 'features' (N, D) and 'coords' (N, 2)",
            )


def _read(path: Path, file: h5py.File) -> FeatureBag:
    _check_datasets(path, file)
    coords = _coords(path, file)
    features = np.asarray(file["features"])
    if features.ndim == 3:
        features = features[0]
    if not np.issubdtype(features.dtype, np.floating):
        raise FeatureError(f"{path.name}: features are {features.dtype}", "Expected float16 or 32")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is named
        features = features.astype(np.float32, copy=False)
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(bad):
        raise FeatureError(
            f"{path.name}: {len(bad)} of {len(features)} patches have NaN or infinite features "
            f"(the first is row {bad[0]})",
            "Extract the slide again; half precision may have overflowed",
        )
    attributes = _attributes(file)
    return FeatureBag(
        features=features,
        coords=coords,
        size_level0=_size_level0(path, attributes, coords),
        tissue_fraction=_tissue_fraction(path, file, len(features)),
        **_identity(attributes),
    )


def _identity(attributes: dict[str, Any]) -> dict[str, Any]:
    """What a bag keeps of the file's attributes."""
    return {
        "encoder": _text(attributes.get("encoder")),
        "encoder_sha256": _text(attributes.get("encoder_sha256")),
        "encoder_preprocessing": _text(attributes.get("encoder_preprocessing")),
        "target_mpp": _real(attributes.get("target_mpp")),
        "patch_size": _integer(attributes.get("patch_size")),
        "overlap": _integer(attributes.get("overlap")),
        "attributes": {key: _plain(attributes[key]) for key in _KEPT if key in attributes},
    }


def _plain(value: Any) -> Any:
    """A NumPy scalar as a Python one."""
    return value.item() if isinstance(value, np.generic) else value


def _attributes(file: h5py.File) -> dict[str, Any]:
    """Attributes of the file and of both datasets: writers differ in where they put them."""
    merged: dict[str, Any] = {}
    for holder in (file["coords"], file["features"], file):
        merged.update(holder.attrs)
    return merged


def _integral(path: Path, coords: NDArray[Any]) -> NDArray[np.int64]:
    """Corners as whole level-0 pixels; slides are smaller than 2^31 pixels a side."""
    numeric = np.issubdtype(coords.dtype, np.number)
    if not numeric or not np.isfinite(coords).all() or np.abs(coords).max() >= 2**31:
        raise FeatureError(
            f"{path.name}: coords hold values that are no level-0 pixels", "Extract the slide again"
        )
    return np.round(coords).astype(np.int64)


def _size_level0(path: Path, attributes: dict[str, Any], coords: NDArray[np.int64]) -> int:
    stated = _integer(attributes.get("patch_size_level0"))
    if stated is not None and stated > 0:
        return stated
    patch_size = _integer(attributes.get("patch_size"))
    downsample = attributes.get("downsample")
    if patch_size is not None and downsample is not None:  # CLAM: size at its own level
        return max(1, round(patch_size * float(np.ravel(downsample)[0])))
    # CLAM feature files keep only the corners: without overlap the grid's step is the patch side.
    gaps = np.concatenate([np.diff(np.unique(coords[:, axis])) for axis in (0, 1)])
    if len(gaps) == 0:
        raise FeatureError(
            f"{path.name} does not say how large its patches are",
            "Add the attribute 'patch_size_level0' to 'coords'",
        )
    values, counts = np.unique(gaps, return_counts=True)
    return int(values[counts.argmax()])


def _tissue_fraction(path: Path, file: h5py.File, count: int) -> NDArray[np.float32] | None:
    if "tissue_fraction" not in file:
        return None
    stored = np.asarray(file["tissue_fraction"]).ravel()
    values = stored.astype(np.float32) if stored.dtype.kind in "fiu" else np.array([np.nan])
    if len(values) != count or not ((values >= 0) & (values <= 1)).all():
        raise FeatureError(
            f"{path.name}: tissue_fraction is not a number from 0 to 1 for each of the {count} "
            "patches",
            "Extract the slide again",
        )
    return values


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode()
    return str(value) if value is not None else None


def _real(value: Any) -> float | None:
    """An attribute as a number; None where it is missing or something else."""
    try:
        number = float(np.asarray(value).item()) if value is not None else None
    except (ValueError, TypeError):
        return None
    return number if number is None or np.isfinite(number) else None


def _integer(value: Any) -> int | None:
    number = _real(value)
    return None if number is None else round(number)
