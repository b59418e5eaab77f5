"""The features of one slide's patches, with their places and what is known of how they were made."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from momkd_core.feature_facts import whole

#: (N, D) features as a file holds them.
Vectors = NDArray[np.float32] | NDArray[np.float16]

_ROWS = 128  # made single at a time, so that they are still in the processor's cache


def in_single_precision(vectors: Vectors) -> NDArray[np.float32]:
    """(N, D) float32; the same array where it is that already."""
    if vectors.dtype == np.float32:
        return vectors.astype(np.float32, copy=False)
    made = np.empty(vectors.shape, np.float32)
    for first in range(0, len(made), _ROWS):
        made[first : first + _ROWS] = vectors[first : first + _ROWS]
    return made


class _AskedFor:
    """Features in single precision, made when they are first asked for."""

    def __get__(self, bag: Any, owner: type) -> NDArray[np.float32]:
        if bag is None:
            raise AttributeError  # which tells dataclass that the field has no default
        found = in_single_precision(bag.__dict__["stored"])
        bag.__dict__["stored"] = found
        return found

    def __set__(self, bag: Any, vectors: Vectors) -> None:
        bag.__dict__["stored"] = vectors


@dataclass(frozen=True)
class FeatureBag:
    """Features of one slide's patches.

    Attributes:
        features: (N, D) float32, finite. May be given in half precision, and is kept as ``stored``
            until it is asked for: to make 10,000 x 1,536 of them single takes longer than to read them.
        coords: (N, 2) int64, level-0 top-left corners (x, y).
        size_level0: side of a patch in level-0 pixels.
        tissue_fraction: (N,) float32, or None where the file does not know.
        tissue_reason: why they could not be taken from the slide either; '' where that was not tried.
        encoder: name of the encoder, by which this program knows it; None where the file does not say.
        encoder_sha256: hash of its weights, or None.
        encoder_preprocessing: how patches were prepared for it, in words, or None.
        target_mpp, patch_size, overlap: how the patches were cut, where known; the two sizes in pixels
            at ``target_mpp``.
        attributes: what else the file said, for the record.
    """

    features: NDArray[np.float32]
    if not TYPE_CHECKING:
        features = _AskedFor()
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
        return len(self.stored)

    @property
    def stored(self) -> Vectors:
        """The features in the precision that they are held in."""
        found: Vectors = self.__dict__["stored"]
        return found

    @property
    def width(self) -> int:
        """D, the width of a feature vector."""
        return int(self.stored.shape[1])

    @property
    def step_level0(self) -> float | None:
        """Between neighbouring patches, level-0 pixels; None where the file does not say."""
        if not self.patch_size or self.overlap is None:
            return None
        return self.size_level0 * (self.patch_size - self.overlap) / self.patch_size

    @property
    def bounds_offset(self) -> tuple[int, int]:
        """Level-0 corner of the scanned area; (0, 0) where the file does not say."""
        x, y = (whole(self.attributes.get(name)) or 0 for name in ("bounds_x", "bounds_y"))
        return x, y

    @property
    def cut_from(self) -> str:
        """What its patches were kept of, in words that are the same for a cohort's slides."""
        if "regions_sha256" not in self.attributes:
            return "whole slides"
        class_name = self.attributes.get("regions_class")
        return "areas of any class" if class_name is None else f"areas of class {class_name!r}"

    def with_facts(self, **changed: Any) -> Self:
        """The same patches with something else said of them; the features stay as they are held."""
        return replace(self, features=cast("NDArray[np.float32]", self.stored), **changed)
