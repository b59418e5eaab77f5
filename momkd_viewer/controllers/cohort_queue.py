"""All open models on all listed slides, one slide after another, behind whatever the user looks at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction

from momkd_core.errors import MomkdError
from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.case_controller import CaseController
from momkd_viewer.jobs.cohort_work import SlideFindings, find_all
from momkd_viewer.jobs.runner import Job, JobRunner
from momkd_viewer.state.analysis import Reader
from momkd_viewer.state.queue_progress import Phase, QueueProgress, QueueView
from momkd_viewer.state.work_list import CaseFinding
from momkd_viewer.widgets.case_list import CaseList
from momkd_viewer.widgets.queue_bar import QueueBar


class CohortQueue(QObject):
    """Analyses what the work list lacks, until it is stopped; what comes later is analysed, too.

    The open slide has priority: its analysis cancels the running one, which goes on afterwards from
    the patches that were encoded. So does a pause.

    Signals:
    failed(str): there is nothing to analyse, or nothing to analyse it with.
    """

    failed = Signal(str)

    def __init__(
        self,
        cases: CaseController,
        cases_list: CaseList,
        analysis: AnalysisController,
        bar: QueueBar,
        jobs: JobRunner,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._cases, self._list, self._analysis = cases, cases_list, analysis
        self._bar, self._jobs = bar, jobs
        self._progress = QueueProgress()
        self._phase = Phase.IDLE
        self._only: frozenset[Path] | None = None  # what is tried again; None: all that is left
        self._running: tuple[tuple[Reader, ...], Job] | None = None
        self._actions: dict[str, QAction] = {}
        cases.listing.connect(self._on_cohort)
        cases.rows_changed.connect(self._next)
        analysis.shown_changed.connect(self._on_analysis)
        bar.turned.connect(self.turn)
        bar.stopped.connect(self.stop)
        bar.retried.connect(self.retry_failed)

    def slots(self) -> dict[str, Callable[[], object]]:
        """What the menu entries do, by their names in the table of actions."""
        return {
            "analyse_all": self.analyse_all,
            "pause_all": self.turn,
            "stop_all": self.stop,
            "retry_failed": self.retry_failed,
        }

    def attach(self, actions: dict[str, QAction]) -> None:
        """The menu entries, which are enabled where they do something."""
        self._actions = actions
        self._show()

    # -- as the user asks ------------------------------------------------------------------------

    def analyse_all(self) -> None:
        """Runs the open models on every listed slide, those that failed before too."""
        if not self._cases.work.entries:
            self.failed.emit("There are no cases to analyse. Open a cohort first.")
            return
        if not self._analysis.readers:
            self.failed.emit("There is no model to analyse the cases with. Open one first.")
            return
        self._cases.work.forget_failures()
        self._start(None)

    def retry_failed(self) -> None:
        """Runs the open models on the slides that failed, and on no others."""
        failed = self._cases.work.failed
        if failed and self._phase_now is Phase.IDLE:
            self._cases.work.forget_failures()
            self._start(failed)

    def turn(self) -> None:
        """Pauses or resumes; starts where it does neither."""
        if self._phase_now is Phase.RUNNING:
            self._phase = Phase.PAUSED
            self._cancel()
            self._show()
        elif self._phase_now is Phase.PAUSED:
            self._phase = Phase.RUNNING
            self._next()
        else:
            self.analyse_all()

    def stop(self) -> None:
        """Analyses no more; what was found stays."""
        self._phase, self._only = Phase.IDLE, None
        self._cancel()
        self._show()

    def _start(self, only: frozenset[Path] | None) -> None:
        self._phase, self._only = Phase.RUNNING, only
        self._next()

    # -- working ---------------------------------------------------------------------------------

    @property
    def _phase_now(self) -> Phase:
        """Idle where nothing is left, though what comes later will be analysed."""
        return self._phase if self._cases.work.left else Phase.IDLE

    def _next(self) -> None:
        """Starts on the next slide that lacks a finding, unless something is in the way."""
        busy = self._running is not None or self._analysis.running
        path = self._choose() if self._phase is Phase.RUNNING and not busy else None
        if path is not None:
            self._analyse(path)
        self._show()

    def _choose(self) -> Path | None:
        """What the user looks at first, then in the cohort's order."""
        work = self._cases.work
        if self._only is not None:
            path = next((path for path in work.left if path in self._only), None)
            if path is None:
                self._phase, self._only = Phase.IDLE, None
            return path
        seen = (work.entries[position].path for position in self._list.in_sight)
        return next((path for path in seen if path in work.left), next(iter(work.left), None))

    def _analyse(self, path: Path) -> None:
        source, lacking = self._cases.source_of(path), self._cases.work.lacking(path)
        assert source is not None
        readers = tuple(one for one in self._analysis.readers if one.asked in lacking)

        def done(found: SlideFindings) -> None:
            self._progress.record(found.seconds)
            self._cases.note(source, found.findings)

        def failed(error: MomkdError) -> None:
            # Findings all the same: else it would be tried again for ever.
            failure = CaseFinding(failure=str(error))
            self._cases.note(source, {reader.asked: failure for reader in readers})

        job = self._jobs.start(
            find_all(source, readers), done=done, failed=failed, finally_=self._on_job_end
        )
        self._running = (readers, job)

    def _on_job_end(self) -> None:
        self._running = None
        self._next()

    def _cancel(self) -> None:
        if self._running is not None:
            self._running[1].cancel()

    def _on_cohort(self) -> None:
        self._progress = QueueProgress()
        self.stop()

    def _on_analysis(self) -> None:
        """Another model is open, a component was muted, or the open slide is analysed."""
        if self._running is not None:
            wanted = self._cases.work.wanted
            void = any(reader.asked not in wanted for reader in self._running[0])
            if void or self._analysis.running:
                self._cancel()
        self._next()

    # -- showing ---------------------------------------------------------------------------------

    @property
    def view(self) -> QueueView | None:
        """The queue in words; None where there is nothing to analyse, or no model for it."""
        work = self._cases.work
        if not work.entries or not work.wanted:
            return None
        failed, again = len(work.failed), self._only
        if again is not None:
            left = sum(path in work.left for path in again)
            return self._progress.view(self._phase, len(again), left, 0, failed)
        left = len(work.left)
        return self._progress.view(self._phase, work.slides, left, len(work.awaited), failed)

    def _show(self) -> None:
        view = self.view
        self._bar.show_queue(view)
        if not self._actions:
            return
        working = view is not None and view.working
        paused = view is not None and view.turn == "Resume"
        self._actions["pause_all"].setText("Resume analysing" if paused else "Pause analysing")
        self._actions["pause_all"].setEnabled(working)
        self._actions["stop_all"].setEnabled(working)
        self._actions["retry_failed"].setEnabled(view is not None and view.can_retry)
