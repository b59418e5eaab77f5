"""Turned views, views that move together, pyramids with made levels, stale requests, renditions."""

from __future__ import annotations

import numpy as np
import pytest

from momkd_core.geometry import Level
from momkd_viewer.state.rendition import Rendition
from momkd_viewer.state.tile_pyramid import TileKey, TilePyramid
from momkd_viewer.state.tile_queue import TileQueue
from momkd_viewer.state.view_link import ViewLink
from momkd_viewer.state.viewport import Viewport

FITTED = Viewport.fitted(40_000, 30_000, 1000, 800)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270, 33.3])
def test_turned_views_map_back_and_zoom_at_the_cursor(degrees: float) -> None:
    view = FITTED.zoomed(6, 500, 400).rotated(degrees)
    assert view.to_slide(*view.to_view(12_345.6, 9_876.5)) == pytest.approx((12_345.6, 9_876.5))
    held = view.to_slide(620, 310)
    assert view.zoomed(3, 620, 310).to_slide(620, 310) == pytest.approx(held)
    moved = view.panned(40, -25)
    assert moved.to_view(*view.to_slide(540, 375)) == pytest.approx((500, 400))


def test_a_slide_turned_by_a_right_angle_lies_on_its_side() -> None:
    view = FITTED.rotated(90)
    assert view.is_fitted
    top_left, top_right = view.to_view(0, 0), view.to_view(40_000, 0)
    assert top_left[0] == pytest.approx(top_right[0]) and top_left[1] < top_right[1]
    assert view.upright.width == view.height and view.upright.height == view.width
    area, upright = view.visible, view.upright.visible
    assert (area.width, area.height) == pytest.approx((upright.width, upright.height))


def test_the_upright_frame_covers_the_turned_window() -> None:
    view = FITTED.zoomed(6, 500, 400).rotated(30)
    area = view.upright.visible
    for corner in ((0, 0), (1000, 0), (0, 800), (1000, 800)):
        x, y = view.to_slide(*corner)
        assert area.left <= x <= area.right and area.top <= y <= area.bottom


def test_views_of_one_slide_go_place_by_place() -> None:
    view = FITTED.zoomed(6, 500, 400)
    link = ViewLink.between(view, FITTED, 0.25, 0.25, same_slide=True)
    moved = view.panned(300, 50).rotated(15)
    assert link.follow(moved, FITTED) == moved
    assert link.lead(moved, FITTED) == moved


def test_two_slides_keep_their_offset_in_microns() -> None:
    first = FITTED.zoomed(6, 500, 400)
    second = Viewport.fitted(20_000, 20_000, 1000, 800).zoomed(4, 200, 300).rotated(90)
    link = ViewLink.between(first, second, 0.25, 0.5, same_slide=False)
    assert link.follow(first, second) == second
    moved = first.panned(100, 0)
    followed = link.follow(moved, second)
    # 100 px to the right on screen are 100 px to the right in both, at the same zoom in microns.
    microns = (moved.centre_x - first.centre_x) * 0.25
    travelled = np.hypot(followed.centre_x - second.centre_x, followed.centre_y - second.centre_y)
    assert travelled * 0.5 == pytest.approx(microns)
    assert link.lead(followed, first) == moved


def test_missing_levels_are_made() -> None:
    sparse = (Level(40_000, 30_000, 1), Level(10_000, 7_500, 4), Level(2_500, 1_875, 16))
    pyramid = TilePyramid.of(sparse, 256)
    assert [level.downsample for level in pyramid.levels] == [1, 2, 4, 8, 16, 32]
    assert [level.reduction for level in pyramid.levels] == [1, 2, 1, 2, 1, 2]
    alone = TilePyramid.of((Level(40_001, 30_001, 1),), 256)
    assert max(alone.levels[-1].width, alone.levels[-1].height) <= 1536
    key = TileKey(2, 3, 4)
    parts = [alone.area(child) for child in alone.children(key)]
    whole = alone.area(key)
    assert len(parts) == 4 and min(p.left for p in parts) == whole.left
    assert max(p.bottom for p in parts) == whole.bottom


def test_a_tile_is_never_drawn_much_smaller_than_it_is() -> None:
    pyramid = TilePyramid.of((Level(60_000, 60_000, 1), Level(3_750, 3_750, 16)), 240)
    for downsample in np.geomspace(1, 16, 30):
        level = pyramid.levels[pyramid.level_for(float(downsample))]
        assert 0.9 <= downsample / level.downsample < 2.2


def test_a_new_view_makes_old_requests_stale() -> None:
    queue = TileQueue()
    old, kept, new = TileKey(0, 0, 0), TileKey(0, 1, 0), TileKey(1, 0, 0)
    first = queue.replace([old, kept])
    taken, also = queue.take(), queue.take()
    assert taken is not None and also is not None and taken.generation == first
    assert not queue.is_stale(taken)
    assert queue.replace([new, kept]) == first + 1
    assert queue.is_stale(taken), "nobody wants it now"
    assert not queue.is_stale(also), "the new view wants it too, and it is not read twice"
    assert queue.take() == (new, first + 1)


def test_a_tile_given_up_while_it_is_wanted_again_is_read() -> None:
    queue = TileQueue()
    key = TileKey(0, 0, 0)
    queue.replace([key])
    taken = queue.take()
    assert taken is not None
    queue.replace([])
    assert queue.is_stale(taken)
    generation = queue.replace([key])
    queue.give_up(taken)
    assert queue.take() == (key, generation)


def test_renditions() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    np.testing.assert_array_equal(Rendition().apply(pixels), pixels)
    brighter = Rendition(brightness=0.1, contrast=1.3, gamma=1.2).apply(pixels)
    assert brighter.mean() > pixels.mean()
    order = np.argsort(pixels, axis=None, kind="stable")
    assert (np.diff(brighter.ravel()[order].astype(int)) >= 0).all(), "never turns values around"
