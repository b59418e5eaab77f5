"""The canvas: one slide, its overlay and layers; zoom at the cursor, drag to pan, tools to draw."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QRegion,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QGestureEvent, QPinchGesture, QWidget

from momkd_viewer.state.tile_pyramid import TileKey, TilePyramid
from momkd_viewer.state.viewport import Rect, Viewport
from momkd_viewer.widgets.canvas_tool import Layer, Pointer, Tool
from momkd_viewer.widgets.colours import colour
from momkd_viewer.widgets.kinetic_pan import KineticPan
from momkd_viewer.widgets.scene import RasterOverlay, Scene
from momkd_viewer.widgets.view_marks import Highlight, ScaleBar

_WHEEL_STEP = 1.25
_STEADY = 4  # logical pixels that a hand may shake in a click
_ARROW_SHARE = 0.2
# Tiles that come within this time are painted together; longer than a frame, so that a moving view
# paints them with its next one.
_ARRIVALS_MS = 18
#: After this long without a change a view rests, and is painted as well as possible.
REST_MS = 50


class SlideView(QWidget):
    """Shows one slide.

    Signals:
        view_changed(Viewport): after every pan, zoom, turn or resize; tiles may be missing.
        rested(Viewport): the view has not changed for a moment.
        hovered(float, float): level-0 point under the cursor.
        left(): the cursor left the canvas.
        opacity_stepped(int): Ctrl+wheel, +1 or -1.
        pressed(): the mouse was pressed: this view is the one that keys are for.
        asked(float, float): Shift+click where no tool took it; what is at this level-0 point?
        menu_wanted(float, float, QPoint): a context menu for a level-0 point; where on the screen.
    """

    view_changed = Signal(object)
    rested = Signal(object)
    hovered = Signal(float, float)
    left = Signal()
    opacity_stepped = Signal(int)
    pressed = Signal()
    asked = Signal(float, float)
    menu_wanted = Signal(float, float, QPoint)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view: Viewport | None = None
        self.scene = Scene()
        self._mpp: float | None = None
        self._highlight = Highlight()
        self._scale_bar = ScaleBar()
        self._layers: list[Layer] = [self._highlight]
        self._tool: Tool | None = None
        self._drag_from: QPointF | None = None
        self._asks_at: QPointF | None = None
        self._drawing = False
        self._space = False
        self._remainder = (0.0, 0.0)
        self._cursor_at: QPointF | None = None
        self._kinetic = KineticPan(lambda dx, dy: self.pan(-dx, -dy), self)
        self._arrived = QRegion()
        self._arrivals = QTimer(self)
        self._arrivals.setSingleShot(True)
        self._arrivals.setInterval(_ARRIVALS_MS)
        self._arrivals.timeout.connect(self._show_arrivals)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._on_rest)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.grabGesture(Qt.GestureType.PinchGesture)
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
        self._mpp = self._scale_bar.mpp = mpp
        self.scene.show_slide(pyramid, base, tile)
        self.clear_overlay()
        self._set_view(Viewport.fitted(width, height, *self._device_size()))
        self._rest.stop()  # it did not move: the first picture is as good as any

    def show_base(self, base: QImage) -> None:
        """Another coarse picture of the same slide."""
        self.scene.show_base(base)
        self.update()

    def clear(self) -> None:
        self._kinetic.stop()
        self._rest.stop()
        self._arrivals.stop()
        if self._tool is not None:
            self._tool.cancel()
        self.view = None
        self.scene.show_slide(None, QImage(), lambda key: None)
        self.clear_overlay()
        self.update()

    def tile_arrived(self, key: TileKey) -> None:
        """Paints a tile's place anew."""
        place = self.scene.invalidate(key)
        if self.view is None or place.isEmpty():
            return
        self._arrived += place
        if not self._arrivals.isActive():
            self._arrivals.start()

    def _show_arrivals(self) -> None:
        """Repaints where tiles came since the last time."""
        arrived, self._arrived = self._arrived.boundingRect(), QRegion()
        if self.view is None or self.view.rotation:
            self.update()
            return
        ratio = self.devicePixelRatioF()
        place = QRectF(
            arrived.x() / ratio,
            arrived.y() / ratio,
            arrived.width() / ratio,
            arrived.height() / ratio,
        )
        self.update(place.toAlignedRect().adjusted(-1, -1, 1, 1))

    def tiles_changed(self) -> None:
        """Every tile may look different now."""
        self.scene.invalidate()
        self.update()

    def show_overlay(self, image: QImage, area: Rect, *, smooth: bool = False) -> None:
        """Shows an image over a level-0 area, one pixel a grid cell."""
        self.scene.set_overlay(RasterOverlay(image, area, smooth))
        self.update()

    def hide_overlay(self) -> None:
        """Takes the overlay away; what is highlighted stays."""
        self.scene.set_overlay(None)
        self.update()

    def clear_overlay(self) -> None:
        self._highlight.area = None
        self.hide_overlay()

    def set_opacity(self, opacity: float) -> None:
        self.scene.set_opacity(opacity)
        self.update()

    def highlight(self, area: Rect | None) -> None:
        """Frames a patch."""
        self._highlight.area = area
        self.update()

    def add_layer(self, layer: Layer) -> None:
        """Paints a layer over the slide from now on, above those added before."""
        self._layers.append(layer)
        self.update()

    def set_tool(self, tool: Tool | None) -> None:
        """What the left button does; None pans."""
        if self._tool is not None and self._tool is not tool:
            self._tool.cancel()
        self._tool = tool
        self._show_cursor()

    # -- navigation ------------------------------------------------------------------------------

    @property
    def nearest(self) -> tuple[float, float] | None:
        """Level-0 point under the cursor, where it is over the slide's view."""
        if self.view is None or self._cursor_at is None:
            return None
        ratio = self.devicePixelRatioF()
        return self.view.to_slide(self._cursor_at.x() * ratio, self._cursor_at.y() * ratio)

    @property
    def is_moving(self) -> bool:
        """Whether the view changed just now, or goes on by itself."""
        return self._rest.isActive() or self._kinetic.running

    def show_view(self, view: Viewport) -> None:
        """Shows what another view showed, in this window's size."""
        if self.view is not None:
            self._kinetic.stop()
            self._set_view(
                replace(
                    self.view,
                    centre_x=view.centre_x,
                    centre_y=view.centre_y,
                    downsample=view.downsample,
                    rotation=view.rotation,
                )
            )

    def fit(self) -> None:
        if self.view is not None:
            v = self.view
            self._set_view(
                Viewport.fitted(v.slide_width, v.slide_height, v.width, v.height, v.rotation)
            )

    def zoom(self, factor: float, at: QPointF | None = None) -> None:
        """Magnifies around a widget point (default: the middle)."""
        if self.view is None:
            return
        ratio = self.devicePixelRatioF()
        x = at.x() * ratio if at is not None else self.view.width / 2
        y = at.y() * ratio if at is not None else self.view.height / 2
        self._set_view(self.view.zoomed(factor, x, y))

    def pan(self, dx: float, dy: float) -> None:
        """Shows what lies further right (dx) and below (dy), device pixels.

        Whole ones are moved by and the rest is kept for the next time: what was painted can be shifted.
        """
        if self.view is None:
            return
        x, y = self._remainder[0] + dx, self._remainder[1] + dy
        whole_x, whole_y = round(x), round(y)
        self._remainder = (x - whole_x, y - whole_y)
        if whole_x or whole_y:
            self._set_view(self.view.panned(whole_x, whole_y))

    def rotate_to(self, degrees: float) -> None:
        """Turns the slide, clockwise from upright."""
        if self.view is not None:
            self._set_view(self.view.rotated(degrees))

    def centre_on(self, x: float, y: float, downsample: float | None = None) -> None:
        """Moves a level-0 point into the middle; downsample is level-0 per device pixel."""
        if self.view is not None:
            self._kinetic.stop()
            self._set_view(self.view.centred(x, y, downsample))

    def set_microns_per_pixel(self, mpp: float) -> None:
        """Zooms so that a device pixel covers ``mpp`` microns; needs a known resolution."""
        if self.view is not None and self._mpp is not None:
            self.zoom(self.view.downsample / (mpp / self._mpp))

    def _set_view(self, view: Viewport) -> None:
        if view == self.view:
            return
        self.view = view
        self._rest.start()
        self._arrivals.stop()
        self._arrived = QRegion()
        self.update()
        self.view_changed.emit(view)

    def _on_rest(self) -> None:
        if self._kinetic.running:
            self._rest.start()
            return
        if self.view is None:
            return
        if self.scene.is_quick or self.view.rotation % 90:
            self.update()
        self.rested.emit(self.view)

    def _device_size(self) -> tuple[int, int]:
        ratio = self.devicePixelRatioF()
        return max(1, round(self.width() * ratio)), max(1, round(self.height() * ratio))

    # -- painting --------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        view = self.view
        if view is None:
            painter.fillRect(self.rect(), self.scene.surround)
            painter.end()
            return
        # Everything is placed in device pixels, exact at fractional scaling too.
        ratio = self.devicePixelRatioF()
        painter.scale(1.0 / ratio, 1.0 / ratio)
        self._paint_scene(painter, view)
        self.paint_layers(painter, view, ratio)
        painter.scale(ratio, ratio)
        self.paint_scale_bar(painter, view, ratio, QRectF(self.rect()))
        painter.end()

    def paint_layers(self, painter: QPainter, view: Viewport, ratio: float) -> None:
        """Paints what lies over the slide, in device pixels of any view of it."""
        for layer in self._layers:
            painter.save()
            layer.paint(painter, view, ratio)
            painter.restore()

    def paint_scale_bar(
        self, painter: QPainter, view: Viewport, ratio: float, place: QRectF
    ) -> None:
        """Paints the scale bar of any view into the bottom left corner of a place, logical pixels."""
        self._scale_bar.paint(painter, view, ratio, place)

    def _paint_scene(self, painter: QPainter, view: Viewport) -> None:
        picture = self.scene.picture(view, quick=self.is_moving)
        if view.rotation == 0:
            painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
            painter.drawImage(0, 0, picture)
            painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
            return
        painter.save()
        painter.translate(view.width / 2, view.height / 2)
        painter.rotate(view.rotation)
        painter.setRenderHint(
            QPainter.RenderHint.SmoothPixmapTransform,
            bool(view.rotation % 90) and not self.is_moving,
        )
        painter.drawImage(QPointF(-picture.width() / 2, -picture.height() / 2), picture)
        painter.restore()

    # -- events ----------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        if self.view is not None:
            self._set_view(self.view.resized(*self._device_size()))

    def wheelEvent(self, event: QWheelEvent) -> None:
        steps = event.angleDelta().y() / 120
        self._kinetic.stop()
        # Some systems turn a wheel with Shift or Alt held into a horizontal one.
        either = steps or event.angleDelta().x() / 120
        if either and self._tool is not None and self._tool.wheel(either, event.modifiers()):
            pass
        elif steps and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.opacity_stepped.emit(1 if steps > 0 else -1)
        elif steps:
            self.zoom(_WHEEL_STEP**steps, event.position())
        event.accept()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.scene.surround = colour("surround")
            self.tiles_changed()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.DevicePixelRatioChange and self.view is not None:
            # Moved to another screen: as many logical pixels, but more or fewer of the device's.
            self._set_view(self.view.resized(*self._device_size()))
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and self._tool is not None
            and self._tool.claims(Qt.Key(event.key()))
        ):
            event.accept()
            return True
        if isinstance(event, QNativeGestureEvent):
            if event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
                self.zoom(1.0 + event.value(), event.position())
                return True
        elif isinstance(event, QGestureEvent):
            pinch = event.gesture(Qt.GestureType.PinchGesture)
            if isinstance(pinch, QPinchGesture):
                at = self.mapFromGlobal(pinch.centerPoint())
                self.zoom(max(pinch.scaleFactor(), 0.01), QPointF(at))
                return True
        return super().event(event)

    def _pointer(self, event: QMouseEvent) -> Pointer:
        assert self.view is not None
        ratio = self.devicePixelRatioF()
        at = event.position()
        x, y = self.view.to_slide(at.x() * ratio, at.y() * ratio)
        dragging = bool(event.buttons() & Qt.MouseButton.LeftButton)
        return Pointer(x, y, at, event.modifiers(), self.view.downsample * ratio, dragging)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.pressed.emit()
        self._kinetic.stop()
        if self.view is None:
            return
        left = event.button() == Qt.MouseButton.LeftButton
        if left and self._tool is not None and not self._space:
            self._drawing = True
            if self._tool.press(self._pointer(event)) is not False:
                return
        if left or event.button() == Qt.MouseButton.MiddleButton:
            self._drag_from = event.position()
            shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self._asks_at = event.position() if left and shift else None
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.view is None:
            return
        self._cursor_at = event.position()
        ratio = self.devicePixelRatioF()
        if self._drag_from is not None:
            if self._asks_at is not None and not _steady(event.position(), self._asks_at):
                self._asks_at = None  # it is a drag
            moved = (event.position() - self._drag_from) * ratio
            self._drag_from = event.position()
            self._kinetic.follow(moved)
            self.pan(-moved.x(), -moved.y())
        elif self._tool is not None:
            self._tool.move(self._pointer(event))
        at = event.position()
        self.hovered.emit(*self.view.to_slide(at.x() * ratio, at.y() * ratio))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._drag_from is not None:
            self._drag_from = None
            self._kinetic.let_go()
            asks, self._asks_at = self._asks_at, None
            if asks is not None and _steady(event.position(), asks):
                self._ask(asks)
        if self._drawing and self._tool is not None and self.view is not None:
            self._tool.release(self._pointer(event))
        self._drawing = False
        self._show_cursor()

    def _ask(self, at: QPointF) -> None:
        ratio = self.devicePixelRatioF()
        if self.view is not None:
            self.asked.emit(*self.view.to_slide(at.x() * ratio, at.y() * ratio))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if self.view is None:
            return
        ratio, at = self.devicePixelRatioF(), event.pos()
        self.menu_wanted.emit(
            *self.view.to_slide(at.x() * ratio, at.y() * ratio), event.globalPos()
        )

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        tool = self._tool
        if tool is None or self.view is None or tool.double_click(self._pointer(event)) is False:
            self.zoom(2.0, event.position())

    def leaveEvent(self, event: QEvent) -> None:
        self._cursor_at = None
        self.left.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._space = False  # its release goes elsewhere
        self._show_cursor()
        super().focusOutEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if self._tool is not None and self._tool.key(key):
            return
        if key == Qt.Key.Key_Space:
            self._space = True
            self._show_cursor()
            return
        steps = {
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, -1),
            Qt.Key.Key_Down: (0, 1),
        }
        step = steps.get(key)
        if step is None or self.view is None:
            super().keyPressEvent(event)
            return
        length = math.ceil(_ARROW_SHARE * min(self.view.width, self.view.height))
        self.pan(step[0] * length, step[1] * length)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = False
            self._show_cursor()
        super().keyReleaseEvent(event)

    def _show_cursor(self) -> None:
        if self._space:
            self.setCursor(Qt.CursorShape.OpenHandCursor)
        elif self._tool is not None:
            self.setCursor(self._tool.cursor)
        else:
            self.unsetCursor()


def _steady(at: QPointF, pressed: QPointF) -> bool:
    """Whether the hand only shook."""
    return (at - pressed).manhattanLength() < _STEADY
