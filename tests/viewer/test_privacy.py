"""Label and macro are hidden until they are asked for."""

from __future__ import annotations

from pathlib import Path

from driving import LIMIT_MS, dialog, open_all, settle
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QLabel,
)
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from momkd_viewer.main_window import MainWindow


def test_label_and_macro_are_hidden_until_they_are_asked_for(
    qtbot: QtBot, window: MainWindow, labelled_slide: Path
) -> None:
    open_all(qtbot, window, labelled_slide)
    window.actions_by_name["slide_label"].trigger()
    asked = dialog(window, "LabelDialog")
    texts = " ".join(label.text() for label in asked.findChildren(QLabel))
    assert "may name the patient" in texts and "label" in texts
    assert not asked.findChildren(QLabel, "sheet")
    qtbot.mouseClick(asked.show_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(asked.findChildren(QLabel, "sheet")), timeout=LIMIT_MS)
    green = asked.findChildren(QLabel, "sheet")[0].pixmap().toImage().pixelColor(20, 20)
    assert green.green() > 180 and green.red() < 20
    window.slides.close()
    settle(qtbot, window)
    assert not isValid(asked), "it spoke of the slide that is gone"
