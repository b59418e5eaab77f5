"""Background jobs for the GUI: functions that run in threads and answer by signals.

The runner owns the signals and outlives its jobs; a job is an ordinary function that gets a report
and a cancel token, mutates nothing, and may raise. Results of cancelled jobs are dropped.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QObject, Signal

from momkd_core.errors import Cancelled, MomkdError
from momkd_core.progress import CancelToken, Report

log = logging.getLogger(__name__)

_NICENESS = 10

#: A job: gets a report and a cancel token, returns its result.
Work = Callable[[Report, CancelToken], Any]


@dataclass
class _Running:
    token: CancelToken
    done: Callable[[Any], None]
    failed: Callable[[MomkdError], None]
    progress: Callable[[int, int, str], None] | None = None
    finally_: Callable[[], None] | None = None


@dataclass(frozen=True)
class Job:
    """A handle on a started job."""

    number: int
    token: CancelToken = field(repr=False)

    def cancel(self) -> None:
        """Asks the job to stop between two steps; its result will not arrive."""
        self.token.cancel()


class JobRunner(QObject):
    """Runs jobs on a small pool and calls back on the GUI thread.

    Args:
        yielding: jobs that compute for minutes step back wherever the window wants the processor.
    """

    _progressed = Signal(int, int, int, str)
    _ended = Signal(int, object, object)

    def __init__(
        self, workers: int, parent: QObject | None = None, *, yielding: bool = False
    ) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(
            workers, thread_name_prefix="job", initializer=_yield_to_others if yielding else None
        )
        self._numbers = itertools.count()
        self._running: dict[int, _Running] = {}
        self._closed = False
        self._progressed.connect(self._on_progress)
        self._ended.connect(self._on_end)

    @property
    def idle(self) -> bool:
        return not self._running

    def start(
        self,
        work: Work,
        *,
        done: Callable[[Any], None],
        failed: Callable[[MomkdError], None],
        progress: Callable[[int, int, str], None] | None = None,
        finally_: Callable[[], None] | None = None,
    ) -> Job:
        """Starts a job; exactly one of ``done`` and ``failed`` is called, unless it is cancelled.

        ``finally_`` is called afterwards in every case, cancelled ones too.
        """
        number = next(self._numbers)
        token = CancelToken()
        if self._closed:  # a signal that was on its way when the window closed
            token.cancel()
            return Job(number, token)
        self._running[number] = _Running(token, done, failed, progress, finally_)

        def report(at: int, total: int, what: str) -> None:
            self._emit(self._progressed, number, at, total, what)

        def run() -> None:
            result: Any = None
            error: BaseException | None = None
            try:
                token.raise_if_cancelled()
                result = work(report, token)
            except BaseException as raised:  # noqa: BLE001 - handed to the GUI thread, all of it
                error = raised
            self._emit(self._ended, number, result, error)

        self._pool.submit(run)
        return Job(number, token)

    def close(self) -> None:
        """Cancels all jobs and waits for them; no callback runs any more."""
        self._closed = True
        for running in self._running.values():
            running.token.cancel()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._running.clear()

    def _emit(self, signal: Any, *arguments: object) -> None:
        if not self._closed:
            signal.emit(*arguments)

    def _on_progress(self, number: int, at: int, total: int, what: str) -> None:
        running = self._running.get(number)
        if running is not None and running.progress is not None and not running.token.cancelled:
            running.progress(at, total, what)

    def _on_end(self, number: int, result: Any, error: BaseException | None) -> None:
        running = self._running.pop(number, None)
        if running is None:
            return
        try:
            if not running.token.cancelled and not isinstance(error, Cancelled):
                if error is None:
                    running.done(result)
                else:
                    running.failed(named(error))
        finally:
            if running.finally_ is not None:
                running.finally_()


def named(error: BaseException) -> MomkdError:
    """A failure in the user's words; one that nobody foresaw is logged."""
    if isinstance(error, MomkdError):
        return error
    log.error("a job failed unexpectedly", exc_info=error)
    return MomkdError(
        f"Something unexpected failed ({type(error).__name__}: {error})",
        "Please report it with the log file (Help, Show log file)",
    )


def _yield_to_others() -> None:
    """Lowers the calling thread's priority, and that of the threads it will start (Linux)."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
