"""The work list: a cohort's slides, opened one by one, analysed all in the background."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from momkd_core.slide_summary import SlideSummary
from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.jobs.runner import Job, JobRunner
from momkd_viewer.jobs.slide_work import find, open_cohort
from momkd_viewer.state.analysis import CaseEntry, muted_set
from momkd_viewer.state.source import Source
from momkd_viewer.state.work_list import Asked, CaseFinding, WorkList
from momkd_viewer.widgets.case_list import CaseList
from momkd_viewer.widgets.progress_strip import ProgressStrip


class CaseController(QObject):
    """Signals:
    listing(list): (case, slide) of each row of a cohort that is going to be listed.
    opened(): a cohort is listed.
    rows_changed(): what is known of the listed cases, or which of them can be opened.
    failed(str): the table cannot be used.
    """

    listing = Signal(list)
    opened = Signal()
    rows_changed = Signal()
    failed = Signal(str)

    def __init__(
        self,
        cases: CaseList,
        slides: SlideController,
        analysis: AnalysisController,
        strip: ProgressStrip,
        jobs: JobRunner,
        cohort_jobs: JobRunner,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._list, self._slides, self._analysis = cases, slides, analysis
        self._strip = strip
        self._jobs, self._cohort_jobs = jobs, cohort_jobs
        self.work = WorkList()
        self.table: Path | None = None
        self._current = -1
        self._wanted: Path | None = None
        self._mpp: float | None = None
        self._running: tuple[Asked, Job] | None = None
        self._all = False
        cases.case_chosen.connect(self._open_row)
        analysis.shown_changed.connect(self._on_analysis)
        slides.wanted.connect(self._on_slide_wanted)
        strip.cancelled.connect(self.stop)

    # -- opening ---------------------------------------------------------------------------------

    def open(self, path: Path, mpp: float | None, *, unfinished: bool = False) -> None:
        """Lists a cohort's slides and shows the first; ``mpp`` holds where a row states none.

        Args:
            unfinished: slides that do not exist are being made: see :meth:`slide_ready`.
        """

        def done(entries: list[CaseEntry]) -> None:
            self.stop()
            awaited = {e.path for e in entries if unfinished and not e.path.exists()}
            self.work, self.table, self._mpp = WorkList(entries, awaited), path, mpp
            self._current, self._wanted = -1, None
            self.listing.emit([(entry.name, entry.path) for entry in entries])
            self._show()
            self.opened.emit()
            self._list.choose(0)
            if self._current != 0:  # it was current already, so nothing was emitted
                self._open_row(0)

        self._jobs.start(
            open_cohort(path), done=done, failed=lambda error: self.failed.emit(str(error))
        )

    def slide_ready(self, path: Path) -> None:
        """A slide that was awaited can be opened; it is, where the user still waits for it."""
        if path not in self.work.awaited:
            return
        self.work.awaited.discard(path)
        self._show()
        if self._wanted == path:
            self._open_row(self._current)
        self._next()

    def give_up_awaited(self, reason: str) -> None:
        """Slides that were being made will not come."""
        asked = self._analysis.asked
        for path in self.work.awaited:
            if asked is not None:
                self.work.add(asked, path, CaseFinding(failure=reason))
        self.work.awaited.clear()
        self._wanted = None
        self._show()

    def step(self, by: int) -> None:
        """The next or previous row, as they are sorted, if there is one."""
        self._list.step(by)

    def remember_resolution(self, path: Path, mpp: float) -> None:
        """Keeps a resolution that the user stated for a listed slide; findings without it are void."""
        self.work.entries = [
            replace(entry, source=entry.source.with_mpp(mpp)) if entry.path == path else entry
            for entry in self.work.entries
        ]
        self.work.forget(path)
        self._show()

    def _open_row(self, row: int) -> None:
        self._current = row
        entry = self.work.entries[row]
        if entry.path in self.work.awaited:
            self._wanted = entry.path
        else:
            source = self._source(entry)
            self._slides.open(source.path, source.mpp, source.features)

    def show_file(self, path: Path, mpp: float | None = None) -> None:
        """Opens a listed slide as a click on its row would do, and one that is not listed by itself."""
        rows = [row for row, entry in enumerate(self.work.entries) if entry.path == path]
        if not rows:
            self._slides.open(path, mpp)
        elif self._current in rows:
            self._open_row(self._current)
        else:
            self._list.choose(rows[0])

    @property
    def readable(self) -> tuple[CaseEntry, ...]:
        """Rows that can be opened, at the resolution that holds for each."""
        return tuple(
            replace(entry, source=self._source(entry))
            for entry in self.work.entries
            if entry.path not in self.work.awaited
        )

    def _source(self, entry: CaseEntry) -> Source:
        """A row's files, at the resolution that holds where it states none."""
        return entry.source if entry.source.mpp else entry.source.with_mpp(self._mpp)

    def _on_slide_wanted(self, path: Path) -> None:
        """Whoever opens another slide waits no more for the one that is being made."""
        self._wanted = None

    def entry_of(self, path: Path) -> CaseEntry | None:
        """The row of a file: the one that was opened, where several list it."""
        rows = [row for row, entry in enumerate(self.work.entries) if entry.path == path]
        if not rows:
            return None
        return self.work.entries[self._current if self._current in rows else rows[0]]

    def open_case(self, case_id: str) -> None:
        """Opens a listed case, the first of its slides."""
        row = next((i for i, e in enumerate(self.work.entries) if e.case_id == case_id), None)
        if row is None:
            return
        if row == self._current:
            self._open_row(row)
        else:
            self._list.choose(row)

    @property
    def resolutions(self) -> dict[Path, float | None]:
        """Microns per pixel that hold for each row's file; None: as the file says."""
        return {entry.path: entry.source.mpp or self._mpp for entry in self.work.entries}

    # -- analysing all ---------------------------------------------------------------------------

    def analyse_all(self) -> None:
        """Runs the chosen model on every listed slide, in the background."""
        if not self.work.entries:
            self.failed.emit("There are no cases to analyse. Open a cohort first.")
            return
        if self._analysis.asked is None:
            self.failed.emit("There is no model to analyse the cases with. Open one first.")
            return
        self.work.forget_failures()
        self._all = True
        self._next()

    def stop(self) -> None:
        """Stops analysing the list; what was found stays."""
        self._all = False
        if self._running is not None:
            self._running[1].cancel()

    def _next(self) -> None:
        """Starts on the next slide without a finding; the open slide has priority."""
        asked = self._analysis.asked
        if self._running is not None:
            return
        missing = self.work.missing(asked) if self._all and asked is not None else []
        if not missing or asked is None or self._analysis.running:
            self._strip.finish()
            return
        entry = missing[0]
        total = len(self.work.entries)
        at = total - len(missing) - len(self.work.awaited)
        shown = self._analysis.analysis.shown
        assert shown is not None

        def done(finding: CaseFinding) -> None:
            self.work.add(asked, entry.path, finding)

        job = self._cohort_jobs.start(
            find(self._source(entry), shown.model, shown.muted_by_memory),
            done=done,
            # A finding all the same: else it would be tried again for ever.
            failed=lambda error: done(CaseFinding(failure=str(error))),
            progress=lambda *_: self._strip.show_progress(at, total, "analysing cases"),
            finally_=self._on_job_end,
        )
        self._running = (asked, job)

    def _on_job_end(self) -> None:
        self._running = None
        self._show()
        self._next()

    def _on_analysis(self) -> None:
        """Another model is chosen, a component was muted, or the open slide has a result."""
        asked, result, source = self._analysis.asked, self._analysis.result, self._slides.source
        if self._running is not None and (self._analysis.running or self._running[0] != asked):
            self._running[1].cancel()  # the open slide has priority; the list goes on afterwards
        if result is not None and source is not None and result.region is None:
            # By what the result itself says: the user may have muted something since.
            muted = muted_set(result.muted)
            finding = CaseFinding(result.predicted, SlideSummary.of(result))
            self.work.add((result.model_sha256, muted), source.path, finding)
        self._show()
        self._next()

    def _show(self) -> None:
        shown = self._analysis.analysis.shown
        if shown is None:
            rows = self.work.rows(None, "")
        else:
            card = shown.model.card
            rows = self.work.rows(self._analysis.asked, card.task, (card.positive, card.negative))
        self._list.show_rows(rows)
        self.rows_changed.emit()
