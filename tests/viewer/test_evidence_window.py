"""Evidence bundles in the window: written of what is seen, opened to the same, without names."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import pytest
import shapely
from driving import another_window, drop, open_all, settle
from PySide6.QtCore import QObject, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from momkd_core import load_model, report
from momkd_core.annotations import Annotation
from momkd_core.cli.main import main
from momkd_core.curation import save_curated
from momkd_core.evidence import read_bundle
from momkd_core.review import open_review
from momkd_core.verdicts import Subject, Verdict
from momkd_viewer.jobs.evidence_work import EvidenceChoice
from momkd_viewer.jobs.report_work import ReportChoice
from momkd_viewer.main_window import MainWindow
from momkd_viewer.state.overlay_values import ComponentName, OverlayChoice

CASE, READER = "Muster_Annabel", "Dr. Quack"
# None so short that the bytes of a compressed picture could spell it by chance.
NAMES = re.compile(rb"muster|annabel|quack|named", re.IGNORECASE)


@pytest.fixture
def slide_file(slide_path: Path, tmp_path: Path) -> Path:
    """A slide whose file is named after the patient."""
    folder = tmp_path / "named"
    folder.mkdir()
    return Path(shutil.copy(slide_path, folder / f"{CASE}.tif"))


@pytest.fixture
def second(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    """The window of somebody else."""
    with another_window(tmp_path / "others.ini") as window:
        window.show()
        qtbot.waitExposed(window)
        yield window


def export(qtbot: QtBot, window: MainWindow, path: Path, **choice: bool) -> Path:
    window.evidence.writing.export(path, EvidenceChoice(**choice))
    settle(qtbot, window)
    assert path.exists(), window.canvas.banner.text
    return path


def looked_at(qtbot: QtBot, window: MainWindow, slide: Path, model: Path) -> None:
    """A slide that somebody has zoomed into, with a map, a muted component and a detail open."""
    open_all(qtbot, window, slide, model)
    window.analysis.set_muted("negative", 2, True)
    window.components.open(ComponentName("positive", 1))
    window.overlay.set_choice(
        OverlayChoice("similarity", ComponentName("positive", 1), low=-0.25, high=0.75)
    )
    window.overlay.set_opacity(0.3125)
    window.tools.display.choose(replace(window.slides.rendition, gamma=1.25))
    settle(qtbot, window)
    window.canvas.slide_view.centre_on(701.5, 433.25, 0.8125)
    window.canvas.slide_view.rotate_to(90)
    settle(qtbot, window)


def test_it_opens_to_the_same(
    qtbot: QtBot,
    window: MainWindow,
    second: MainWindow,
    slide_file: Path,
    model_path: Path,
    tmp_path: Path,
) -> None:
    looked_at(qtbot, window, slide_file, model_path)
    area = Annotation("polygon", shapely.box(10, 20, 300, 400), name="front")
    window.annotations.shown.add([area])
    bundle = export(qtbot, window, tmp_path / "out" / "evidence.zip")
    assert "Evidence written to" in window.busy.text()
    before, result = window.canvas.slide_view.view, window.analysis.result
    assert before is not None and result is not None and result.muted == {"negative": [2]}
    # Elsewhere the slide lies beside the bundle, under another name.
    slide_file.rename(bundle.parent / "other.tif")
    for beside in slide_file.parent.iterdir():
        beside.unlink()
    other = second
    with qtbot.waitSignal(other.evidence.opening.restored, timeout=60_000):
        drop(other, bundle)
    settle(qtbot, other)
    assert other.slides.slide is not None and other.slides.slide.path.name == "other.tif"
    view, again = other.canvas.slide_view.view, other.analysis.result
    assert view == before
    assert again is not None and again.muted == result.muted
    assert again.probability == result.probability, "to the last digit"
    assert (again.affinity == result.affinity).all()
    assert other.overlay.choice == window.overlay.choice
    assert other.overlay.opacity == 0.3125
    assert other.slides.rendition == window.slides.rendition
    assert other.components.components == (ComponentName("positive", 1),)
    assert other.components.dock.isVisible()
    assert [one.id for one in other.annotations.shown.items] == [area.id]
    assert other.canvas.banner.isHidden(), other.canvas.banner.text
    # Another time, while all of that is open: nothing is opened twice, and the view comes back.
    other.canvas.slide_view.fit()
    other.analysis.set_muted("negative", 2, False)
    settle(qtbot, other)
    slide = other.slides.slide
    open_all(qtbot, other, bundle)
    assert other.slides.slide is slide and len(other.analysis.analysis.models) == 1
    assert other.canvas.slide_view.view == before
    assert other.analysis.result is not None
    assert other.analysis.result.probability == result.probability


def test_an_area_is_asked_about_again(
    qtbot: QtBot,
    window: MainWindow,
    second: MainWindow,
    slide_file: Path,
    model_path: Path,
    tmp_path: Path,
) -> None:
    open_all(qtbot, window, slide_file, model_path)
    area = Annotation("polygon", shapely.box(300, 300, 1200, 1000), name="front")
    window.annotations.shown.add([area])
    window.annotations.analyse_inside()
    settle(qtbot, window)
    result = window.analysis.result
    assert result is not None and result.region == "front"
    bundle = export(qtbot, window, tmp_path / "evidence.zip", identities=True)
    other = second  # the bundle knows where its slide lies
    open_all(qtbot, other, bundle)
    again = other.analysis.result
    assert again is not None and again.region == "front" and len(again) == len(result)
    assert again.probability == result.probability
    assert other.canvas.banner.isHidden(), other.canvas.banner.text


def test_masked_names_are_told_to_nobody(
    qtbot: QtBot,
    window: MainWindow,
    slide_file: Path,
    model_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    review = tmp_path / "review.sqlite"
    monkeypatch.setenv("MOMKD_REVIEW", str(review))
    model = load_model(model_path)
    path = save_curated(
        model,
        tmp_path / "curated.safetensors",
        {"positive": [1]},
        who=READER,
        why=f"pen in {CASE}, says {READER}",
    )
    with open_review(review) as store:
        subject = Subject("positive", 1, CASE)
        store.record(
            Verdict(
                subject=subject,
                term="pen/artefact",
                note=f"as in {CASE}",
                reviewer=READER,
                model_sha256=model.origin_sha256,
            )
        )
    open_all(qtbot, window, slide_file, path)
    told = export(qtbot, window, tmp_path / "told.zip", identities=True)
    assert READER in read_bundle(told).record.model.card["curation"][0]["who"]
    window.tools.privacy.toggle_names()
    dialog = window.evidence.writing.ask()
    assert dialog is not None
    assert not dialog.identities.isEnabled() and not dialog.label.isEnabled()
    dialog.reject()
    bundle = export(qtbot, window, tmp_path / "evidence.zip", identities=True, label_image=True)
    record = read_bundle(bundle).record
    assert [one.reviewer for one in record.verdicts] == ["Reviewer 1"]
    assert record.model.files and record.model.files_altered
    assert not NAMES.search(bundle.read_bytes())
    with zipfile.ZipFile(bundle) as archive:
        for name in archive.namelist():  # the model's own file among them
            assert not NAMES.search(archive.read(name)), name
    # The curated model comes back with the bundle, though its curator's name is gone.
    unpacked = read_bundle(bundle).unpack_model(tmp_path / "unpacked")
    assert unpacked is not None
    assert load_model(unpacked).origin_sha256 == model.origin_sha256


def test_the_slide_is_asked_for_and_has_to_be_the_same(
    qtbot: QtBot,
    window: MainWindow,
    second: MainWindow,
    slide_file: Path,
    cohort_path: Path,
    model_path: Path,
    tmp_path: Path,
) -> None:
    open_all(qtbot, window, slide_file, model_path)
    bundle = export(qtbot, window, tmp_path / "evidence.zip")
    probability = window.analysis.result.probability  # type: ignore[union-attr]
    other = second
    open_all(qtbot, other, bundle)
    asked = other.findChild(QFileDialog)
    assert asked is not None and "1,536 × 1,280 px" in asked.windowTitle()
    assert other.slides.slide is None
    asked.fileSelected.emit(str(cohort_path.parent / "slides" / "case_00.tif"))
    settle(qtbot, other)
    assert "case_00.tif is not the slide of this bundle (640 × 640 px" in other.canvas.banner.text
    assert other.slides.slide is None and not other.analysis.analysis.models
    other.canvas.banner.hide()
    asked.fileSelected.emit(str(slide_file))
    settle(qtbot, other)
    assert other.analysis.result is not None
    assert other.analysis.result.probability == probability
    asked.reject()
    assert "was not found" in other.canvas.banner.text
    # Whoever masks names is not told one by a bundle with identities.
    told = export(qtbot, window, tmp_path / "told.zip", identities=True)
    slide_file.rename(slide_file.with_name("moved.tif"))
    other.slides.close()
    other.tools.privacy.toggle_names()
    open_all(qtbot, other, told)
    (asked,) = [one for one in other.findChildren(QFileDialog) if one.isVisible()]
    assert CASE not in asked.windowTitle() and "1,536 × 1,280 px" in asked.windowTitle()


def test_what_cannot_be_the_same_is_said(
    qtbot: QtBot,
    window: MainWindow,
    second: MainWindow,
    slide_file: Path,
    model_path: Path,
    tmp_path: Path,
) -> None:
    assert (
        window.evidence.writing.ask() is None and "no result to export" in window.canvas.banner.text
    )
    window.canvas.banner.hide()
    open_all(qtbot, window, slide_file, model_path)
    bundle = export(qtbot, window, tmp_path / "named" / "evidence.zip", model=False)
    other = second
    open_all(qtbot, other, bundle)
    assert "without its model" in other.canvas.banner.text and other.slides.slide is None
    open_all(qtbot, other, model_path, bundle)
    assert other.analysis.result is not None
    # A bundle of other features, and with a view that nobody understands.
    changed = tmp_path / "named" / "changed.zip"
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "bundle.json":
                number = str(other.analysis.result.probability).encode()
                assert number in content
                content = content.replace(number, b"0.987654")
                content = re.sub(rb'"opacity": [0-9.]+', b'"opacity": 17', content)
            new.writestr(name, content)
    other.slides.close()
    other.canvas.banner.hide()
    said: list[str] = []
    other.evidence.opening.failed.connect(said.append)
    open_all(qtbot, other, changed)
    assert "the opacity is not between" in said[0] and "0.988" in said[1]
    assert other.slides.slide is not None, "the result is shown all the same"
    (tmp_path / "none.zip").write_bytes(b"PK\x03\x04 no zip")
    open_all(qtbot, other, tmp_path / "none.zip")
    assert "is no zip" in other.canvas.banner.text


class OneMoment(datetime):
    """A clock that stands."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> OneMoment:
        return cls(2026, 5, 4, 9, 30, tzinfo=UTC)


