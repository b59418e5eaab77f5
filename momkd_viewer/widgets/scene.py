"""The picture of a view: tiles and overlay, composed once and renewed only where something changed.

A pan moves what is there and paints the strips that came into sight; a tile that arrives repaints its
own place. The picture is upright; a rotated view turns it as a whole (see
:class:`~momkd_viewer.state.viewport.Viewport`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from PySide6.QtCore import QPointF, QRect, QRectF
from PySide6.QtGui import QImage, QPainter, QRegion

from momkd_viewer.state.tile_pyramid import TileKey, TilePyramid
from momkd_viewer.state.viewport import Rect, Viewport
from momkd_viewer.widgets.colours import colour

_MOST_RECTANGLES = 24
_MAGNIFIED = 0.45  # level pixels per device pixel below which slide pixels are shown as squares


@dataclass(frozen=True)
class RasterOverlay:
    """An image over a level-0 area, one pixel a grid cell.

    Attributes:
        smooth: whether colours run into each other between cells.
    """

    image: QImage
    area: Rect
    smooth: bool = False


class Scene:
    """Composes the upright picture of one slide's view.

    Attributes:
        surround: colour beside the slide.
    """

    def __init__(self) -> None:
        self.surround = colour("surround")
        self._pyramid: TilePyramid | None = None
        self._tile: Callable[[TileKey], QImage | None] = lambda key: None
        self._base = QImage()
        self._overlay: RasterOverlay | None = None
        self._opacity = 0.5
        self._image, self._spare = QImage(), QImage()
        self._view: Viewport | None = None
        self._dirty = QRegion()
        self._quick = False

    # -- content ---------------------------------------------------------------------------------

    def show_slide(
        self, pyramid: TilePyramid | None, base: QImage, tile: Callable[[TileKey], QImage | None]
    ) -> None:
        """What there is to draw; no pyramid: nothing.

        Args:
            base: the whole slide, coarse; painted where no tile has come yet.
            tile: gives a tile's image if it is at hand.
        """
        self._pyramid, self._base, self._tile = pyramid, base, tile
        self._view = None

    def show_base(self, base: QImage) -> None:
        self._base = base
        self.invalidate()

    @property
    def overlay(self) -> tuple[RasterOverlay | None, float]:
        """The overlay and its opacity, 0 to 1."""
        return self._overlay, self._opacity

    def set_overlay(self, overlay: RasterOverlay | None) -> None:
        self._overlay = overlay
        self.invalidate()

    def set_opacity(self, opacity: float) -> None:
        self._opacity = opacity
        if self._overlay is not None:
            self.invalidate()

    def invalidate(self, key: TileKey | None = None) -> QRect:
        """Has a tile's place painted anew, or everything.

        Returns:
            The place in the upright picture; empty where it is out of sight.
        """
        if self._view is None or self._pyramid is None:
            return QRect()
        place = self._image.rect()
        if key is not None:
            place &= _snapped(self._view, self._pyramid.area(key)).adjusted(-1, -1, 1, 1)
        self._dirty += place
        if self._dirty.rectCount() > _MOST_RECTANGLES:
            self._dirty = QRegion(self._dirty.boundingRect())
        return place

    # -- the picture -----------------------------------------------------------------------------

    @property
    def is_quick(self) -> bool:
        """Whether the picture was scaled quickly and could be better."""
        return self._quick

    def picture(self, view: Viewport, *, quick: bool = False) -> QImage:
        """The upright picture of a view, device pixels.

        Args:
            quick: while the view moves: what must be scaled is scaled without smoothing.
        """
        upright = view.upright
        if self._view != upright:
            moved = self._moved(upright)
            self._view = upright
            if moved is None:
                self._resize(upright)
                self._dirty = QRegion(self._image.rect())
            else:
                self._scroll(*moved)
        if not quick and self._quick:
            self._dirty = QRegion(self._image.rect())
        if not self._dirty.isEmpty():
            self._render(upright, quick)
            self._dirty = QRegion()
        return self._image

    def _resize(self, view: Viewport) -> None:
        if (self._image.width(), self._image.height()) != (view.width, view.height):
            self._image = QImage(view.width, view.height, QImage.Format.Format_RGB32)

    def _moved(self, view: Viewport) -> tuple[int, int] | None:
        """By how many whole pixels the picture shifts, or None where it must be painted anew."""
        old = self._view
        if old is None or old != replace(view, centre_x=old.centre_x, centre_y=old.centre_y):
            return None
        dx = (old.centre_x - view.centre_x) / view.downsample
        dy = (old.centre_y - view.centre_y) / view.downsample
        whole_x, whole_y = round(dx), round(dy)
        if max(abs(dx - whole_x), abs(dy - whole_y)) > 1e-3:
            return None
        if abs(whole_x) >= view.width or abs(whole_y) >= view.height:
            return None
        return whole_x, whole_y

    def _scroll(self, dx: int, dy: int) -> None:
        if self._spare.size() != self._image.size():
            self._spare = QImage(self._image.size(), QImage.Format.Format_RGB32)
        shifted = self._spare
        painter = QPainter(shifted)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
        painter.drawImage(dx, dy, self._image)
        painter.end()
        self._image, self._spare = shifted, self._image
        whole = QRegion(shifted.rect())
        self._dirty = self._dirty.translated(dx, dy) & whole
        self._dirty += whole - QRegion(shifted.rect().translated(dx, dy))

    def _render(self, view: Viewport, quick: bool) -> None:
        painter = QPainter(self._image)
        painter.setClipRegion(self._dirty)
        bounds = self._dirty.boundingRect()
        inside = _snapped(view, Rect(0, 0, view.slide_width, view.slide_height))
        if not inside.contains(bounds):
            painter.fillRect(bounds, self.surround)
        scaled = False
        if self._pyramid is not None:
            scaled = self._paint_tiles(painter, view, self._pyramid, QRectF(bounds), quick)
            self._paint_overlay(painter, view)
        painter.end()
        everything = bounds == self._image.rect()
        self._quick = (quick and scaled) or (self._quick and not everything)

    def _paint_tiles(
        self, painter: QPainter, view: Viewport, pyramid: TilePyramid, bounds: QRectF, quick: bool
    ) -> bool:
        """Paints what lies within bounds; whether anything was scaled that smoothing would improve."""
        slide = _on_screen(view, Rect(0, 0, view.slide_width, view.slide_height))
        level = pyramid.view_level(view)
        smooth = QPainter.RenderHint.SmoothPixmapTransform
        painter.setRenderHint(smooth, not quick)
        if level is None:
            painter.drawImage(slide, self._base)
            return True
        left, top = view.to_slide(bounds.left(), bounds.top())
        right, bottom = view.to_slide(bounds.right(), bounds.bottom())
        scale = view.downsample / pyramid.levels[level].downsample
        # Above two device pixels a slide pixel is shown as it is, square by square.
        improvable = scale >= _MAGNIFIED and abs(scale - 1.0) > 1e-9
        gaps = False
        for key in pyramid.covering(Rect(left, top, right, bottom), level):
            place = _snapped(view, pyramid.area(key))
            if not self._dirty.intersects(place):
                continue
            image = self._tile(key)
            painter.setRenderHint(smooth, (improvable or image is None) and not quick)
            if image is None:
                gaps = True
                self._fill_gap(painter, view, pyramid, key, place)
            else:
                painter.drawImage(place, image)
        return improvable or gaps

    def _fill_gap(
        self, painter: QPainter, view: Viewport, pyramid: TilePyramid, key: TileKey, place: QRect
    ) -> None:
        """Paints a missing tile's place from the best coarser picture of it that is at hand."""
        area = pyramid.area(key)
        for coarser in range(key.level + 1, pyramid.coarsest + 1):
            parent = pyramid.parent(key, coarser)
            image = self._tile(parent)
            whole = pyramid.area(parent)
            # Levels that do not nest (thirds) may hold a part of the place only.
            if image is not None and whole.contains(area):
                painter.drawImage(QRectF(place), image, _part(area, whole, image))
                return
        if self._base.isNull():
            painter.fillRect(place, colour("glass"))
        else:
            whole = Rect(0, 0, view.slide_width, view.slide_height)
            painter.drawImage(QRectF(place), self._base, _part(area, whole, self._base))

    def _paint_overlay(self, painter: QPainter, view: Viewport) -> None:
        if self._overlay is None:
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self._overlay.smooth)
        painter.setOpacity(self._opacity)
        painter.drawImage(_snapped(view, self._overlay.area), self._overlay.image)
        painter.setOpacity(1.0)


def _on_screen(view: Viewport, area: Rect) -> QRectF:
    left, top = view.to_view(area.left, area.top)
    right, bottom = view.to_view(area.right, area.bottom)
    return QRectF(QPointF(left, top), QPointF(right, bottom))


def _part(area: Rect, whole: Rect, image: QImage) -> QRectF:
    """The part of an image of ``whole`` that shows ``area``; both in level-0 pixels."""
    sx, sy = image.width() / whole.width, image.height() / whole.height
    return QRectF(
        (area.left - whole.left) * sx,
        (area.top - whole.top) * sy,
        area.width * sx,
        area.height * sy,
    )


def _snapped(view: Viewport, area: Rect) -> QRect:
    """On whole device pixels, so that tiles leave no seam and the overlay lies on them.

    Halves always go up: rounding them to even would shift every other edge. The millionth keeps an
    edge that lies on a half from falling to either side as the view pans.
    """
    exact = _on_screen(view, area)
    left, top = math.floor(exact.left() + 0.500001), math.floor(exact.top() + 0.500001)
    right, bottom = math.floor(exact.right() + 0.500001), math.floor(exact.bottom() + 0.500001)
    return QRect(left, top, right - left, bottom - top)
