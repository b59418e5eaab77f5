"""Cases of which the window has features alone, without a slide."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from driving import open_all, settle
from pytestqt.qtbot import QtBot

from momkd_core.features import read_features, write_features
from momkd_viewer.main_window import MainWindow
from momkd_viewer.state.patch_ground import PatchGround
from momkd_viewer.widgets.colours import colour
from momkd_viewer.widgets.component_card import PatchThumbnail


@pytest.fixture
def table(tmp_path: Path, features_folder: Path) -> Path:
    """A cohort of three cases without a slide."""
    path = tmp_path / "cohort.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["case_id", "features", "grade"])
        for name in ("case_00", "case_01", "case_02"):
            writer.writerow([name, features_folder / f"{name}.h5", "high"])
    return path


def test_a_cohort_of_features_alone_is_browsed_case_by_case(
    qtbot: QtBot, window: MainWindow, table: Path, model_path: Path, features_folder: Path
) -> None:
    open_all(qtbot, window, model_path, table)
    result = window.analysis.result
    assert window.slides.slide is None and result is not None and result.slide_name == "case_00"
    assert "case_00" in window.windowTitle()
    assert window.canvas.note.isVisible() and "features alone" in window.canvas.note.text()
    assert window.browser.findChildren(PatchThumbnail)
    # The map: colours of the overlay on an empty ground, at the patches' places.
    view = window.canvas.slide_view.view
    assert view is not None and (view.slide_width, view.slide_height) == (640, 640)
    overlay, _ = window.canvas.slide_view.scene.overlay
    assert overlay is not None
    picture = window.canvas.slide_view.grab().toImage()
    x, y = view.to_view(*(result.coords[0] + result.size_level0 / 2))
    assert picture.pixelColor(round(x), round(y)) not in (colour("glass"), colour("surround"))
    window.cases.step(1)
    settle(qtbot, window)
    assert window.analysis.result is not None
    assert window.analysis.result.slide_name == "case_01"
    window.queue.analyse_all()
    settle(qtbot, window)
    assert not window.cases.work.left
    # What acts on pixels is greyed out, and nothing asks for a resolution.
    assert not window.actions_by_name["export_overlay"].isEnabled()
    assert window.canvas.banner.isHidden()


def test_a_patch_of_features_alone_is_found_on_the_map(
    qtbot: QtBot, window: MainWindow, model_path: Path, features_folder: Path
) -> None:
    open_all(qtbot, window, model_path, features_folder / "case_00.h5")
    result, view = window.analysis.result, window.canvas.slide_view
    assert result is not None
    before = view.view
    assert before is not None
    window.memory.go_to_patch(3)
    centre = result.coords[3] + result.size_level0 / 2
    assert view.view is not None
    assert (view.view.centre_x, view.view.centre_y) == pytest.approx(tuple(centre), abs=1)
    assert view.view.downsample == before.downsample  # there is nothing to magnify
    # Patches of 128 px at 0.5 µm/px: the file says how large a pixel is.
    assert window.slides.known_mpp is not None and window.slides.known_mpp.x == 0.5


def test_features_that_do_not_say_where_they_lie_are_analysed_without_a_map(
    qtbot: QtBot,
    window: MainWindow,
    tmp_path: Path,
    model_path: Path,
    features_folder: Path,
    slide_path: Path,
) -> None:
    bag = read_features(features_folder / "case_00.h5")
    write_features(tmp_path / "lost.h5", replace(bag, coords=np.zeros_like(bag.coords)))
    open_all(qtbot, window, model_path, tmp_path / "lost.h5")
    assert window.analysis.result is not None and window.canvas.slide_view.view is None
    assert "do not say where" in window.canvas.note.text()
    window.memory.go_to_patch(0)
    # A slide takes its place as any other would.
    open_all(qtbot, window, slide_path)
    assert window.slides.slide is not None and window.canvas.note.isHidden()
    assert window.canvas.slide_view.view is not None


def test_features_that_cannot_be_read_are_named_and_what_is_shown_stays(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, slide_path: Path
) -> None:
    open_all(qtbot, window, slide_path, tmp_path / "gone.h5")
    assert "gone.h5 does not exist" in window.canvas.banner.text
    assert window.slides.slide is not None


def test_the_second_view_shows_features_alone_too(
    qtbot: QtBot, window: MainWindow, model_path: Path, features_folder: Path
) -> None:
    open_all(qtbot, window, model_path, features_folder / "case_00.h5")
    window.split.toggle()
    settle(qtbot, window)
    assert window.split.same_slide and window.split.is_linked
    assert window.split.analysis.result is window.analysis.result


def test_the_ground_is_the_slide_where_the_file_says_how_large_it_is(features_folder: Path) -> None:
    bag = read_features(features_folder / "case_00.h5")
    assert PatchGround.of(replace(bag, attributes={"level0_width": 5000})) == PatchGround(
        5000,
        PatchGround.of(bag).height,
        PatchGround.of(bag).mpp,  # type: ignore[union-attr]
    )
    odd = replace(bag, attributes={"level0_width": "wide"}, target_mpp=None)
    right = int(bag.coords[:, 0].max()) + bag.size_level0
    assert PatchGround.of(odd).width == right  # type: ignore[union-attr]
    assert PatchGround.of(odd).mpp is None  # type: ignore[union-attr]


def test_features_of_another_encoder_are_refused(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, model_path: Path, features_folder: Path
) -> None:
    bag = read_features(features_folder / "case_00.h5")
    write_features(tmp_path / "other.h5", replace(bag, encoder="uni2-h"))
    open_all(qtbot, window, model_path, tmp_path / "other.h5")
    assert window.analysis.result is None
    said = window.canvas.banner.text
    assert "other holds features of uni2-h, but the model was trained on" in said
    assert "momkd extract … --encoder" in said
    open_all(qtbot, window, model_path, features_folder / "case_00.h5")
    assert window.analysis.result is not None and window.canvas.banner.isHidden()
