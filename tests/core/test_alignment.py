"""The self-test of alignment: a right map passes, and each wrong one is blamed on the right thing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from synthetic import tissue_image, write_slide

from momkd_core.alignment import AlignmentReport, check_alignment
from momkd_core.features import FeatureBag
from momkd_core.registration import Reader, displacement, spread_patches
from momkd_core.settings import ExtractionSettings
from momkd_core.slide import RgbImage, Slide
from momkd_core.slide_encoding import plan

SETTINGS = ExtractionSettings(patch_size=64)


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slide]:
    """Tissue off the middle, so that no mirrored or moved map fits as well."""
    image = np.full((1800, 2400, 3), 242, np.uint8)
    image[500:1700, 900:2300] = tissue_image(1400, 1200, seed=3, margin=0.02)
    path = write_slide(tmp_path_factory.mktemp("alignment") / "drawn.tif", image)
    with Slide(path) as opened:
        yield opened


@pytest.fixture(scope="module")
def bag(slide: Slide) -> FeatureBag:
    """As extraction makes it, but without features, which are not looked at."""
    grid = plan(slide, SETTINGS)
    return FeatureBag(
        features=np.zeros((len(grid), 1), np.float32),
        coords=grid.coords,
        size_level0=grid.size_level0,
        tissue_fraction=grid.tissue_fraction,
        target_mpp=0.5,
        patch_size=64,
        attributes={
            "level0_width": slide.width,
            "level0_height": slide.height,
            "slide_mpp": 0.5,
        },
    )


@pytest.fixture(scope="module")
def foreign(bag: FeatureBag) -> FeatureBag:
    """An imported file: nothing but coordinates and the patch side."""
    return FeatureBag(bag.features, bag.coords, bag.size_level0)


def drawer(slide: Slide, dx: float = 0.0, dy: float = 0.0, level: int = 0) -> Reader:
    """Draws the slide's picture moved right and down, from a level of its pyramid."""
    down = slide.levels[level].downsample

    def draw(x: float, y: float, side: float, pixels: int) -> RgbImage:
        across = round(side / down)
        picture = slide.picture(round(x - dx), round(y - dy), level, across, across)
        return np.asarray(picture.resize((pixels, pixels), Image.Resampling.BILINEAR))

    return draw


def only(report: AlignmentReport) -> str:
    assert [finding.kind for finding in report.findings] == [report.findings[0].kind]
    finding = report.findings[0]
    assert finding.cause and finding.cure
    return finding.kind


def test_a_right_map_passes(slide: Slide, bag: FeatureBag, foreign: FeatureBag) -> None:
    for one in (bag, foreign):
        report = check_alignment(slide, one, drawer(slide, level=1), drawn_downsample=2.0)
        assert report.aligned, report.findings
        assert report.shift == pytest.approx((0, 0), abs=1.0)
        assert len(report.pairs) == 24 and len(report.facts) >= 2
        assert report.on_tissue > 0.85
    assert check_alignment(slide, bag).aligned, "without a second reader"


def test_patches_of_one_corner_pass(slide: Slide, foreign: FeatureBag) -> None:
    x, y = foreign.coords.T
    some = (x > 1300) & (x < 1600) & (y > 700) & (y < 1000)
    part = replace(foreign, features=foreign.features[some], coords=foreign.coords[some])
    assert check_alignment(slide, part).aligned


@pytest.mark.parametrize("shift", [(11, 0), (-6, 9)])
def test_a_picture_drawn_elsewhere_is_the_viewers_fault(
    slide: Slide, bag: FeatureBag, shift: tuple[int, int]
) -> None:
    report = check_alignment(slide, bag, drawer(slide, *shift))
    assert only(report) == "drawing"
    assert report.shift == pytest.approx(shift, abs=0.3)
    assert "to the right" in report.findings[0].cause or "below" in report.findings[0].cause


def test_another_picture_is_noticed(slide: Slide, bag: FeatureBag) -> None:
    def mirrored(x: float, y: float, side: float, pixels: int) -> RgbImage:
        return np.ascontiguousarray(drawer(slide)(x, y, side, pixels)[:, ::-1])

    assert only(check_alignment(slide, bag, mirrored)) == "drawing"


def test_another_resolution(slide: Slide, bag: FeatureBag) -> None:
    with Slide(slide.path, mpp=0.25) as restated:
        report = check_alignment(restated, bag)
    assert only(report) == "resolution"
    assert "0.5 µm/px" in report.findings[0].cause and "0.25" in report.findings[0].cause


