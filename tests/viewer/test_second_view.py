"""The second view on its own: what it shows when a slide cannot be opened, what is meant for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from driving import LIMIT_MS, open_all, settle
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFrame, QInputDialog
from pytestqt.qtbot import QtBot
from synthetic import tissue_image, write_slide

from momkd_viewer.controllers.view_pair import ShownView
from momkd_viewer.main_window import MainWindow
from momkd_viewer.resource_files import resource
from momkd_viewer.widgets.colours import colour
from momkd_viewer.widgets.view_dialogs import GoToDialog


@pytest.fixture
def other_path(tmp_path: Path) -> Path:
    return write_slide(tmp_path / "other.tif", tissue_image(1024, 1024, seed=8), mpp=0.7)


def use(qtbot: QtBot, view: ShownView) -> None:
    """Clicks into a view, which makes it the active one."""
    qtbot.mouseClick(view.slide_view, Qt.MouseButton.LeftButton)


def is_marked(view: ShownView) -> bool:
    line = view.canvas.findChild(QFrame, "activeMark").grab().toImage()
    return line.pixelColor(5, 0) == colour("accent")


@pytest.mark.parametrize("shown_before", [True, False])
def test_a_slide_that_cannot_be_opened_leaves_the_second_view_as_it_was(
    qtbot: QtBot,
    window: MainWindow,
    slide_path: Path,
    other_path: Path,
    tmp_path: Path,
    shown_before: bool,
) -> None:
    open_all(qtbot, window, slide_path)
    split = window.split
    if shown_before:
        split.toggle()
        settle(qtbot, window)
    broken = tmp_path / "broken.tif"
    broken.write_text("no slide")
    split.open(broken)
    qtbot.waitUntil(window.canvas.banner.isVisible, timeout=LIMIT_MS)
    settle(qtbot, window)
    assert "broken.tif" in window.canvas.banner.text
    assert split.shown and split.same_slide and split.is_linked
    open_all(qtbot, window, other_path)
    assert split.slides.slide is not None and split.slides.slide.path == other_path
    split.open(slide_path)
    settle(qtbot, window)
    split.open(broken)
    settle(qtbot, window)
    assert split.slides.slide.path == slide_path, "its own slide stays too"


def test_a_slide_of_its_own_is_not_given_up_when_the_first_view_goes_on(
    qtbot: QtBot, window: MainWindow, slide_path: Path, other_path: Path, tmp_path: Path
) -> None:
    third = write_slide(tmp_path / "third.tif", tissue_image(600, 700, seed=5))
    open_all(qtbot, window, slide_path)
    window.split.toggle()
    settle(qtbot, window)
    window.open_path(third)
    window.split.open(other_path)
    settle(qtbot, window)
    assert window.slides.slide is not None and window.slides.slide.path == third
    assert window.split.slides.slide is not None
    assert window.split.slides.slide.path == other_path


def test_a_cancelled_analysis_of_the_second_view_is_run_again(
    qtbot: QtBot, window: MainWindow, slide_path: Path, other_path: Path, model_path: Path
) -> None:
    open_all(qtbot, window, slide_path, model_path)
    outcome, split = window.analysis.outcome, window.split
    split.open(other_path)
    qtbot.waitUntil(lambda: split.analysis.running, timeout=LIMIT_MS)
    use(qtbot, split.views.second)
    window.actions_by_name["cancel"].trigger()
    settle(qtbot, window)
    assert split.analysis.result is None and "cancelled" in split.pane._result.text()
    window.actions_by_name["analyse"].trigger()
    qtbot.waitUntil(split.pane.strip.isVisible, timeout=LIMIT_MS)
    qtbot.keyClick(split.views.second.slide_view, Qt.Key.Key_Escape)
    settle(qtbot, window)
    assert split.analysis.result is None and "cancelled" in split.pane._result.text()
    window.actions_by_name["analyse"].trigger()
    settle(qtbot, window)
    assert split.analysis.result is not None
    assert window.analysis.outcome is outcome, "the first view has no part in it"


def test_what_both_views_show_is_analysed_once(
    qtbot: QtBot, window: MainWindow, slide_path: Path, model_path: Path
) -> None:
    open_all(qtbot, window, slide_path, model_path)
    split = window.split
    split.toggle()
    settle(qtbot, window)
    before = window.analysis.outcome
    use(qtbot, split.views.second)
    window.actions_by_name["analyse"].trigger()
    settle(qtbot, window)
    assert window.analysis.outcome is not before
    assert split.analysis.outcome is window.analysis.outcome is not None


def test_a_slide_that_the_first_view_leaves_is_analysed_in_the_second(
    qtbot: QtBot, window: MainWindow, slide_path: Path, model_path: Path
) -> None:
    open_all(qtbot, window, slide_path, model_path)
    window.split.open(slide_path)
    settle(qtbot, window)
    window.slides.close()
    settle(qtbot, window)
    assert window.split.slides.slide is not None
    assert window.split.analysis.result is not None


def test_the_resolution_of_the_second_slide_is_asked_for(
    qtbot: QtBot, window: MainWindow, slide_path: Path, model_path: Path, tmp_path: Path
) -> None:
    silent = write_slide(tmp_path / "silent.tif", tissue_image(1024, 1024, seed=8), mpp=None)
    open_all(qtbot, window, slide_path, model_path)
    split = window.split
    split.open(silent)
    settle(qtbot, window)
    banner = split.pane.canvas.banner
    assert banner.isVisible() and "resolution" in banner.text
    assert not window.canvas.banner.isVisible()
    banner.action_taken.emit()
    for mpp in (0.5, 0.4):
        asked = window.findChildren(QInputDialog)[0]
        asked.setDoubleValue(mpp)
        asked.accept()
        settle(qtbot, window)
        assert split.slides.slide is not None and split.slides.slide.path == silent
        assert split.slides.source is not None and split.slides.source.mpp == mpp
        assert split.analysis.result is not None
        assert not banner.isVisible()
        assert window.slides.slide is not None and window.slides.slide.path == slide_path
        use(qtbot, split.views.second)
        window.actions_by_name["state_mpp"].trigger()  # the menu asks about it as well
        qtbot.waitUntil(lambda: bool(window.findChildren(QInputDialog)))
    window.findChildren(QInputDialog)[0].reject()


def test_the_view_that_was_used_last_is_marked(
    qtbot: QtBot, window: MainWindow, slide_path: Path
) -> None:
    open_all(qtbot, window, slide_path)
    first, second = window.split.views.both
    mark = window.canvas.findChild(QFrame, "activeMark")
    assert not mark.isVisible(), "there is no choice"
    window.split.toggle()
    settle(qtbot, window)
    assert mark.isVisible() and (is_marked(first), is_marked(second)) == (True, False)
    use(qtbot, second)
    assert (is_marked(first), is_marked(second)) == (False, True)
    first.slide_view.setFocus()
    assert window.split.views.active is first and is_marked(first)
    window.split.pane._kinds.setFocus(Qt.FocusReason.TabFocusReason)
    assert window.split.views.active is second
    window.split.open(slide_path)
    settle(qtbot, window)
    assert window.split.views.active is second, "it is still the one that is used"
    window.split.toggle()
    assert window.split.views.active is first and not mark.isVisible()


def test_what_the_second_view_says_is_masked_and_unmasked_at_once(
    qtbot: QtBot, window: MainWindow, slide_path: Path, model_path: Path, tmp_path: Path
) -> None:
    glass = np.full((1024, 1024, 3), 242, np.uint8)
    empty = write_slide(tmp_path / "Meier.tif", glass)
    open_all(qtbot, window, slide_path, model_path)
    window.split.open(empty)
    settle(qtbot, window)
    name, result = window.split.pane._name, window.split.pane._result
    assert "No tissue was found on Meier.tif" in result.text() and name.text() == "Meier.tif"
    name.setMaximumWidth(20)  # it is cut short, masked or not
    for _ in range(2):
        window.actions_by_name["mask_names"].trigger()
        masked = window.actions_by_name["mask_names"].isChecked()
        QApplication.processEvents()
        for label in (name, result):
            said = label.text() + label.toolTip()
            assert ("Meier" in said, "Slide 2" in said) == (not masked, masked)
    assert masked is False


def test_the_caution_of_a_model_stays_in_the_tooltip(
    qtbot: QtBot, window: MainWindow, slide_path: Path
) -> None:
    open_all(qtbot, window, slide_path, resource("demo/her2.safetensors"))
    window.split.toggle()
    settle(qtbot, window)
    result, shown = window.split.pane._result, window.analysis.analysis.shown
    window.resize(2000, 800)
    result.grab()  # painted
    assert shown is not None and shown.model.card.remark
    assert shown.model.card.remark in result.toolTip()


def test_going_about_is_for_the_view_that_was_used_last(
    qtbot: QtBot, window: MainWindow, slide_path: Path, other_path: Path
) -> None:
    open_all(qtbot, window, slide_path)
    window.split.open(other_path)
    settle(qtbot, window)
    window.split.set_linked(False)
    first, second = (view.slide_view for view in window.split.views.both)
    use(qtbot, window.split.views.second)
    before, actions = first.view, window.actions_by_name
    with qtbot.waitSignal(second.rested):
        second.fit()
        second.zoom(1.01)
    actions["turn_right"].trigger()
    assert second.view is not None and second.view.rotation == 90
    actions["turn_freely"].trigger()
    turning = window.tools.navigation.turning
    assert turning is not None
    turning.angle_chosen.emit(30.0)
    assert second.view.rotation == 30
    with qtbot.waitSignal(second.rested):
        actions["magnify_10"].trigger()
    assert second.view.downsample == pytest.approx(1.0 / 0.7)
    assert "10" in window._magnification.currentText() and "30°" in window.position.text()
    window._magnification.magnification_chosen.emit(20.0)
    assert second.view.downsample == pytest.approx(0.5 / 0.7)
    actions["go_to"].trigger()
    asked = window.findChildren(GoToDialog)[0]
    with qtbot.waitSignal(second.rested):
        asked.place_typed.emit("350 140", "µm")
    assert (second.view.centre_x, second.view.centre_y) == pytest.approx((500, 200))
    actions["go_back"].trigger()
    assert (second.view.centre_x, second.view.centre_y) != pytest.approx((500, 200))
    actions["go_forward"].trigger()
    assert (second.view.centre_x, second.view.centre_y) == pytest.approx((500, 200))
    assert first.view == before, "the first view has no part in it"
    use(qtbot, window.split.views.first)
    assert not actions["go_back"].isEnabled(), "it went nowhere"
    assert "turned" not in window.position.text()
    actions["turn_left"].trigger()
    assert first.view is not None and first.view.rotation == 270 and second.view.rotation == 30
    turning.close()


def test_both_views_share_the_memory_that_is_preferred(
    qtbot: QtBot, window: MainWindow, slide_path: Path
) -> None:
    def budgets() -> list[int]:
        return [view.slides._cache.budget >> 20 for view in window.split.views.both]

    open_all(qtbot, window, slide_path)
    preferences = window.tools.preferences
    preferences.choose(replace(preferences.now, cache_mib=128, readers=1))
    assert budgets()[0] == 128
    window.split.toggle()
    settle(qtbot, window)
    assert budgets() == [64, 64]
    assert len(window.split.slides._reader._threads) == 1
    preferences.choose(replace(preferences.now, cache_mib=512))
    assert budgets() == [256, 256]
    window.split.toggle()
    settle(qtbot, window)
    assert budgets()[0] == 512 and not len(window.split.slides._cache)


def test_a_tool_says_that_it_works_in_the_first_view(
    qtbot: QtBot, window: MainWindow, slide_path: Path
) -> None:
    open_all(qtbot, window, slide_path)
    views, banner = window.split.views, window.canvas.banner
    window.split.toggle()
    settle(qtbot, window)
    window.actions_by_name["tool_polygon"].trigger()
    assert not banner.isVisible() and window.annotations.tool == "polygon"
    use(qtbot, views.second)
    window.actions_by_name["tool_rectangle"].trigger()
    assert banner.isVisible() and "first view" in banner.text
    assert window.annotations.tool == "rectangle" and views.active is views.first
    assert window.actions_by_name["tool_rectangle"].isChecked()
