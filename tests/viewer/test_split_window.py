"""Two views: one slide under two overlays, two slides that move together."""

from __future__ import annotations

from pathlib import Path

import pytest
from driving import open_all, settle
from pytestqt.qtbot import QtBot
from synthetic import tissue_image, write_slide

from momkd_viewer.main_window import MainWindow
from momkd_viewer.state.rendition import Rendition
from momkd_viewer.state.viewport import Viewport


def views(window: MainWindow) -> tuple[Viewport, Viewport]:
    first, second = window.canvas.slide_view.view, window.split.pane.canvas.slide_view.view
    assert first is not None and second is not None
    return first, second


def place(view: Viewport) -> tuple[float, float, float, float]:
    return view.centre_x, view.centre_y, view.downsample, view.rotation


def test_one_slide_under_two_overlays(
    qtbot: QtBot, window: MainWindow, slide_path: Path, model_path: Path
) -> None:
    open_all(qtbot, window, slide_path, model_path)
    window.actions_by_name["split_view"].trigger()
    settle(qtbot, window)
    split = window.split
    assert split.shown and split.same_slide and split.is_linked
    assert split.analysis.outcome is window.analysis.outcome, "nothing is computed twice"
    assert (window.overlay.kind, split.overlay.kind) == ("affinity", "attention")
    window.canvas.slide_view.zoom(4)
    window.canvas.slide_view.rotate_to(90)
    assert place(views(window)[0]) == place(views(window)[1])
    split.pane.canvas.slide_view.pan(60, 30)
    assert place(views(window)[0]) == place(views(window)[1])
    window.analysis.set_muted("positive", 0, True)
    settle(qtbot, window)
    assert split.analysis.outcome is window.analysis.outcome
    window.slides.set_rendition(Rendition(contrast=2.0))
    assert split.slides.rendition.contrast == 2.0
    split.toggle_link()
    window.canvas.slide_view.pan(40, 0)
    assert place(views(window)[0]) != place(views(window)[1])
    window.actions_by_name["split_view"].trigger()
    settle(qtbot, window)
    assert not split.shown and split.slides.slide is None


def test_two_slides_move_together_in_microns(
    qtbot: QtBot, window: MainWindow, slide_path: Path, model_path: Path, tmp_path: Path
) -> None:
    other = write_slide(tmp_path / "other.tif", tissue_image(1024, 1024, seed=8), mpp=0.7)
    open_all(qtbot, window, slide_path, model_path)
    window.split.open(other)
    settle(qtbot, window)
    split = window.split
    assert not split.same_slide and split.is_linked
    assert split.analysis.result is not None, "the open model runs on it too"
    assert split.analysis.result is not window.analysis.result
    first, second = views(window)
    assert second.downsample == pytest.approx(first.downsample * 0.5 / 0.7), "equal µm a pixel"
    window.canvas.slide_view.zoom(3)
    window.canvas.slide_view.pan(100, 0)
    moved, followed = views(window)
    assert followed.downsample == pytest.approx(moved.downsample * 0.5 / 0.7)
    shift = (moved.centre_x - first.centre_x) * 0.5, (followed.centre_x - second.centre_x) * 0.7
    assert shift[0] == pytest.approx(shift[1])
    # Zoom keys are for the view that was used last.
    split.toggle_link()
    split.pane.canvas.slide_view.pressed.emit()
    before = place(views(window)[0])
    window.actions_by_name["zoom_in"].trigger()
    assert place(views(window)[0]) == before and place(views(window)[1]) != place(followed)


def test_a_slide_opened_in_the_linked_second_view_leaves_the_first_where_it_is(
    qtbot: QtBot, window: MainWindow, slide_path: Path, tmp_path: Path
) -> None:
    small = write_slide(tmp_path / "small.tif", tissue_image(600, 500, seed=8), mpp=0.7)
    open_all(qtbot, window, slide_path)
    window.split.toggle()
    settle(qtbot, window)
    first = window.canvas.slide_view
    first.centre_on(1200, 1000, 0.5)
    first.rotate_to(30)
    before = place(views(window)[0])
    thrown: list[Viewport] = []
    first.view_changed.connect(thrown.append)
    for path in (small, slide_path):
        assert window.split.is_linked
        window.split.open(path)
        settle(qtbot, window)
    assert not thrown and place(views(window)[0]) == before
    assert place(views(window)[1]) == before, "the second is aligned with it"
