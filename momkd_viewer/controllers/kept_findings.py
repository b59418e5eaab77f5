"""What was found on a cohort before, shown as soon as it is listed, without analysing anything."""

from __future__ import annotations

from PySide6.QtCore import QObject

from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.case_controller import CaseController
from momkd_viewer.jobs.kept_results import recall
from momkd_viewer.jobs.runner import Job, JobRunner
from momkd_viewer.state.analysis import Asked, CaseEntry, Reader
from momkd_viewer.state.source import Source
from momkd_viewer.state.work_list import CaseFinding

_CHUNK = 250  # slides a job: the window has its turn in between


class KeptFindings(QObject):
    """Asks the store once for each model and muting, chunk by chunk."""

    def __init__(
        self,
        cases: CaseController,
        analysis: AnalysisController,
        jobs: JobRunner,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._cases, self._analysis, self._jobs = cases, analysis, jobs
        self._asked: set[Asked] = set()
        self._waiting: list[tuple[tuple[Reader, ...], list[CaseEntry]]] = []
        self._job: Job | None = None
        cases.opened.connect(self._begin_anew)
        analysis.shown_changed.connect(self._go_on)

    def _begin_anew(self) -> None:
        if self._job is not None:
            self._job.cancel()
        self._asked.clear()
        self._waiting.clear()
        self._go_on()

    def _go_on(self) -> None:
        entries = self._cases.work.entries
        new = tuple(one for one in self._analysis.readers if one.asked not in self._asked)
        if entries and new:
            self._asked |= {reader.asked for reader in new}
            chunks = (entries[at : at + _CHUNK] for at in range(0, len(entries), _CHUNK))
            self._waiting += [(new, chunk) for chunk in chunks]
        if self._job is None and self._waiting:
            self._recall(*self._waiting.pop(0))

    def _recall(self, readers: tuple[Reader, ...], entries: list[CaseEntry]) -> None:
        work, wanted = self._cases.work, []
        for entry in entries:
            source = self._cases.source_of(entry.path)
            unknown = (r for r in readers if work.finding(r.asked, entry.path) is None)
            wanted += [(source, reader) for reader in unknown if source is not None]

        def done(found: dict[Source, dict[Asked, CaseFinding]]) -> None:
            for source, findings in found.items():
                self._cases.note(source, findings)

        self._job = self._jobs.start(
            recall(wanted),
            done=done,
            failed=lambda error: None,  # it is analysed, then
            finally_=self._on_end,
        )

    def _on_end(self) -> None:
        self._job = None
        self._go_on()
