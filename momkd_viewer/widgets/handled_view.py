"""What mouse, wheel, gestures and keys do on a view: they move it, or go to a tool."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QGestureEvent, QPinchGesture, QWidget

from momkd_viewer.widgets.canvas_tool import Pointer, Tool
from momkd_viewer.widgets.navigated_view import NavigatedView

_WHEEL_STEP = 1.25
_ARROW_SHARE = 0.2
_STEADY = 4  # logical pixels that a hand may shake in a click


class HandledView(NavigatedView):
    """A view under the user's hand: zoom at the cursor, drag to pan, tools for the left button.

    Signals:
        hovered(float, float): level-0 point under the cursor.
        left(): the cursor left the canvas.
        opacity_stepped(int): Ctrl+wheel, +1 or -1.
        pressed(): the mouse was pressed: this view is the one that keys are for.
        asked(float, float): Shift+click where no tool took it; what is at this level-0 point?
        menu_wanted(float, float, QPoint): a context menu for a level-0 point; where on the screen.
    """

    hovered = Signal(float, float)
    left = Signal()
    opacity_stepped = Signal(int)
    pressed = Signal()
    asked = Signal(float, float)
    menu_wanted = Signal(float, float, QPoint)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tool: Tool | None = None
        self._drawing = False
        self._drag_from: QPointF | None = None
        self._drag_button = Qt.MouseButton.NoButton
        self._asks_at: QPointF | None = None
        self._space = False
        self._cursor_at: QPointF | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.grabGesture(Qt.GestureType.PinchGesture)

    def set_tool(self, tool: Tool | None) -> None:
        """What the left button does; None pans."""
        if self._tool is not None and self._tool is not tool:
            self._tool.cancel()
        self._tool = tool
        self._show_cursor()

    @property
    def nearest(self) -> tuple[float, float] | None:
        """Level-0 point under the cursor, where it is over the slide's view."""
        if self.view is None or self._cursor_at is None:
            return None
        return self._point(self._cursor_at)

    def _point(self, at: QPointF) -> tuple[float, float]:
        """The level-0 point at a place in the widget."""
        assert self.view is not None
        ratio = self.devicePixelRatioF()
        return self.view.to_slide(at.x() * ratio, at.y() * ratio)

    def wheelEvent(self, event: QWheelEvent) -> None:
        steps = event.angleDelta().y() / 120
        self.kinetic.stop()
        # Some systems turn a wheel with Shift or Alt held into a horizontal one.
        either = steps or event.angleDelta().x() / 120
        if either and self._tool is not None and self._tool.wheel(either, event.modifiers()):
            pass
        elif steps and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.opacity_stepped.emit(1 if steps > 0 else -1)
        elif steps:
            self.zoom(_WHEEL_STEP**steps, event.position())
        event.accept()

    def event(self, event: QEvent) -> bool:
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
        x, y = self._point(event.position())
        dragging = bool(event.buttons() & Qt.MouseButton.LeftButton)
        reach = self.view.downsample * self.devicePixelRatioF()
        return Pointer(x, y, event.position(), event.modifiers(), reach, dragging)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.pressed.emit()
        self.kinetic.stop()
        if self.view is None:
            return
        panning = self._drag_from is not None and event.buttons() & self._drag_button
        if panning and event.button() != self._drag_button:
            return
        left = event.button() == Qt.MouseButton.LeftButton
        if left and self._tool is not None and not self._space:
            self._drawing = True
            if self._tool.press(self._pointer(event)) is not False:
                return
        if left or event.button() == Qt.MouseButton.MiddleButton:
            self._drag_from, self._drag_button = event.position(), event.button()
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
            self.kinetic.follow(moved)
            self.pan(-moved.x(), -moved.y())
        elif self._tool is not None:
            self._tool.move(self._pointer(event))
        self.hovered.emit(*self._point(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        # Only the button that began a pan or a shape ends it: another may be clicked meanwhile.
        if self._drag_from is not None and event.button() == self._drag_button:
            self._drag_from = None
            self.kinetic.let_go()
            asks, self._asks_at = self._asks_at, None
            if self.view is not None and asks is not None and _steady(event.position(), asks):
                self.asked.emit(*self._point(asks))
        if event.button() == Qt.MouseButton.LeftButton:
            if self._drawing and self._tool is not None and self.view is not None:
                self._tool.release(self._pointer(event))
            self._drawing = False
        if self._drag_from is None:
            self._show_cursor()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if self.view is not None:
            self.menu_wanted.emit(*self._point(QPointF(event.pos())), event.globalPos())

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            self.mousePressEvent(event)  # of another button: its second press, as the first
            return
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
