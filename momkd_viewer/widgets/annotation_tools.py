"""Tools that draw: point, line, rectangle, ellipse, polygon."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import shapely
from PySide6.QtCore import QPointF, Qt
from shapely.geometry.base import BaseGeometry

from momkd_viewer.state.annotations import (
    AnnotationSet,
    Kind,
    ellipse_in,
    length_text,
    measure,
    sound_area,
)
from momkd_viewer.widgets.annotation_layer import AnnotationLayer, Draft
from momkd_viewer.widgets.canvas_tool import Pointer, Tool

#: Logical pixels that a hand moves without meaning to.
STEADY = 4.0
_NEAR = 8.0
_FREEHAND_STEP = 3.0

Point = tuple[float, float]


@dataclass
class Desk:
    """What drawing tools work on.

    Attributes:
        finish: takes a finished shape.
        refresh: paints the canvas anew.
        open_properties: of the selection.
        extent: width and height of the slide, level-0 pixels.
    """

    shown: AnnotationSet
    layer: AnnotationLayer
    finish: Callable[[Kind, BaseGeometry], None]
    refresh: Callable[[], None]
    open_properties: Callable[[], None]
    extent: tuple[float, float] = (0.0, 0.0)

    def on_slide(self, pointer: Pointer) -> Point:
        """Where the mouse is, kept on the slide."""
        width, height = self.extent
        return min(max(pointer.x, 0.0), width), min(max(pointer.y, 0.0), height)


def apart(first: QPointF, second: QPointF) -> float:
    """Distance in logical pixels."""
    return math.hypot(first.x() - second.x(), first.y() - second.y())


class DrawingTool(Tool):
    """Shows a draft until it is finished; Esc gives it up, Enter without one opens properties."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @property
    def is_drawing(self) -> bool:
        return self._desk.layer.draft is not None

    def claims(self, key: Qt.Key) -> bool:
        return self.is_drawing and key in (Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter)

    def key(self, key: Qt.Key) -> bool:
        if key == Qt.Key.Key_Escape and self.is_drawing:
            self.cancel()
            return True
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not self.is_drawing:
            self._desk.open_properties()
            return True
        return False

    def cancel(self) -> None:
        self._desk.layer.draft = None
        self._desk.refresh()

    def _show(self, geometry: BaseGeometry | None, label: str = "", at: Point = (0, 0)) -> None:
        self._desk.layer.draft = Draft(geometry, label, at)
        self._desk.refresh()

    def _finish(self, kind: Kind, geometry: BaseGeometry) -> None:
        self._desk.layer.draft = None
        self._desk.finish(kind, geometry)

    def _size(self, geometry: BaseGeometry) -> str:
        return measure(geometry, self._desk.layer.microns_per_pixel).text


class PointTool(DrawingTool):
    """A click sets a point."""

    def release(self, pointer: Pointer) -> None:
        self._finish("point", shapely.Point(self._desk.on_slide(pointer)))


