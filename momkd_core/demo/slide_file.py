"""Writes a drawn slide as a pyramidal tiled TIFF with JPEG tiles, which OpenSlide and QuPath open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from momkd_core.demo.camera import BLOCK, Camera
from momkd_core.demo.cells import MPP
from momkd_core.progress import CancelToken
from momkd_core.storage import atomic_path

_TILE = 512
_STEP = 4  # each level is this much smaller than the one before
_SMALLEST = 700  # pixels: levels go on until the longer side is below


def write_slide(path: Path, camera: Camera, quality: int, cancel: CancelToken) -> None:
    """Photographs a section into ``path``, block by block.

    Args:
        quality: of the JPEG tiles, 1 to 100.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
        Cancelled: between two rows of blocks.
    """
    coarser = np.empty((camera.height // _STEP, camera.width // _STEP, 3), np.uint8)

    def photographed() -> Iterator[NDArray[np.uint8]]:
        for top, strip in camera.strips():
            cancel.raise_if_cancelled()
            small = np.asarray(Image.fromarray(strip).reduce(_STEP))
            coarser[top // _STEP : top // _STEP + len(small)] = small
            yield from _tiles(strip)

    with atomic_path(path) as temporary, tifffile.TiffWriter(temporary) as file:
        options: dict[str, Any] = {
            "dtype": np.uint8,
            "tile": (_TILE, _TILE),
            "photometric": "rgb",  # what the tiles given here are; the file has YCbCr
            "compression": "jpeg",
            "compressionargs": {"level": quality},
            "resolutionunit": "CENTIMETER",
            "metadata": None,
            "software": "momkd demo: a drawing, not a patient",
            "maxworkers": 1,
        }
        shape = (camera.height, camera.width, 3)
        file.write(photographed(), shape=shape, resolution=_per_cm(MPP), **options)
        level, mpp = coarser, MPP * _STEP
        while True:
            file.write(
                _tiles(level),
                shape=level.shape,
                resolution=_per_cm(mpp),
                subfiletype=1,  # a reduced copy of the first
                **options,
            )
            if max(level.shape) < _SMALLEST:
                break
            level, mpp = np.asarray(Image.fromarray(level).reduce(_STEP)), mpp * _STEP


def _per_cm(mpp: float) -> tuple[float, float]:
    return 1e4 / mpp, 1e4 / mpp


def _tiles(pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Tiles row by row; beyond the right and bottom edge the last pixels go on."""
    down, right = (-side % _TILE for side in pixels.shape[:2])
    if down or right:
        pixels = np.pad(pixels, ((0, down), (0, right), (0, 0)), "edge")
    for y in range(0, pixels.shape[0], _TILE):
        for x in range(0, pixels.shape[1], _TILE):
            yield np.ascontiguousarray(pixels[y : y + _TILE, x : x + _TILE])


assert BLOCK % _TILE == 0 and BLOCK % _STEP == 0
