"""The window of trainings: it starts, stops and watches processes that do not depend on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, QSettings, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from momkd_core.errors import MomkdError
from momkd_viewer.controllers.training_form_controller import TrainingFormController
from momkd_viewer.jobs.runner import JobRunner
from momkd_viewer.jobs.training_work import read_runs, resume_training, stop_training
from momkd_viewer.state.name_mask import NameMask
from momkd_viewer.state.training_run import TrainingRun
from momkd_viewer.widgets.training_window import TrainingWindow

_LOOK_MS = 1000  # between two looks at the run folders, while the window is shown
_KEPT = "training_runs"
_MASKED = "The reason is in train.log in its folder, which may tell names."
_TOLD = "training_goes_on_told"


class TrainingController(QObject):
    """Attributes:
    window: once it was asked for.
    form: of a new training, then.
    runs: what each listed folder said last.

    Args:
        open_path: opens a model or a run in the main window.

    Signals:
        told(str): a hint for the main window.
    """

    told = Signal(str)

    def __init__(
        self,
        parent: QWidget,
        open_path: Callable[[Path], None],
        names: NameMask,
        settings: QSettings,
    ) -> None:
        super().__init__(parent)
        self._parent, self._open_path = parent, open_path
        self._names, self._settings = names, settings
        self._jobs = JobRunner(2, self)
        self.window: TrainingWindow | None = None
        self.form: TrainingFormController | None = None
        self.runs: dict[Path, TrainingRun] = {}
        self._folders = [Path(text) for text in _texts(settings.value(_KEPT))]
        self._busy: set[Path] = set()  # asked to stop
        self._comparing = False
        self._reading = False
        self._cohort: Path | None = None
        self._timer = QTimer(self, interval=_LOOK_MS)
        self._timer.timeout.connect(self.look)

    def show(self) -> None:
        """Opens the window, or brings it to the front."""
        if self.window is None:
            self.window = self._made()
            self.form = TrainingFormController(self.window.form, self._jobs, self._names.text, self)
            self.form.started.connect(self._on_started)
        if self.form is not None and self._cohort is not None:
            self.form.propose_cohort(self._cohort)
        self.window.show()
        self.window.activateWindow()

    def remember(self, path: Path) -> None:
        """Something is opened in the main window: a cohort is what a new training may be of."""
        if path.suffix.lower() == ".csv":
            self._cohort = path

    def close(self) -> None:
        """At the end of the application; trainings go on."""
        self._timer.stop()
        self._jobs.close()

    def refresh(self) -> None:
        """Shows all texts anew: names are masked, or no more."""
        if self.window is not None:
            self._show()

    def look(self) -> None:
        """Reads the run folders again, unless that is still being done."""
        if self._reading:
            return
        self._reading = True

        def done(found: dict[Path, TrainingRun]) -> None:
            self.runs |= found
            for run in found.values():
                self._meet(run)
                if run.status != "running":
                    self._busy.discard(run.folder)
            self._show()

        self._jobs.start(
            read_runs(tuple(self._folders), dict(self.runs)),
            done=done,
            failed=self._on_failure,
            finally_=self._on_read,
        )

    # -- inside ----------------------------------------------------------------------------------

    def _made(self) -> TrainingWindow:
        window = TrainingWindow(self._parent)
        window.word(self._names.text)
        window.list_runs(self._folders, self.runs)
        window.chosen.connect(lambda folder: self._on_chosen())
        window.comparison_wanted.connect(self._on_comparison)
        window.folder_added.connect(self.add)
        window.folder_removed.connect(self._remove)
        window.looked_at.connect(self._on_looked_at)
        window.page.stop_wanted.connect(self._stop)
        window.page.resume_wanted.connect(self._resume)
        window.page.open_wanted.connect(self._open)
        window.page.folder_wanted.connect(self._open_folder)
        return window

    def add(self, folder: Path) -> None:
        """Lists a run, and chooses it."""
        if folder not in self._folders:
            self._folders.insert(0, folder)
            self._keep()
        if self.window is not None:
            self.window.list_runs(self._folders, self.runs)
            self.window.choose(folder)
        self.look()

    def _remove(self, folder: Path) -> None:
        self._folders.remove(folder)
        self.runs.pop(folder, None)
        self._keep()
        if self.window is not None:
            self.window.list_runs(self._folders, self.runs)
            self.window.show_nothing()

    def _keep(self) -> None:
        self._settings.setValue(_KEPT, [str(folder) for folder in self._folders])

    def _on_looked_at(self, shown: bool) -> None:
        if shown:
            self._timer.start()
            self.look()
            return
        self._timer.stop()
        running = any(run.status == "running" for run in self.runs.values())
        if running and self._parent.isVisible() and not self._settings.value(_TOLD):
            self._settings.setValue(_TOLD, True)
            self.told.emit("The training goes on; find it under Cases, Training.")

    def _on_chosen(self) -> None:
        self._comparing = False
        self._show()

    def _on_comparison(self) -> None:
        self._comparing = True
        self._show()

    def _on_started(self, folder: Path) -> None:
        self.add(folder)

    def _on_read(self) -> None:
        self._reading = False

    def _show(self) -> None:
        window = self.window
        if window is None:
            return
        window.list_runs(self._folders, self.runs)
        if window.pages.currentWidget() is window.form and window.current is None:
            return
        if self._comparing:
            runs = [self.runs[folder] for folder in window.compared if folder in self.runs]
            window.show_comparison(runs)
        elif window.current in self.runs:
            run = self.runs[window.current]
            window.show_run(self._without_names(run), busy=run.folder in self._busy)

    # -- what is done with a run -----------------------------------------------------------------

    def _chosen(self) -> TrainingRun | None:
        window = self.window
        return self.runs.get(window.current) if window is not None and window.current else None

    def _stop(self) -> None:
        if (run := self._chosen()) is not None:
            self._busy.add(run.folder)  # until its folder says that it has stopped
            self._ask(run, stop_training(run.folder))

    def _resume(self) -> None:
        if (run := self._chosen()) is not None:
            self._ask(run, resume_training(run.folder))

    def _ask(self, run: TrainingRun, work: Callable[..., object]) -> None:
        self._show()

        def failed(error: MomkdError) -> None:
            self._busy.discard(run.folder)
            self._on_failure(error)
            self._show()

        self._jobs.start(work, done=lambda result: self.look(), failed=failed)

    def _open(self) -> None:
        run = self._chosen()
        if run is not None and run.model is not None:
            self._open_path(run.model)
            self._parent.activateWindow()

    def _open_folder(self) -> None:
        if (run := self._chosen()) is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(run.folder)))

    def _on_failure(self, error: MomkdError) -> None:
        if self.window is not None:
            self.window.banner.show_message(str(error))

    def _without_names(self, run: TrainingRun) -> TrainingRun:
        """What it says may name any case of its cohort, which was never met here."""
        if not self._names.on:
            return run
        return replace(run, log=(), problem=_MASKED if run.problem else "")

    def _meet(self, run: TrainingRun) -> None:
        """Its cohort's path may tell names."""
        paths = [run.asked.get("cohort"), *(run.command or ())[1:2]]
        for path in paths:
            if isinstance(path, str) and path:
                self._names.meet_file(Path(path))


def _texts(value: object) -> list[str]:
    """A kept list, as QSettings gives it back: none, one or several."""
    if isinstance(value, str):
        return [value] if value else []
    return [str(one) for one in value] if isinstance(value, list) else []
