"""Fixtures of the window's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from momkd_viewer.app import create_application
from momkd_viewer.main_window import MainWindow


@pytest.fixture(scope="session", autouse=True)
def styled(qapp: QApplication) -> None:
    create_application()


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    settings = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
    shown = MainWindow(settings)
    shown.show()
    qtbot.waitExposed(shown)
    yield shown
    shown.close()
    shown.deleteLater()
    QApplication.processEvents()
    left = [w for w in QApplication.topLevelWidgets() if w is not shown and w.isVisible()]
    assert not left, f"widgets outlived the window: {left}"
