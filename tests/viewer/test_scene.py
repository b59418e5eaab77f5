"""The picture has no gaps, whichever tiles are there and however a file's levels lie on each other."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtGui import QColor, QImage

from momkd_core.geometry import Level
from momkd_viewer.state.tile_pyramid import TileKey, TilePyramid
from momkd_viewer.state.viewport import Viewport
from momkd_viewer.widgets.scene import Scene

STALE, COARSER, BASE = QColor("red"), QColor("lime"), QColor("blue")
SIDE = 12_000


def filled(width: int, height: int, shade: QColor) -> QImage:
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(shade)
    return image


def shades(image: QImage) -> set[int]:
    """The colours of a picture, as 0xffrrggbb."""
    rows = np.frombuffer(image.constBits(), np.uint32).reshape(image.height(), -1)
    return {int(shade) for shade in np.unique(rows[:, : image.width()])}


@pytest.mark.parametrize("downsamples", [(1, 3, 7.8), (1, 2.6, 6.8)])
def test_missing_tiles_leave_no_gap_where_levels_do_not_nest(
    qapp: object, downsamples: tuple[float, ...]
) -> None:
    levels = tuple(Level(round(SIDE / d), round(SIDE / d), d) for d in downsamples)
    pyramid = TilePyramid.of(levels, 512)
    there: set[int] = {1}
    shade = STALE

    def tile(key: TileKey) -> QImage | None:
        return filled(*pyramid.size(key), shade) if key.level in there else None

    scene = Scene()
    scene.show_slide(pyramid, filled(100, 100, BASE), tile)
    view = Viewport(SIDE, SIDE, 1800, 1400, SIDE / 2, SIDE / 2, pyramid.levels[1].downsample)
    assert pyramid.view_level(view) == 1
    assert shades(scene.picture(view)) == {STALE.rgb()}

    there, shade = {*range(2, len(pyramid.levels))}, COARSER
    scene.invalidate()
    found = shades(scene.picture(view))
    assert STALE.rgb() not in found, "a place was left as it was"
    assert found <= {COARSER.rgb(), BASE.rgb()} and COARSER.rgb() in found
