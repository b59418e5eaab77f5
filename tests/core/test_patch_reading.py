"""Patches read as strips have the pixels that they have when each is read alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from synthetic import tissue_image, write_slide

from momkd_core.patch_reading import read_chunk
from momkd_core.slide import Slide


@pytest.fixture(scope="module")
def jpeg_slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_slide(
        tmp_path_factory.mktemp("jpeg") / "a.tif", tissue_image(1500, 1100), compression="jpeg"
    )


@pytest.mark.parametrize(
    ("size0", "patch_size", "step"),
    [
        (256, 256, 256),
        (257, 256, 257),
        (186, 256, 186),
        (384, 256, 288),
        (512, 128, 512),
        (200, 64, 210),
    ],
)
def test_strips_have_the_pixels_of_single_reads(
    jpeg_slide: Path, size0: int, patch_size: int, step: int
) -> None:
    with Slide(jpeg_slide) as slide:
        # Up to both far edges: the last column and row end with the slide.
        x = np.unique([*range(0, slide.width - size0, step), slide.width - size0])
        y = np.array([0, slide.height - size0])
        corners = np.stack([np.tile(x, len(y)), np.repeat(y, len(x))], axis=1)
        found = read_chunk(slide, corners, size0, patch_size)
        level = slide.level_for_downsample(max(1.0, size0 / patch_size))
        side = round(size0 / slide.levels[level].downsample)
        for patch, (left, top) in zip(found, corners, strict=True):
            alone = slide.picture(int(left), int(top), level, side, side)
            if side != patch_size:
                alone = alone.resize((patch_size, patch_size), Image.Resampling.BILINEAR)
            np.testing.assert_array_equal(patch, np.asarray(alone))
