"""Viewer state in plain Python: views, tiles, cache, queue, overlay."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from momkd_core.colour_scale import affinity_scale, attention_scale
from momkd_core.geometry import Level
from momkd_viewer.state.overlay_colours import rasterise
from momkd_viewer.state.scale_bar import scale_bar
from momkd_viewer.state.tile_cache import TileCache
from momkd_viewer.state.tile_pyramid import TileKey, TilePyramid
from momkd_viewer.state.tile_queue import TileQueue
from momkd_viewer.state.viewport import Viewport

FITTED = Viewport.fitted(40_000, 30_000, 1000, 800)


def test_fitting_shows_all() -> None:
    area = FITTED.visible
    assert area.left < 0 < 40_000 < area.right and area.top < 0 < 30_000 < area.bottom
    assert FITTED.is_fitted


@pytest.mark.parametrize("factor", [0.5, 1.25, 8.0])
def test_zoom_keeps_the_point_under_the_cursor(factor: float) -> None:
    view = FITTED.zoomed(4, 500, 400)
    before = view.to_slide(620, 310)
    after = view.zoomed(factor, 620, 310).to_slide(620, 310)
    assert after == pytest.approx(before)


def test_zoom_and_pan_have_limits() -> None:
    assert FITTED.zoomed(1e9, 0, 0).downsample == pytest.approx(1 / 16)
    assert FITTED.zoomed(1e-9, 0, 0).downsample == FITTED.downsample
    far = FITTED.zoomed(10, 500, 400).panned(1e9, -1e9)
    assert (far.centre_x, far.centre_y) == (40_000, 0)


def test_points_map_back() -> None:
    view = FITTED.zoomed(7.3, 100, 100)
    assert view.to_slide(*view.to_view(12_345.6, 9_876.5)) == pytest.approx((12_345.6, 9_876.5))


def test_resizing_keeps_the_centre_or_the_fit() -> None:
    assert FITTED.resized(500, 500).is_fitted
    view = FITTED.zoomed(8, 300, 300).resized(1600, 900)
    assert (view.centre_x, view.width) == (FITTED.zoomed(8, 300, 300).centre_x, 1600)


LEVELS = (Level(40_000, 30_000, 1), Level(10_000, 7_500, 4), Level(2_500, 1_875, 16))
PYRAMID = TilePyramid.of(LEVELS, 240)


def test_tiles_are_multiples_of_the_files_own() -> None:
    assert PYRAMID.tile_size == 480


@pytest.mark.parametrize(
    ("downsample", "level"), [(0.1, 0), (1.7, 0), (3.5, 1), (3.7, 2), (15, 4), (99, 5)]
)
def test_level_has_a_pixel_for_each_screen_pixel(downsample: float, level: int) -> None:
    assert PYRAMID.level_for(downsample) == level


def test_visible_tiles_cover_the_view_nearest_first() -> None:
    view = FITTED.centred(20_000, 15_000, 4.0)
    keys = PYRAMID.visible(view)
    assert len(keys) == len(set(keys))
    covered = [PYRAMID.area(key) for key in keys]
    assert min(a.left for a in covered) <= view.visible.left
    assert max(a.bottom for a in covered) >= view.visible.bottom

    def distance(key: TileKey) -> float:
        area = PYRAMID.area(key)
        return ((area.left + area.right) / 2 - 20_000) ** 2 + (
            (area.top + area.bottom) / 2 - 15_000
        ) ** 2

    assert [distance(key) for key in keys] == sorted(distance(key) for key in keys)
    assert not set(PYRAMID.ring(view)) & set(keys)


def test_border_tiles_are_cut_and_parents_contain() -> None:
    last = TileKey(0, 40_000 // 480, 30_000 // 480)
    assert PYRAMID.size(last) == (40_000 % 480, 30_000 % 480)
    parent = PYRAMID.area(PYRAMID.parent(TileKey(0, 30, 20), 2))
    child = PYRAMID.area(TileKey(0, 30, 20))
    assert parent.left <= child.left and parent.bottom >= child.bottom


def test_a_view_never_needs_more_tiles_than_the_cache_holds() -> None:
    single = TilePyramid.of((Level(60_000, 60_000, 1),), 240)
    whole = Viewport.fitted(60_000, 60_000, 1280, 800)
    assert {key.level for key in single.visible(whole)} == {len(single.levels) - 1}
    assert len(single.backdrop()) == 2 * 2
    wall = FITTED.resized(8000, 4400).centred(20_000, 15_000, 1.7)
    assert PYRAMID.level_for(wall.downsample) == 0 and PYRAMID.view_level(wall) == 1


def test_cache_keeps_to_its_bytes_and_what_is_pinned() -> None:
    cache: TileCache[int, str] = TileCache(budget=30)
    cache.put(0, "pinned", 10, pinned=True)
    for key in range(1, 6):
        cache.put(key, "tile", 10)
        assert cache.bytes <= 30
    assert 0 in cache and 5 in cache and 4 in cache and 3 not in cache
    cache.get(4)
    cache.put(6, "tile", 10)
    assert 4 in cache and 5 not in cache


def test_a_new_view_drops_unread_tiles() -> None:
    queue = TileQueue()
    a, b, c = (TileKey(0, i, 0) for i in range(3))
    queue.replace([a, b])
    first = queue.take()
    assert first is not None and first.key == a
    queue.replace([a, c])
    second = queue.take()
    assert second is not None and second.key == c, "a is being read already, b is of the old view"
    queue.done(first)
    queue.done(second)
    queue.replace([a])
    again = queue.take()
    assert again is not None and again.key == a, "read before, it may be read again"
    queue.done(again)
    waiting = threading.Thread(target=queue.take)
    waiting.start()
    queue.close()
    waiting.join(timeout=5)
    assert not waiting.is_alive() and queue.take() is None


def test_overlay_holds_patches_exactly() -> None:
    random = np.random.default_rng(0)
    cells = random.permutation(400)[:150]
    coords = np.stack([cells % 20 * 186 + 1000, cells // 20 * 186 + 50], axis=1)
    raster = rasterise(coords, 186)
    assert raster.cell == 186
    for index, (x, y) in enumerate(coords):
        for dx, dy in ((0, 0), (185, 185), (93, 0)):
            assert raster.patch_at(x + dx, y + dy) == index
    assert raster.patch_at(999, 50) is None
    values = random.normal(size=150).astype(np.float32)
    colours = np.concatenate(
        [affinity_scale(values).apply(values), np.full((150, 1), 255, np.uint8)], axis=1
    )
    image = raster.image(colours)
    assert (image >> 24 == 255).sum() == 150


def test_half_overlapping_patches_share_a_finer_grid() -> None:
    coords = np.array([[0, 0], [128, 0], [256, 0]])
    raster = rasterise(coords, 256)
    assert raster.cell == 128 and raster.patch_at(130, 10) == 1 and raster.patch_at(10, 200) == 0


def test_irregular_coordinates_stay_affordable() -> None:
    coords = np.random.default_rng(0).integers(0, 100_000, (500, 2))
    raster = rasterise(coords, 256)
    assert raster.index.size <= 20_000_000
    x, y = coords[-1] + 128
    assert raster.patch_at(x, y) == 499


def test_scales() -> None:
    affinity = affinity_scale(np.array([-0.1, 0.4], np.float32))
    assert (affinity.low, affinity.high) == pytest.approx((-0.4, 0.4))
    neutral = affinity.apply(np.zeros(1, np.float32))[0].astype(int)
    assert np.ptp(neutral) < 12, "zero is colourless"
    attention = attention_scale(np.array([0.25, 0.75], np.float32))
    assert (attention.low, attention.high) == pytest.approx((0, 1.5))
    brightness = attention.colours.astype(int).sum(axis=1)
    assert (np.diff(brightness) >= -2).all(), "attention only gets brighter"


@pytest.mark.parametrize(
    ("mpp", "text"),
    [(0.25, "20 µm"), (0.5, "50 µm"), (8.0, "1 mm"), (40.0, "5 mm"), (0.01, "1 µm")],
)
def test_scale_bar(mpp: float, text: str) -> None:
    bar = scale_bar(mpp, 150)
    assert bar.text == text and 150 / 2.6 < bar.pixels <= 150 + 1e-6