class _FromToTool(DrawingTool):
    """Drag from one point to another; or click the one, then the other."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._start: Point | None = None
        self._start_at = QPointF()

    def press(self, pointer: Pointer) -> None:
        if self._start is None:
            self._start, self._start_at = self._desk.on_slide(pointer), pointer.at

    def move(self, pointer: Pointer) -> None:
        if self._start is not None:
            self._draw(self._start, self._end(self._start, pointer))

    def release(self, pointer: Pointer) -> None:
        start = self._start
        if start is None or apart(pointer.at, self._start_at) < STEADY:
            return  # the second click ends it
        self._start = None
        self._end_at(start, self._end(start, pointer))

    def cancel(self) -> None:
        self._start = None
        super().cancel()

    def _end(self, start: Point, pointer: Pointer) -> Point:
        """Where it would end; Shift makes it regular."""
        end = self._desk.on_slide(pointer)
        if not pointer.modifiers & Qt.KeyboardModifier.ShiftModifier:
            return end
        return self._regular(end[0] - start[0], end[1] - start[1], start)

    def _regular(self, dx: float, dy: float, start: Point) -> Point:
        side = max(abs(dx), abs(dy))
        return start[0] + math.copysign(side, dx), start[1] + math.copysign(side, dy)

    def _draw(self, start: Point, end: Point) -> None:
        raise NotImplementedError

    def _end_at(self, start: Point, end: Point) -> None:
        raise NotImplementedError


class LineTool(_FromToTool):
    """A ruler: its length is shown while it is drawn; Shift keeps to eighths of a turn."""

    def _regular(self, dx: float, dy: float, start: Point) -> Point:
        angle = round(math.atan2(dy, dx) / (math.pi / 4)) * math.pi / 4
        length = math.hypot(dx, dy)
        return start[0] + length * math.cos(angle), start[1] + length * math.sin(angle)

    def _draw(self, start: Point, end: Point) -> None:
        line = shapely.LineString([start, end])
        self._show(line, self._size(line), end)

    def _end_at(self, start: Point, end: Point) -> None:
        self._finish("line", shapely.LineString([start, end]))


class BoxTool(_FromToTool):
    """A rectangle, or the ellipse in it; Shift: a square, a circle."""

    def __init__(self, desk: Desk, kind: Kind) -> None:
        super().__init__(desk)
        self._kind: Kind = kind

    def _shape(self, start: Point, end: Point) -> BaseGeometry | None:
        left, right = sorted((start[0], end[0]))
        top, bottom = sorted((start[1], end[1]))
        if right - left < 1 or bottom - top < 1:
            return None
        if self._kind == "ellipse":
            return ellipse_in(left, top, right, bottom)
        return shapely.box(left, top, right, bottom)

    def _draw(self, start: Point, end: Point) -> None:
        shape = self._shape(start, end)
        label = ""
        if shape is not None:
            scale = self._desk.layer.microns_per_pixel
            x, y = scale or (1.0, 1.0)
            sides = abs(end[0] - start[0]) * x, abs(end[1] - start[1]) * y
            across, down = (length_text(side, scale is not None) for side in sides)
            label = f"{across.split()[0]} × {down}, {self._size(shape)}"
        self._show(shape, label, end)

    def _end_at(self, start: Point, end: Point) -> None:
        shape = self._shape(start, end)
        if shape is None:
            self.cancel()
        else:
            self._finish(self._kind, shape)


class PolygonTool(DrawingTool):
    """Click corner by corner, or drag freely; a double click, Enter or the first corner closes it."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._points: list[Point] = []
        self._last_at = QPointF()
        self._first_at = QPointF()
        self._dragged = 0.0
        self._free = False

    def claims(self, key: Qt.Key) -> bool:
        return super().claims(key) or (bool(self._points) and key == Qt.Key.Key_Backspace)

    def press(self, pointer: Pointer) -> None:
        self._free = not self._points
        self._dragged = 0.0
        self._last_at = pointer.at
        here = self._desk.on_slide(pointer)
        if len(self._points) > 2 and self._near_first(pointer):
            self._close()
            return
        self._points.append(here)
        self._outline(here)

    def move(self, pointer: Pointer) -> None:
        if not self._points:
            return
        here = self._desk.on_slide(pointer)
        if pointer.dragging and apart(pointer.at, self._last_at) >= _FREEHAND_STEP:
            self._dragged += apart(pointer.at, self._last_at)
            self._last_at = pointer.at
            self._points.append(here)
        self._outline(here)

    def release(self, pointer: Pointer) -> None:
        # Drawn in one go: lifting the pen ends it.
        if self._free and self._dragged > 6 * STEADY and len(self._points) > 2:
            self._close()

    def double_click(self, pointer: Pointer) -> None:
        if self._points:
            self._close()

    def key(self, key: Qt.Key) -> bool:
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._points:
            self._close()
            return True
        if key == Qt.Key.Key_Backspace and self._points:
            self._points.pop()
            self._outline(self._points[-1]) if self._points else self.cancel()
            return True
        return super().key(key)

    def cancel(self) -> None:
        self._points = []
        super().cancel()

    def _near_first(self, pointer: Pointer) -> bool:
        x, y = self._points[0]
        return math.hypot(pointer.x - x, pointer.y - y) <= _NEAR * pointer.reach

    def _outline(self, here: Point) -> None:
        points = [*self._points, here]
        if len(set(points)) < 3:
            self._show(shapely.LineString(points) if len(set(points)) > 1 else None, at=here)
            return
        shape = shapely.Polygon(points)
        self._show(shape, self._size(shape), here)

    def _close(self) -> None:
        points, self._points = self._points, []
        area = sound_area(shapely.Polygon(points)) if len(set(points)) > 2 else None
        if area is None:
            self.cancel()
        else:
            self._finish("polygon", area)
