"""Several pieces of long work side by side, each in a process of its own.

A process that runs out of memory takes nothing along, what a piece needs of memory can be told apart,
and each runs on one thread, so that numbers do not depend on how many run beside it.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from momkd_core.errors import Cancelled, MomkdError, TrainingError
from momkd_core.progress import CancelToken, Report

log = logging.getLogger(__name__)

_PATIENCE_S = 30.0  # for a process that was asked to stop


@dataclass(frozen=True)
class Piece:
    """A call of ``work(argument, report, cancel)`` in a process of its own.

    Attributes:
        name: for progress.
        work: importable; what it raises is its error.
        log: file that takes the log of its process.
    """

    name: str
    work: Callable[[Any, Report, CancelToken], None]
    argument: Any
    log: Path


#: How a piece ended: None well, else why not.
Ended = Callable[[Piece, MomkdError | None], None]


def run_pieces(
    pieces: Sequence[Piece], processes: int, *, report: Report, ended: Ended, cancel: CancelToken
) -> None:
    """Runs all pieces, ``processes`` at a time, in their order; one that fails stops no other.

    Args:
        ended: called in this thread as pieces end.

    Raises:
        Cancelled: on request; the pieces were asked to stop and have.
        KeyboardInterrupt: likewise.
    """
    waiting = list(pieces)
    running: dict[Any, _Running] = {}
    done = 0
    try:
        while waiting or running:
            cancel.raise_if_cancelled()
            while waiting and len(running) < processes:
                one = _Running(waiting.pop(0))
                running[one.connection] = one
                report(done, len(pieces), f"training | {one.piece.name} begins")
            for connection in wait(list(running), timeout=0.2):
                one = running[connection]
                told = one.told()
                if told is not None:
                    report(done, len(pieces), f"training | {one.piece.name} {told}")
                    continue
                del running[connection]
                done += 1
                report(done, len(pieces), f"training | {one.piece.name} ended")
                ended(one.piece, one.outcome())
    finally:
        for one in running.values():
            one.connection.close()  # which asks it to stop
        for one in running.values():
            one.process.join(_PATIENCE_S)
            if one.process.is_alive():
                one.process.kill()
                one.process.join()


class _Running:
    """A piece in its process. Its end of the pipe is closed when the process ends, whatever ends it."""

    def __init__(self, piece: Piece) -> None:
        self.piece = piece
        self._error: MomkdError | None = None
        context = _context(piece.work.__module__)
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=_work, args=(piece, theirs), name=piece.name, daemon=False
        )
        with _one_thread():
            self.process.start()
        theirs.close()

    def told(self) -> str | None:
        """What it reports; None once it has ended."""
        try:
            message = self.connection.recv()
        except (EOFError, OSError):
            return None
        if isinstance(message, MomkdError):
            self._error = message
            return "fails"
        return str(message)

    def outcome(self) -> MomkdError | None:
        """Why it failed, after it has ended; None where it went well."""
        self.connection.close()
        self.process.join()
        code = self.process.exitcode
        if self._error is None and code:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            return TrainingError(
                f"Its process ended by itself ({how})",
                f"If memory ran out, use fewer --processes; {self.piece.log} may say more",
            )
        return self._error


def _context(module: str) -> Any:
    """Where the system has it, a server that has loaded the module of the work forks the processes."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([module])
    return context


class _one_thread:  # noqa: N801 - a context manager
    """What a process that starts inside takes from the environment: one thread for every library."""

    _names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

    def __enter__(self) -> None:
        self._before = {name: os.environ.get(name) for name in self._names}
        os.environ.update(dict.fromkeys(self._names, "1"))

    def __exit__(self, *ignored: object) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _work(piece: Piece, connection: Connection) -> None:
    """In the process: the work, and whether it is to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the parent's, who closes the pipe
    _log_to(piece.log)
    cancel = CancelToken()
    threading.Thread(target=_watch, args=(connection, cancel), daemon=True).start()
    sending = threading.Lock()

    def send(message: str | MomkdError) -> None:
        with sending, suppress(OSError):  # a parent that is gone hears nothing
            connection.send(message)

    def report(done: int, total: int, what: str) -> None:
        send(f"{what.partition(' | ')[0]} {done}/{total}" if total else what)

    try:
        piece.work(piece.argument, report, cancel)
    except Cancelled:
        log.info("stopped")
    except MomkdError as error:
        log.exception("failed")
        send(error)
    except Exception as error:
        log.exception("failed unexpectedly")
        send(
            TrainingError(
                f"Something unexpected failed ({type(error).__name__}: {error})",
                f"Please report it with {piece.log}",
            )
        )


def _watch(connection: Connection, cancel: CancelToken) -> None:
    """Stops the work when the parent has closed its end, or is no more."""
    with suppress(EOFError, OSError):
        connection.recv()  # nothing is ever sent
    cancel.cancel()


def _log_to(path: Path) -> None:
    root = logging.getLogger()
    root.handlers.clear()
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError:
        root.addHandler(logging.NullHandler())  # a log that cannot be written costs the log
        return
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root.addHandler(handler)
