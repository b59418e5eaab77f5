"""Drives the window in tests: opens files, and waits until all is shown."""

from __future__ import annotations

from pathlib import Path

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
