"""With names masked, nothing that the window shows or tells of says who a patient is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import shapely
from driving import LIMIT_MS, dialog, open_all, settle
from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QFileDialog, QTableWidget
from pytestqt.qtbot import QtBot
from telling import every_text

from momkd_core.annotations import Annotation
from momkd_core.review import Subject, Verdict, open_review
from momkd_viewer.main_window import MainWindow
from momkd_viewer.resource_files import resource

DEMO_MODEL = resource("demo/her2.safetensors")  # at hand without training


@pytest.fixture
def telling(slide_path: Path, tmp_path: Path) -> Path:
    """A slide named after a patient, in a folder named after another."""
    (tmp_path / "Huber").mkdir()
    return Path(shutil.copy(slide_path, tmp_path / "Huber" / "Meier.tif"))


NAMES = ("Meier", "Huber", "meier", "huber")


def test_no_work_on_a_slide_tells_its_name(qtbot: QtBot, window: MainWindow, telling: Path) -> None:
    window.annotations.store._timer.setInterval(30)
    open_all(qtbot, window, telling, DEMO_MODEL)
    status = window.annotations.status
    box = Annotation("rectangle", shapely.box(100, 100, 1400, 1100), name="front")
    window.annotations.shown.add([box])
    settle(qtbot, window)
    assert "Meier" in status.toolTip() and window.windowTitle().startswith("Meier.tif")

    window.actions_by_name["mask_names"].trigger()
    assert "masked" in status.toolTip()
    window.annotations.shown.select([box.id])
    window.actions_by_name["analyse_inside"].trigger()
    settle(qtbot, window)
    window.actions_by_name["add_bookmark"].trigger()
    window.tools.bookmarks.add("Tumour")
    window.actions_by_name["edit_bookmarks"].trigger()
    for name in ("slide_label", "check_alignment", "display", "palette"):
        window.actions_by_name[name].trigger()
    settle(qtbot, window)
    said = [every_text(window)]
    window.actions_by_name["palette"].trigger()

    window.annotations.store.ask_export(window)
    (chooser,) = window.findChildren(QFileDialog)
    assert Path(chooser.selectedFiles()[0]).name == "Slide 1.geojson"
    assert Path(chooser.directory().absolutePath()) != telling.parent
    chooser.close()
    window.annotations.store.export_file(telling.with_name("Meier front.geojson"))
    settle(qtbot, window)
    assert status.text() == "Annotations exported"
    said.append(every_text(window))

    telling.with_name("Meier view.txt").write_text("")
    window.tools.export.export_view(telling.with_name("Meier view.txt") / "Meier view.png", 1)
    settle(qtbot, window)
    assert "cannot be written" in window.canvas.banner.text
    said.append(every_text(window))
    window.annotations.store.import_file(telling.with_name("Meier view.txt"))
    settle(qtbot, window)
    assert "File" in window.canvas.banner.text
    said.append(every_text(window))

    window.slides.close()
    settle(qtbot, window)
    for file in telling.parent.glob("*.annotations.geojson"):
        file.write_text("no annotations")
    open_all(qtbot, window, telling)
    assert "left as it is" in window.canvas.banner.text
    said.append(every_text(window))
    leaks = {line for text in said for line in text.splitlines() if any(n in line for n in NAMES)}
    assert not leaks

    window.actions_by_name["mask_names"].trigger()
    assert "Meier" in window.canvas.banner.text and "Meier.tif" in every_text(window)


def test_a_cohort_that_cannot_be_read_tells_no_name_in_the_gallery(
    qtbot: QtBot, window: MainWindow, slide_path: Path, tmp_path: Path
) -> None:
    (tmp_path / "cohort.csv").write_text(f"case_id,slide\nHuber,{tmp_path / 'Meier.tif'}\n")
    open_all(qtbot, window, DEMO_MODEL, tmp_path / "cohort.csv", slide_path)
    window.components.open(window.memory.views[0].component)
    detail = window.components.detail
    detail._scope.setCurrentIndex(1)
    detail._scope.activated.emit(1)
    settle(qtbot, window)
    reason = detail.panes[0]._none
    assert "No slide of the cohort could be read" in reason.text() and "Meier" in reason.text()
    window.actions_by_name["mask_names"].trigger()
    assert not any(name in every_text(window) for name in NAMES)
    window.actions_by_name["mask_names"].trigger()
    assert "Meier" in reason.text()


def test_the_agreement_window_follows_the_mask(
    qtbot: QtBot,
    window: MainWindow,
    telling: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MOMKD_REVIEW", str(tmp_path / "review.sqlite"))
    window.tools.preferences.changed.emit()
    open_all(qtbot, window, DEMO_MODEL)
    shown = window.analysis.analysis.shown
    assert shown is not None
    said = {"model_sha256": shown.model.origin_sha256, "term": "fat"}
    with open_review(tmp_path / "review.sqlite") as store:
        for who in ("Anna", "Ben"):
            store.record(Verdict(subject=Subject(case_id="Meier"), reviewer=who, **said))
    open_all(qtbot, window, telling)
    window.review.keeper.read()
    settle(qtbot, window)
    window.actions_by_name["agreement"].trigger()
    tables = dialog(window, "AgreementWindow").findChildren(QTableWidget)
    (table,) = [one for one in tables if one.rowCount()]
    assert table.item(0, 0).text() == "Meier"
    window.actions_by_name["mask_names"].trigger()
    assert table.item(0, 0).text() == "another case"


def test_a_cohort_is_masked_and_stays_so(
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
        assert name not in said, name
    assert window.windowTitle() == "Slide 2 – MoMKD Viewer" and "Case 12" in said
    assert "Slide" in window.canvas.banner.text
    index = window.cases_list.model().index(0, 0)
    assert index.data() == "Case 1" and index.data(Qt.ItemDataRole.ToolTipRole) == "Slide 2"
    asked = window.tools.export.ask_for_view()
    assert asked is not None
    asked.accept()
    chooser = window.findChildren(QFileDialog)[0]
    assert "case" not in " ".join(chooser.selectedFiles())
    chooser.close()
    again = MainWindow(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))
    qtbot.addWidget(again)
    assert again.actions_by_name["mask_names"].isChecked()
    assert "tissue" not in every_text(again)
    window.actions_by_name["mask_names"].trigger()
    assert window.windowTitle().startswith("case_00")
