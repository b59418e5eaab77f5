"""The work list: a cohort's slides, opened one by one, with what is known of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.jobs.runner import JobRunner
from momkd_viewer.jobs.slide_work import open_cohort
from momkd_viewer.state.analysis import Asked, CaseEntry, muted_set
from momkd_viewer.state.source import Source
from momkd_viewer.state.work_list import CaseFinding, Shown, WorkList
from momkd_viewer.widgets.case_list import CaseList

_SOON_MS = 200  # findings may come by the hundred


class CaseController(QObject):
    """Attributes:
    work: the listed cases with what models said of them.
    table: where the list is from.

    Signals:
    listing(list): (case, slide) of each row of a cohort that is going to be listed.
    opened(): a cohort is listed.
    rows_changed(): what is known of the listed cases, or which of them can be opened; some times a
        second at most.
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
        jobs: JobRunner,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._list, self._slides, self._analysis, self._jobs = cases, slides, analysis, jobs
        self.work = WorkList()
        self.table: Path | None = None
        self._current = -1
        self._wanted: Path | None = None
        self._mpp: float | None = None
        self._shown = Shown()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON_MS)
        self._soon.timeout.connect(self._show_changes)
        cases.case_chosen.connect(self._open_row)
        analysis.shown_changed.connect(self._on_analysis)
        slides.wanted.connect(self._on_slide_wanted)

    @property
    def idle(self) -> bool:
        """Whether the list shows all that is known."""
        return not self._soon.isActive()

    # -- opening ---------------------------------------------------------------------------------

    def open(self, path: Path, mpp: float | None, *, unfinished: bool = False) -> None:
        """Lists a cohort's slides and shows the first; ``mpp`` holds where a row states none.

        Args:
            unfinished: slides that do not exist are being made: see :meth:`slide_ready`.
        """

        def done(entries: list[CaseEntry]) -> None:
            awaited = {e.path for e in entries if unfinished and not e.path.exists()}
            wanted = self.work.wanted
            self.work, self.table, self._mpp = WorkList(entries, awaited), path, mpp
            self.work.want(wanted)
            self._current, self._wanted = -1, None
            self.listing.emit([(entry.name, entry.path) for entry in entries])
            self._show_all()
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
        self.work.make_ready(path)
        self._show_changes()
        if self._wanted == path:
            self._open_row(self._current)

    def give_up_awaited(self, reason: str) -> None:
        """Slides that were being made will not come."""
        self.work.give_up_awaited(reason)
        self._wanted = None
        self._show_changes()

    def step(self, by: int) -> None:
        """The next or previous row, as they are sorted, if there is one."""
        self._list.step(by)

    def remember_resolution(self, path: Path, mpp: float) -> None:
        """Keeps a resolution that the user stated for a listed slide; findings without it are void."""
        self.work.state_resolution(path, mpp)
        self._show_changes()

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

    # -- findings --------------------------------------------------------------------------------

    def source_of(self, path: Path) -> Source | None:
        """A listed slide's files, at the resolution that holds; None where it is not listed."""
        entry = self.work.entry(path)
        return None if entry is None else self._source(entry)

    def note(self, source: Source, findings: Mapping[Asked, CaseFinding]) -> None:
        """Adds what models said of a slide, unless it is listed no more, or otherwise by now."""
        if source == self.source_of(source.path):
            for asked, finding in findings.items():
                self.work.add(asked, source.path, finding)
            self._show_soon()

    def _on_analysis(self) -> None:
        """Another model is chosen, a component was muted, or the open slide has a result."""
        models, source = self._analysis.analysis.models, self._slides.source
        self.work.want({entry.reader.asked: entry.model.card.task for entry in models})
        for entry in models:
            if entry.outcome is None or source is None:
                continue
            result = entry.outcome.result
            if result.region is not None:
                continue
            # By what the result itself says: the user may have muted something since.
            muted = muted_set(result.muted)
            finding = CaseFinding(result.predicted, entry.outcome.summary)
            self.work.add((result.model_sha256, muted), source.path, finding)
        if self._whose() != self._shown:
            self._show_all()
        else:
            self._show_soon()

    # -- showing ---------------------------------------------------------------------------------

    def _whose(self) -> Shown:
        """The chosen model, whose findings the list shows."""
        shown = self._analysis.analysis.shown
        if shown is None:
            return Shown()
        card = shown.model.card
        return Shown(shown.reader.asked, card.task, (card.positive, card.negative))

    def _show_soon(self) -> None:
        if not self._soon.isActive():  # begun anew with each finding it would never end
            self._soon.start()

    def _show_all(self) -> None:
        self._soon.stop()
        self._shown = self._whose()
        self._list.show_rows(self.work.rows(self._shown))
        self.rows_changed.emit()

    def _show_changes(self) -> None:
        self._soon.stop()
        self._list.change_rows(self.work.changed_rows(self._shown))
        self.rows_changed.emit()
