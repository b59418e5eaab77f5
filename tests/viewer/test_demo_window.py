"""The demo as a newcomer meets it: slides still being drawn, the tour, muting, the work list."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from driving import LIMIT_MS, open_all, settle
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton, QToolButton
from pytestqt.qtbot import QtBot
from small_demo import shrink_demo

from momkd_core import load_model, predict
from momkd_viewer.jobs import demo_work
from momkd_viewer.main_window import MainWindow


@pytest.fixture
def drawn_demo(demo_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The window's demo, of which the last case is still to be drawn; its features are known."""
    cache = tmp_path / "cache"
    shutil.copytree(demo_cache, cache, copy_function=os.link)
    shrink_demo(monkeypatch)
    monkeypatch.setenv("MOMKD_CACHE", str(cache))
    cohort = demo_work.demo_cohort()
    cohort.slide("demo-004").unlink()
    cohort.expression.unlink()
    return cohort.folder


def press(qtbot: QtBot, window: MainWindow, text: str) -> None:
    found = [b for b in window.tour.findChildren(QPushButton) if b.text() == text]
    qtbot.mouseClick(found[0], Qt.MouseButton.LeftButton)


def column(window: MainWindow, number: int) -> list[str]:
    model = window.cases_list.model()
    return [str(model.index(row, number).data()) for row in range(model.rowCount())]


def test_the_demo_explains_itself(qtbot: QtBot, window: MainWindow, drawn_demo: Path) -> None:
    window.open_demo()
    qtbot.waitUntil(lambda: window.cases_list.model().rowCount() > 0, timeout=LIMIT_MS)
    assert column(window, 2)[-1] == "being drawn"
    settle(qtbot, window)
    assert window.slides.slide is not None and "demo-001" in window.windowTitle()
    assert len(window.analysis.analysis.models) == 2
    assert all(m.model.card.organ == "drawn breast" for m in window.analysis.analysis.models)
    cautions = [label.text() for label in window.results.findChildren(QLabel, "caution")]
    assert len(cautions) == 2 and all("knows no tissue" in text for text in cautions)
    # Every case has a finding, the one that was drawn meanwhile too.
    assert all(text.startswith(("positive", "negative")) for text in column(window, 2))
    assert (drawn_demo / "slides" / "demo-004.tif").is_file()

    assert window.tour.isVisible()
    for _ in range(3):
        press(qtbot, window, "Next")
    glass = [float(text.rstrip("%")) for text in column(window, 4)]
    assert glass == sorted(glass, reverse=True)
    press(qtbot, window, "Done")
    assert not window.tour.isVisible()
    window.open_demo()
    settle(qtbot, window)
    assert not window.tour.isVisible()  # dismissed once is dismissed
    window.actions_by_name["tour"].trigger()
    assert window.tour.isVisible()


def test_a_cancelled_demo_says_so_and_goes_on(
    qtbot: QtBot, window: MainWindow, drawn_demo: Path, slide_path: Path
) -> None:
    window.open_demo()
    qtbot.waitUntil(lambda: "drawing" in window.demo_strip._what, timeout=LIMIT_MS)
    window.open_demo()  # on its way: nothing is begun twice
    window.cases_list.choose(3)
    assert "demo-004" not in window.windowTitle()
    window.demo_strip.findChildren(QPushButton)[0].click()
    open_all(qtbot, window, slide_path)
    assert column(window, 2)[-1] == "failed"
    assert not (drawn_demo / "slides" / "demo-004.tif").exists()
    assert not list((drawn_demo / "slides").glob(".*"))
    assert "tissue.tif" in window.windowTitle()  # what the user opened stays
    window.open_demo()
    qtbot.waitUntil(lambda: "drawing" in window.demo_strip._what, timeout=LIMIT_MS)
    assert column(window, 2)[-1] == "being drawn"
    assert window.analysis.analysis.chosen == 0


def test_one_broken_case_is_named_once(
    qtbot: QtBot,
    window: MainWindow,
    cohort_path: Path,
    model_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import momkd_core.prediction as prediction

    real, broken = prediction.load_bag, []

    def load(card: object, path: Path, **options: object) -> object:
        if path.stem == "case_03":
            broken.append(path)
            raise RuntimeError("out of memory")
        return real(card, path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(prediction, "load_bag", load)
    open_all(qtbot, window, model_path, cohort_path)
    window.actions_by_name["analyse_all"].trigger()
    settle(qtbot, window)
    assert len(broken) == 1
    assert column(window, 2)[3] == "failed" and column(window, 2).count("failed") == 1
    monkeypatch.undo()
    window.actions_by_name["analyse_all"].trigger()
    settle(qtbot, window)
    assert "failed" not in column(window, 2)


def test_muting_is_what_the_engine_says(
    qtbot: QtBot, window: MainWindow, cohort_path: Path, model_path: Path
) -> None:
    slide = cohort_path.parent / "slides" / "case_00.tif"
    open_all(qtbot, window, model_path, slide)
    plain = window.analysis.result
    assert plain is not None
    order = [name.accessibleName() for name in window.browser.findChildren(QToolButton, "mute")]
    index = max(plain.components(), key=lambda use: (use.memory == "positive", use.attention)).index

    def button() -> QToolButton:
        buttons = window.browser.findChildren(QToolButton, "mute")
        return next(b for b in buttons if b.accessibleName() == f"Mute C⁺{index}")

    button().click()
    settle(qtbot, window)
    muted = window.analysis.result
    assert muted is not None and muted.muted == {"positive": [index]}
    expected = predict(load_model(model_path), slide, muted={"positive": [index]})
    assert muted.probability == expected.probability != plain.probability
    assert (muted.affinity == expected.affinity).all()
    again = [name.accessibleName() for name in window.browser.findChildren(QToolButton, "mute")]
    assert again == order  # cards stay where they were
    button().click()
    settle(qtbot, window)
    assert window.analysis.result is not None
    assert window.analysis.result.probability == plain.probability


def test_a_memory_cannot_be_muted_away(
    qtbot: QtBot, window: MainWindow, cohort_path: Path, model_path: Path
) -> None:
    open_all(qtbot, window, model_path, cohort_path.parent / "slides" / "case_00.tif")
    for index in range(4):
        window.analysis.set_muted("negative", index, True)
        settle(qtbot, window)
    assert "All 4 components" in window.canvas.banner.text
    shown = window.analysis.analysis.shown
    assert shown is not None and len(shown.muted) == 3
    buttons = window.browser.findChildren(QToolButton, "mute")
    assert sum(b.isChecked() for b in buttons) == 3


def test_the_work_list_of_any_cohort(
    qtbot: QtBot, window: MainWindow, cohort_path: Path, model_path: Path
) -> None:
    open_all(qtbot, window, model_path, cohort_path)
    assert column(window, 1)[:2] == ["high", "low"]
    window.actions_by_name["analyse_all"].trigger()
    settle(qtbot, window)
    expected = predict(load_model(model_path), cohort_path.parent / "slides" / "case_05.tif")
    assert column(window, 3)[5] == f"{expected.probability:.2f}"
    before = column(window, 3)
    window.analysis.set_muted("positive", 0, True)
    settle(qtbot, window)
    assert len(column(window, 3)) == 12 and all(column(window, 3))
    window.analysis.set_muted("positive", 0, False)
    settle(qtbot, window)
    assert column(window, 3) == before
