"""The window of trainings, with real processes: they outlive it, and any window goes on with them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from driving import LIMIT_MS, another_window, settle
from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from synthetic import TINY, write_feature_cohort

from momkd_core.cli.main import main
from momkd_core.run_lock import hold_run, trainers
from momkd_viewer.app import create_application
from momkd_viewer.main_window import MainWindow
from momkd_viewer.widgets.training_form import TrainingForm
from momkd_viewer.widgets.training_window import TrainingWindow

EPOCHS = 6
SETTINGS = ("components=2", "hidden_width=8", "memory_width=4", f"patience={EPOCHS}")


def wait_until(met: Callable[[], object]) -> None:
    end = time.monotonic() + LIMIT_MS / 1000
    while not met():
        QApplication.processEvents()
        time.sleep(0.005)
        assert time.monotonic() < end, "nothing came"


def opened(window: MainWindow) -> TrainingWindow:
    window.actions_by_name["training"].trigger()
    assert window.training.window is not None
    return window.training.window


def choose_label(form: TrainingForm, label: str) -> None:
    form.label.setCurrentIndex(form.label.findData(label))


def fill(form: TrainingForm, folder: Path) -> None:
    """A tiny training on a cohort of features; the run folder is the one that is proposed."""
    form.cohort.set_path(folder / "cohort.csv")
    wait_until(lambda: form.label.count() > 1)
    choose_label(form, "grade")
    form.folds.setValue(2)
    form.epochs.setValue(EPOCHS)
    form.settings.set_assignments(*SETTINGS)
    wait_until(form.start.isEnabled)


def window_that_trains(folder: Path, settings: Path) -> None:
    """Another process: a window that begins a training, and stays."""
    application = create_application()
    window = MainWindow(QSettings(str(settings), QSettings.Format.IniFormat))
    window.show()
    training = opened(window)
    training.new.click()
    fill(training.form, folder)
    training.form.start.click()
    application.exec()


@pytest.mark.skipif(sys.platform == "win32", reason="kills and freezes processes by signals")
def test_a_training_outlives_its_window_and_goes_on_in_another(
    qtbot: QtBot, tmp_path: Path
) -> None:
    write_feature_cohort(tmp_path)
    settings, run = tmp_path / "settings.ini", tmp_path / "runs" / "grade"
    first = subprocess.Popen(
        [sys.executable, __file__, tmp_path, settings],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        wait_until(lambda: (run / "folds" / "0" / "history.csv").exists() or first.poll())
        assert first.poll() is None
        (trainer,) = trainers(run)
        assert trainer is not None
        # Held still, so that it is in the middle when the next window is there.
        os.kill(trainer.pid, signal.SIGSTOP)
    finally:
        first.kill()  # SIGKILL: it can do nothing about it
        first.wait()

    with another_window(settings) as window:
        window.show()
        training, runs = opened(window), window.training.runs
        wait_until(lambda: run in runs)
        training.choose(run)
        page = training.page
        assert runs[run].status == "running" and trainers(run) == [trainer]
        assert page.stop.isVisible() and not page.resume.isVisible()
        page.stop.click()
        os.kill(trainer.pid, signal.SIGCONT)
        wait_until(lambda: runs[run].status == "stopped")
        done = len(runs[run].folds[0].history["epoch"])
        assert done >= 1 and runs[run].folds_finished < 2 and trainers(run) == []
        assert "stopped: what was finished is kept" in page.said
        page.resume.click()
        wait_until(lambda: runs[run].status == "finished")
        assert [fold.epochs for fold in runs[run].folds[:2]] == [EPOCHS, EPOCHS]
        assert "Held-out AUC" in page.standing.text()
        assert len(page.curves.charts["AUC"].curves) == 2 * (2 + 1)  # of both folds, and the mean
        page.open.click()
        settle(qtbot, window)
        (model,) = window.analysis.analysis.models
        assert model.model.members[0].path == run / "final" / "model.safetensors"


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Finished runs of another seed each, begun on the command line."""
    folder = tmp_path_factory.mktemp("trainings")
    write_feature_cohort(folder)
    asked = ["train", str(folder / "cohort.csv"), "--expression", str(folder / "expression.csv")]
    runs = [folder / "runs" / f"seed-{seed}" for seed in (0, 1)]
    for seed, run in enumerate(runs):
        more = ["--epochs", "2", "--seed", str(seed), "--out", str(run)]
        assert main([*asked, *TINY, *more]) == 0
    return runs


