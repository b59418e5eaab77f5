"""Drives the window in tests: opens files, waits until all is shown, and looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PySide6.QtCore import QMimeData, QPointF, QSettings, Qt, QUrl
from PySide6.QtGui import QDropEvent, QImage
from PySide6.QtWidgets import QDialog
from pytestqt.qtbot import QtBot

from momkd_viewer.main_window import MainWindow

#: A limit, not a measure: two test processes and a drawing one may share two cores.
LIMIT_MS = 240_000


def settle(qtbot: QtBot, window: MainWindow) -> None:
    """Waits until nothing has happened for a few turns of the event loop."""
    calm = 0

    def look() -> bool:
        nonlocal calm
        calm = calm + 1 if window.settled else 0
        return calm > 3

    qtbot.waitUntil(look, timeout=LIMIT_MS)


def open_all(qtbot: QtBot, window: MainWindow, *paths: Path) -> None:
    for path in paths:
        window.open_path(path)
        settle(qtbot, window)


def drop(window: MainWindow, *paths: Path) -> None:
    """Drops files onto the window, as a file manager does."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    event = QDropEvent(
        QPointF(200, 200), Qt.DropAction.CopyAction, data, Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    window.dropEvent(event)


@contextmanager
def another_window(settings: Path) -> Iterator[MainWindow]:
    """A second start of the application."""
    window = MainWindow(QSettings(str(settings), QSettings.Format.IniFormat))
    try:
        yield window
    finally:
        window.close()
        window.deleteLater()


def shot(window: MainWindow) -> np.ndarray:
    """The middle of the canvas, (h, w, 3)."""
    view = window.canvas.slide_view
    image = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    flat = np.frombuffer(image.constBits(), np.uint8)
    rows = flat.reshape(image.height(), image.bytesPerLine())[:, : image.width() * 3]
    y, x = image.height() // 2, image.width() // 2
    # A copy: the bytes go with the image.
    return rows.reshape(image.height(), -1, 3)[y - 80 : y + 80, x - 120 : x + 120].copy()


def dialog(window: MainWindow, kind: str) -> QDialog:
    return next(d for d in window.findChildren(QDialog) if type(d).__name__ == kind)
