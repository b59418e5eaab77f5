"""What a run folder says now: how far its training is, and whether it goes on."""

from __future__ import annotations

import csv
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from momkd_core.run_lock import trainers
from momkd_viewer.state.training_choice import kept_command

Status = Literal["not begun", "running", "stopped", "finished", "failed"]

#: What a training that the window starts says, in its run folder.
LOG_FILE = "train.log"

#: A line of the log before what the next start says.
STARTED = "$ momkd "

ALL_CASES = "final"  # the name of what is trained on all cases

_LOG_BYTES = 8000
_LOG_LINES = 12
_STARTING_S = 30.0  # until a start has said or claimed anything
_LAST_EPOCHS = 5  # that tell how long an epoch takes

#: A column of ``history.csv``, a value an epoch; NaN where there is none.
History = Mapping[str, tuple[float, ...]]

Stamp = tuple[int, int]


@dataclass(frozen=True)
class TrainedFold:
    """Attributes:
    name: its number, or ``final`` for all cases.
    stamp: of its history's file.
    """

    name: str
    finished: bool
    history: History
    stamp: Stamp | None = None

    @property
    def epochs(self) -> int:
        return len(self.history.get("epoch", ()))


@dataclass(frozen=True)
class TrainingRun:
    """Attributes:
    problem: why it failed or ended; '' where there is nothing to say.
    command: what it can be resumed with; None where it was begun on a command line.
    asked, summary: content of ``run.json`` and ``summary.json``; empty where there is none.
    folds: those that have begun, by number, all cases last.
    log: its last lines.
    """

    folder: Path
    status: Status
    problem: str = ""
    command: tuple[str, ...] | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
    folds: tuple[TrainedFold, ...] = ()
    log: tuple[str, ...] = ()

    @property
    def folds_asked(self) -> int | None:
        """How many folds it is of; None until it has said so."""
        count = self.asked.get("folds")
        return count if isinstance(count, int) else None

    @property
    def folds_finished(self) -> int:
        return sum(fold.finished for fold in self.folds if fold.name != ALL_CASES)

    @property
    def epochs_asked(self) -> int | None:
        """At most so many epochs a fold; None until it has said so."""
        count = _part(self.asked, "training").get("epochs")
        return count if isinstance(count, int) else None

    @property
    def current(self) -> TrainedFold | None:
        """The fold that is being trained, as far as its history tells."""
        unfinished = [fold for fold in self.folds if not fold.finished]
        return unfinished[-1] if unfinished else None

    @property
    def share_done(self) -> float | None:
        """Of the folds' epochs, 0 to 1; a fold that stopped early is whole."""
        if not self.folds_asked or not self.epochs_asked:
            return None
        done = float(self.folds_finished)
        if self.current is not None and self.current.name != ALL_CASES:
            done += min(1.0, self.current.epochs / self.epochs_asked)
        return min(1.0, done / self.folds_asked)

    @property
    def seconds_left(self) -> float | None:
        """For the folds, if none stops early; None where it cannot be told."""
        share = self.share_done
        timed = [fold for fold in self.folds if fold.history.get("seconds")]
        if share is None or not timed or self.epochs_asked is None or self.folds_asked is None:
            return None
        last = (self.current or timed[-1]).history.get("seconds") or timed[-1].history["seconds"]
        last = last[-_LAST_EPOCHS:]
        return sum(last) / len(last) * (1.0 - share) * self.epochs_asked * self.folds_asked

    @property
    def model(self) -> Path | None:
        """What can be opened of it: the model of all cases, or the folder where a fold is finished."""
        if any(fold.name == ALL_CASES and fold.finished for fold in self.folds):
            return self.folder / ALL_CASES / "model.safetensors"
        return self.folder if self.folds_finished else None


def read_run(folder: Path, before: TrainingRun | None = None) -> TrainingRun:
    """Reads a run folder; what is not there yet or half written is no error.

    Args:
        before: an earlier reading, of which unchanged histories are kept.
    """
    known = {fold.name: fold for fold in before.folds} if before is not None else {}
    # Before its files: a training that ends between the two is then told finished a look later.
    held = bool(trainers(folder))
    folds = _folds(folder, known)
    command = kept_command(folder)
    log, age = _log(folder)
    found = TrainingRun(
        folder=folder,
        status="running",
        command=tuple(command) if command is not None else None,
        asked=_json(folder / "run.json"),
        summary=_json(folder / "summary.json"),
        folds=folds,
        log=tuple(log[-_LOG_LINES:]),
    )
    if held or (command is not None and not log and age < _STARTING_S):
        return found
    status, problem = _ended(found, log)
    return replace(found, status=status, problem=problem)


def _ended(run: TrainingRun, log: list[str]) -> tuple[Status, str]:
    """How a training that nobody goes on with stands, and why it ended."""
    errors = [line.removeprefix("error: ") for line in log if line.startswith("error: ")]
    if errors:
        return "failed", errors[-1]
    refitted = "--refit" not in (run.command or ()) or run.model != run.folder
    whole = run.folds_asked is not None and run.folds_finished >= run.folds_asked
    if whole and refitted and run.summary:
        return "finished", ""
    if not run.folder.is_dir():
        return "not begun", "The folder does not exist (any more)."
    if not run.asked and run.command is None:
        return "not begun", "The folder holds no run."
    if run.command is not None and not any(line.startswith("stopped: ") for line in log):
        return "stopped", "It ended without saying why: it was killed, or the computer went down."
    return "stopped", ""


def _folds(folder: Path, known: Mapping[str, TrainedFold]) -> tuple[TrainedFold, ...]:
    try:
        numbers = sorted(int(p.name) for p in (folder / "folds").iterdir() if p.name.isdigit())
    except OSError:
        numbers = []
    places = [(str(number), folder / "folds" / str(number)) for number in numbers]
    places += [(ALL_CASES, folder / ALL_CASES)]
    found = []
    for name, place in places:
        stamp = _stamp(place / "history.csv")
        old = known.get(name)
        unchanged = old is not None and old.stamp == stamp
        history = old.history if old is not None and unchanged else _history(place / "history.csv")
        # As the engine has it: a fold's predictions are written last, and all cases have none.
        last = "model.safetensors" if name == ALL_CASES else "predictions.csv"
        finished = (place / last).exists() and (place / "model.safetensors").exists()
        if history or finished:
            found.append(TrainedFold(name, finished, history, stamp))
    return tuple(found)


def _history(path: Path) -> History:
    """The columns of a ``history.csv`` but those of single components; {} where it cannot be read."""
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error):
        return {}
    if rows and None in rows[-1].values():
        rows = rows[:-1]  # half written, by whatever copies run folders
    names = [n for n in (rows[0] if rows else ()) if not n.startswith(("drift_", "activity_"))]
    return {name: tuple(_number(row.get(name)) for row in rows) for name in names}


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


def _stamp(path: Path) -> Stamp | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size


def _log(folder: Path) -> tuple[list[str], float]:
    """Lines that the last start has said, and how old the last of them is, in seconds."""
    path = folder / LOG_FILE
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - _LOG_BYTES))
            text = stream.read().decode("utf-8", "replace")
        age = time.time() - path.stat().st_mtime
    except OSError:
        return [], math.inf
    lines = [line for line in text.splitlines() if line.strip()]
    starts = [at for at, line in enumerate(lines) if line.startswith(STARTED)]
    return (lines[starts[-1] + 1 :] if starts else lines), age


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _part(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = content.get(name)
    return found if isinstance(found, dict) else {}
