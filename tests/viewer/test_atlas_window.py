"""The cohort in the memory browser: read once, kept, and joined with the slides."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from driving import open_all, settle
from pytestqt.qtbot import QtBot

from momkd_core.atlas import atlas_of_results
from momkd_core.checkpoint import load_model
from momkd_core.curation import save_curated
from momkd_core.prediction import predict
from momkd_core.storage import cache_folder
from momkd_viewer.main_window import MainWindow
from momkd_viewer.state.component_patches import GALLERIES, GalleryKind
from momkd_viewer.state.overlay_values import ComponentName
from momkd_viewer.widgets.component_pane import ComponentPane

NAME = ComponentName("positive", 1)


@pytest.fixture
def table(tmp_path: Path, cohort_path: Path, features_folder: Path) -> Path:
    """Six slides of five patients with their features; of the last case there are features alone."""
    path = tmp_path / "cohort.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["case_id", "patient_id", "slide", "features", "grade"])
        for case in range(6):
            name = f"case_{case:02d}"
            slide = "" if case == 5 else cohort_path.parent / "slides" / f"{name}.tif"
            grade = "low" if case % 2 else "high"
            features = features_folder / f"{name}.h5"
            writer.writerow([name, f"p{max(1, case)}", slide, features, grade])
    return path


def choose_cohort(
    window: MainWindow, kind: GalleryKind = "top", count: int = 200, per_patient: int = 3
) -> None:
    detail = window.components.detail
    detail._kinds.setCurrentIndex([one for one, _, _ in GALLERIES].index(kind))
    detail._scope.setCurrentIndex(1)
    detail._scope.activated.emit(1)
    detail._count.setValue(count)
    detail._per_patient.setValue(per_patient)


def ask(
    qtbot: QtBot, window: MainWindow, kind: GalleryKind = "top", **numbers: int
) -> ComponentPane:
    """The first pane with a component's patches over the cohort."""
    detail = window.components.detail
    window.components.open(NAME)
    choose_cohort(window, kind, **numbers)
    settle(qtbot, window)
    return detail.panes[0]


def test_the_cohorts_patches_are_those_of_the_engine(
    qtbot: QtBot, window: MainWindow, table: Path, model_path: Path, features_folder: Path
) -> None:
    open_all(qtbot, window, model_path, table)
    pane = ask(qtbot, window, count=12, per_patient=2)
    model = load_model(model_path)
    expected = atlas_of_results(
        model,
        (
            (
                f"case_{case:02d}",
                f"p{max(1, case)}",
                predict(model, features_folder / f"case_{case:02d}.h5"),
                "low" if case % 2 else "high",
            )
            for case in range(6)
        ),
        top=200,
        typical=200,
        counter_examples=200,
        per_patient=2,
    )
    component = expected.component(NAME.memory, NAME.index)
    shown = pane.gallery.patches
    best = sorted(component.top, key=lambda p: -p.similarity)
    assert shown[0].similarity == pytest.approx(best[0].similarity)
    assert (
        0 < len(shown) <= 10
        and max(sum(p.patient == patient for p in shown) for patient in {p.patient for p in shown})
        == 2
    )
    assert window.atlas.atlas is not None
    assert window.atlas.atlas.atlas.component(NAME.memory, NAME.index) == component
    assert (
        "of 6 slides" in pane._note.text()
        and "of 5 patients" in pane._note.text()
        and "high" in pane._note.text()
    )
    mine = [p for p in shown if p.case == "case_00"]  # hovering frames them on the open slide
    result = window.analysis.result
    assert mine and result is not None
    for patch in mine:
        assert patch.position is not None and patch.place is not None
        assert tuple(result.coords[patch.position]) == (patch.place.x, patch.place.y)
    assert all(p.position is None for p in shown if p.case != "case_00")
    counter = ask(qtbot, window, "counter", count=12, per_patient=2).gallery.patches
    assert [p.similarity for p in counter[:1]] == [
        pytest.approx(one.patch.similarity) for one in component.counter_examples[:1]
    ]
    assert counter
    for index in range(4):  # as on one slide: by how much the rival exceeds the component itself
        name = ComponentName("negative", index)
        for p in window.atlas.atlas.gallery(name, "counter", 50, 9).patches:
            assert p.rival is not None and p.rival.margin > 0
            assert p.rival.margin == pytest.approx(p.rival.similarity - p.similarity)


