"""The overlay in the window: kinds, range, peeking, the memory browser, the legend's place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from driving import open_all, settle
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QDoubleSpinBox, QToolButton
from pytestqt.qtbot import QtBot

from momkd_viewer.main_window import MainWindow
from momkd_viewer.state.overlay_values import OverlayChoice
from momkd_viewer.widgets.legend import Legend


def has_overlay(window: MainWindow) -> bool:
    return window.canvas.slide_view.scene._overlay is not None


def box(window: MainWindow, name: str) -> QDoubleSpinBox:
    found = window.overlay_panel.popover.findChildren(QDoubleSpinBox)
    return next(b for b in found if b.accessibleName() == name)


def test_every_overlay_can_be_chosen_and_hovered(
    qtbot: QtBot, window: MainWindow, slide_path: Path, model_path: Path
) -> None:
    open_all(qtbot, window, slide_path, model_path)
    result, canvas = window.analysis.result, window.canvas
    assert result is not None and canvas.slide_view.view is not None
    x, y = result.coords[7] + result.size_level0 // 2
    at = QPoint(*(round(v) for v in canvas.slide_view.view.to_view(x, y)))
    for name in ("attention", "positive_winner", "negative_winner", "similarity", "tissue"):
        window.actions_by_name[f"overlay_{name}"].trigger()
        assert window.overlay.kind == name and has_overlay(window)
        assert canvas.legend.isVisible() and canvas.legend.content.title
        qtbot.mouseMove(canvas.slide_view, at + QPoint(1, 1))
        qtbot.mouseMove(canvas.slide_view, at)
        assert "#ffd24a" in canvas.hover_card.text(), "what is shown is marked"
        assert "margin, C" in canvas.hover_card.text()
    assert window._overlay_bar._box.currentData() == "tissue"
    window.actions_by_name["toggle_overlay"].trigger()
    assert not has_overlay(window) and not canvas.legend.isVisible()
    window.actions_by_name["toggle_overlay"].trigger()
    assert window.overlay.kind == "tissue" and has_overlay(window)


def test_the_overlay_is_hidden_for_as_long_as_the_key_is_held(
    qtbot: QtBot, window: MainWindow, slide_path: Path, model_path: Path
) -> None:
    open_all(qtbot, window, slide_path, model_path)
    window.activateWindow()
    view = window.canvas.slide_view
    view.setFocus()
    qtbot.keyPress(view, Qt.Key.Key_H)
    assert not has_overlay(window) and window.overlay.choice.peek
    qtbot.keyRelease(view, Qt.Key.Key_H)
    assert has_overlay(window)
    button = window._overlay_bar.peek_button
    qtbot.mousePress(button, Qt.MouseButton.LeftButton)
    assert not has_overlay(window)
    qtbot.mouseRelease(button, Qt.MouseButton.LeftButton)
    assert has_overlay(window)


@pytest.mark.qt_log_ignore("This plugin does not support")  # a popup's grabs, offscreen
def test_a_typed_range_makes_patches_transparent(
    qtbot: QtBot, window: MainWindow, slide_path: Path, model_path: Path
) -> None:
    open_all(qtbot, window, slide_path, model_path)
    result = window.analysis.result
    assert result is not None
    window._overlay_bar.range_button.click()
    popover = window.overlay_panel.popover
    assert popover.isVisible()
    middle = round(float(np.median(result.affinity)), 3)
    box(window, "Lowest value shown").setValue(middle)
    assert window.overlay.choice == OverlayChoice(low=middle)
    shown = window.overlay.shown
    assert shown is not None and shown.colours.rgba is not None
    np.testing.assert_array_equal(
        shown.colours.rgba[:, 3] == 255, result.affinity >= np.float32(middle)
    )
    assert any("only from" in note for note in window.canvas.legend.content.notes)
    popover._slider.moved.emit(0.0, 1.0)
    assert not window.overlay.choice.has_range
    popover.hide()
    window.actions_by_name["rank_scale"].trigger()
    window.actions_by_name["smooth_overlay"].trigger()
    notes = " ".join(window.canvas.legend.content.notes)
    assert "ranks among" in notes and "smoothed between patches" in notes
    assert window.actions_by_name["rank_scale"].isChecked()


def test_a_component_is_mapped_from_its_card_and_back(
    qtbot: QtBot, window: MainWindow, slide_path: Path, model_path: Path, run_folder: Path
) -> None:
    open_all(qtbot, window, slide_path, model_path)
    window.set_overlay("attention")

    def button(name: str) -> QToolButton:
        buttons = window.browser.findChildren(QToolButton, "showComponent")
        return next(b for b in buttons if b.accessibleName() == f"Show {name} on slide")

    qtbot.mouseClick(button("C⁺2"), Qt.MouseButton.LeftButton)
    assert window.canvas.legend.content.title == "Similarity to C⁺2"
    assert window._overlay_bar._components.currentText() == "C⁺2"
    window.browser.setCurrentIndex(1)
    qtbot.mouseClick(button("C⁻1"), Qt.MouseButton.LeftButton)
    assert window.canvas.legend.content.title == "Similarity to C⁻1"
    assert not button("C⁺2").isChecked() and button("C⁻1").isChecked()
    qtbot.mouseClick(button("C⁻1"), Qt.MouseButton.LeftButton)
    assert window.overlay.kind == "attention" and not button("C⁻1").isChecked()
    # The mean of a run has no components: the legend says so in place of colours.
    window.set_overlay("similarity")
    window.analysis.open_model(run_folder, choose=True)
    settle(qtbot, window)
    assert not has_overlay(window)
    assert "no components" in window.canvas.legend.content.notes[0]


def test_the_legend_keeps_clear_and_folds(
    qtbot: QtBot, window: MainWindow, slide_path: Path, model_path: Path
) -> None:
    open_all(qtbot, window, slide_path, model_path)
    canvas, legend = window.canvas, window.canvas.legend
    window.overlay.set_range(0.0, None)
    high = legend.height()
    qtbot.mouseClick(legend, Qt.MouseButton.LeftButton)
    assert legend.folded and legend.height() < high / 2
    assert window.actions_by_name["fold_legend"].isChecked()
    window.actions_by_name["fold_legend"].trigger()
    assert legend.height() == high

    def clear(legend: Legend) -> bool:
        return not legend.isVisible() or (
            not legend.geometry().intersects(canvas.overview.geometry())
            and legend.geometry().bottom() < canvas.slide_view.height() - 46
        )

    for size in ((1280, 800), (760, 500), (700, 380), (700, 300)):
        window.resize(*size)
        qtbot.wait(10)
        assert clear(legend), size


def test_large_overlays_are_drawn_in_the_background(
    qtbot: QtBot,
    window: MainWindow,
    slide_path: Path,
    model_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("momkd_viewer.jobs.overlay_work._QUICK_PATCHES", 0)
    open_all(qtbot, window, slide_path, model_path)
    assert has_overlay(window)
    window.set_overlay("attention")
    window.set_overlay("tissue")  # a newer wish makes the older one void
    settle(qtbot, window)
    assert window.canvas.legend.content.title == "Tissue fraction" and has_overlay(window)
    window.set_overlay("affinity")
    window.slides.close()
    settle(qtbot, window)
    assert not has_overlay(window) and not window.canvas.legend.isVisible()
