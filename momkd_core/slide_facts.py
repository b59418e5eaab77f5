"""What a slide file says of itself: pyramid, resolution, scanner; nothing is assumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import openslide

from momkd_core.geometry import Level, Mpp


@dataclass(frozen=True)
class SlideFacts:
    """The facts of an open slide, unknown ones as None.

    Attributes:
        levels: the pyramid, finest first.
        width, height: level-0 pixels.
        mpp: microns per pixel at level 0.
        objective: magnification of the scanner's objective.
        vendor: OpenSlide's name of the format.
        background: RGB colour outside the scan.
        tile_size: the file's native tile side; reads aligned to it decode each tile once.
        bounds_offset: level-0 corner of the scanned area, which QuPath takes as its origin
            (MRXS has one).
        quickhash: OpenSlide's hash of the slide's own data.
        associated_images: names of the label, macro and thumbnail pictures, sorted.
    """

    levels: tuple[Level, ...]
    width: int
    height: int
    mpp: Mpp | None
    objective: float | None
    vendor: str | None
    background: tuple[int, int, int]
    tile_size: int
    bounds_offset: tuple[int, int]
    quickhash: str | None
    associated_images: tuple[str, ...]

    @classmethod
    def of(cls, handle: openslide.AbstractSlide) -> SlideFacts:
        """Taken down at once: a handle that failed a read cannot be asked any more."""
        properties = handle.properties
        width, height = handle.dimensions
        return cls(
            levels=tuple(
                Level(*size, float(downsample))
                for size, downsample in zip(
                    handle.level_dimensions, handle.level_downsamples, strict=True
                )
            ),
            width=width,
            height=height,
            mpp=_mpp(properties),
            objective=_number(properties.get(openslide.PROPERTY_NAME_OBJECTIVE_POWER)),
            vendor=properties.get(openslide.PROPERTY_NAME_VENDOR),
            background=_background(properties),
            tile_size=_tile_size(properties),
            bounds_offset=(
                int(_number(properties.get(openslide.PROPERTY_NAME_BOUNDS_X)) or 0),
                int(_number(properties.get(openslide.PROPERTY_NAME_BOUNDS_Y)) or 0),
            ),
            quickhash=properties.get(openslide.PROPERTY_NAME_QUICKHASH1),
            associated_images=tuple(sorted(handle.associated_images)),
        )


def _number(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if np.isfinite(value) and value > 0 else None


def _mpp(properties: Mapping[str, str]) -> Mpp | None:
    x = _number(properties.get(openslide.PROPERTY_NAME_MPP_X))
    y = _number(properties.get(openslide.PROPERTY_NAME_MPP_Y))
    if x is None and y is None:
        return None
    return Mpp(x or y or 0.0, y or x or 0.0)


def _background(properties: Mapping[str, str]) -> tuple[int, int, int]:
    text = properties.get(openslide.PROPERTY_NAME_BACKGROUND_COLOR) or "FFFFFF"
    try:
        return (int(text[0:2], 16), int(text[2:4], 16), int(text[4:6], 16))
    except ValueError:
        return (255, 255, 255)


def _tile_size(properties: Mapping[str, str]) -> int:
    side = _number(properties.get("openslide.level[0].tile-width"))
    return int(side) if side is not None and 64 <= side <= 2048 else 256
