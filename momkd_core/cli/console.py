"""What the command line shows: progress, warnings, errors, and the log file they are kept in."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType

from tqdm import tqdm

from momkd_core.log_writing import new_log
from momkd_core.storage import log_file

_PLAIN_INTERVAL_S = 5.0

_handlers: list[logging.Handler] = []  # that were set up last


class Progress:
    """A report on stderr: a bar on a terminal, else a line now and then.

    What follows `` | `` in a report is a remark on the same bar.
    """

    def __init__(self) -> None:
        self._bar: tqdm[int] | None = None
        self._what = ""
        self._last = 0.0
        self._terminal = sys.stderr.isatty()

    def __call__(self, done: int, total: int, what: str) -> None:
        if self._terminal:
            self._draw(done, total, what)
        else:
            self._print(done, total, what)

    def _draw(self, done: int, total: int, what: str) -> None:
        what, _, remark = what.partition(" | ")
        bar = self._bar
        if bar is None or what != self._what or bar.total != (total or None):
            self.close()
            # From what is done already, so that the time left of a resumed work is told rightly.
            bar = tqdm(
                range(total or 0),
                total=total or None,
                initial=done,
                desc=what,
                file=sys.stderr,
                leave=False,
            )
            self._bar, self._what = bar, what
        bar.set_postfix_str(remark, refresh=False)
        bar.update(done - bar.n)

    def _print(self, done: int, total: int, what: str) -> None:
        now = time.monotonic()
        finished = total > 0 and done == total
        key = what.partition(" | ")[0]
        if key != self._what or finished or now - self._last >= _PLAIN_INTERVAL_S:
            count = f" {done}/{total}" if total else ""
            print(f"{what}{count}", file=sys.stderr, flush=True)
            self._what, self._last = key, now

    def failure(self, what: str, error: Exception) -> None:
        """One failure among much that goes on, below the bar; see :func:`print_failure`."""
        self.close()
        print_failure(what, error)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@contextmanager
def ends_on_request() -> Iterator[None]:
    """Has SIGTERM, by which windows and schedulers stop a process, end the block as Ctrl+C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # others get no signals
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def set_up_logging(*, debug: bool, warnings_to_stderr: bool = True) -> None:
    """Sends the engine's log to the user's log file and its warnings to stderr.

    A log file that cannot be written costs the log, never the work. Called again, as by a notebook that
    runs one verb after the other, it begins anew.
    """
    root = logging.getLogger()
    for former in _handlers:
        root.removeHandler(former)
        former.close()
    _handlers.clear()
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    with suppress(OSError):
        _handlers.append(new_log(log_file(), rotating=True))
    if warnings_to_stderr:
        to_stderr = logging.StreamHandler()
        to_stderr.setLevel(logging.INFO)
        to_stderr.addFilter(lambda record: debug or _is_for_user(record))
        to_stderr.setFormatter(_Lowercase("%(levelname)s: %(message)s"))
        # Warnings of libraries are for the log file; ours are for the user.
        to_stderr.addFilter(logging.Filter("momkd_core"))
        _handlers.append(to_stderr)
    for handler in _handlers:
        root.addHandler(handler)


def _is_for_user(record: logging.LogRecord) -> bool:
    """Warnings, and what the engine says though nothing is wrong."""
    return record.levelno >= logging.WARNING or record.name == "momkd_core.notes"


class _Lowercase(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        said = record.levelno < logging.WARNING
        record.levelname = "note" if said else record.levelname.lower()
        return super().format(record)


def print_error(text: str) -> None:
    """``error: cause. cure.`` and where the log is, on stderr."""
    print(f"error: {text}", file=sys.stderr)
    print_log_place()


def print_failure(what: str, error: Exception) -> None:
    """One failure among much that goes on; its caller prints the log's place at the end."""
    print(f"error: {what}: {error}", file=sys.stderr)
    logging.getLogger(__name__).info("failed: %s", what, exc_info=error)


def print_log_place() -> None:
    print(f"log: {log_file()}", file=sys.stderr)
