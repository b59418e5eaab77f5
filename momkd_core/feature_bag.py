"""The features of one slide's patches, with their places and what is known of how they were made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class FeatureBag:
    """Features of one slide's patches.

    Attributes:
        features: (N, D) float32, finite.
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
