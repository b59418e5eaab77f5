"""The list of a cohort's slides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.jobs.runner import JobRunner
from momkd_viewer.jobs.slide_work import open_cohort
from momkd_viewer.state.analysis import CaseEntry
from momkd_viewer.widgets.case_list import CaseList


class CaseController(QObject):
    """Signals:
    opened(): a cohort is listed.
    failed(str): the table cannot be used.
    """

    opened = Signal()
    failed = Signal(str)

    def __init__(
        self,
        cases: CaseList,
        slides: SlideController,
        jobs: JobRunner,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._list, self._slides, self._jobs = cases, slides, jobs
        self._entries: list[CaseEntry] = []
        self._current = -1
        self._mpp: float | None = None
        cases.case_chosen.connect(self._open_row)

    def open(self, path: Path, mpp: float | None) -> None:
        """Lists a cohort's slides and shows the first; ``mpp`` holds where a row states none."""

        def done(entries: list[CaseEntry]) -> None:
            self._entries, self._mpp = entries, mpp
            self._list.show_cases([(e.case_id, str(e.slide)) for e in entries])
            self.opened.emit()
            self._list.choose(0)

        self._jobs.start(
            open_cohort(path), done=done, failed=lambda error: self.failed.emit(str(error))
        )

    def step(self, by: int) -> None:
        """The next or previous row, if there is one."""
        row = self._current + by
        if 0 <= row < len(self._entries):
            self._list.choose(row)

    def remember_resolution(self, path: Path, mpp: float) -> None:
        """Keeps a resolution that the user stated for a listed slide."""
        self._entries = [
            replace(entry, mpp=mpp) if entry.slide == path else entry for entry in self._entries
        ]

    def _open_row(self, row: int) -> None:
        self._current = row
        entry = self._entries[row]
        self._slides.open(entry.slide, entry.mpp or self._mpp)
