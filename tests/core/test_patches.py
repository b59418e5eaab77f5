"""Patch grids: size at a resolution, whole squares, the tissue rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from synthetic import tissue_image, write_slide

from momkd_core.errors import SlideError, TissueError
from momkd_core.patches import plan_patches
from momkd_core.settings import ExtractionSettings
from momkd_core.slide import Slide
from momkd_core.tissue import find_tissue


def grid(path: Path, mpp: float | None = None, **settings: float):
    with Slide(path, mpp=mpp) as slide:
        return plan_patches(slide, find_tissue(slide), ExtractionSettings(**settings))


@pytest.mark.parametrize(
    ("mpp", "target", "size"),
    [(0.5, 0.5, 256), (0.25, 0.5, 512), (0.69, 0.5, 186), (0.5, 1.0, 512)],
)
def test_size_at_a_resolution(slide_path: Path, mpp: float, target: float, size: int) -> None:
    assert grid(slide_path, mpp, target_mpp=target).size_level0 == size


def test_whole_squares_with_tissue_in_reading_order(slide_path: Path) -> None:
    found = grid(slide_path)
    assert found.candidates == 6 * 5
    assert (found.tissue_fraction >= 0.05).all()
    assert (found.coords >= 0).all()
    assert (found.coords + found.size_level0 <= (1536, 1280)).all()
    keys = found.coords[:, 1] * 10_000 + found.coords[:, 0]
    assert (np.diff(keys) > 0).all()


def test_min_tissue_zero_keeps_the_glass(slide_path: Path) -> None:
    assert len(grid(slide_path, min_tissue=0.0)) == 30


def test_overlap_halves_the_step(slide_path: Path) -> None:
    x = np.unique(grid(slide_path, overlap=128, min_tissue=0.0).coords[:, 0])
    assert set(np.diff(x)) == {128}


def test_upsampling_is_refused(slide_path: Path) -> None:
    with pytest.raises(SlideError, match=r"upsampled 2\.00 times.*--target-mpp"):
        grid(slide_path, mpp=1.0)


def test_slide_smaller_than_a_patch(tmp_path: Path) -> None:
    path = write_slide(tmp_path / "small.tif", tissue_image(100, 100), levels=1)
    with pytest.raises(TissueError, match="smaller than one patch"):
        grid(path)


def test_blank_slide(tmp_path: Path) -> None:
    path = write_slide(tmp_path / "white.tif", np.full((1024, 1024, 3), 250, np.uint8))
    with pytest.raises(TissueError, match="No tissue was found on white.tif"):
        grid(path)