def test_a_wrong_patch_size(slide: Slide, bag: FeatureBag) -> None:
    report = check_alignment(slide, replace(bag, size_level0=32))
    assert "patch_size" in [finding.kind for finding in report.findings]
    assert "should measure 64 px" in report.findings[0].cause


@pytest.mark.parametrize(
    ("factor", "words"),
    [(0.5, "half as large"), (0.25, "a quarter as large"), (2.0, "twice as large")],
)
def test_coordinates_of_another_scale(
    slide: Slide, foreign: FeatureBag, factor: float, words: str
) -> None:
    coords = np.round(foreign.coords * factor).astype(np.int64)
    wrong = replace(foreign, coords=coords, size_level0=round(foreign.size_level0 * factor))
    report = check_alignment(slide, wrong, drawer(slide))
    assert only(report) == "scale" and words in report.findings[0].cause


def test_the_slides_size_is_blamed_where_it_is_stated(slide: Slide, bag: FeatureBag) -> None:
    stated = {**bag.attributes, "level0_width": 1200, "level0_height": 900}
    coords = bag.coords // 2
    report = check_alignment(slide, replace(bag, coords=coords, attributes=stated))
    assert only(report) == "slide_size" and "half as large" in report.findings[0].cause


@pytest.mark.parametrize("sign", [1, -1])
def test_the_scanned_areas_corner(slide: Slide, foreign: FeatureBag, sign: int) -> None:
    slide.bounds_offset = (420, 260)
    try:
        wrong = replace(foreign, coords=foreign.coords - sign * np.array([420, 260]))
        report = check_alignment(slide, wrong)
        assert only(report) == "bounds"
        assert ("QuPath" in report.findings[0].cause) == (sign > 0)
        assert "(420, 260)" in report.findings[0].cure
        assert check_alignment(slide, foreign).aligned
    finally:
        slide.bounds_offset = (0, 0)


@pytest.mark.parametrize("shift", [(-500, 0), (-300, -330), (600, 100)])
def test_moved_coordinates(slide: Slide, foreign: FeatureBag, shift: tuple[int, int]) -> None:
    report = check_alignment(slide, replace(foreign, coords=foreign.coords + shift))
    assert only(report) == "moved"
    said = report.findings[0].cure
    x, y = (int(v) for v in said[said.index("(") + 1 : said.index(")")].split(","))
    assert (x, y) == pytest.approx((-shift[0], -shift[1]), abs=40)


def test_fractions_tell_of_a_small_shift(slide: Slide, bag: FeatureBag) -> None:
    report = check_alignment(slide, replace(bag, coords=bag.coords + np.array([64, 0])))
    assert only(report) == "tissue" and "fractions" in report.findings[0].cause


def test_features_of_another_slide(slide: Slide, foreign: FeatureBag) -> None:
    random = np.random.default_rng(0)
    coords = random.integers(0, (slide.width - 64, slide.height - 64), (300, 2))
    other = replace(foreign, features=np.zeros((300, 1), np.float32), coords=coords)
    assert only(check_alignment(slide, other)) == "tissue"
    beside = replace(other, coords=coords + np.array([2 * slide.width, 0]))
    assert not check_alignment(slide, beside).aligned


def test_displacement_is_exact_to_a_fraction_of_a_pixel() -> None:
    image = ndimage.gaussian_filter(tissue_image(300, 300, seed=1, margin=-0.3), (1, 1, 0))
    moved = ndimage.shift(image, (2.5, -4.25, 0), order=1)
    shift, agreement = displacement(image[30:-30, 30:-30], moved[30:-30, 30:-30])
    assert shift == pytest.approx((-4.25, 2.5), abs=0.15) and agreement > 0.9
    blank = np.full((64, 64, 3), 240, np.uint8)
    assert displacement(blank, blank) == (None, 0.0)


def test_the_sample_is_spread(bag: FeatureBag) -> None:
    chosen = spread_patches(bag, 24, 2400, 1800)
    assert len(chosen) == len(set(chosen)) == 24
    corners = bag.coords[chosen]
    assert (np.ptp(corners, axis=0) > 0.7 * np.ptp(bag.coords, axis=0)).all()
    assert bag.tissue_fraction is not None and bag.tissue_fraction[chosen].mean() > 0.9
