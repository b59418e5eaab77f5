"""Masked names are nowhere to be seen."""

from __future__ import annotations

import re
from pathlib import Path

from driving import LIMIT_MS, another_window, open_all
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QFileDialog,
    QLabel,
    QLineEdit,
    QWidget,
)
from pytestqt.qtbot import QtBot

from momkd_viewer.main_window import MainWindow


def title(window: MainWindow) -> str:
    return window.windowTitle().removesuffix(" – MoMKD Viewer")


def every_text(window: MainWindow) -> str:
    """All that the window shows or tells of: texts, tooltips, titles, menus, lists."""
    texts = [window.windowTitle(), *(a.text() for a in window._recent_menu.actions())]
    texts += [a.toolTip() for a in window._recent_menu.actions()]
    for widget in window.findChildren(QWidget):
        texts += [widget.toolTip(), widget.accessibleName()]
        if isinstance(widget, (QLabel, QAbstractButton, QLineEdit)):
            texts.append(widget.text())
    model = window.cases_list.model()
    for row in range(model.rowCount()):
        for column in range(model.columnCount()):
            for role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
                texts.append(str(model.index(row, column).data(role)))
    return "\n".join(texts)


def test_masked_names_are_nowhere(
    qtbot: QtBot, window: MainWindow, cohort_path: Path, slide_path: Path, tmp_path: Path
) -> None:
    open_all(qtbot, window, slide_path)
    open_all(qtbot, window, cohort_path)
    assert "case_00" in every_text(window) and "tissue.tif" in every_text(window)
    window.actions_by_name["mask_names"].trigger()
    broken = tmp_path / "Meier.tif"
    broken.write_text("no slide")
    window.open_path(broken)
    qtbot.waitUntil(window.canvas.banner.isVisible, timeout=LIMIT_MS)
    said = every_text(window)
    for name in ("case_0", "case_1", "tissue", "Meier", str(cohort_path.parent)):
        # The window's links still lead to files; what is seen of them is their masked name.
        assert name not in _without_links(said), name
    assert title(window) == "Slide 2" and "Case 12" in said
    assert "Slide" in window.canvas.banner.text
    index = window.cases_list.model().index(0, 0)
    assert index.data() == "Case 1" and index.data(Qt.ItemDataRole.ToolTipRole) == "Slide 2"
    asked = window.tools.export.ask_for_view()
    assert asked is not None
    asked.accept()
    chooser = window.findChildren(QFileDialog)[0]
    assert "case" not in " ".join(chooser.selectedFiles())
    chooser.close()
    with another_window(tmp_path / "settings.ini") as again:
        assert again.actions_by_name["mask_names"].isChecked()
        assert "tissue" not in _without_links(every_text(again))
    window.actions_by_name["mask_names"].trigger()
    assert "case_00" in title(window)


def _without_links(text: str) -> str:
    return re.sub(r'href="[^"]*"', "", text)
