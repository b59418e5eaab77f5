"""Jobs of the training window: what a cohort offers, processes that train, what their folders say."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QProcess

from momkd_core import run_lock
from momkd_core.cohort import read_cohort
from momkd_core.errors import TrainingError
from momkd_core.progress import CancelToken, Report
from momkd_core.storage import output_error, write_text
from momkd_viewer.jobs.runner import Work
from momkd_viewer.state.training_choice import (
    COMMAND_FILE,
    CohortLook,
    TrainingChoice,
    fresh_folder,
    kept_command,
    look_at,
)
from momkd_viewer.state.training_run import LOG_FILE, STARTED, TrainingRun, read_run


def look_at_cohort(path: Path) -> Work:
    """Reads a cohort table, and looks at what lies beside it."""

    def work(report: Report, cancel: CancelToken) -> CohortLook:
        return look_at(read_cohort(path))

    return work


def propose_folder(runs: Path, label: str) -> Work:
    """A run folder that is not there yet."""

    def work(report: Report, cancel: CancelToken) -> Path:
        return fresh_folder(runs, label)

    return work


def check_training(choice: TrainingChoice) -> Work:
    """Finds what is quickly found to be wrong with a choice; raises it."""

    def work(report: Report, cancel: CancelToken) -> None:
        choice.check(read_cohort(choice.cohort))

    return work


def begin_training(choice: TrainingChoice) -> Work:
    """Checks a choice and starts its training; returns the run folder."""

    def work(report: Report, cancel: CancelToken) -> Path:
        choice.check(read_cohort(choice.cohort))
        arguments = choice.arguments()
        # First: whatever happens from here on, the folder says how to go on.
        write_text(choice.out / COMMAND_FILE, json.dumps({"arguments": arguments}, indent=2))
        _start(choice.out, arguments)
        return choice.out

    return work


def resume_training(folder: Path) -> Work:
    """Starts the command again that a run folder keeps; returns the folder."""

    def work(report: Report, cancel: CancelToken) -> Path:
        arguments = kept_command(folder)
        if arguments is None:
            raise TrainingError(
                f"{folder} was not begun from the window, so what was asked is not known here",
                "Give the same momkd train command again where it was begun",
            )
        _start(folder, [*arguments, f"--out={folder}"])  # last, so that a moved folder goes on
        return folder

    return work


def stop_training(folder: Path) -> Work:
    """Asks a training to stop; it has stopped once its folder says so."""

    def work(report: Report, cancel: CancelToken) -> None:
        if not run_lock.stop(folder):
            raise TrainingError(
                f"No process trains in {folder} just now",
                "It may be starting or ending: look again in a moment",
            )

    return work


def read_runs(folders: Sequence[Path], before: Mapping[Path, TrainingRun]) -> Work:
    """Reads run folders again, of which only changed files are read: {folder: run}."""

    def work(report: Report, cancel: CancelToken) -> dict[Path, TrainingRun]:
        found = {}
        for folder in folders:
            cancel.raise_if_cancelled()
            found[folder] = read_run(folder, before.get(folder))
        return found

    return work


def _start(folder: Path, arguments: list[str]) -> None:
    """Starts ``momkd`` as a process of its own, which outlives this one.

    Raises:
        TrainingError: the folder is being trained already, or no process can be started.
        OutputError: the folder cannot be written.
    """
    if run_lock.trainers(folder):
        raise TrainingError(f"{folder} is being trained already", "Wait for it, or stop it first")
    log = folder / LOG_FILE
    now = datetime.now().astimezone().isoformat(" ", "seconds")
    try:
        with log.open("a", encoding="utf-8") as stream:
            stream.write(f"{STARTED}{arguments[0]} … ({now}, see {COMMAND_FILE})\n")
    except OSError as error:
        raise output_error(log, error) from error
    process = QProcess()
    process.setProgram(sys.executable)
    # UTF-8 whatever the system's encoding is: the log is read as that.
    process.setArguments(["-X", "utf8", "-m", "momkd_core.cli.main", *arguments])
    process.setProcessChannelMode(QProcess.ProcessChannelMode.MergedChannels)
    process.setStandardOutputFile(str(log), QProcess.OpenModeFlag.Append)
    if not process.startDetached():
        raise TrainingError(
            f"No process could be started ({process.errorString()})",
            "Give the command that stands in the run folder's command.json on a command line",
        )
