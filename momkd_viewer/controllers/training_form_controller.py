"""The form of a new training: what the cohort offers, what is wrong with a choice, the start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from momkd_core.errors import MomkdError
from momkd_viewer.jobs.runner import JobRunner
from momkd_viewer.jobs.training_work import (
    begin_training,
    check_training,
    look_at_cohort,
    propose_folder,
)
from momkd_viewer.state.training_choice import CohortLook
from momkd_viewer.widgets.training_form import TrainingForm


class TrainingFormController(QObject):
    """Args:
        worded: how texts are shown: names may be masked.

    Signals:
        started(Path): a training has begun in this run folder.
    """

    started = Signal(Path)

    def __init__(
        self,
        form: TrainingForm,
        jobs: JobRunner,
        worded: Callable[[str], str],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._form, self._jobs, self._worded = form, jobs, worded
        self._proposed = Path()  # as the run folder
        form.cohort_named.connect(self._on_cohort)
        form.label_chosen.connect(self._propose_folder)
        form.settled.connect(self._check)
        form.start_wanted.connect(self._start)

    def propose_cohort(self, path: Path) -> None:
        """Fills in a cohort where none is."""
        if self._form.cohort.path == Path():
            self._form.cohort.set_path(path)

    def _on_cohort(self, path: Path) -> None:
        def done(look: CohortLook) -> None:
            if look.path == self._form.cohort.path:
                self._form.show_look(look)

        def failed(error: MomkdError) -> None:
            if path == self._form.cohort.path:
                self._say(error)

        self._jobs.start(look_at_cohort(path), done=done, failed=failed)

    def _propose_folder(self, label: str) -> None:
        """A folder named after the label, as long as the user has not named one."""
        runs = self._form.runs_folder
        if not label or runs is None or self._form.out.path not in (Path(), self._proposed):
            return

        def done(folder: Path) -> None:
            if self._form.out.path in (Path(), self._proposed):
                self._proposed = folder
                self._form.propose_out(folder)

        self._jobs.start(propose_folder(runs, label), done=done, failed=self._say)

    def _check(self) -> None:
        choice = self._form.choice

        def done(nothing: None) -> None:
            if choice == self._form.choice:
                self._form.show_problem("")

        def failed(error: MomkdError) -> None:
            if choice == self._form.choice:
                self._say(error)

        if choice.cohort == Path():
            self._form.show_problem("Choose a cohort table.")
        else:
            self._jobs.start(check_training(choice), done=done, failed=failed)

    def _start(self) -> None:
        choice = self._form.choice
        self._form.start.setEnabled(False)  # once is enough

        def done(folder: Path) -> None:
            self.started.emit(folder)
            self._check()  # the folder is taken now: a second training needs another
            self._propose_folder(choice.label)

        self._jobs.start(begin_training(choice), done=done, failed=self._say)

    def _say(self, error: MomkdError) -> None:
        self._form.show_problem(self._worded(str(error)))
