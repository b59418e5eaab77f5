"""How pixels are shown, themes and preferences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from driving import another_window, dialog, open_all, settle, shot
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QApplication,
)
from pytestqt.qtbot import QtBot

from momkd_viewer.controllers.theme_controller import apply_theme
from momkd_viewer.main_window import MainWindow
from momkd_viewer.state.rendition import Rendition
from momkd_viewer.widgets.colours import theme


@pytest.fixture(autouse=True)
def dark_again() -> Iterator[None]:
    yield
    application = QApplication.instance()
    if theme() != "dark" and isinstance(application, QApplication):
        apply_theme(application, "dark")


def test_a_stain_alone_is_seen_and_reset(
    qtbot: QtBot, window: MainWindow, slide_path: Path
) -> None:
    open_all(qtbot, window, slide_path)
    window.canvas.slide_view.centre_on(768, 640, 1.0)
    settle(qtbot, window)
    plain = shot(window)
    window.actions_by_name["display"].trigger()
    panel = window.tools.display.panel
    assert (
        panel is not None and not panel.profile.isEnabled() and "no colour" in panel._reason.text()
    )
    told: list[Rendition] = []
    panel.rendition_chosen.connect(told.append)
    panel.stain.setCurrentIndex(1)
    panel.stain.activated.emit(1)
    for value in range(1, 31):  # as while a slider is dragged
        panel.sliders["Contrast"].setValue(value)
    qtbot.waitUntil(lambda: bool(told))
    settle(qtbot, window)
    assert len(told) == 1, "changes within a frame are one"
    changed = shot(window)
    expected = told[0].apply(np.ascontiguousarray(plain))
    np.testing.assert_array_equal(changed, expected)
    chip = window.tools.display.chip
    assert chip.isVisible() and "haematoxylin alone, contrast 1.6" in chip.text()
    qtbot.mouseClick(chip, Qt.MouseButton.LeftButton)
    settle(qtbot, window)
    np.testing.assert_array_equal(shot(window), plain)
    assert not chip.isVisible() and panel.stain.currentIndex() == 0
    panel.close()


def test_the_theme_is_switched_and_remembered(
    qtbot: QtBot, window: MainWindow, slide_path: Path, tmp_path: Path
) -> None:
    open_all(qtbot, window, slide_path)
    window.actions_by_name["theme_light"].trigger()
    bar = window.menuBar().grab().toImage()
    assert bar.pixelColor(bar.width() - 4, 4).lightness() > 200
    canvas = window.canvas.slide_view.grab().toImage()
    beside = canvas.pixelColor(2, canvas.height() // 2)
    assert beside.red() == beside.green() == beside.blue() > 150
    assert window.actions_by_name["theme_light"].isChecked()
    with another_window(tmp_path / "settings.ini") as again:
        assert again.tools.preferences.now.theme == "light"
    window.actions_by_name["theme_system"].trigger()
    assert theme() in ("dark", "light")
    assert [window.actions_by_name[f"theme_{t}"].isChecked() for t in ("light", "system")] == [
        False,
        True,
    ]


def test_preferences_take_effect_and_are_kept(qtbot: QtBot, window: MainWindow) -> None:
    window.actions_by_name["preferences"].trigger()
    asked = dialog(window, "PreferencesDialog")
    asked.cache.setValue(128)
    asked.readers.setValue(1)
    asked.profile.setChecked(False)
    asked.accept()
    assert window.slides._cache.budget == 128 * 2**20 and window.slides.readers == 1
    assert not window.slides.rendition.colour_managed and not window.tools.display.chip.isVisible()
    assert window._settings.value("preferences/cache_mib") in (128, "128")
