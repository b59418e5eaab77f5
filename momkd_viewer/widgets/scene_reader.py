"""Squares of a slide exactly as the canvas would show them, for a comparison with what is read."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PySide6.QtGui import QImage

from momkd_viewer.state.tile_pyramid import TileKey, TilePyramid
from momkd_viewer.state.viewport import Viewport
from momkd_viewer.widgets.scene import Scene

_KEPT_TILES = 16
#: A patch is drawn at least this wide: smaller pictures cannot be compared.
_LEAST_PIXELS = 96


class SceneReader:
    """Draws squares through a scene of its own; for one job thread at a time.

    Args:
        width, height: of the slide, level-0 pixels.
        tile: reads a tile, however long that takes.
        downsample: of the view, level-0 pixels per device pixel; finer where patches would be small.
        side: of the squares, level-0 pixels.
    """

    def __init__(
        self,
        width: int,
        height: int,
        pyramid: TilePyramid,
        tile: Callable[[TileKey], QImage],
        downsample: float,
        side: int,
    ) -> None:
        self._size = width, height
        self._wanted = min(downsample, side / _LEAST_PIXELS)
        self.downsample = max(
            self._wanted, pyramid.levels[pyramid.level_for(self._wanted)].downsample
        )
        self._scene = Scene()
        self._scene.show_slide(pyramid, QImage(), lru_cache(_KEPT_TILES)(tile))

    def __call__(self, x: float, y: float, side: float, pixels: int) -> NDArray[np.uint8]:
        """(pixels, pixels, 3) of the square with the level-0 corner (x, y)."""
        across = max(1, round(side / self._wanted))
        downsample = side / across  # the square is a whole number of device pixels wide
        half = across / 2 * downsample
        view = Viewport(*self._size, across, across, x + half, y + half, downsample)
        image = self._scene.picture(view).convertToFormat(QImage.Format.Format_RGB888)
        rows = np.frombuffer(image.constBits(), np.uint8).reshape(across, image.bytesPerLine())
        shown = Image.fromarray(rows[:, : 3 * across].reshape(across, across, 3))
        if across != pixels:
            shown = shown.resize((pixels, pixels), Image.Resampling.BILINEAR)
        return np.array(shown)
