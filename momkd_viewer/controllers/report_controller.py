"""The open slide's report: asked for, written as a PDF, and opened from the status bar."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, QSettings, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QMainWindow, QPushButton

from momkd_core.errors import MomkdError
from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.case_controller import CaseController
from momkd_viewer.controllers.preferences_controller import PreferencesController
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.jobs.report_work import ReportChoice, ReportRequest, write_case_report
from momkd_viewer.jobs.runner import Job, JobRunner
from momkd_viewer.state.blinding import component_texts
from momkd_viewer.state.name_mask import NameMask
from momkd_viewer.widgets.progress_strip import ProgressStrip
from momkd_viewer.widgets.report_dialog import ReportDialog

_PDF = "Reports (*.pdf)"
_NO_RESULT = "There is no result to report. Open a slide and a model, and wait for the analysis."
_NO_SLIDE = "A report shows the slide, and of this case there are features alone."
_STILL_WRITING = "A report is still being written. Wait for it, or cancel it, then save again."


class ReportController(QObject):
    """Attributes:
    opener: in the status bar, once a report was saved: opens it.

    Signals:
        failed(str): a report cannot be written, or not be opened.
        told(str): for the status bar: a report was saved.
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
        cases: CaseController,
        preferences: PreferencesController,
        mask: NameMask,
        jobs: JobRunner,
        settings: QSettings,
    ) -> None:
        super().__init__(window)
        self._window, self._slides, self._analysis = window, slides, analysis
        self._cases, self._preferences = cases, preferences
        self._mask, self._jobs, self._settings = mask, jobs, settings
        self._running: Job | None = None
        self._saved: Path | None = None
        self.opener = QPushButton("Open report")
        self.opener.hide()
        self.strip = ProgressStrip()
        for widget in (self.opener, self.strip):
            window.statusBar().addWidget(widget)
        self.opener.clicked.connect(self.open_saved)
        self.strip.cancelled.connect(self._cancel)
        slides.closing.connect(self.opener.hide)

    # -- asking ----------------------------------------------------------------------------------

    def ask(self) -> ReportDialog | None:
        """Asks what is to go in, then for a file; None where there is nothing to report."""
        slide, outcome = self._slides.slide, self._analysis.outcome
        if outcome is None or slide is None:
            self.failed.emit(_NO_RESULT if outcome is None else _NO_SLIDE)
            return None
        dialog = ReportDialog(
            masked=self._mask.on,
            has_components=bool(outcome.components),
            muted=component_texts(outcome.result.muted),
            parent=self._window,
        )
        dialog.confirmed.connect(
            lambda: self._ask_for_file(
                ReportChoice(
                    verdicts=dialog.verdicts.isChecked(),
                    identities=dialog.identities.isChecked(),
                    top=dialog.top.value(),
                )
            )
        )
        dialog.finished.connect(dialog.deleteLater)
        self._slides.closing.connect(dialog.reject)
        dialog.open()
        return dialog

    def _ask_for_file(self, choice: ReportChoice) -> None:
        slide = self._slides.slide
        if slide is None:
            return
        folder = str(self._settings.value("export_folder", ""))
        dialog = QFileDialog(self._window, "Save report as PDF", folder, _PDF)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("pdf")
        # The file's own name tells no more than the report does.
        named = choice.identities and not self._mask.on
        dialog.selectFile(f"{slide.path.stem} report.pdf" if named else "report.pdf")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

        def chosen(name: str) -> None:
            self._settings.setValue("export_folder", str(Path(name).parent))
            self.save(Path(name), choice)

        dialog.fileSelected.connect(chosen)
        dialog.open()

    # -- writing ---------------------------------------------------------------------------------

    def save(self, path: Path, choice: ReportChoice) -> None:
        """Writes what the chosen model says of the open slide, with what is muted."""
        source, outcome = self._slides.source, self._analysis.outcome
        shown = self._analysis.analysis.shown
        if self._running is not None:
            self.failed.emit(_STILL_WRITING)
            return
        if source is None or outcome is None or shown is None:
            self.failed.emit(_NO_RESULT)
            return
        if source.slide is None:
            self.failed.emit(_NO_SLIDE)
            return
        if self._mask.on:  # whoever masks names shows nobody who the patient is
            choice = replace(choice, identities=False)
        self._mask.meet_file(path)
        entry = self._cases.entry_of(source.path)
        request = ReportRequest(
            path,
            source,
            shown.model,
            outcome,
            source.path.stem if entry is None else entry.case_id,
            None if entry is None else entry.patient_id,
            self._preferences.review,
            choice,
        )
        self.opener.hide()
        self._running = self._jobs.start(
            write_case_report(request),
            done=self._on_written,
            failed=lambda error: self.failed.emit(str(error)),
            progress=self.strip.show_progress,
            finally_=self._on_end,
        )

    def _on_written(self, path: Path) -> None:
        self._saved = path
        self.opener.show()
        self.told.emit(f"Saved {path}")
        self.written.emit(path)

    def _on_end(self) -> None:
        self._running = None
        self.strip.finish()

    def _cancel(self) -> None:
        if self._running is not None:
            self._running.cancel()

    def open_saved(self) -> None:
        """Shows the report in whatever the desktop opens PDFs with."""
        if self._saved is None:
            return
        path = self._saved
        if not path.is_file():
            error = MomkdError(f"{path} is not there any more", "Save the report again")
            self.failed.emit(str(error))
        elif not QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))):
            error = MomkdError(f"No program here opens {path}", "Open it in a PDF reader yourself")
            self.failed.emit(str(error))
