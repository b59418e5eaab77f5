"""Going to a place, back and forward, bookmarks, read-outs."""

from __future__ import annotations

from pathlib import Path

import pytest
from driving import another_window, dialog, open_all, settle
from PySide6.QtWidgets import (
    QApplication,
    QInputDialog,
)
from pytestqt.qtbot import QtBot

from momkd_viewer.jobs.bookmark_work import bookmark_file
from momkd_viewer.main_window import MainWindow


def test_going_to_a_typed_place(qtbot: QtBot, window: MainWindow, slide_path: Path) -> None:
    open_all(qtbot, window, slide_path)
    window.canvas.slide_view.zoom(4)
    window.actions_by_name["go_to"].trigger()
    asked = dialog(window, "GoToDialog")
    asked.line.setText("5000 10")
    asked.place_typed.emit(asked.line.text(), "µm")
    assert "768" in asked.message.text() and asked.isVisible(), "it says how far the slide reaches"
    asked.place_typed.emit("300 200", "µm")
    view = window.canvas.slide_view.view
    assert view is not None
    assert (view.centre_x, view.centre_y) == pytest.approx((600, 400))
    assert not asked.isVisible()


def test_back_and_forward(qtbot: QtBot, window: MainWindow, slide_path: Path) -> None:
    open_all(qtbot, window, slide_path)
    canvas, back = window.canvas.slide_view, window.actions_by_name["go_back"]
    qtbot.waitUntil(lambda: window.tools.navigation.history is not None)
    with qtbot.waitSignal(canvas.rested):
        canvas.fit()
        canvas.zoom(1.01)
    canvas.fit()
    assert not back.isEnabled() and canvas.view is not None
    for x, y in ((400, 300), (1100, 900)):
        with qtbot.waitSignal(canvas.rested):
            canvas.centre_on(x, y, 0.5)
    assert back.isEnabled()
    back.trigger()
    assert (canvas.view.centre_x, canvas.view.centre_y) == (400, 300)
    back.trigger()
    assert canvas.view.downsample > 1 and not back.isEnabled()
    for _ in range(2):
        window.actions_by_name["go_forward"].trigger()
    assert (canvas.view.centre_x, canvas.view.centre_y) == (1100, 900)
    with qtbot.waitSignal(canvas.rested):
        canvas.zoom(1.02)
    assert not window.actions_by_name["go_forward"].isEnabled()


def test_bookmarks_survive_a_restart(
    qtbot: QtBot, window: MainWindow, slide_path: Path, tmp_path: Path
) -> None:
    open_all(qtbot, window, slide_path)
    canvas = window.canvas.slide_view
    canvas.centre_on(500, 400, 0.5)
    canvas.rotate_to(30)
    window.actions_by_name["add_bookmark"].trigger()
    asked = window.findChildren(QInputDialog)[0]
    assert "40× at 250, 200 µm" in asked.textValue()
    asked.setTextValue("Tumour")
    asked.accept()
    canvas.fit()
    window.tools.bookmarks.add("All of it")
    settle(qtbot, window)
    kept = bookmark_file(slide_path)
    assert "tissue" not in kept.read_text(encoding="utf-8") and "tissue" not in kept.name
    with another_window(tmp_path / "other.ini") as again:
        again.show()
        open_all(qtbot, again, slide_path)
        again.actions_by_name["edit_bookmarks"].trigger()
        listed = again.tools.bookmarks.window
        assert listed is not None and listed.list.count() == 2
        listed.chosen.emit(0)
        view = again.canvas.slide_view.view
        assert view is not None
        assert (view.centre_x, view.centre_y, view.downsample, view.rotation) == (500, 400, 0.5, 30)
        listed.list.item(0).setText("Edge")
        listed.deleted.emit(1)
        settle(qtbot, again)
        assert [b.name for b in again.tools.bookmarks.bookmarks] == ["Edge"]
        assert "Edge" in kept.read_text(encoding="utf-8")
        listed.deleted.emit(0)
        settle(qtbot, again)
        assert not kept.exists()


def test_nothing_in_the_status_bar_overflows(
    qtbot: QtBot, window: MainWindow, slide_path: Path
) -> None:
    window.resize(1280, 800)
    open_all(qtbot, window, slide_path)
    window.canvas.slide_view.rotate_to(33.5)
    window.canvas.slide_view.hovered.emit(1_234_567.0, 1_234_567.0)
    for strip in (window.strip, window.atlas_strip, window.demo_strip, window.export_strip):
        strip.show_progress(12, 34567, "a rather long description of what is going on")
    window.busy.setText("opening a slide with quite a long name that nobody would want to read")
    QApplication.processEvents()
    assert window.width() == 1280
    right = window.position.mapTo(window, window.position.rect().topRight()).x()
    assert right < 1280
    for strip in (window.strip, window.atlas_strip, window.demo_strip, window.export_strip):
        strip.finish()
