"""Who trains in a run folder now: a lock for each fold, which ends with its process whatever ends that.

A process id alone cannot tell: it may have been given to another program since. It lies beside the lock
for whoever wants to stop the training.
"""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from momkd_core.errors import TrainingError
from momkd_core.storage import output_error, write_text

FOLDER = "running"  # of a run, while it is trained

_PATIENCE_S = 2.0  # who looks whether a fold is held holds it for an instant

_held: set[Path] = set()  # by this process


@dataclass(frozen=True)
class Trainer:
    """A process that trains: its id, and the name of its computer."""

    pid: int
    host: str


@contextmanager
def hold_run(run: Path, folds: Iterable[int]) -> Iterator[None]:
    """Claims folds of a run folder for this process, until the block or the process ends.

    What this process holds already stays held. Different folds may be trained side by side. Folders
    that were made for it go again where the block leaves nothing in them.

    Raises:
        TrainingError: another process trains one of these folds now.
        OutputError: the folder cannot be written.
    """
    folder = run.resolve() / FOLDER
    made = [folder, *(one for one in folder.parents if not one.exists())]
    with ExitStack() as held:
        held.callback(_remove_empty, made)
        for fold in folds:
            if (path := folder / f"{fold}.lock") not in _held:
                held.enter_context(_hold(run, path))
        yield


@contextmanager
def _hold(run: Path, path: Path) -> Iterator[None]:
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=_PATIENCE_S)
    except Timeout as error:
        raise TrainingError(
            f"{run} is being trained by another process{_told(path)}",
            "Wait for it or stop it, or choose another --out folder",
        ) from error
    except OSError as error:
        raise output_error(path, error) from error
    _held.add(path)
    about = path.with_suffix(".json")
    try:
        write_text(about, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        yield
    finally:
        about.unlink(missing_ok=True)
        with suppress(OSError):  # Windows removes it with the release
            path.unlink(missing_ok=True)
        lock.release()
        _held.discard(path)


def trainers(run: Path) -> list[Trainer | None]:
    """The processes that train in a run folder now; None for one that has not said who it is yet."""
    found: list[Trainer | None] = []
    for path in sorted((run.resolve() / FOLDER).glob("*.lock")):
        if _is_held(path):
            trainer = _read(path)
            if trainer not in found:
                found.append(trainer)
    return found


def stop(run: Path) -> bool:
    """Asks the trainings of a run folder to stop; they go on from the last finished epoch some day.

    Returns:
        Whether any was asked.

    Raises:
        TrainingError: one of them runs on another computer, or belongs to somebody else.
    """
    asked = False
    for trainer in trainers(run):
        if trainer is None:
            continue  # it begins or ends this very moment: the next attempt finds it
        if trainer.host != socket.gethostname():
            raise TrainingError(
                f"{run} is being trained on another computer, {trainer.host}",
                f"Stop it there (process {trainer.pid})",
            )
        try:
            os.kill(trainer.pid, signal.SIGTERM)
            asked = True
        except ProcessLookupError:
            continue  # it has just ended by itself
        except OSError as error:
            raise TrainingError(
                f"The training in {run} (process {trainer.pid}) cannot be stopped "
                f"({error.strerror or error})",
                "Ask whoever started it",
            ) from error
    return asked


def _is_held(path: Path) -> bool:
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    except OSError:
        return False  # the folder cannot be written or was removed: nobody trains there
    lock.release()
    return False


def _read(lock: Path) -> Trainer | None:
    try:
        content = json.loads(lock.with_suffix(".json").read_text(encoding="utf-8"))
        return Trainer(int(content["pid"]), str(content["host"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _told(lock: Path) -> str:
    trainer = _read(lock)
    return "" if trainer is None else f" (number {trainer.pid} on {trainer.host})"


def _remove_empty(folders: Iterable[Path]) -> None:
    """Inner ones first."""
    for folder in folders:
        with suppress(OSError):  # something is in it
            folder.rmdir()
