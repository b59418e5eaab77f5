"""What leaves the program about a case, put together: bundles (written, opened), and its report."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, QSettings, Signal
from PySide6.QtWidgets import QMainWindow

from momkd_viewer.controllers.annotation_controller import AnnotationController
from momkd_viewer.controllers.case_controller import CaseController
from momkd_viewer.controllers.component_controller import ComponentController
from momkd_viewer.controllers.evidence_controller import EvidenceController
from momkd_viewer.controllers.evidence_opening import EvidenceOpening
from momkd_viewer.controllers.evidence_view import EvidenceView
from momkd_viewer.controllers.overlay_controller import OverlayController
from momkd_viewer.controllers.report_controller import ReportController
from momkd_viewer.controllers.view_pair import ShownView
from momkd_viewer.controllers.window_tools import WindowTools
from momkd_viewer.jobs.runner import JobRunner
from momkd_viewer.state.name_mask import NameMask


class EvidenceTools(QObject):
    """Attributes: writing, opening, report.

    Signals:
        failed(str): a bundle or report cannot be written or opened, or not to all of what it was.
        busy(str): for the status bar: what is being opened or was written, '' for nothing.
    """

    failed = Signal(str)
    busy = Signal(str)

    def __init__(
        self,
        window: QMainWindow,
        first: ShownView,
        overlay: OverlayController,
        components: ComponentController,
        annotations: AnnotationController,
        cases: CaseController,
        tools: WindowTools,
        recent: Callable[[], Sequence[str]],
        names: NameMask,
        jobs: JobRunner,
        settings: QSettings,
    ) -> None:
        super().__init__(window)
        slides, analysis = first.slides, first.analysis
        view = EvidenceView(first.canvas, slides, overlay, tools.display, components, self)
        self.writing = EvidenceController(
            window,
            slides,
            analysis,
            annotations,
            cases,
            view,
            tools.preferences,
            names,
            jobs,
            settings,
        )
        self.opening = EvidenceOpening(
            window, slides, analysis, annotations, cases, view, recent, names, jobs, settings
        )
        self.report = ReportController(
            window, slides, analysis, cases, tools.preferences, names, jobs, settings
        )
        for source in (self.writing, self.opening, self.report):
            source.failed.connect(self.failed)
        for writer in (self.writing, self.report):
            writer.told.connect(self.busy)
        self.opening.busy.connect(self.busy)

    def slots(self) -> dict[str, Callable[[], object]]:
        """What the menu entries do, by their names in the table of actions."""
        return {"export_evidence": self.writing.ask, "save_report": self.report.ask}