def test_what_is_wrong_is_said_before_anything_starts(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    write_feature_cohort(tmp_path)
    training = opened(window)
    training.new.click()
    form = training.form
    assert form.problem.text() == "Choose a cohort table." and not form.start.isEnabled()
    form.cohort.set_path(tmp_path / "nothing.csv")
    wait_until(lambda: "does not exist" in form.problem.text())
    fill(form, tmp_path)
    assert form.problem.isHidden() and form.out.path == tmp_path / "runs" / "grade"
    assert form.positive.currentData() == "high" and form.negative.currentData() == "low"
    form.settings.set_assignments("components=many")
    assert not form.start.isEnabled()
    wait_until(lambda: "components = 'many' is not possible" in form.problem.text())
    form.settings.set_assignments()
    choose_label(form, "site")
    wait_until(lambda: "No positive value is chosen" in form.problem.text())
    wait_until(lambda: form.out.path == tmp_path / "runs" / "site")
    form.positive.setCurrentIndex(form.positive.findData("s1"))
    wait_until(lambda: "has 2 values beside 's1'" in form.problem.text())
    form.negative.setCurrentIndex(form.negative.findData("s2"))
    wait_until(form.start.isEnabled)
    assert not (tmp_path / "runs").exists()


def test_runs_are_compared(qtbot: QtBot, window: MainWindow, two_runs: list[Path]) -> None:
    training = opened(window)
    for run in two_runs:
        training.folder_added.emit(run)
    runs = window.training.runs
    wait_until(lambda: len(runs) == 2)
    # Begun on the command line: the window has nothing to resume it with.
    assert all(run.status == "finished" and run.command is None for run in runs.values())
    assert not training.compare.isEnabled()
    for row in range(2):
        training.list.item(row).setCheckState(Qt.CheckState.Checked)
    training.compare.click()
    shown = training.comparison
    assert training.pages.currentWidget() is shown
    rows = {
        shown.table.verticalHeaderItem(row).text(): [
            shown.table.item(row, column).text() for column in range(2)
        ]
        for row in range(shown.table.rowCount())
    }
    assert rows["seed"] == ["1", "0"] and "epochs" not in rows
    assert rows["AUC, mean ± sd"][0] != "–"
    assert [curve.name for curve in shown.curves.charts["Drift"].curves] == ["seed-1", "seed-0"]
    # The list is kept, the files are not the list's.
    training.choose(two_runs[0])
    training.remove.click()
    assert training.list.count() == 1 and two_runs[0].exists()
    assert window._settings.value("training_runs") == [str(two_runs[1])]


def test_a_training_that_goes_on_is_told_once(
    qtbot: QtBot, window: MainWindow, two_runs: list[Path]
) -> None:
    training, banner = opened(window), window.canvas.banner
    training.folder_added.emit(two_runs[0])
    wait_until(lambda: window.training.runs)
    training.close()
    assert banner.isHidden(), "nothing runs"
    training.show()
    with hold_run(two_runs[0], [0]):
        wait_until(lambda: window.training.runs[two_runs[0]].status == "running")
        training.close()
    assert banner.text == "The training goes on; find it under Cases, Training."
    banner.hide()
    training.show()
    training.close()
    assert banner.isHidden()


def test_masked_names_hide_what_a_training_says(
    qtbot: QtBot, window: MainWindow, two_runs: list[Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(two_runs[0], tmp_path / "run"))
    (folder / "train.log").write_text("error: Meier.h5 is damaged. Extract it again.\n")
    training = opened(window)
    training.folder_added.emit(folder)
    wait_until(lambda: folder in window.training.runs)
    page = training.page
    assert "Meier" in page.said and "Meier" in page.standing.text()
    window.tools.privacy.toggle_names()
    assert "Meier" not in page.said + page.standing.text()
    assert "train.log in its folder" in page.standing.text()


if __name__ == "__main__":
    window_that_trains(Path(sys.argv[1]), Path(sys.argv[2]))