def test_a_patch_of_another_slide_opens_its_case_and_is_centred(
    qtbot: QtBot, window: MainWindow, table: Path, model_path: Path
) -> None:
    open_all(qtbot, window, model_path, table)
    pane = ask(qtbot, window, count=50, per_patient=9)
    for case in ("case_03", "case_05"):  # the latter has features alone
        patch = next(p for p in pane.gallery.patches if p.case == case)
        pane.gallery.chosen.emit(patch)
        settle(qtbot, window)
        assert window.slides.source is not None and window.slides.source.path.stem == case
        assert window.cases_list.currentIndex().row() == int(case[-1])
        view, place = window.canvas.slide_view.view, patch.place
        assert view is not None and place is not None
        middle = (place.x + place.size / 2, place.y + place.size / 2)
        assert (view.centre_x, view.centre_y) == pytest.approx(middle, abs=1)
        assert window.analysis.result is not None  # from its features, as a click on the row would


def test_pictures_come_from_every_slide_and_features_alone_have_none(
    qtbot: QtBot, window: MainWindow, table: Path, model_path: Path
) -> None:
    open_all(qtbot, window, model_path, table)
    pane = ask(qtbot, window, count=50, per_patient=9)
    pictures = window.memory.pictures
    places = {p.case: p.place for p in pane.gallery.patches}
    assert set(places) == {f"case_{case:02d}" for case in range(6)}
    pictures.want("test", [place for place in places.values() if place is not None])
    settle(qtbot, window)
    found = {case: pictures.picture(place) for case, place in places.items()}
    assert all(found[f"case_{case:02d}"].width() for case in range(5))  # type: ignore[union-attr]
    assert found["case_05"].isNull()  # type: ignore[union-attr]
    assert "features" in pictures.reason(places["case_05"])
    assert window.canvas.banner.isHidden()


