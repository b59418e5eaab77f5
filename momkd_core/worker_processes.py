"""Pieces of long work on this machine: one after another here, or side by side in processes.

A process that runs out of memory takes nothing along but its piece, which is begun once more.
"""

from __future__ import annotations

import logging
import multiprocessing
import queue
import signal
import threading
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from momkd_core.errors import MomkdError
from momkd_core.pieces import (
    ATTEMPTS,
    Ended,
    Outcome,
    Piece,
    died,
    do,
    short,
    thread_variables,
)
from momkd_core.progress import CancelToken, Report

log = logging.getLogger(__name__)

_PATIENCE_S = 30.0  # for a process that was asked to stop


class Here:
    """This process, one piece after another."""

    width = 1

    def run(
        self,
        pieces: Sequence[Piece],
        *,
        doing: str,
        report: Report,
        ended: Ended,
        cancel: CancelToken,
    ) -> None:
        """As :meth:`momkd_core.pieces.Workplace.run`; reports are those of the pieces."""
        for position, piece in enumerate(pieces, start=1):
            cancel.raise_if_cancelled()

            def piece_report(
                done: int,
                total: int,
                what: str,
                at: str = f"[{position}/{len(pieces)}] {piece.name}",
            ) -> None:
                report(done, total, f"{at}: {what}")

            try:
                outcome = Outcome(piece.work(piece.argument, piece_report, cancel))
            except MomkdError as error:
                outcome = Outcome(error=error)
            ended(piece, outcome)


class Processes:
    """So many processes of this machine.

    Args:
        threads: of each.
    """

    def __init__(self, width: int, threads: int = 1) -> None:
        self.width = width
        self._threads = threads

    def run(
        self,
        pieces: Sequence[Piece],
        *,
        doing: str,
        report: Report,
        ended: Ended,
        cancel: CancelToken,
    ) -> None:
        """As :meth:`momkd_core.pieces.Workplace.run`."""
        waiting = [(piece, 1) for piece in pieces]
        workers: list[_Worker] = []
        done = 0
        try:
            while waiting or any(one.piece for one in workers):
                cancel.raise_if_cancelled()
                self._hand_out(waiting, workers)
                for connection in wait([one.connection for one in workers], timeout=0.2):
                    (worker,) = (one for one in workers if one.connection is connection)
                    piece, attempt = worker.piece, worker.attempt
                    told = worker.told()
                    if isinstance(told, str) and piece is not None:
                        report(done, len(pieces), f"{doing} | {piece.name} {told}")
                        continue
                    if told is None:
                        workers.remove(worker)
                        how = worker.end()
                        if piece is None:
                            continue
                        log.warning("%s: its process ended by itself (%s)", piece.name, how)
                        if attempt < ATTEMPTS:
                            waiting.insert(0, (piece, attempt + 1))
                            continue
                        told = died(piece, how)
                    assert piece is not None and isinstance(told, Outcome)
                    if piece.alone and worker in workers:
                        workers.remove(worker)
                        worker.end()
                    done += 1
                    report(done, len(pieces), f"{doing} | {piece.name} ended")
                    ended(piece, told)
        finally:
            for one in workers:
                one.connection.close()  # which asks it to stop
            for one in workers:
                one.join()

    def _hand_out(self, waiting: list[tuple[Piece, int]], workers: list[_Worker]) -> None:
        """Gives what waits to processes that are free, or to new ones."""
        while waiting:
            free = [one for one in workers if one.piece is None]
            if not free and len(workers) >= self.width:
                return
            piece, attempt = waiting.pop(0)
            if not free:
                free = [_Worker(piece.work.__module__, self._threads)]
                workers += free
            free[0].begin(piece, attempt)


class _Worker:
    """A process that does pieces. Our end of the pipe ends when it does, whatever ends it."""

    def __init__(self, module: str, threads: int) -> None:
        self.piece: Piece | None = None
        self.attempt = 0
        context = _context(module)
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=_work, args=(theirs, threads), name="momkd piece", daemon=False
        )
        with thread_variables(threads):
            self.process.start()
        theirs.close()

    def begin(self, piece: Piece, attempt: int) -> None:
        self.piece, self.attempt = piece, attempt
        with suppress(OSError):  # it has died: told() says so
            self.connection.send(piece)

    def told(self) -> str | Outcome | None:
        """What it reports, or how its piece ended; None where the process has ended."""
        try:
            message: str | Outcome = self.connection.recv()
        except (EOFError, OSError):
            return None
        if isinstance(message, Outcome):
            self.piece = None
        return message

    def end(self) -> str:
        """Lets it go, or finds it gone; how it ended, in words."""
        self.connection.close()
        self.join()
        code = self.process.exitcode or 0
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def join(self) -> None:
        self.process.join(_PATIENCE_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _context(module: str) -> Any:
    """Where the system has it, a server that has loaded the module of the work forks the processes."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([module])
    return context


def _work(connection: Connection, threads: int) -> None:
    """In the process: what comes through the pipe, until that is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the parent's, who closes the pipe
    cancel = CancelToken()
    given: queue.SimpleQueue[Piece | None] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, given, cancel), daemon=True).start()
    sending = threading.Lock()

    def send(message: str | Outcome) -> None:
        with sending, suppress(OSError):  # a parent that is gone hears nothing
            connection.send(message)

    def report(done: int, total: int, what: str) -> None:
        send(short(done, total, what))

    while (piece := given.get()) is not None:
        send("begins")
        send(do(piece, threads, report, cancel))


def _receive(
    connection: Connection, given: queue.SimpleQueue[Piece | None], cancel: CancelToken
) -> None:
    """Takes pieces; stops the work when the parent has closed its end, or is no more."""
    with suppress(EOFError, OSError):
        while True:
            given.put(connection.recv())
    cancel.cancel()
    given.put(None)
