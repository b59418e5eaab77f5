"""What the canvas asks of a tool and of a layer: the two ways to add to it without changing it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter

from momkd_viewer.state.viewport import Viewport


@dataclass(frozen=True)
class Pointer:
    """Where the mouse is.

    Attributes:
        x, y: level-0 point.
        at: the same in the widget's own (logical) pixels.
        modifiers: keys held.
        reach: level-0 pixels per logical pixel: how far a near miss may be.
        dragging: whether the left button is held.
    """

    x: float
    y: float
    at: QPointF
    modifiers: Qt.KeyboardModifier
    reach: float
    dragging: bool = False


class Tool:
    """What the left mouse button does on the canvas; without a tool it pans.

    Middle button and Space + left button pan under any tool.
    """

    cursor: Qt.CursorShape = Qt.CursorShape.CrossCursor

    def press(self, pointer: Pointer) -> bool | None:
        """False: not for this tool, so that the drag pans; its release is told all the same."""

    def move(self, pointer: Pointer) -> None: ...

    def release(self, pointer: Pointer) -> None: ...

    def double_click(self, pointer: Pointer) -> bool | None:
        """False: not for this tool, so that it zooms."""

    def wheel(self, steps: float, modifiers: Qt.KeyboardModifier) -> bool:
        """The wheel was turned; whether it was for this tool."""
        return False

    def claims(self, key: Qt.Key) -> bool:
        """Whether a key goes to this tool now, although a menu entry has it as well."""
        return False

    def key(self, key: Qt.Key) -> bool:
        """A key pressed while the canvas has the focus; whether it was for this tool."""
        return False

    def cancel(self) -> None:
        """Gives up what was begun: another tool was chosen, or the slide is closed."""


class Layer(Protocol):
    """Something painted over the slide."""

    def paint(self, painter: QPainter, view: Viewport, ratio: float) -> None:
        """Paints in device pixels.

        Args:
            view: maps level-0 points to device pixels (rotation included).
            ratio: device pixels per logical pixel: multiply pen widths and text sizes by it.
        """
        ...
