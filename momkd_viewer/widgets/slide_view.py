"""The canvas: tiles, overlay, highlight, scale bar; zoom at the cursor, drag to pan."""

from __future__ import annotations

import math
from collections.abc import Callable

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from momkd_viewer.state.scale_bar import scale_bar
from momkd_viewer.state.tile_pyramid import TileKey, TilePyramid
from momkd_viewer.state.viewport import Rect, Viewport

_GLASS = QColor("#ffffff")
_SURROUND = QColor("#24272c")
_WHEEL_STEP = 1.25
_ARROW_SHARE = 0.2


class SlideView(QWidget):
    """Shows one slide.

    Signals:
        view_changed(Viewport): after every pan, zoom or resize; tiles may be missing.
        hovered(float, float): level-0 point under the cursor.
        left(): the cursor left the canvas.
        opacity_stepped(int): Ctrl+wheel, +1 or -1.
    """

    view_changed = Signal(object)
    hovered = Signal(float, float)
    left = Signal()
    opacity_stepped = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view: Viewport | None = None
        self._pyramid: TilePyramid | None = None
        self._tile: Callable[[TileKey], QImage | None] = lambda key: None
        self._base = QImage()
        self._mpp: float | None = None
        self._overlay: QImage | None = None
        self._overlay_area: Rect | None = None
        self._opacity = 0.5
        self._highlight: Rect | None = None
        self._drag_from: QPointF | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName("Slide")
        self.setMinimumSize(240, 200)

    # -- content ---------------------------------------------------------------------------------

    def show_slide(
        self,
        width: int,
        height: int,
        pyramid: TilePyramid,
        base: QImage,
        mpp: float | None,
        tile: Callable[[TileKey], QImage | None],
    ) -> None:
        """Shows a slide of level-0 size width x height.

        Args:
            base: the whole slide, coarse; painted where no tile has come yet.
            mpp: microns per pixel, or None where unknown (no scale bar then).
            tile: gives a tile's image if it is at hand.
        """
        self._pyramid, self._base, self._mpp, self._tile = pyramid, base, mpp, tile
        self.clear_overlay()
        device = self._device_size()
        self._set_view(Viewport.fitted(width, height, *device))

    def clear(self) -> None:
        self.view = self._pyramid = None
        self._base = QImage()
        self._tile = lambda key: None
        self.clear_overlay()
        self.update()

    def show_overlay(self, image: QImage, area: Rect) -> None:
        """Shows an image over a level-0 area, one pixel a grid cell, never smoothed."""
        self._overlay, self._overlay_area = image, area
        self.update()

    def clear_overlay(self) -> None:
        self._overlay = self._overlay_area = self._highlight = None
        self.update()

    def set_opacity(self, opacity: float) -> None:
        self._opacity = opacity
        self.update()

    def highlight(self, area: Rect | None) -> None:
        """Frames a patch."""
        self._highlight = area
        self.update()

    # -- navigation ------------------------------------------------------------------------------

    def fit(self) -> None:
        if self.view is not None:
            view = self.view
            self._set_view(
                Viewport.fitted(view.slide_width, view.slide_height, view.width, view.height)
            )

    def zoom(self, factor: float, at: QPointF | None = None) -> None:
        """Magnifies around a widget point (default: the middle)."""
        if self.view is None:
            return
        ratio = self.devicePixelRatioF()
        x = at.x() * ratio if at is not None else self.view.width / 2
        y = at.y() * ratio if at is not None else self.view.height / 2
        self._set_view(self.view.zoomed(factor, x, y))

    def centre_on(self, x: float, y: float, downsample: float | None = None) -> None:
        """Moves a level-0 point into the middle; downsample is level-0 per device pixel."""
        if self.view is not None:
            self._set_view(self.view.centred(x, y, downsample))

    def set_microns_per_pixel(self, mpp: float) -> None:
        """Zooms so that a device pixel covers ``mpp`` microns; needs a known resolution."""
        if self.view is not None and self._mpp is not None:
            self.zoom(self.view.downsample / (mpp / self._mpp))

    def _set_view(self, view: Viewport) -> None:
        self.view = view
        self.update()
        self.view_changed.emit(view)

    def _device_size(self) -> tuple[int, int]:
        ratio = self.devicePixelRatioF()
        return max(1, round(self.width() * ratio)), max(1, round(self.height() * ratio))

    # -- painting --------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), _SURROUND)
        if self.view is not None and self._pyramid is not None:
            # Everything is placed in device pixels, exact at fractional scaling too.
            ratio = self.devicePixelRatioF()
            painter.scale(1.0 / ratio, 1.0 / ratio)
            self._paint_tiles(painter, self.view, self._pyramid)
            self._paint_overlay(painter, self.view)
            if self._highlight is not None:
                self._paint_highlight(painter, self.view, self._highlight, ratio)
            painter.scale(ratio, ratio)
            self._paint_scale_bar(painter, self.view, ratio)
        painter.end()

    def _on_screen(self, view: Viewport, area: Rect) -> QRectF:
        left, top = view.to_view(area.left, area.top)
        right, bottom = view.to_view(area.right, area.bottom)
        return QRectF(QPointF(left, top), QPointF(right, bottom))

    def _paint_tiles(self, painter: QPainter, view: Viewport, pyramid: TilePyramid) -> None:
        whole = Rect(0, 0, view.slide_width, view.slide_height)
        slide = self._on_screen(view, whole)
        painter.fillRect(slide, _GLASS)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        keys = pyramid.visible(view)
        images = {key: self._tile(key) for key in keys}
        level = pyramid.view_level(view)
        if level is None or any(image is None for image in images.values()):
            painter.drawImage(slide, self._base)
        if level is None:
            return
        self._paint_coarser(painter, view, pyramid, level, images)
        # Above one device pixel a slide pixel is shown as it is, square by square.
        magnified = view.downsample < pyramid.levels[level].downsample * 0.45
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, not magnified)
        for key, image in images.items():
            if image is not None:
                painter.drawImage(self._snapped(view, pyramid.area(key)), image)

    def _paint_coarser(
        self,
        painter: QPainter,
        view: Viewport,
        pyramid: TilePyramid,
        level: int,
        images: dict[TileKey, QImage | None],
    ) -> None:
        """Fills gaps from the next coarser level that has the place, coarsest first."""
        for coarser in range(pyramid.coarsest, level, -1):
            painted = set()
            for key, found in images.items():
                if found is not None:
                    continue
                parent = pyramid.parent(key, coarser)
                if parent in painted:
                    continue
                painted.add(parent)
                image = self._tile(parent)
                if image is not None:
                    painter.drawImage(self._snapped(view, pyramid.area(parent)), image)

    def _snapped(self, view: Viewport, area: Rect) -> QRectF:
        """On whole device pixels, so that tiles leave no seam and the overlay lies on them.

        Halves always go up: rounding them to even would shift every other edge.
        """
        exact = self._on_screen(view, area)
        left, top = math.floor(exact.left() + 0.5), math.floor(exact.top() + 0.5)
        right, bottom = math.floor(exact.right() + 0.5), math.floor(exact.bottom() + 0.5)
        return QRectF(left, top, right - left, bottom - top)

    def _paint_overlay(self, painter: QPainter, view: Viewport) -> None:
        if self._overlay is None or self._overlay_area is None:
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.setOpacity(self._opacity)
        painter.drawImage(self._snapped(view, self._overlay_area), self._overlay)
        painter.setOpacity(1.0)

    def _paint_highlight(self, painter: QPainter, view: Viewport, area: Rect, ratio: float) -> None:
        frame = self._on_screen(view, area)
        if frame.width() < 10 * ratio:  # findable from far away
            grow = (10 * ratio - frame.width()) / 2
            frame.adjust(-grow, -grow, grow, grow)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(0, 0, 0, 190), 4 * ratio))
        painter.drawRect(frame)
        painter.setPen(QPen(QColor("#ffd24a"), 2 * ratio))
        painter.drawRect(frame)

    def _paint_scale_bar(self, painter: QPainter, view: Viewport, ratio: float) -> None:
        if self._mpp is None:
            return
        bar = scale_bar(view.downsample * self._mpp, 150 * ratio)
        length = bar.pixels / ratio
        box = QRectF(12, self.height() - 46, length + 24, 34)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(30, 33, 38, 225))
        painter.drawRoundedRect(box, 6, 6)
        painter.setPen(QColor("#f2f3f5"))
        painter.drawText(
            box.adjusted(0, 3, 0, 0),
            Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop,
            bar.text,
        )
        painter.fillRect(QRectF(box.left() + 12, box.bottom() - 10, length, 3), QColor("#f2f3f5"))

    # -- events ----------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        if self.view is not None:
            self._set_view(self.view.resized(*self._device_size()))

    def wheelEvent(self, event: QWheelEvent) -> None:
        steps = event.angleDelta().y() / 120
        if steps and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.opacity_stepped.emit(1 if steps > 0 else -1)
        elif steps:
            self.zoom(_WHEEL_STEP**steps, event.position())
        event.accept()

    def event(self, event: QEvent) -> bool:
        if (
            isinstance(event, QNativeGestureEvent)
            and event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture
        ):
            self.zoom(1.0 + event.value(), event.position())
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._drag_from = event.position()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.view is None:
            return
        ratio = self.devicePixelRatioF()
        if self._drag_from is not None:
            moved = self._drag_from - event.position()
            self._drag_from = event.position()
            self._set_view(self.view.panned(moved.x() * ratio, moved.y() * ratio))
        at = event.position()
        self.hovered.emit(*self.view.to_slide(at.x() * ratio, at.y() * ratio))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._drag_from = None
        self.unsetCursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.zoom(2.0, event.position())

    def leaveEvent(self, event: QEvent) -> None:
        self.left.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, -1),
            Qt.Key.Key_Down: (0, 1),
        }
        step = steps.get(Qt.Key(event.key()))
        if step is None or self.view is None:
            super().keyPressEvent(event)
            return
        length = _ARROW_SHARE * min(self.view.width, self.view.height)
        self._set_view(self.view.panned(step[0] * length, step[1] * length))
