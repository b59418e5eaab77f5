"""Saves the chosen model without what is muted, as a model file of its own."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QSettings, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.preferences_controller import PreferencesController
from momkd_viewer.jobs.rescore_work import CurationRequest, save_curated_model
from momkd_viewer.jobs.runner import JobRunner
from momkd_viewer.state.analysis import OpenModel
from momkd_viewer.state.blinding import component_texts
from momkd_viewer.widgets.curate_dialog import CurateDialog

_NO_MODEL = "There is no model to save. Open one, and mute a component."
_SAME = "There is nothing to save: exactly these components are left out by the model itself."


class CurationController(QObject):
    """Signals:
    failed(str): it cannot be saved.
    busy(str): what is being saved, '' when done.
    saved(Path): a curated model was written.
    """

    failed = Signal(str)
    busy = Signal(str)
    saved = Signal(Path)

    def __init__(
        self,
        window: QWidget,
        analysis: AnalysisController,
        preferences: PreferencesController,
        jobs: JobRunner,
        settings: QSettings,
    ) -> None:
        super().__init__(window)
        self._window, self._analysis, self._preferences = window, analysis, preferences
        self._jobs, self._settings = jobs, settings

    def ask(self) -> CurateDialog | None:
        """Asks who and why, then for a file; None where there is nothing to save."""
        shown = self._analysis.analysis.shown
        reason = _reason(shown)
        if reason or shown is None:
            self.failed.emit(reason)
            return None
        card = shown.model.card
        dialog = CurateDialog(
            f"{card.task}: {card.positive} against {card.negative}",
            component_texts(shown.muted_by_memory),
            self._preferences.now.reviewer,
            self._window,
        )
        # What is shown in the dialog is what is saved, whatever is muted meanwhile.
        request = CurationRequest(shown.model, Path(), shown.muted_by_memory, "", "")
        dialog.confirmed.connect(
            lambda who, why, opens: self._ask_for_file(request, who, why, opens)
        )
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        return dialog

    def _ask_for_file(self, request: CurationRequest, who: str, why: str, opens: bool) -> None:
        if not self._preferences.now.reviewer:
            self._preferences.name_reviewer(who)  # who judges components, too
        source = request.model.members[0].path
        # Not where the model lies: one that came in a bundle lies in a temporary folder.
        folder = str(self._settings.value("folder", ""))
        dialog = QFileDialog(
            self._window, "Save as curated model", folder, "Models (*.safetensors)"
        )
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("safetensors")
        dialog.selectFile(f"{source.stem}-curated.safetensors")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(
            lambda name: self.save(
                CurationRequest(request.model, Path(name), request.muted, who, why), opens=opens
            )
        )
        dialog.open()

    def save(self, request: CurationRequest, *, opens: bool) -> None:
        """Writes the model, and opens it beside the others."""

        def done(path: Path) -> None:
            self.saved.emit(path)
            if opens:
                self._analysis.open_model(path)

        self._jobs.start(
            save_curated_model(request),
            done=done,
            failed=lambda error: self.failed.emit(str(error)),
            progress=lambda at, total, what: self.busy.emit(what),
            finally_=lambda: self.busy.emit(""),
        )


def _reason(shown: OpenModel | None) -> str:
    """Why there is nothing to save; '' where there is."""
    if shown is None:
        return _NO_MODEL
    if shown.model.no_components:
        return shown.model.no_components
    return _SAME if shown.muted == OpenModel.of(shown.model).muted else ""