def test_a_cohort_is_encoded_once_whatever_is_muted(
    qtbot: QtBot, window: MainWindow, table: Path, model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from momkd_core import rescoring
    from momkd_viewer.jobs import atlas_work

    read: list[Path] = []
    encode, encode_again = atlas_work.encode, rescoring.encode

    def counted(source, *rest):  # type: ignore[no-untyped-def]
        read.append(source.path)
        return encode(source, *rest)

    def counted_again(model, path, **named):  # type: ignore[no-untyped-def]
        read.append(path)
        return encode_again(model, path, **named)

    monkeypatch.setattr(atlas_work, "encode", counted)
    monkeypatch.setattr(rescoring, "encode", counted_again)
    open_all(qtbot, window, model_path, table)
    ask(qtbot, window, count=13, per_patient=4)
    assert len(read) == 6
    (index,) = (cache_folder() / "atlases").glob("*.npz")
    written = index.stat().st_mtime_ns
    window.analysis.set_muted("positive", 0, True)
    settle(qtbot, window)
    assert len(read) == 6 and window.atlas.atlas is not None
    assert window.muting.rescoring.scored is not None and index.stat().st_mtime_ns == written
    muted = window.atlas.atlas.atlas.component("positive", 0)
    assert not muted.top and muted.patches == 0
    # Back again, and the same in another session: from the cache.
    window.analysis.set_muted("positive", 0, False)
    settle(qtbot, window)
    assert len(read) == 6 and window.atlas.atlas is not None
    assert window.atlas.atlas.atlas.component("positive", 0).top
    # A feature file that changed is another cohort; damage in the cache is no failure.
    for kept in (cache_folder() / "atlases").iterdir():
        kept.write_bytes(b"damaged")
    window.atlas.build()
    open_all(qtbot, window, table)
    settle(qtbot, window)
    assert len(read) == 12 and window.canvas.banner.isHidden()


def test_two_slides_of_one_stem_keep_their_own_patches(
    qtbot: QtBot, window: MainWindow, model_path: Path, cohort_path: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "slides"
    folder.mkdir()
    files = [folder / "scan.tif", folder / "scan.tiff"]
    for case, file in zip(("case_00", "case_01"), files, strict=True):
        shutil.copy(cohort_path.parent / "slides" / f"{case}.tif", file)
    open_all(qtbot, window, model_path, folder)
    patches = ask(qtbot, window, count=50, per_patient=50).gallery.patches
    model = load_model(model_path)
    results = {file: predict(model, file) for file in files}
    assert {patch.place.slide for patch in patches if patch.place} == set(files)
    for patch in patches:
        assert patch.place is not None
        result = results[patch.place.slide]
        assert result.match is not None
        (row,) = np.flatnonzero((result.coords == (patch.place.x, patch.place.y)).all(axis=1))
        similarity = result.match.of(NAME.memory)[row, NAME.index]
        assert patch.similarity == pytest.approx(similarity)
    # The patch that is asked about is left out, that of the same place on the other slide is not.
    shown = window.analysis.result
    assert shown is not None and window.slides.source is not None
    x, y = shown.coords[0]
    window.inspection.ask(*(float(v) for v in shown.coords[0] + shown.size_level0 / 2))
    settle(qtbot, window)
    nearest = [patch.place for patch in window.inspection.panel.nearest.patches]
    assert nearest and {place.slide for place in nearest if place} == set(files)
    itself = (window.slides.source.path, x, y)
    assert all(place and (place.slide, place.x, place.y) != itself for place in nearest)


def test_nearest_patches_of_the_cohort_leave_out_the_patch_itself(
    qtbot: QtBot, window: MainWindow, table: Path, model_path: Path
) -> None:
    open_all(qtbot, window, model_path, table)
    result = window.analysis.result
    assert result is not None
    x, y = result.coords[4] + result.size_level0 / 2
    window.inspection.ask(float(x), float(y))
    settle(qtbot, window)
    assert not window.inspection.panel.nearest.patches
    window.atlas.build()
    settle(qtbot, window)
    nearest = window.inspection.panel.nearest.patches
    assert len(nearest) == 24
    assert [p.similarity for p in nearest] == sorted((p.similarity for p in nearest), reverse=True)
    itself = (tuple(result.coords[4]), "case_00")
    assert all(p.place and ((p.place.x, p.place.y), p.case) != itself for p in nearest)
    assert len({p.case for p in nearest}) > 1


def test_nearest_patches_are_of_the_model_that_is_shown(
    qtbot: QtBot, window: MainWindow, table: Path, model_path: Path, tmp_path: Path
) -> None:
    model, curated = load_model(model_path), tmp_path / "curated.safetensors"
    save_curated(model, curated, {"positive": [0]}, who="Anna", why="pen")
    open_all(qtbot, window, model_path, table)
    window.atlas.build()
    settle(qtbot, window)
    result = window.analysis.result
    assert result is not None
    window.inspection.ask(*(float(v) for v in result.coords[4] + result.size_level0 / 2))
    settle(qtbot, window)
    found = window.inspection.panel.nearest.patches
    # Neither muting nor curation moves a patch.
    window.analysis.set_muted("positive", 1, True)
    window.analysis.open_model(curated, choose=True)
    settle(qtbot, window)
    assert window.inspection.find_nearest is not None
    assert [p.place for p in window.inspection.panel.nearest.patches] == [p.place for p in found]
    for _ in window.analysis.analysis.models[:]:
        window.analysis.close_model(0)
    assert window.inspection.find_nearest is None, "another model would understand none of it"


def test_slides_that_cannot_be_read_are_named_and_the_rest_is_there(
    qtbot: QtBot, window: MainWindow, table: Path, model_path: Path
) -> None:
    lines = table.read_text().splitlines()
    lines[3] = lines[3].replace("case_02.h5", "gone.h5").replace("case_02.tif", "gone.tif")
    table.write_text("\n".join(lines))
    open_all(qtbot, window, model_path, table)
    pane = ask(qtbot, window)
    assert "1 slide could not be read" in pane._note.text() and pane.gallery.patches
    assert "gone.tif" in window.canvas.banner.text
    table.write_text("\n".join([lines[0], lines[3]]))
    open_all(qtbot, window, table)
    pane = ask(qtbot, window)
    assert window.atlas.atlas is not None and window.atlas.atlas.atlas.slides == 0


def test_reading_can_be_stopped_and_started_again(
    qtbot: QtBot, window: MainWindow, table: Path, model_path: Path
) -> None:
    open_all(qtbot, window, model_path, table)
    window.components.open(NAME)
    choose_cohort(window, count=333)
    window.atlas_strip.cancelled.emit()
    settle(qtbot, window)
    assert (
        window.atlas.atlas is None and "stopped" in window.components.detail.panes[0]._none.text()
    )
    window.atlas.build()
    settle(qtbot, window)
    assert window.components.detail.panes[0].gallery.patches


def test_without_a_cohort_the_pane_says_what_to_open(
    qtbot: QtBot, window: MainWindow, slide_path: Path, model_path: Path
) -> None:
    open_all(qtbot, window, model_path, slide_path)
    assert "Open a cohort" in ask(qtbot, window)._none.text()
    window.atlas.build()
    assert "Open a cohort" in window.canvas.banner.text
