"""Keeps what the user made of a workspace: half a second after each change, and at the end."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from momkd_core.errors import MomkdError, OutputError
from momkd_viewer.jobs.runner import JobRunner
from momkd_viewer.jobs.workspace_work import load_memory, save_memory, save_now
from momkd_viewer.state.workspace_memory import WorkspaceMemory

log = logging.getLogger(__name__)

_SAVE_MS = 300


class WorkspaceKeeper(QObject):
    """Signals:
    found(WorkspaceMemory): what was kept of the cohort; None where nothing was.
    failed(str): it cannot be read, or not be written.
    """

    found = Signal(object)
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = JobRunner(1, self)  # in order: an older state never overwrites a newer one
        self._file: Path | None = None  # None until it was read: what is not understood stays
        self._unsaved: dict[Path, WorkspaceMemory] = {}
        self._told = self._gave_up = False
        self._opened = 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SAVE_MS)
        self._timer.timeout.connect(self._save)

    @property
    def idle(self) -> bool:
        """Whether nothing is being read or saved, or waits for it."""
        return self._jobs.idle and not self._timer.isActive()

    def open(self, table: Path, case_ids: Sequence[str]) -> None:
        """Reads what was kept of a cohort; :attr:`found` follows."""
        self._save()
        self._file = None
        self._opened += 1
        opened = self._opened

        def done(read: tuple[Path, WorkspaceMemory | None]) -> None:
            if opened == self._opened:
                self._file, memory = read
                self.found.emit(self._unsaved.get(self._file, memory))

        self._jobs.start(load_memory(table, case_ids), done=done, failed=self._fail)

    def keep(self, memory: WorkspaceMemory) -> None:
        """Has this saved soon; not before what was kept is known."""
        if self._file is not None:
            self._unsaved[self._file] = memory
            if not self._timer.isActive():  # who goes on working is saved all the same
                self._timer.start()

    def _save(self) -> None:
        self._timer.stop()
        for file, memory in self._unsaved.items():

            def done(_: None, file: Path = file, saved: WorkspaceMemory = memory) -> None:
                self._told = False
                if self._unsaved.get(file) is saved:
                    del self._unsaved[file]

            self._jobs.start(save_memory(file, memory), done=done, failed=self._fail_to_save)

    def _fail_to_save(self, error: MomkdError) -> None:
        """Says it once, not at every change."""
        if not self._told:
            self._told = True
            self.failed.emit(
                f"{error} What you did in the workspace is not saved; this is tried again with your "
                "next change there, and at the end."
            )

    def _fail(self, error: MomkdError) -> None:
        self.failed.emit(str(error))

    def flush(self) -> str | None:
        """At the end of the application: all that is not saved yet is written, and waited for.

        Returns:
            Why something could not be; None where all is saved, or the user was told before.
        """
        self._timer.stop()
        self._jobs.close()  # a save that runs is waited for; those that wait are done here
        self._jobs = JobRunner(1, self)
        problem = None
        for file, memory in [*self._unsaved.items()]:
            try:
                save_now(file, memory)
                del self._unsaved[file]
            except OutputError as error:
                log.error("a workspace was not saved: %s", error)
                problem = str(error)
        if problem is None or self._gave_up:
            return None
        self._gave_up = True
        return f"{problem} The workspace is not saved: close again and lose what you did there."
