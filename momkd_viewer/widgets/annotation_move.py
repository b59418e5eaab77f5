"""The tool that selects, moves and reshapes annotations, and pans where there is nothing to move."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt

from momkd_viewer.state.annotation_shapes import (
    handles_apart,
    moved,
    reshaped,
    with_vertex,
    without_vertex,
)
from momkd_viewer.state.annotations import Annotation
from momkd_viewer.widgets.annotation_tools import STEADY, Desk, apart
from momkd_viewer.widgets.canvas_tool import Pointer, Tool

_NEAR_HANDLE, _NEAR = 8.0, 5.0  # logical pixels


class MoveTool(Tool):
    """A click selects (Shift adds), a drag moves what is selected, or a handle, or the slide.

    Only what is selected moves: who pans across a large annotation does not drag it along. Ctrl+click
    on an outline adds a vertex, on a vertex removes it.
    """

    cursor = Qt.CursorShape.ArrowCursor

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._pressed: Pointer | None = None
        self._handle: int | None = None
        self._moves = False

    def press(self, pointer: Pointer) -> bool:
        self._pressed, self._handle, self._moves = pointer, None, False
        one = self._desk.shown.only
        if not self._desk.layer.visible:
            return False
        if one is not None and not one.locked:
            self._handle = _handle_at(one, pointer)
            if pointer.modifiers & Qt.KeyboardModifier.ControlModifier:
                return self._edit_vertex(one, pointer)
            if self._handle is not None:
                return True
        hit = self._at(pointer)
        adds = bool(pointer.modifiers & Qt.KeyboardModifier.ShiftModifier)
        self._moves = (
            hit is not None and hit.id in self._desk.shown.selected and not hit.locked and not adds
        )
        return self._moves or (adds and hit is not None)

    def move(self, pointer: Pointer) -> None:
        begun = self._pressed
        if begun is None or not pointer.dragging or not (self._moves or self._handle is not None):
            return
        if not self._desk.layer.preview and apart(pointer.at, begun.at) < STEADY:
            return
        self._desk.layer.preview = {one.id: one for one in self._changed(begun, pointer)}
        self._desk.refresh()

    def release(self, pointer: Pointer) -> None:
        begun, self._pressed = self._pressed, None
        if begun is None:
            return
        if self._desk.layer.preview:
            changed = self._changed(begun, pointer)
            self.cancel()
            self._desk.shown.replace(changed)
        elif apart(pointer.at, begun.at) < STEADY and self._handle is None:
            self._click(pointer)

    def double_click(self, pointer: Pointer) -> bool:
        hit = self._at(pointer)
        if hit is None:
            return False
        self._desk.shown.select([hit.id])
        self._desk.open_properties()
        return True

    def key(self, key: Qt.Key) -> bool:
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._desk.shown.selected:
            self._desk.open_properties()
            return True
        return False

    def cancel(self) -> None:
        self._desk.layer.preview = {}
        self._pressed = None
        self._desk.refresh()

    def _changed(self, begun: Pointer, pointer: Pointer) -> list[Annotation]:
        shown = self._desk.shown
        if self._handle is not None and shown.only is not None:
            return [reshaped(shown.only, self._handle, *self._desk.on_slide(pointer))]
        dx, dy = pointer.x - begun.x, pointer.y - begun.y
        return [moved(one, dx, dy) for one in shown.chosen]

    def _at(self, pointer: Pointer) -> Annotation | None:
        if not self._desk.layer.visible:
            return None
        return self._desk.shown.at(pointer.x, pointer.y, _NEAR * pointer.reach)

    def _click(self, pointer: Pointer) -> None:
        shown, hit = self._desk.shown, self._at(pointer)
        if pointer.modifiers & Qt.KeyboardModifier.ShiftModifier:
            if hit is not None:
                shown.select(shown.selected ^ {hit.id})
        else:
            shown.select([] if hit is None else [hit.id])

    def _edit_vertex(self, one: Annotation, pointer: Pointer) -> bool:
        if self._handle is not None:
            changed = without_vertex(one, self._handle)
        else:
            changed = with_vertex(one, pointer.x, pointer.y, _NEAR_HANDLE * pointer.reach)
        self._pressed = None
        if changed is not None:
            self._desk.shown.replace([changed])
        return changed is not None


def _handle_at(one: Annotation, pointer: Pointer) -> int | None:
    """Which handle lies under the mouse."""
    points = handles_apart(one, pointer.reach)
    if not len(points):
        return None
    distances = np.hypot(points[:, 0] - pointer.x, points[:, 1] - pointer.y)
    nearest = int(distances.argmin())
    return nearest if distances[nearest] <= _NEAR_HANDLE * pointer.reach else None
