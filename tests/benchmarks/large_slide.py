"""A slide of 65,536 x 65,536 px for benchmarks: JPEG tiles of 256 px, levels down to 1,024 px.

A drawn H&E region of 4,096 px is laid out again and again, so that the file holds as many tiles as a
real one and takes a minute to write. About 0.5 GB.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from momkd_core.slide import Slide

SIDE = 65_536
TILE = 256
MPP = 0.5
_REGION = 4_096
_COARSEST = 64
_QUALITY = 80


def region() -> NDArray[np.uint8]:
    """The middle of a drawn slide, (4096, 4096, 3), mirrored where it is smaller."""
    # Imported here: memory is measured in this process.
    from momkd_core.demo.cohort_files import write_demo

    with tempfile.TemporaryDirectory() as folder:
        write_demo(Path(folder) / "demo", cases=4, seed=0)
        path = next((Path(folder) / "demo" / "slides").glob("*.tif"))
        with Slide(path) as slide:
            side = min(_REGION, slide.width, slide.height)
            left, top = (slide.width - side) // 2, (slide.height - side) // 2
            found = slide.read(left, top, 0, side, side)
    return np.pad(found, ((0, _REGION - side), (0, _REGION - side), (0, 0)), mode="reflect")


def large_slide(folder: Path, step: int) -> Path:
    """The file, written unless it is there.

    Args:
        step: each level is so much smaller than the one before: 2 as most scanners write, 4 as in SVS.
    """
    path = folder / f"large_{SIDE}_{step}.tif"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    import tifffile

    picture = region()
    part = path.with_suffix(".part")
    with tifffile.TiffWriter(part, bigtiff=True) as file:
        downsample = 1
        while downsample <= _COARSEST:
            file.write(
                _tiles(picture, downsample),
                shape=(SIDE // downsample, SIDE // downsample, 3),
                dtype=np.uint8,
                tile=(TILE, TILE),
                photometric="ycbcr",
                compression="jpeg",
                subsampling=(2, 2),
                subfiletype=1 if downsample > 1 else 0,
                resolution=(1e4 / MPP / downsample,) * 2,
                resolutionunit="CENTIMETER",
                metadata=None,
            )
            downsample *= step
    part.rename(path)
    return path


def _tiles(picture: NDArray[np.uint8], downsample: int) -> Iterator[bytes]:
    """JPEG streams of a level's tiles, row by row; each distinct one is encoded once."""
    small = Image.fromarray(picture).reduce(downsample)
    period = max(1, _REGION // downsample // TILE)
    if small.width < TILE:  # several regions in one tile
        repeats = TILE // small.width
        small = Image.fromarray(np.tile(np.asarray(small), (repeats, repeats, 1)))

    def stream(row: int, column: int) -> bytes:
        left, top = column * TILE, row * TILE
        return _jpeg(small.crop((left, top, left + TILE, top + TILE)))

    places = [(row, column) for row in range(period) for column in range(period)]
    encoded = {place: stream(*place) for place in places}
    count = SIDE // downsample // TILE
    for row in range(count):
        for column in range(count):
            yield encoded[row % period, column % period]


def _jpeg(tile: Image.Image) -> bytes:
    content = io.BytesIO()
    tile.save(content, "JPEG", quality=_QUALITY, subsampling="4:2:0")
    return content.getvalue()
