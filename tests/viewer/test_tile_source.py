"""Tiles: levels that a file lacks, kept on disk; colour profiles; what is given up half-way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from PySide6.QtGui import QImage
from synthetic import tissue_image

from momkd_core.errors import Cancelled
from momkd_core.progress import CancelToken
from momkd_core.slide import Slide
from momkd_viewer.jobs.tile_source import TileSource, made_levels_folder
from momkd_viewer.state.rendition import Rendition
from momkd_viewer.state.tile_pyramid import PyramidLevel, TileKey, TilePyramid

WIDTH, HEIGHT = 1500, 1301


def pixels(image: QImage) -> np.ndarray:
    """(h, w, 3) of a tile."""
    rgb = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(rgb.constBits(), np.uint8).reshape(rgb.height(), rgb.bytesPerLine())
    return rows[:, : rgb.width() * 3].reshape(rgb.height(), rgb.width(), 3).astype(int)


@pytest.fixture
def flat_slide(tmp_path: Path) -> Path:
    """A slide of one level."""
    path = tmp_path / "flat.tif"
    tifffile.imwrite(
        path, tissue_image(WIDTH, HEIGHT, seed=5), tile=(128, 128), photometric="rgb", metadata=None
    )
    return path


def deep(slide: Slide) -> TilePyramid:
    """Made levels down to a sixteenth, as a slide of 24,000 px would get them."""
    return TilePyramid(
        tuple(
            PyramidLevel(-(-slide.width // by), -(-slide.height // by), float(by), 0, by)
            for by in (1, 2, 4, 8, 16)
        ),
        128,
    )


def test_missing_levels_are_made_and_kept(flat_slide: Path) -> None:
    whole = Image.fromarray(tissue_image(WIDTH, HEIGHT, seed=5))
    with Slide(flat_slide) as slide:
        pyramid, folder = deep(slide), made_levels_folder(flat_slide)
        for level, by in enumerate((1, 2, 4, 8, 16)):
            truth = np.asarray(whole.reduce(by)).astype(int)
            last = TileKey(level, (truth.shape[1] - 1) // 128, (truth.shape[0] - 1) // 128)
            for key in {TileKey(level, 0, 0), last}:
                tile = pixels(TileSource(slide, pyramid).tile(key))
                top, left = key.row * 128, key.column * 128
                expected = truth[top : top + 128, left : left + 128]
                assert tile.shape == expected.shape
                assert np.abs(tile - expected).mean() < (1 if by <= 4 else 3)
        kept = sorted(path.relative_to(folder).parts[0] for path in folder.rglob("*.jpg"))
        assert set(kept) == {"0-8", "0-16"}, "what one read gives is not kept"
        # A second time it comes from disk; what is damaged there is made again.
        (folder / "0-16" / "0-0.jpg").write_bytes(b"damaged")
        again = pixels(TileSource(slide, pyramid).tile(TileKey(4, 0, 0)))
        expected = np.asarray(whole.reduce(16)).astype(int)[:128, :128]
        assert np.abs(again - expected).mean() < 3
        assert (folder / "0-16" / "0-0.jpg").stat().st_size > 100


def test_a_tile_that_nobody_wants_is_given_up(flat_slide: Path) -> None:
    with Slide(flat_slide) as slide:
        source = TileSource(slide, deep(slide))
        asked = iter([False, False, True])
        with pytest.raises(Cancelled):
            source.tile(TileKey(4, 0, 0), lambda: next(asked, True))
        assert source.tile(TileKey(4, 0, 0)).width() == 94, "and made when it is wanted again"


def test_the_overview_is_the_whole_slide(flat_slide: Path) -> None:
    with Slide(flat_slide) as slide:
        overview = TileSource(slide, TilePyramid.of(slide.levels, 128)).overview(CancelToken())
        assert overview.size == (WIDTH, HEIGHT)


def test_colour_profiles_are_applied_and_can_be_left_out(tmp_path: Path) -> None:
    """A profile whose red and green primaries are swapped."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"tmp0").replace(b"gXYZ", b"rXYZ").replace(b"tmp0", b"gXYZ")
    colour = np.array([190, 80, 120], np.uint8)
    path = tmp_path / "profile.tif"
    tifffile.imwrite(
        path,
        np.broadcast_to(colour, (600, 600, 3)),
        tile=(256, 256),
        photometric="rgb",
        metadata=None,
        iccprofile=swapped,
    )
    with Slide(path) as slide:
        source = TileSource(slide, TilePyramid.of(slide.levels, 256))
        assert source.has_profile
        shown = pixels(source.tile(TileKey(0, 0, 0)))
        np.testing.assert_allclose(shown.reshape(-1, 3).mean(axis=0), [80, 190, 120], atol=3)
        source.rendition = Rendition(colour_managed=False)
        np.testing.assert_array_equal(pixels(source.tile(TileKey(0, 0, 0)))[0, 0], colour)
        (
            np.testing.assert_array_equal(slide.read(0, 0, 0, 1, 1)[0, 0], colour),
            "models see the file",
        )
