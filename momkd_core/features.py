"""Feature files: read in every layout that is known, written in TRIDENT's.

Written files hold ``features`` (N, D) and ``coords`` (N, 2), level-0 top-left corners, with attributes
on both, as TRIDENT's do (:mod:`momkd_core.trident_layout`). Ours add ``tissue_fraction`` (N,). Files of
CLAM (:mod:`momkd_core.tensor_file`) and STAMP (:mod:`momkd_core.stamp_layout`) are read as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from momkd_core import trident_layout
from momkd_core.errors import FeatureError
from momkd_core.feature_bag import FeatureBag as FeatureBag
from momkd_core.feature_source import FeatureSource, open_features
from momkd_core.feature_vectors import read_vectors
from momkd_core.hdf5_writing import hdf5_file

#: How features are stored.
StoredType = Literal["float32", "float16"]


def write_features(path: Path, bag: FeatureBag, dtype: StoredType = "float32") -> None:
    """Writes a bag atomically, by TRIDENT's rules.

    Args:
        dtype: of the features in the file; half precision takes half the space, and half the time to
            read it.

    Raises:
        OutputError: the file cannot be written.
        FeatureError: the features are beyond what half precision holds.
    """
    vectors = as_stored(path.name, bag.features, dtype)
    with hdf5_file(path) as file:
        # In one piece, as they are: read at the disk's pace.
        features = file.create_dataset("features", data=vectors)
        coords = file.create_dataset("coords", data=bag.coords)
        if bag.tissue_fraction is not None:
            file.create_dataset("tissue_fraction", data=bag.tissue_fraction)
        stated = trident_layout.attributes_of(bag, path.stem)
        for holder in (features, coords, file):
            holder.attrs.update(stated)


def as_stored(name: str, features: NDArray[np.float32], dtype: StoredType) -> NDArray[Any]:
    """Features (N, D) in the type of a file. Raises :class:`FeatureError` where they do not fit."""
    with np.errstate(over="ignore"):  # named below
        stored = features.astype(dtype, copy=False)
    beyond = 0 if stored is features else int((~np.isfinite(stored)).any(axis=1).sum())
    if beyond:
        raise FeatureError(
            f"{name}: {beyond} of {len(features)} patches have features beyond {dtype} (the largest is "
            f"{np.abs(features).max():g})",
            "Store them with --dtype float32",
        )
    return stored


def read_features(
    path: str | Path, *, slide: Path | None = None, mpp: float | None = None
) -> FeatureBag:
    """Reads a feature file of ours, TRIDENT's, CLAM's or STAMP's.

    Args:
        slide: the one that they were made of, for its resolution where corners are in microns.
        mpp: that resolution, overriding the slide's file.

    Raises:
        FeatureError: the file is missing, damaged, lacks a dataset, or holds impossible values; or its
            corners are in microns, and the slide's resolution is not known.
        SlideError: the slide cannot be opened, where it has to be.
    """
    with open_features(Path(path)) as source:
        coords, side = source.place(_resolution(source, slide, mpp))
        vectors = read_vectors(source.path.name, source.vectors, (len(coords), source.width))
        return FeatureBag(
            features=cast("NDArray[np.float32]", vectors),  # which the bag makes them
            coords=coords,
            size_level0=side,
            tissue_fraction=_tissue_fraction(source, len(coords)),
            **source.facts.of_bag(),
        )


def read_header(path: str | Path) -> FeatureBag:
    """What a feature file says about itself: a bag without patches (features (0, D), stored as there).

    Raises:
        FeatureError: as :func:`read_features`, as far as no patch has to be read.
    """
    with open_features(Path(path)) as source:
        facts = source.facts
        return FeatureBag(
            features=np.empty(
                (0, source.width), np.float16 if source.vectors.dtype == np.float16 else np.float32
            ),
            coords=np.empty((0, 2), np.int64),
            size_level0=facts.size_level0 or 0,
            **facts.of_bag(),
        )


def read_places(
    path: str | Path, *, slide: Path | None = None, mpp: float | None = None
) -> FeatureBag:
    """Where a feature file's patches lie: a bag whose features are left in the file ((N, 0)).

    Raises:
        FeatureError, SlideError: as :func:`read_features`, but for the values of the features.
    """
    with open_features(Path(path)) as source:
        coords, side = source.place(_resolution(source, slide, mpp))
        return FeatureBag(
            features=np.empty((len(coords), 0), np.float32),
            coords=coords,
            size_level0=side,
            **source.facts.of_bag(),
        )


def _resolution(source: FeatureSource, slide: Path | None, mpp: float | None) -> float | None:
    """Microns per level-0 pixel, where corners are in microns; None where they are not."""
    if not source.is_stamp or mpp is not None or slide is None:
        return mpp
    from momkd_core.slide import Slide

    with Slide(slide) as opened:
        return opened.mpp.mean


def _tissue_fraction(source: FeatureSource, count: int) -> NDArray[np.float32] | None:
    if source.tissue is None:
        return None
    stored: NDArray[Any] = source.tissue[()].ravel()
    values = stored.astype(np.float32) if stored.dtype.kind in "fiu" else np.array([np.nan])
    if len(values) != count or not ((values >= 0) & (values <= 1)).all():
        raise FeatureError(
            f"{source.path.name}: tissue_fraction is not a number from 0 to 1 for each of the {count} "
            "patches",
            "Extract the slide again",
        )
    return values
