"""Draws annotations in the window, as a hand with a mouse does."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QPoint, QPointF, Qt
from pytestqt.qtbot import QtBot

from momkd_core.annotation_files import read_annotations
from momkd_core.annotations import Annotation
from momkd_viewer.main_window import MainWindow

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
ALT, CTRL, SHIFT = (
    Qt.KeyboardModifier.AltModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
)


class Hand:
    """A hand on the canvas: points are level-0 pixels."""

    def __init__(self, qtbot: QtBot, window: MainWindow) -> None:
        self.qtbot, self.window, self.canvas = qtbot, window, window.canvas.slide_view
        self.shown = window.annotations.shown

    def at(self, x: float, y: float) -> QPoint:
        assert self.canvas.view is not None
        return QPointF(*self.canvas.view.to_view(x, y)).toPoint()

    def click(self, x: float, y: float, keys: Qt.KeyboardModifier = NONE) -> None:
        self.qtbot.mouseClick(self.canvas, LEFT, keys, self.at(x, y))

    def drag(self, *points: tuple[float, float], keys: Qt.KeyboardModifier = NONE) -> None:
        self.qtbot.mousePress(self.canvas, LEFT, keys, self.at(*points[0]))
        for point in points[1:]:
            self.qtbot.mouseMove(self.canvas, self.at(*point))
        self.qtbot.mouseRelease(self.canvas, LEFT, keys, self.at(*points[-1]))

    def press(self, key: Qt.Key, keys: Qt.KeyboardModifier = NONE) -> None:
        self.qtbot.keyClick(self.canvas, key, keys)


def saved(slide: Path) -> tuple[Annotation, ...]:
    return read_annotations(slide.with_name("case.tif.annotations.geojson")).annotations
