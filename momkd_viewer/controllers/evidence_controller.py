"""Evidence bundles: written of the open slide, and opened to the state that they were written in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, QSettings, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QMainWindow

from momkd_core.annotation_files import AnnotationFile
from momkd_core.errors import MomkdError
from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.annotation_controller import AnnotationController
from momkd_viewer.controllers.case_controller import CaseController
from momkd_viewer.controllers.evidence_view import EvidenceView
from momkd_viewer.controllers.preferences_controller import PreferencesController
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.jobs.evidence_work import EvidenceChoice, EvidenceRequest, write_evidence
from momkd_viewer.jobs.runner import Job, JobRunner
from momkd_viewer.state.name_mask import NameMask
from momkd_viewer.widgets.evidence_dialog import EvidenceDialog
from momkd_viewer.widgets.progress_strip import ProgressStrip

_BUNDLES = "Evidence bundles (*.zip)"
_LABELS = frozenset({"label", "macro"})
_NO_RESULT = "There is no result to export. Open a slide and a model, and wait for the analysis."
_NO_SLIDE = "A bundle shows the slide, and of this case there are features alone."
_STILL_WRITING = "A bundle is still being written. Wait for it, or cancel it, then export again."


class EvidenceController(QObject):
    """Writes bundles.

    Signals:
        failed(str): a bundle cannot be written.
        told(str): for the status bar: a bundle was written.
        written(Path): the same, for those who go on with it.
    """

    failed = Signal(str)
    told = Signal(str)
    written = Signal(Path)

    def __init__(
        self,
        window: QMainWindow,
        slides: SlideController,
        analysis: AnalysisController,
        annotations: AnnotationController,
        cases: CaseController,
        view: EvidenceView,
        preferences: PreferencesController,
        mask: NameMask,
        jobs: JobRunner,
        settings: QSettings,
    ) -> None:
        super().__init__(window)
        self._window, self._slides, self._analysis = window, slides, analysis
        self._annotations, self._cases, self._view = annotations, cases, view
        self._preferences, self._mask, self._jobs, self._settings = (
            preferences,
            mask,
            jobs,
            settings,
        )
        self._running: Job | None = None
        self.strip = ProgressStrip()
        window.statusBar().addWidget(self.strip)
        self.strip.cancelled.connect(self._cancel)

    # -- asking ----------------------------------------------------------------------------------

    def ask(self) -> EvidenceDialog | None:
        """Asks what is to go in, then for a file; None where there is nothing to export."""
        slide, outcome = self._slides.slide, self._analysis.outcome
        if outcome is None or slide is None:
            self.failed.emit(_NO_RESULT if outcome is None else _NO_SLIDE)
            return None
        dialog = EvidenceDialog(
            masked=self._mask.on,
            has_label=bool(_LABELS & set(slide.associated_images)),
            has_components=bool(outcome.components),
            parent=self._window,
        )
        dialog.confirmed.connect(
            lambda: self._ask_for_file(
                EvidenceChoice(
                    model=dialog.model.isChecked(),
                    verdicts=dialog.verdicts.isChecked(),
                    identities=dialog.identities.isChecked(),
                    label_image=dialog.label.isChecked(),
                    top=dialog.top.value(),
                )
            )
        )
        dialog.finished.connect(dialog.deleteLater)
        self._slides.closing.connect(dialog.reject)
        dialog.open()
        return dialog

    def _ask_for_file(self, choice: EvidenceChoice) -> None:
        slide = self._slides.slide
        if slide is None:
            return
        folder = str(self._settings.value("export_folder", ""))
        dialog = QFileDialog(self._window, "Export evidence", folder, _BUNDLES)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("zip")
        # The file's own name tells no more than the bundle does.
        named = choice.identities and not self._mask.on
        dialog.selectFile(f"{slide.path.stem} evidence.zip" if named else "evidence.zip")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

        def chosen(name: str) -> None:
            self._settings.setValue("export_folder", str(Path(name).parent))
            self.export(Path(name), choice)

        dialog.fileSelected.connect(chosen)
        dialog.open()

    # -- writing ---------------------------------------------------------------------------------

    def export(self, path: Path, choice: EvidenceChoice) -> None:
        """Writes what the chosen model says of the open slide, and how it is looked at."""
        source, outcome = self._slides.source, self._analysis.outcome
        shown, state = self._analysis.analysis.shown, self._view.state
        if self._running is not None:
            self.failed.emit(_STILL_WRITING)
            return
        if source is None or outcome is None or shown is None or state is None:
            self.failed.emit(_NO_RESULT)
            return
        if source.slide is None:
            self.failed.emit(_NO_SLIDE)
            return
        if self._mask.on:  # whoever masks names shows nobody who the patient is
            choice = replace(choice, identities=False, label_image=False)
        self._mask.meet_file(path)
        entry = self._cases.entry_of(source.path)
        request = EvidenceRequest(
            path,
            source,
            shown.model,
            outcome,
            source.path.stem if entry is None else entry.case_id,
            None if entry is None else entry.patient_id,
            AnnotationFile(self._annotations.shown.items),
            state,
            self._preferences.review,
            choice,
        )

        def done(written: Path) -> None:
            self.strip.finish()
            self.told.emit(f"Evidence written to {written}")
            self.written.emit(written)

        def ended() -> None:
            self._running = None
            self.strip.finish()

        self._running = self._jobs.start(
            write_evidence(request),
            done=done,
            failed=self._fail,
            progress=self.strip.show_progress,
            finally_=ended,
        )

    def _fail(self, error: MomkdError) -> None:
        self.failed.emit(str(error))

    def _cancel(self) -> None:
        if self._running is not None:
            self._running.cancel()
