"""The brush: a drag paints an area, with Alt or Ctrl it takes away; Shift+wheel sets its size."""

from __future__ import annotations

from dataclasses import replace

import shapely
from PySide6.QtCore import Qt
from shapely.geometry.base import BaseGeometry

from momkd_viewer.state.annotation_shapes import brushed, stroke_of
from momkd_viewer.state.annotations import Annotation, sound_area
from momkd_viewer.widgets.annotation_layer import Draft
from momkd_viewer.widgets.annotation_tools import Desk, DrawingTool, Point
from momkd_viewer.widgets.canvas_tool import Pointer

_SMALLEST, _LARGEST, _STEP = 8.0, 600.0, 1.2  # logical pixels across
_TAKES_AWAY = Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.ControlModifier


class BrushTool(DrawingTool):
    """Paints on the selected area where the stroke touches it, else a new one."""

    cursor = Qt.CursorShape.BlankCursor

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.size = 60.0
        self._base: Annotation | None = None
        self._area: BaseGeometry | None = None
        self._last: Point | None = None
        self._subtract = False
        self._seen: Pointer | None = None

    @property
    def is_drawing(self) -> bool:
        return self._last is not None

    def press(self, pointer: Pointer) -> None:
        self._subtract = bool(pointer.modifiers & _TAKES_AWAY)
        here = (pointer.x, pointer.y)
        self._base = self._target(pointer)
        self._area = self._base.geometry if self._base is not None else None
        self._last = here
        self._paint(here, pointer)

    def move(self, pointer: Pointer) -> None:
        here = (pointer.x, pointer.y)
        if self._last is not None and pointer.dragging:
            self._paint(here, pointer)
        else:
            self._show_ring(pointer)

    def release(self, pointer: Pointer) -> None:
        if self._last is None:
            return
        base, area = self._base, self._area
        self._forget()
        self._show_ring(pointer)
        width, height = self._desk.extent
        if area is not None:
            # Half a screen pixel of detail is all that a hand can mean.
            area = area.simplify(0.5 * pointer.reach)
            area = area.intersection(shapely.box(0, 0, width, height))
            area = sound_area(area, smallest=4 * pointer.reach**2)
        if base is not None and area is None:
            self._desk.shown.delete([base.id])
        elif base is not None and area is not None:
            self._desk.shown.replace([_brushed(base, area)])
        elif area is not None:
            self._desk.finish("brush", area)

    def cancel(self) -> None:
        self._forget()
        super().cancel()

    def wheel(self, steps: float, modifiers: Qt.KeyboardModifier) -> bool:
        if not modifiers & Qt.KeyboardModifier.ShiftModifier:
            return False
        self.size = min(max(self.size * _STEP**steps, _SMALLEST), _LARGEST)
        if self._seen is not None:
            self._show_ring(self._seen)
        return True

    def _radius(self, pointer: Pointer) -> float:
        return self.size / 2 * pointer.reach

    def _target(self, pointer: Pointer) -> Annotation | None:
        """What is painted on: the selected area; to take away, else what lies there."""
        shown = self._desk.shown
        disc = stroke_of([(pointer.x, pointer.y)], self._radius(pointer))
        chosen = shown.only
        if chosen is not None and chosen.is_area and not chosen.locked:
            if self._subtract or chosen.geometry.intersects(disc):
                return chosen
        elif self._subtract:
            found = shown.at(pointer.x, pointer.y, self._radius(pointer))
            if found is not None and found.is_area and not found.locked:
                shown.select([found.id])
                return found
        return None

    def _paint(self, here: Point, pointer: Pointer) -> None:
        assert self._last is not None
        points = [self._last, here] if here != self._last else [here]
        stroke = stroke_of(points, self._radius(pointer))
        self._area = brushed(self._area, stroke, subtract=self._subtract)
        self._last = here
        layer = self._desk.layer
        if self._base is not None and self._area is not None:
            layer.preview = {self._base.id: _brushed(self._base, self._area)}
        self._show_ring(pointer)

    def _show_ring(self, pointer: Pointer) -> None:
        self._seen = pointer
        new = self._area if self._base is None else None
        label = "" if self._area is None or self._area.is_empty else self._size(self._area)
        at = (pointer.x, pointer.y)
        self._desk.layer.draft = Draft(new, label, at, self._radius(pointer))
        self._desk.refresh()

    def _forget(self) -> None:
        self._base = self._area = self._last = None
        self._desk.layer.preview = {}


def _brushed(base: Annotation, area: BaseGeometry) -> Annotation:
    return replace(base, kind="brush").with_geometry(area)
