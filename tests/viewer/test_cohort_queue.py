"""A cohort analysed from the window: all models, pause, stop, failures, and what is kept of it."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from driving import LIMIT_MS, open_all, settle
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

import momkd_core.prediction as prediction
from momkd_core import load_model, predict
from momkd_viewer.jobs import kept_results
from momkd_viewer.main_window import MainWindow
from momkd_viewer.state.queue_progress import QueueView
from momkd_viewer.widgets.queue_bar import QueueBar

CASES = 8


@pytest.fixture
def table(tmp_path: Path, features_folder: Path) -> Path:
    """A cohort of features alone, of which nothing is kept yet."""
    folder = tmp_path / "cohort"
    folder.mkdir()
    with (folder / "cohort.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["case_id", "features", "grade"])
        for number in range(CASES):
            name = f"case_{number:02}"
            shutil.copy(features_folder / f"{name}.h5", folder)
            writer.writerow([name, f"{name}.h5", "high"])
    return folder / "cohort.csv"


@pytest.fixture
def second_model(run_folder: Path) -> Path:
    return run_folder / "folds" / "1" / "model.safetensors"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("MOMKD_CACHE", str(tmp_path / "cache"))
    yield tmp_path / "cache"
    kept_results._store().close()


class Loads:
    """Counts how often features of each slide are loaded, and how often a model reads them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loaded: Counter[str] = Counter()
        self.read: Counter[str] = Counter()
        self.slow = 0.0
        real_load, real_read = prediction.load_bag, prediction.EncodedSlide

        def load(card: object, path: Path, **options: object) -> object:
            self.loaded[path.stem] += 1
            time.sleep(self.slow)
            return real_load(card, path, **options)  # type: ignore[arg-type]

        def read(
            model: object, bag: object, name: str, *others: object, **options: object
        ) -> object:
            self.read[name] += 1
            return real_read(model, bag, name, *others, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(prediction, "load_bag", load)
        monkeypatch.setattr(prediction, "EncodedSlide", read)


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Loads:
    return Loads(monkeypatch)


def press(qtbot: QtBot, button: QPushButton) -> None:
    assert button.isVisible()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def told(window: MainWindow) -> str:
    return window.queue_bar.text.text()


def column(window: MainWindow, number: int) -> list[str]:
    model = window.cases_list.model()
    return [str(model.index(row, number).data()) for row in range(model.rowCount())]


def test_the_queue_takes_no_room_from_the_slide(qtbot: QtBot) -> None:
    bar = QueueBar()
    qtbot.addWidget(bar)
    for working, retry in ((False, False), (True, False), (True, True)):
        bar.show_queue(QueueView("Analysing", 1, 9, working, "Resume", retry))
        assert bar.minimumSizeHint().width() <= 338, "wider than the list of cases"


def test_all_open_models_read_every_case_and_nothing_twice(
    qtbot: QtBot,
    window: MainWindow,
    table: Path,
    model_path: Path,
    second_model: Path,
    loads: Loads,
) -> None:
    open_all(qtbot, window, model_path, second_model, table)
    assert told(window) == f"1 of {CASES} analysed"
    loads.loaded.clear()
    press(qtbot, window.queue_bar.turn)
    settle(qtbot, window)
    assert told(window) == f"All {CASES} analysed"
    # Once for both models, and not for the open slide, which was analysed when it was opened.
    assert loads.loaded == Counter({f"case_{number:02}": 1 for number in range(1, CASES)})
    source = table.parent / "case_05.h5"
    for model in (load_model(model_path), load_model(second_model)):
        found = window.cases.work.outcomes((model.sha256, frozenset()))
        assert found[source].probability == predict(model, source).probability
    window.analysis.choose(1)
    assert "" not in column(window, 3)
    # Opened again, the list is filled from what was kept: no model reads anything but the open slide.
    read = loads.read.copy()
    window.open_path(table)
    settle(qtbot, window)
    assert told(window) == f"All {CASES} analysed" and "" not in column(window, 3)
    assert set(loads.read - read) == {"case_00"}


def test_pause_resume_and_stop(
    qtbot: QtBot, window: MainWindow, table: Path, model_path: Path, loads: Loads
) -> None:
    open_all(qtbot, window, model_path, table)
    loads.slow = 0.2
    actions, bar = window.actions_by_name, window.queue_bar
    assert not actions["pause_all"].isEnabled() and not actions["stop_all"].isEnabled()
    actions["analyse_all"].trigger()
    qtbot.waitUntil(lambda: "left" in told(window), timeout=LIMIT_MS)
    assert told(window).startswith("Analysing ") and actions["pause_all"].isEnabled()
    press(qtbot, bar.turn)
    settle(qtbot, window)
    left = len(window.cases.work.left)
    assert 0 < left < CASES and told(window) == f"Paused, {CASES - left} of {CASES} done"
    assert actions["pause_all"].text() == "Resume analysing"
    qtbot.wait(400)  # longer than a slide takes: whatever had begun again would be done by now
    assert len(window.cases.work.left) == left
    press(qtbot, bar.turn)
    qtbot.waitUntil(lambda: len(window.cases.work.left) < left, timeout=LIMIT_MS)
    press(qtbot, bar.stop)
    settle(qtbot, window)
    done = CASES - len(window.cases.work.left)
    assert done < CASES and told(window) == f"{done} of {CASES} analysed"
    loads.slow = 0.0
    actions["analyse_all"].trigger()
    settle(qtbot, window)
    assert told(window) == f"All {CASES} analysed"


def test_what_comes_while_it_runs_is_analysed_too(
    qtbot: QtBot,
    window: MainWindow,
    table: Path,
    model_path: Path,
    second_model: Path,
    loads: Loads,
) -> None:
    open_all(qtbot, window, model_path, table)
    loads.slow = 0.1
    window.queue.analyse_all()
    window.open_path(second_model)
    qtbot.waitUntil(lambda: len(window.analysis.readers) == 2, timeout=LIMIT_MS)
    window.analysis.set_muted("positive", 1, True)
    window.cases_list.choose(6)  # the open slide goes before the others
    settle(qtbot, window)
    assert told(window) == f"All {CASES} analysed"
    assert window.slides.source is not None and window.slides.source.path.stem == "case_06"
    muted, other = window.analysis.readers
    assert muted.muted == {("positive", 1)} and other.muted == frozenset()
    source = table.parent / "case_03.h5"
    expected = predict(load_model(model_path), source, muted={"positive": [1]})
    assert window.cases.work.outcomes(muted.asked)[source].probability == expected.probability
    assert len(window.cases.work.outcomes(other.asked)) == CASES


def test_failed_cases_stop_nothing_and_are_tried_again_alone(
    qtbot: QtBot,
    window: MainWindow,
    table: Path,
    model_path: Path,
    features_folder: Path,
    loads: Loads,
) -> None:
    (table.parent / "case_02.h5").write_bytes(b"no features")
    (table.parent / "case_04.h5").unlink()
    window.open_path(model_path)
    settle(qtbot, window)
    open_all(qtbot, window, table)
    window.queue.analyse_all()
    settle(qtbot, window)
    assert told(window) == f"{CASES - 2} of {CASES} analysed · 2 failed"
    assert column(window, 2).count("failed") == 2
    index = window.cases_list.model().index(2, 2)
    assert "case_02.h5" in index.data(Qt.ItemDataRole.ToolTipRole)
    for number in (2, 4):
        shutil.copy(features_folder / f"case_{number:02}.h5", table.parent)
    loads.loaded.clear()
    press(qtbot, window.queue_bar.retry)
    settle(qtbot, window)
    assert told(window) == f"All {CASES} analysed"
    assert loads.loaded == Counter({"case_02": 1, "case_04": 1})
    # After a stop, what failed is tried again, and not the rest of the cohort with it.
    window.open_path(table)
    settle(qtbot, window)
    work = window.cases.work
    work.forget(table.parent / "case_05.h5")
    (table.parent / "case_02.h5").write_bytes(b"no features")
    work.forget(table.parent / "case_02.h5")
    window.queue.analyse_all()
    settle(qtbot, window)
    window.queue.stop()
    work.forget(table.parent / "case_05.h5")
    window.actions_by_name["retry_failed"].trigger()
    settle(qtbot, window)
    assert list(work.left) == [table.parent / "case_05.h5"]
    assert told(window) == f"{CASES - 2} of {CASES} analysed · 1 failed"


def test_a_finding_for_another_resolution_is_dropped(
    qtbot: QtBot, window: MainWindow, table: Path, model_path: Path, loads: Loads
) -> None:
    open_all(qtbot, window, model_path, table)
    path = table.parent / "case_03.h5"
    source = window.cases.source_of(path)
    assert source is not None
    window.queue.analyse_all()
    settle(qtbot, window)
    found = window.cases.work.finding(window.analysis.asked, path)
    assert found is not None
    window.queue.stop()
    window.cases.remember_resolution(path, 0.25)
    asked = window.analysis.asked
    assert asked is not None
    window.cases.note(source, {asked: found})  # it was under way when the resolution was stated
    assert window.cases.work.finding(asked, path) is None


WINDOW = """
import sys
from pathlib import Path
from PySide6.QtCore import QSettings
from momkd_viewer.app import create_application
from momkd_viewer.main_window import MainWindow
from momkd_viewer.state.queue_progress import QueueView
from momkd_viewer.widgets.queue_bar import QueueBar
import momkd_core.prediction as prediction, time
real = prediction.load_bag
def load(*arguments, **options):
    time.sleep(0.3)  # as if there were pixels to encode
    return real(*arguments, **options)
prediction.load_bag = load
application = create_application()
model, table, settings = map(Path, sys.argv[1:])
window = MainWindow(QSettings(str(settings), QSettings.Format.IniFormat))
window.show()
window.analysis.shown_changed.connect(
    lambda: window.analysis.result and window.cases.work.entries and window.queue.analyse_all()
)
window.cases.opened.connect(lambda: window.open_path(model))
window.open_path(table)
application.exec()
"""


def test_a_killed_window_goes_on_where_it_was(
    qtbot: QtBot,
    tmp_path: Path,
    table: Path,
    model_path: Path,
    own_cache: Path,
    loads: Loads,
    request: pytest.FixtureRequest,
) -> None:
    store = own_cache / "results.sqlite"

    def kept() -> dict[str, str]:
        if not store.exists():
            return {}
        with closing(sqlite3.connect(store, 10)) as database:
            try:
                return dict(database.execute("select key, summary from results"))
            except sqlite3.OperationalError:  # it is being made
                return {}

    first = subprocess.Popen(
        [sys.executable, "-c", WINDOW, model_path, table, tmp_path / "first.ini"]
    )
    try:
        deadline = time.monotonic() + LIMIT_MS / 1000
        while len(kept()) < 3 and first.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    before = kept()
    assert 3 <= len(before) < CASES

    window: MainWindow = request.getfixturevalue("window")
    open_all(qtbot, window, model_path, table)
    known = CASES - len(window.cases.work.left)
    assert known == len(before) and told(window) == f"{known} of {CASES} analysed"
    assert set(loads.read) <= {"case_00"}  # only what is looked at
    window.queue.analyse_all()
    settle(qtbot, window)
    assert told(window) == f"All {CASES} analysed"
    assert loads.loaded.total() == CASES - len(before) + 1
    after = kept()
    assert {key: after[key] for key in before} == before and len(after) == CASES