class Desktop(QObject):
    """What opens files, as the desktop does."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    @Slot(QUrl)
    def take(self, url: QUrl) -> None:
        self.opened.append(url.toLocalFile())


def test_a_report_is_what_the_command_line_writes(
    qtbot: QtBot,
    window: MainWindow,
    slide_file: Path,
    model_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    review, writing = tmp_path / "review.sqlite", window.evidence.report
    monkeypatch.setenv("MOMKD_REVIEW", str(review))
    monkeypatch.setattr(report, "datetime", OneMoment)
    model = load_model(model_path)
    with open_review(review) as store:
        said = Verdict(
            subject=Subject("positive", 1, CASE), term="stroma", note="pale", reviewer=READER,
            model_sha256=model.origin_sha256,
        )  # fmt: skip
        store.record(said)
    assert writing.ask() is None and "no result to report" in window.canvas.banner.text
    open_all(qtbot, window, slide_file, model_path)
    window.analysis.set_muted("negative", 2, True)
    settle(qtbot, window)
    dialog = writing.ask()
    assert dialog is not None
    dialog.top.setValue(4)
    dialog.accept()
    files = window.findChild(QFileDialog)
    assert files is not None and files.selectedFiles()[0].endswith("/report.pdf")
    here, there = tmp_path / "here.pdf", tmp_path / "there.pdf"
    files.fileSelected.emit(str(here))
    files.close()
    settle(qtbot, window)
    assert window.busy.text() == f"Saved {here}"
    asked = ["report", slide_file, "--model", model_path, "--out", there, "--mute", "negative:2"]
    assert main([*(str(a) for a in asked), "--top", "4", "--review", str(review)]) == 0
    assert here.read_bytes() == there.read_bytes()
    # The button shows it.
    desktop = Desktop()
    QDesktopServices.setUrlHandler("file", desktop, "take")
    try:
        qtbot.mouseClick(writing.opener, Qt.MouseButton.LeftButton)
        assert desktop.opened == [str(here)]
        here.unlink()
        qtbot.mouseClick(writing.opener, Qt.MouseButton.LeftButton)
        assert len(desktop.opened) == 1 and "not there any more" in window.canvas.banner.text
    finally:
        QDesktopServices.unsetUrlHandler("file")
    # Who masks names has them in no report, though they were asked for.
    window.tools.privacy.toggle_names()
    dialog = writing.ask()
    assert dialog is not None and not dialog.identities.isEnabled()
    dialog.reject()
    writing.save(here, ReportChoice(identities=True, top=4))
    settle(qtbot, window)
    assert here.read_bytes() == there.read_bytes()
    # A failure names the file and leaves nothing behind; so does who cancels.
    window.tools.privacy.toggle_names()
    writing.save(tmp_path / "case.txt", ReportChoice())
    settle(qtbot, window)
    assert "case.txt does not end in .pdf" in window.canvas.banner.text
    assert writing.opener.isHidden()
    writing.save(tmp_path / "stopped.pdf", ReportChoice())
    writing.save(tmp_path / "second.pdf", ReportChoice())
    assert "still being written" in window.canvas.banner.text
    writing.strip.cancelled.emit()
    settle(qtbot, window)
    assert not (tmp_path / "stopped.pdf").exists() and writing.opener.isHidden()
    # Its pages tell the memories apart: not for who judges blinded.
    window.actions_by_name["blinded"].trigger()
    assert not window.actions_by_name["save_report"].isVisible()
