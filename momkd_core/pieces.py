"""A piece of long work, and how a process that has taken it does it.

Wherever it runs, on this machine or another, it has as many threads as it was given processors, so that
its numbers do not depend on what runs beside it.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from threadpoolctl import threadpool_limits

from momkd_core.errors import Cancelled, ClusterError, MomkdError
from momkd_core.log_writing import new_log
from momkd_core.progress import CancelToken, Report

log = logging.getLogger(__name__)

#: How often a piece is begun whose process dies: what killed it once may have been its neighbour.
ATTEMPTS = 2

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Needs:
    """What a piece has to itself.

    Attributes:
        cpus: processors, and so threads.
        gpus: of the cluster; a fraction shares one.
        memory_gib: of the cluster; 0 does not say.
    """

    cpus: int = 1
    gpus: float = 0.0
    memory_gib: float = 0.0


@dataclass(frozen=True)
class Piece:
    """A call of ``work(argument, report, cancel)``, in another process or in this one.

    Attributes:
        name: for progress.
        work: importable; what it raises is its error.
        log: file that takes the log of its process; None for none.
        reads: files and folders that it needs to see wherever it runs.
        alone: whether it wants a process that did nothing before, since its memory is measured.
    """

    name: str
    work: Callable[[Any, Report, CancelToken], Any]
    argument: Any
    log: Path | None
    reads: tuple[Path, ...] = ()
    alone: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a piece gave, or why it failed.

    Attributes:
        warnings: what the engine warned of in its process, for whoever wants to repeat it.
        trace: of an unexpected failure.
    """

    value: Any = None
    error: MomkdError | None = None
    warnings: tuple[str, ...] = ()
    trace: str = ""


#: Called in the thread that asked as pieces end; what it raises stops all.
Ended = Callable[[Piece, Outcome], None]


class Workplace(Protocol):
    """Where pieces run."""

    @property
    def width(self) -> int:
        """How many run side by side, about."""

    def run(
        self,
        pieces: Sequence[Piece],
        *,
        doing: str,
        report: Report,
        ended: Ended,
        cancel: CancelToken,
    ) -> None:
        """Runs all pieces, begun in their order; one that fails stops no other.

        Args:
            doing: what they do, for progress: "training".

        Raises:
            Cancelled: on request; the pieces were asked to stop and have.
            KeyboardInterrupt: likewise.
            ClusterError: none can run there.
        """


def do(piece: Piece, threads: int, report: Report, cancel: CancelToken) -> Outcome:
    """Does a piece in this process, which is there for nothing else; its failures are its outcome."""
    said = _Warnings()
    with _logging_to(piece.log, said), threads_of(threads):
        outcome = _done(piece, report, cancel)
    return replace(outcome, warnings=tuple(said.texts))


def _done(piece: Piece, report: Report, cancel: CancelToken) -> Outcome:
    try:
        return Outcome(piece.work(piece.argument, report, cancel))
    except Cancelled:
        log.info("stopped")
        return Outcome(error=ClusterError(f"{piece.name} was stopped", "Start it again"))
    except MomkdError as error:
        log.exception("failed")
        return Outcome(error=error)
    except Exception as error:
        log.exception("failed unexpectedly")
        return Outcome(
            error=ClusterError(
                f"Something unexpected failed ({type(error).__name__}: {error})",
                f"Please report it with {_log_of(piece)}",
            ),
            trace=traceback.format_exc(),
        )


def repeat(piece: Piece, outcome: Outcome) -> None:
    """Says in this process what a piece warned of in its own, and keeps its trace in the log file."""
    for text in outcome.warnings:
        log.warning("%s: %s", piece.name, text)
    if outcome.trace:
        log.info("%s: %s", piece.name, outcome.trace)


class _Warnings(logging.Handler):
    """Keeps what the engine warns of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []
        self.addFilter(logging.Filter("momkd_core"))
        self.addFilter(lambda record: record.levelno == logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def died(piece: Piece, how: str) -> Outcome:
    """The outcome of a piece whose process ended by itself, as often as it was begun."""
    return Outcome(
        error=ClusterError(
            f"Its process ended by itself, {ATTEMPTS} times ({how})",
            f"If memory ran out, let fewer run side by side; {_log_of(piece)} may say more",
        )
    )


def short(done: int, total: int, what: str) -> str:
    """A report of a piece, as a remark on the progress of all."""
    return f"{what.partition(' | ')[0]} {done}/{total}" if total else what


@contextmanager
def threads_of(count: int) -> Iterator[None]:
    """Every library computes on so many threads inside."""
    import torch  # pieces compute with it; who only asks what a piece is should not wait for it

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count):
            yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def thread_variables(count: int) -> Iterator[None]:
    """What a process that starts inside takes from the environment: threads of each library."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(count)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _log_of(piece: Piece) -> str:
    return str(piece.log) if piece.log is not None else "the log file"


@contextmanager
def _logging_to(path: Path | None, said: logging.Handler) -> Iterator[None]:
    """The log of this process goes to a file and to ``said``, and nowhere else."""
    root = logging.getLogger()
    before = list(root.handlers)
    root.handlers.clear()
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    handler: logging.Handler = logging.NullHandler()
    if path is not None:
        try:
            handler = new_log(path)
        except OSError as error:  # a log that cannot be written costs the log
            print(f"{path} cannot be written: {error}", file=sys.stderr)
    root.addHandler(handler)
    root.addHandler(said)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.removeHandler(said)
        handler.close()
        root.handlers.extend(before)
