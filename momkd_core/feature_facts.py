"""What a feature file says of its patches beside their vectors, in this program's words and units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import h5py
import numpy as np

_KEPT = (
    "level0_width", "level0_height", "bounds_x", "bounds_y", "min_tissue", "slide_mpp", "precision",
    "regions", "regions_sha256", "regions_class", "level0_magnification", "target_magnification",
    "target_mpp_is_nominal",
)  # fmt: skip


@dataclass(frozen=True)
class FeatureFacts:
    """How patches were cut and encoded, as far as a file says; None where it does not.

    Attributes:
        size_level0: side of a patch in level-0 pixels.
        encoder: its name here.
        target_mpp, patch_size, overlap: microns per pixel, and pixels at that resolution.
        attributes: what is kept for the record.
    """

    size_level0: int | None = None
    encoder: str | None = None
    encoder_sha256: str | None = None
    encoder_preprocessing: str | None = None
    target_mpp: float | None = None
    patch_size: int | None = None
    overlap: int | None = None
    attributes: dict[str, Any] = field(default_factory=dict)

    def of_bag(self) -> dict[str, Any]:
        """The same as arguments of a :class:`~momkd_core.feature_bag.FeatureBag`, but for the size."""
        stated = {one.name: getattr(self, one.name) for one in fields(self)}
        del stated["size_level0"]
        return stated


def kept(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Those attributes that are for the record, as Python's own types."""
    return {name: _plain(attributes[name]) for name in _KEPT if is_stated(attributes.get(name))}


def is_stated(value: Any) -> bool:
    """Whether an attribute says anything: TRIDENT writes ``None``, others an empty one."""
    return text(value) is not None


def text(value: Any) -> str | None:
    """An attribute as text; None where it says nothing."""
    found = value.decode(errors="replace") if isinstance(value, bytes) else value
    empty = found is None or isinstance(found, h5py.Empty) or np.size(found) == 0
    return None if empty or str(found) in ("", "None") else str(found)


def real(value: Any) -> float | None:
    """An attribute as a finite number; None where it is missing or something else.

    Of several numbers the first: CLAM writes a level's downsampling for either axis.
    """
    try:
        number = float(np.ravel(np.asarray(value))[0]) if value is not None else None
    except (ValueError, TypeError, IndexError):
        return None
    return number if number is None or np.isfinite(number) else None


def positive(value: Any) -> float | None:
    """An attribute as a number above 0, or None."""
    number = real(value)
    return number if number is not None and number > 0 else None


def whole(value: Any) -> int | None:
    """An attribute as the nearest whole number, or None."""
    number = real(value)
    return None if number is None else round(number)


def _plain(value: Any) -> Any:
    """A NumPy scalar as a Python one."""
    return value.item() if isinstance(value, np.generic) else value
