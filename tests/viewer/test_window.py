"""The window, driven as a user drives it, on real files and real models."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from driving import LIMIT_MS, drop, open_all, settle
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QWheelEvent
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot
from synthetic import muscle_image, tissue_image, write_slide

from momkd_viewer.main_window import DEMO_TASKS, MainWindow
from momkd_viewer.resource_files import resource
from momkd_viewer.widgets.component_card import PatchThumbnail
from momkd_viewer.widgets.result_panel import ProbabilityBar


def begin_analysis(qtbot: QtBot, window: MainWindow, slide: Path, model: Path) -> None:
    """Opens a model and a slide, and waits until its patches are being encoded."""
    open_all(qtbot, window, model)
    window.open_path(slide)
    qtbot.waitUntil(lambda: "encoding" in window.strip._what, timeout=LIMIT_MS)


def shot(window: MainWindow) -> np.ndarray:
    """The canvas as (h, w, 3) in device pixels."""
    image = window.canvas.slide_view.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    flat = np.frombuffer(image.constBits(), np.uint8)
    rows = flat.reshape(image.height(), image.bytesPerLine())[:, : image.width() * 3]
    return rows.reshape(image.height(), image.width(), 3)


def test_a_slide_is_shown_pixel_by_pixel(
    qtbot: QtBot, window: MainWindow, slide_path: Path
) -> None:
    open_all(qtbot, window, slide_path)
    assert "tissue.tif" in window.windowTitle()
    window.canvas.slide_view.centre_on(768, 640, 1.0)
    settle(qtbot, window)
    view = window.canvas.slide_view.view
    assert view is not None
    x, y = (round(v) for v in view.to_slide(view.width // 2 - 40, view.height // 2 - 30))
    left, top = (math.floor(v + 0.5) for v in view.to_view(x, y))
    truth = tissue_image(1536, 1280, seed=3)[y : y + 60, x : x + 80]
    np.testing.assert_array_equal(shot(window)[top : top + 60, left : left + 80], truth)


def test_the_wheel_zooms_at_the_cursor(qtbot: QtBot, window: MainWindow, slide_path: Path) -> None:
    open_all(qtbot, window, slide_path)
    canvas = window.canvas.slide_view
    at = QPointF(canvas.width() * 0.4, canvas.height() * 0.55)
    assert canvas.view is not None
    before, scale = canvas.view.to_slide(at.x(), at.y()), canvas.view.downsample
    wheel = QWheelEvent(
        at, canvas.mapToGlobal(at), QPoint(), QPoint(0, 240), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(canvas, wheel)
    assert canvas.view.to_slide(at.x(), at.y()) == pytest.approx(before)
    assert canvas.view.downsample == pytest.approx(scale / 1.25**2)


def test_dragging_moves_the_slide_with_the_hand(
    qtbot: QtBot, window: MainWindow, slide_path: Path
) -> None:
    open_all(qtbot, window, slide_path)
    canvas = window.canvas.slide_view
    canvas.centre_on(700, 600, 0.5)
    assert canvas.view is not None
    held = canvas.view.to_slide(200, 200)
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=QPoint(200, 200))
    qtbot.mouseMove(canvas, QPoint(260, 170))
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=QPoint(260, 170))
    assert canvas.view.to_slide(260, 170) == pytest.approx(held)


def test_the_overlay_lies_on_its_patches_to_the_pixel(
    qtbot: QtBot, window: MainWindow, slide_path: Path, model_path: Path
) -> None:
    open_all(qtbot, window, slide_path, model_path)
    result = window.analysis.result
    assert result is not None
    window.overlay.set_opacity(1.0)
    patch = int(np.abs(result.affinity).argmax())
    x, y = (int(v) for v in result.coords[patch])
    size = result.size_level0
    window.canvas.slide_view.centre_on(x + size / 2, y + size / 2, 1.0)
    settle(qtbot, window)
    view = window.canvas.slide_view.view
    assert view is not None
    left, top = (math.floor(v + 0.5) for v in view.to_view(x, y))
    picture = shot(window)
    inside = picture[top : top + size, left : left + size]
    colour = inside[size // 2, size // 2]
    assert (inside == colour).all(), "the patch has one colour up to its last pixel"
    assert np.abs(colour.astype(int) - 255).sum() > 120, "its affinity is the strongest"
    assert (picture[top - 1, left : left + size] != colour).any()
    assert (picture[top : top + size, left - 1] != colour).any()


def test_results_and_memory_browser(
    qtbot: QtBot, window: MainWindow, slide_path: Path, run_folder: Path
) -> None:
    folds = [run_folder / "folds" / k / "model.safetensors" for k in "01"]
    open_all(qtbot, window, slide_path, *folds)
    assert len(window.results.findChildren(ProbabilityBar)) == 2
    first = window.analysis.result
    assert first is not None
    thumbnails = window.browser.findChildren(PatchThumbnail)
    assert len(thumbnails) == 2 * 4 * 4, "two memories, four components, four patches each"
    assert all(not thumbnail._image.isNull() for thumbnail in thumbnails)
    qtbot.mouseClick(thumbnails[5], Qt.MouseButton.LeftButton)
    x, y = first.coords[thumbnails[5].patch]
    view = window.canvas.slide_view.view
    assert view is not None
    centre = (x + first.size_level0 / 2, y + first.size_level0 / 2)
    assert (view.centre_x, view.centre_y) == pytest.approx(centre)
    window.results.model_chosen.emit(1)
    settle(qtbot, window)
    second = window.analysis.result
    assert second is not None and second.model_sha256 != first.model_sha256


def test_hovering_names_the_patch(
    qtbot: QtBot, window: MainWindow, slide_path: Path, model_path: Path
) -> None:
    open_all(qtbot, window, slide_path, model_path)
    result, canvas = window.analysis.result, window.canvas
    assert result is not None and canvas.slide_view.view is not None
    middles = result.coords + result.size_level0 // 2
    # In the middle of the slide, where no legend lies over it.
    patch = int(((middles - (768, 640)) ** 2).sum(axis=1).argmin())
    x, y = middles[patch]
    at = canvas.slide_view.view.to_view(x, y)
    qtbot.mouseMove(canvas.slide_view, QPoint(round(at[0]), round(at[1])))
    assert canvas.hover_card.isVisible()
    assert f"{result.affinity[patch]:+.3f}" in canvas.hover_card.text()
    assert "µm" in window.position.text()
    qtbot.mouseMove(canvas.slide_view, QPoint(3, canvas.slide_view.height() // 2))
    assert not canvas.hover_card.isVisible()


def test_the_mean_of_a_run_has_no_components(
    qtbot: QtBot, window: MainWindow, slide_path: Path, run_folder: Path
) -> None:
    open_all(qtbot, window, slide_path, run_folder)
    assert window.analysis.result is not None
    assert not window.browser.findChildren(PatchThumbnail)


@pytest.mark.parametrize("kind", ["text", "truncated", "missing"])
def test_a_bad_slide_is_named_and_the_open_one_stays(
    qtbot: QtBot, window: MainWindow, slide_path: Path, tmp_path: Path, kind: str
) -> None:
    open_all(qtbot, window, slide_path)
    bad = tmp_path / "bad.tif"
    if kind == "text":
        bad.write_text("no slide")
    elif kind == "truncated":
        bad.write_bytes(slide_path.read_bytes()[: slide_path.stat().st_size // 3])
    window.open_path(bad)
    qtbot.waitUntil(window.canvas.banner.isVisible, timeout=LIMIT_MS)
    assert "bad.tif" in window.canvas.banner.text
    assert window.slides.slide is not None and window.slides.slide.path == slide_path


def test_unknown_resolution_is_asked_for(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, model_path: Path
) -> None:
    path = write_slide(tmp_path / "bare.tif", tissue_image(700, 700), mpp=None)
    open_all(qtbot, window, path, model_path)
    assert "resolution" in window.canvas.banner.text and window.analysis.result is None
    window.open_path(path, mpp=0.5)
    settle(qtbot, window)
    assert window.analysis.result is not None


def test_cancelling_stops_and_can_be_taken_back(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, model_path: Path
) -> None:
    path = write_slide(tmp_path / "large.tif", tissue_image(2048, 2048, seed=9))
    begin_analysis(qtbot, window, path, model_path)
    window.strip.cancelled.emit()
    settle(qtbot, window)
    assert window.analysis.result is None and not window.strip.isVisible()
    window.analysis.run_again()
    settle(qtbot, window)
    assert window.analysis.result is not None


def test_another_slide_replaces_a_running_analysis(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, slide_path: Path, model_path: Path
) -> None:
    path = write_slide(tmp_path / "first.tif", tissue_image(2048, 2048, seed=10))
    begin_analysis(qtbot, window, path, model_path)
    window.open_path(slide_path)
    settle(qtbot, window)
    result = window.analysis.result
    assert result is not None and result.slide_name == "tissue"


def test_the_window_stays_alive_while_it_analyses(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, model_path: Path
) -> None:
    """The window gets its turn between reports: a blocked one would see the last report alone."""
    path = write_slide(tmp_path / "busy.tif", tissue_image(2048, 2048, seed=11))
    begin_analysis(qtbot, window, path, model_path)
    seen: set[int] = set()

    def look() -> bool:
        if window.strip.isVisible():
            seen.add(window.strip._bar.value())
        return window.analysis.result is not None

    qtbot.waitUntil(look, timeout=LIMIT_MS)
    assert len(seen) >= 3


def test_closing_while_a_slide_is_read_and_analysed(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, model_path: Path
) -> None:
    path = write_slide(tmp_path / "closing.tif", tissue_image(2048, 2048, seed=12))
    begin_analysis(qtbot, window, path, model_path)
    window.canvas.slide_view.centre_on(1000, 1000, 0.5)
    window.close()
    assert not window.isVisible()


def test_dropping_a_slide_and_a_model(
    qtbot: QtBot, window: MainWindow, slide_path: Path, model_path: Path
) -> None:
    drop(window, slide_path, model_path)
    qtbot.waitUntil(lambda: window.analysis.result is not None, timeout=LIMIT_MS)


def test_a_cohort_is_listed_and_stepped_through(
    qtbot: QtBot, window: MainWindow, cohort_path: Path
) -> None:
    open_all(qtbot, window, cohort_path)
    assert window.cases_list.model().rowCount() == 12
    assert "case_00" in window.windowTitle()
    window.cases.step(1)
    settle(qtbot, window)
    assert "case_01" in window.windowTitle()


def test_recent_files_are_kept(qtbot: QtBot, window: MainWindow, slide_path: Path) -> None:
    open_all(qtbot, window, slide_path)
    window.slides.close()
    settle(qtbot, window)
    assert window.canvas.welcome.isVisible()
    assert "tissue.tif" in window.canvas.welcome._recent.text()


def test_a_slide_unlike_those_of_training_is_told_apart(
    qtbot: QtBot, window: MainWindow, slide_path: Path, model_path: Path, tmp_path: Path
) -> None:
    def cautions() -> list[str]:
        return [label.text() for label in window.results.findChildren(QLabel, "caution")]

    open_all(qtbot, window, model_path, slide_path)
    assert cautions() == []
    write_slide(tmp_path / "muscle.tif", muscle_image(900, 700))
    open_all(qtbot, window, tmp_path / "muscle.tif")
    assert len(cautions()) == 1 and "outside what this model knows" in cautions()[0]


def test_no_word_of_two_results_is_cut(qtbot: QtBot, window: MainWindow, slide_path: Path) -> None:
    models = [resource(f"demo/{task}.safetensors") for task in DEMO_TASKS]
    open_all(qtbot, window, slide_path, *models)
    assert window.height() == 800
    said = [label for label in window.results.findChildren(QLabel) if label.isVisible()]
    assert len(said) > 2 * 8
    for label in said:
        wraps = label.wordWrap()
        needed = label.heightForWidth(label.width()) if wraps else label.sizeHint().height()
        assert label.height() >= needed, label.text()
