"""Keeps the window and a review the same: reads what is new, saves changes one after the other."""

from __future__ import annotations

import logging

from PySide6.QtCore import QEvent, QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

from momkd_core.errors import MomkdError
from momkd_core.verdicts import Verdict
from momkd_viewer.jobs.review_work import (
    Comparison,
    ReviewAccess,
    ReviewNews,
    close_review,
    compare,
    read_review,
    save_change,
)
from momkd_viewer.jobs.runner import Job, JobRunner
from momkd_viewer.state.review import Change, ReviewRows

log = logging.getLogger(__name__)

#: How often a server is asked what is new, and what could not be saved is tried again.
POLL_MS = 15_000


class ReviewKeeper(QObject):
    """Attributes:
    rows: what the review says of the shown model; None without a model.
    comparison: how far reviewers agree on it; None before that is known, or for one reviewer.

    Signals:
        changed(): something else is to be shown.
        failed(str): the review cannot be read, or a change not be saved yet.
        recovered(str): what was told then holds no more.
    """

    changed = Signal()
    failed = Signal(str)
    recovered = Signal(str)

    def __init__(self, window: QWidget, jobs: JobRunner) -> None:
        super().__init__(window)
        self._jobs, self._all_jobs = JobRunner(1, self), jobs
        self._access: ReviewAccess | None = None
        self.rows: ReviewRows | None = None
        self.comparison: Comparison | None = None
        self._queue: list[Change] = []
        self._saving = False
        self._reading: Job | None = None
        self._comparing: Job | None = None
        self._trouble = ""
        self._gave_up = False
        self.timer = QTimer(self)
        self.timer.setInterval(POLL_MS)
        self.timer.timeout.connect(self.read)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.WindowActivate:
            self.read()
        return False

    @property
    def idle(self) -> bool:
        """Whether nothing is being read or saved; what waits for a server does not count."""
        return self._jobs.idle

    @property
    def waiting(self) -> int:
        """How many changes are not saved yet."""
        return len(self._queue)

    # -- where and of what -----------------------------------------------------------------------

    def open(self, where: str) -> None:
        """Keeps verdicts there from now on, with those that could not be saved elsewhere."""
        if self._access is not None and self._access.where == where:
            return
        if self._access is not None:
            self._jobs.start(close_review(self._access), done=lambda _: None, failed=lambda _: None)
        self._access = ReviewAccess(where)
        self._trouble, self._gave_up = "", False
        if self.rows is not None:
            self._begin(self.rows.model_sha256)
        self._tick()

    def show(self, model_sha256: str | None) -> None:
        """Reads what is said of a model; None: there is none to speak of."""
        if model_sha256 == (self.rows.model_sha256 if self.rows is not None else None):
            return
        if model_sha256 is None:
            self.rows = None
            self.changed.emit()
        else:
            self._begin(model_sha256)
        self._tick()

    def _begin(self, model_sha256: str) -> None:
        self.rows, self.comparison = ReviewRows(model_sha256), None
        self._reading = None
        self._show_waiting()
        self.read()

    def _tick(self) -> None:
        """Asks again and again where others may add, or something waits to be saved."""
        wanted = self._access is not None and (
            bool(self._queue) or (self._access.on_server and self.rows is not None)
        )
        if wanted and not self.timer.isActive():
            self.timer.start()
        elif not wanted:
            self.timer.stop()

    # -- reading ---------------------------------------------------------------------------------

    def read(self) -> None:
        """Reads what is new, and saves what could not be saved before."""
        self._save_next()
        self._tick()
        rows, access = self.rows, self._access
        if rows is None or access is None or self._reading is not None:
            return

        def done(news: ReviewNews) -> None:
            if self.rows is rows and self._access is access:
                self._take(rows, news)

        job = self._jobs.start(
            read_review(access, rows.model_sha256, rows.last),
            done=done,
            failed=self._fail,
            finally_=lambda: self._end_reading(job),
        )
        self._reading = job

    def _end_reading(self, job: Job) -> None:
        if self._reading is job:
            self._reading = None

    def _take(self, rows: ReviewRows, news: ReviewNews) -> None:
        self._work_again()
        fresh = rows.take(news.rows)
        if fresh or news.terms != rows.terms or rows.waiting != self._waiting(rows):
            rows.terms = news.terms
            self._show_waiting()
        if fresh:
            self._compare(rows)

    def _compare(self, rows: ReviewRows) -> None:
        verdicts = rows.current
        if self._comparing is not None:
            self._comparing.cancel()
        if len({verdict.reviewer for verdict in verdicts}) < 2:
            self.comparison = None
            return

        def done(found: Comparison) -> None:
            if self.rows is rows:
                self.comparison = found
                self.changed.emit()

        self._comparing = self._all_jobs.start(compare(verdicts), done=done, failed=self._fail)

    # -- saving ----------------------------------------------------------------------------------

    def put(self, change: Change) -> None:
        """Has a change saved, after all that were made before it."""
        self._queue.append(change)
        self._gave_up = False
        self._show_waiting()
        self._save_next()
        self._tick()

    def _save_next(self) -> None:
        access = self._access
        if self._saving or not self._queue or access is None:
            return
        change, self._saving = self._queue[0], True
        saved: list[bool] = []

        def done(_: None) -> None:
            saved.append(True)
            del self._queue[0]
            self._work_again()

        def ended() -> None:
            self._saving = False
            if saved and self._queue:
                self._save_next()
            elif saved:
                self._tick()
                self._reading = None  # one that is under way may have looked before
                self.read()

        self._jobs.start(save_change(access, change), done=done, failed=self._fail, finally_=ended)

    def _show_waiting(self) -> None:
        if self.rows is not None:
            self.rows.waiting = self._waiting(self.rows)
        self.changed.emit()

    def _waiting(self, rows: ReviewRows) -> list[Verdict]:
        verdicts = [change for change in self._queue if isinstance(change, Verdict)]
        return [verdict for verdict in verdicts if verdict.model_sha256 == rows.model_sha256]

    def _fail(self, error: MomkdError) -> None:
        """Says it once, not every 15 seconds."""
        told = str(error)
        if self._queue:
            verdicts = "Your verdict is" if len(self._queue) == 1 else "Your verdicts are"
            told += (
                f" {verdicts} kept here, and saving is tried again every {POLL_MS // 1000} seconds "
                "and when you close the window."
            )
        if told != self._trouble:
            self._trouble = told
            self.failed.emit(told)

    def _work_again(self) -> None:
        if self._trouble:
            told, self._trouble = self._trouble, ""
            self.recovered.emit(told)

    def close(self) -> None:
        """Nothing is read or saved any more; after :meth:`flush`."""
        self.timer.stop()
        self._jobs.close()

    def flush(self) -> str | None:
        """At the end of the application: all that is not saved yet is saved, and waited for.

        Returns:
            Why something could not be; None where all is saved, or the user was told before.
        """
        self.timer.stop()
        self._jobs.close()  # a save that runs is waited for, and is not repeated below
        self._jobs = JobRunner(1, self)
        self._saving, self._reading = False, None
        problem = None
        while self._queue and self._access is not None and problem is None:
            try:
                self._access.save(self._queue[0])
                del self._queue[0]
            except MomkdError as error:
                log.error("verdicts were not saved: %s", error)
                problem = str(error)
        if problem is not None and not self._gave_up:
            self._gave_up = True
            self._tick()
            count = "A verdict is" if len(self._queue) == 1 else f"{len(self._queue)} verdicts are"
            return f"{problem} {count} not saved: close again to lose that."
        if self._access is not None:
            self._access.close()
        return None
