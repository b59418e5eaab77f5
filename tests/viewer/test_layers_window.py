"""Lines over the slide, and the self-test of alignment, in the window."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from driving import open_all, settle
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from momkd_viewer.main_window import MainWindow
from momkd_viewer.state.slide_lines import Contour, PatchEdges, on_screen
from momkd_viewer.state.viewport import Rect, Viewport
from momkd_viewer.widgets.alignment_dialog import _Pair


def shot(window: MainWindow) -> np.ndarray:
    image = window.canvas.slide_view.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    flat = np.frombuffer(image.constBits(), np.uint8)
    return flat.reshape(image.height(), -1)[:, : 3 * image.width()].astype(int)


def test_neighbouring_patches_share_long_lines() -> None:
    x, y = np.meshgrid(np.arange(100), np.arange(100))
    edges = PatchEdges.of(np.stack([x.ravel(), y.ravel()], axis=1) * 64, 64)
    assert len(edges.lines) == 2 * 101, "a full grid is its rows and columns"
    gap = PatchEdges.of(np.array([[0, 0], [64, 0], [256, 0]]), 64)
    horizontal = gap.lines[gap.lines[:, 1] == gap.lines[:, 3]]
    assert sorted(map(tuple, horizontal.tolist())) == [
        (0, 0, 128, 0), (0, 64, 128, 64), (256, 0, 320, 0), (256, 64, 320, 64),
    ]  # fmt: skip
    near = edges.within(Rect(100, 100, 300, 200))
    assert len(near) == 2 + 3 and near.min() >= 100 and near.max() <= 300
    many = np.random.default_rng(0).permutation(400 * 400)[:100_000]
    many_edges = PatchEdges.of(np.stack([many % 400, many // 400], axis=1) * 64, 64)
    assert len(many_edges.within(Rect(0, 0, 6400, 3600))) < 8_000


def test_a_contour_surrounds_its_mask_and_is_simple_from_afar() -> None:
    y, x = np.mgrid[:300, :400]
    mask = (x - 200) ** 2 + (y - 150) ** 2 < 120**2
    contour = Contour.of(mask, 10.0, 10.0)
    points = np.concatenate(contour.within(Rect(0, 0, 4000, 3000), 1.0))
    radius = np.hypot(points[:, 0] - 2005, points[:, 1] - 1505)
    assert np.abs(radius - 1200).max() < 15
    afar = np.concatenate(contour.within(Rect(0, 0, 4000, 3000), 200.0))
    assert len(afar) < len(points) / 3
    assert contour.within(Rect(0, 0, 500, 500), 1.0) == []
    full = Contour.of(np.ones((20, 20), bool), 10.0, 10.0)
    corners = np.concatenate(full.within(Rect(0, 0, 200, 200), 1.0))
    assert corners.min() == 0 and corners.max() == 200, "closed along the slide's border"


def test_lines_turn_with_the_view() -> None:
    view = Viewport(4000, 3000, 800, 600, 1000.0, 900.0, 2.0, 30.0)
    points = np.array([[100.0, 200.0], [1500.0, 20.0]])
    for point, placed in zip(points, on_screen(view, points), strict=True):
        assert tuple(placed) == pytest.approx(view.to_view(*point))


def test_patch_grid_and_contour_on_demand(
    qtbot: QtBot, window: MainWindow, slide_path: Path, model_path: Path
) -> None:
    open_all(qtbot, window, slide_path, model_path)
    result, canvas = window.analysis.result, window.canvas.slide_view
    assert result is not None
    x, y = (int(v) for v in result.coords[len(result) // 2])
    canvas.centre_on(x + 40, y + 40, 1.0)
    settle(qtbot, window)
    window.set_overlay("none")
    plain = shot(window)
    window.actions_by_name["patch_grid"].trigger()
    settle(qtbot, window)
    assert window.actions_by_name["patch_grid"].isChecked() and canvas.view is not None
    left, top = (int(np.floor(v + 0.5)) for v in canvas.view.to_view(x, y))
    gridded = shot(window)
    assert (
        gridded[top + 20, 3 * left : 3 * left + 3] != plain[top + 20, 3 * left : 3 * left + 3]
    ).all()
    assert (gridded[top + 20, 3 * left + 9] == plain[top + 20, 3 * left + 9]).all()
    canvas.fit()
    window.actions_by_name["patch_grid"].trigger()
    canvas.fit()
    settle(qtbot, window)
    plain = shot(window)
    window.actions_by_name["tissue_contour"].trigger()
    settle(qtbot, window)
    assert window.layers.contour.contour is not None
    assert (shot(window) != plain).any()
    canvas.rotate_to(30)
    assert (shot(window) != plain).any()
    window.slides.close()
    settle(qtbot, window)
    assert window.layers.contour.contour is None and window.layers.grid.edges is None


def test_check_alignment_shows_what_it_compared(
    qtbot: QtBot, window: MainWindow, slide_path: Path, model_path: Path
) -> None:
    window.actions_by_name["check_alignment"].trigger()
    assert "nothing to check" in window.canvas.banner.text
    open_all(qtbot, window, slide_path, model_path)
    dialog, corners = window.alignment.dialog, window.alignment.corners
    for zoom in (1.0, 4.0):
        window.canvas.slide_view.zoom(zoom)
        window.actions_by_name["check_alignment"].trigger()
        settle(qtbot, window)
        texts = " ".join(label.text() for label in dialog.findChildren(QLabel))
        assert "Overlay and slide fit" in texts and "median shift" in texts and "µm" in texts
    pairs = dialog.findChildren(_Pair)
    assert 1 < len(pairs) <= 24 and len(corners.chosen) == len(pairs)
    before = window.canvas.slide_view.view
    qtbot.mouseClick(pairs[0], Qt.MouseButton.LeftButton)
    assert window.canvas.slide_view.view != before
    window.canvas.slide_view.grab()
    dialog.close()
    assert corners.corners is None


def test_a_wrong_map_is_blamed_in_the_window(
    qtbot: QtBot, window: MainWindow, slide_path: Path, model_path: Path
) -> None:
    open_all(qtbot, window, slide_path, model_path)
    outcome = window.analysis.outcome
    assert outcome is not None
    bag = outcome.encoded.bag
    attributes = {**bag.attributes, "slide_mpp": 0.25}
    outcome.encoded.bag = replace(bag, attributes=attributes, size_level0=bag.size_level0 * 2)
    window.actions_by_name["check_alignment"].trigger()
    settle(qtbot, window)
    dialog = window.alignment.dialog
    assert dialog.isVisible() and not dialog.isModal()
    failures = [label.text() for label in dialog.findChildren(QLabel, "failure")]
    assert any("0.25 µm/px, which now counts as 0.5" in text for text in failures)
    window.slides.close()
    assert not dialog.isVisible(), "it spoke of a slide that is closed"
