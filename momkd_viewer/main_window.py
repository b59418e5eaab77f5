"""The window, assembled: widgets in their places, controllers between them, actions on top."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QSettings, Qt, QUrl
from PySide6.QtGui import QCloseEvent, QDesktopServices
from PySide6.QtWidgets import QMenu

from momkd_core import __version__
from momkd_core.storage import log_file
from momkd_viewer.action_table import MAGNIFICATIONS
from momkd_viewer.actions import build_actions
from momkd_viewer.controllers.alignment_controller import AlignmentController
from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.annotation_controller import AnnotationController
from momkd_viewer.controllers.atlas_controller import AtlasController
from momkd_viewer.controllers.blinding_controller import BlindingController
from momkd_viewer.controllers.case_controller import CaseController
from momkd_viewer.controllers.cohort_queue import CohortQueue
from momkd_viewer.controllers.component_controller import ComponentController
from momkd_viewer.controllers.demo_controller import DemoController, tour_steps
from momkd_viewer.controllers.evidence_tools import EvidenceTools
from momkd_viewer.controllers.inspection_controller import InspectionController
from momkd_viewer.controllers.kept_findings import KeptFindings
from momkd_viewer.controllers.layer_controller import LayerController
from momkd_viewer.controllers.memory_controller import MemoryController
from momkd_viewer.controllers.muting_tools import MutingTools
from momkd_viewer.controllers.opening_controller import OpeningController
from momkd_viewer.controllers.overlay_controller import OverlayController
from momkd_viewer.controllers.overlay_panel_controller import OverlayPanelController
from momkd_viewer.controllers.privacy_controller import kept_mask
from momkd_viewer.controllers.readout_controller import ReadoutController
from momkd_viewer.controllers.recent_slides import RecentSlides
from momkd_viewer.controllers.resolution_controller import ResolutionController
from momkd_viewer.controllers.review_tools import ReviewTools
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.controllers.split_controller import SplitController
from momkd_viewer.controllers.training_controller import TrainingController
from momkd_viewer.controllers.view_pair import ShownView
from momkd_viewer.controllers.window_tools import WindowTools
from momkd_viewer.controllers.workspace_controller import WorkspaceController
from momkd_viewer.jobs.cohort_slides import CohortSlides
from momkd_viewer.jobs.runner import JobRunner
from momkd_viewer.resource_files import resource
from momkd_viewer.state.overlay_values import KINDS
from momkd_viewer.widgets.about_box import show_about
from momkd_viewer.widgets.overlay_bar import MagnificationBox, OverlayBar
from momkd_viewer.widgets.tour import Tour
from momkd_viewer.widgets.window_frame import WindowFrame
from momkd_viewer.widgets.workspace_button import WorkspaceButton

#: The demo models in ``resources/demo``; the first is shown.
DEMO_TASKS = ("her2", "pr")


class MainWindow(WindowFrame):
    """The application's one window."""

    def __init__(self, settings: QSettings | None = None) -> None:
        super().__init__()
        self.setWindowTitle("MoMKD Viewer")
        self._settings = settings or QSettings("momkd", "momkd-viewer")
        self._names = kept_mask(self._settings)
        self._doing = ""  # what is being opened
        self._jobs = JobRunner(3, self)
        self._analysis_jobs = JobRunner(1, self, yielding=True)
        self._cohort_jobs = JobRunner(1, self, yielding=True)
        self._cohort_slides = CohortSlides()
        self._demo_jobs = JobRunner(1, self)
        self.slides = SlideController(self.canvas, self._jobs, self)
        self.analysis = AnalysisController(
            self.slides, self.results, self.strip, self._analysis_jobs, self._jobs, self
        )
        self.blinding = BlindingController(self.analysis, self._settings, self)
        self.overlay = OverlayController(self.canvas, self.analysis, self._jobs, self)
        self.split = SplitController(
            self.splitter,
            ShownView(self.canvas, self.canvas, self.slides, self.analysis),
            self.overlay,
            self._jobs,
            self._analysis_jobs,
            self._names,
            self,
        )
        self._overlay_bar = OverlayBar()
        self.overlay_panel = OverlayPanelController(
            self, self.overlay, self.analysis, self._overlay_bar, self.browser, self.canvas.legend
        )
        self.layers = LayerController(self.canvas, self.slides, self.analysis, self._jobs, self)
        self.alignment = AlignmentController(
            self, self.canvas, self.slides, self.analysis, self._jobs
        )
        self.memory = MemoryController(
            self.canvas,
            self.browser,
            self.distribution,
            self.slides,
            self.analysis,
            self._jobs,
            self,
        )
        self.components = ComponentController(
            self,
            self.browser,
            self.slides,
            self.analysis,
            self.overlay,
            self.memory,
            self._jobs,
        )
        self.inspection = InspectionController(
            self,
            self.canvas,
            self.slides,
            self.analysis,
            self.memory,
            self.components,
            self._jobs,
        )
        self.cases = CaseController(
            self.cases_list,
            self.slides,
            self.analysis,
            self._jobs,
            self,
        )
        self.kept_findings = KeptFindings(self.cases, self.analysis, self._jobs, self)
        self.queue = CohortQueue(
            self.cases, self.cases_list, self.analysis, self.queue_bar, self._cohort_jobs, self
        )
        self.cases.opened.connect(self._cohort_slides.clear)
        self.atlas = AtlasController(
            self.cases,
            self.analysis,
            self.memory,
            self.components,
            self.inspection,
            self.atlas_strip,
            self._cohort_slides,
            self._cohort_jobs,
            self,
        )
        self.annotations = AnnotationController(self.split.views, self._settings, self._names, self)
        self.add_side_tab("Annotations", self.annotations.panel)
        self.statusBar().addPermanentWidget(self.annotations.status)
        self.tour = Tour(self, self.canvas)
        self.demo = DemoController(
            self.canvas,
            self.slides,
            self.cases,
            self.queue,
            self.analysis,
            self.tour,
            self.demo_strip,
            self._demo_jobs,
            self._settings,
            tour_steps(self.canvas, self.browser, self.cases_list, self.show_cases),
            self,
        )
        self.tools = WindowTools(
            self,
            self.split.views,
            self.cases,
            self.cases_list,
            (
                self.results,
                self.canvas.banner,
                self.split.pane,
                self.split.pane.canvas.banner,
            ),
            self.export_strip,
            self._jobs,
            self._settings,
            self._names,
        )
        self.components.word(self._names.text)
        self.inspection.panel.nearest.word(self._names.text)
        self.review = ReviewTools(
            self,
            self.case_verdict,
            self.cases_list,
            self.blinding,
            self.slides,
            self.analysis,
            self.overlay,
            self.split,
            self.memory,
            self.components,
            self.inspection,
            self.cases,
            self.tools.preferences,
            self._names,
            self._jobs,
        )
        self.workspace = WorkspaceController(
            self.cases,
            self.slides,
            self.analysis,
            self.review.keeper,
            self.tools.preferences,
            self._names,
            self._jobs,
            self._settings,
            self,
        )
        self.opening = OpeningController(
            self, self.slides, self.analysis, self.cases, self.split, self._settings, self
        )
        self.muting = MutingTools(
            self,
            self.components,
            self.slides,
            self.analysis,
            self.cases,
            self.tools.preferences,
            self.blinding,
            self._names,
            self._cohort_slides,
            self._jobs,
            self._cohort_jobs,
            self._settings,
        )
        self.evidence = EvidenceTools(
            self,
            self.split.views.first,
            self.overlay,
            self.components,
            self.annotations,
            self.cases,
            self.tools,
            lambda: self.recent.paths,
            self._names,
            self._jobs,
            self._settings,
        )
        self.resolution = ResolutionController(
            self, self.split, self.cases, self.opening.open, self
        )
        self.training = TrainingController(self, self.open_path, self._names, self._settings)
        self._build_actions()
        self.recent = RecentSlides(
            self.slides,
            self.cases,
            self.canvas.welcome,
            self._recent_menu,
            self._names,
            self._settings,
            self,
        )
        self.readout = ReadoutController(self.split.views, self.position, self._magnification, self)
        self._connect()

    # -- assembly --------------------------------------------------------------------------------

    def _build_actions(self) -> None:
        slots = {
            **self.opening.slots(),
            "open_demo": self.open_demo,
            "close_slide": self.slides.close,
            "quit": self.close,
            "zoom_in": lambda: self.split.views.active.slide_view.zoom(1.5),
            "zoom_out": lambda: self.split.views.active.slide_view.zoom(1 / 1.5),
            "fit": self._fit,
            "split_view": self.split.toggle,
            "link_views": self.split.toggle_link,
            **self.overlay_panel.slots(),
            **self.layers.slots(),
            **self.components.slots(),
            **self.inspection.slots(),
            "check_alignment": self.alignment.check,
            "analyse": self.split.run_again,
            "cancel": self.split.cancel,
            "state_mpp": self.resolution.ask,
            **self.workspace.slots(),
            **self.queue.slots(),
            "glass_first": self.cases_list.sort_by_background,
            "training": self.training.show,
            "tour": self.demo.show_tour,
            "show_log": lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(log_file()))),
            "about": lambda: show_about(self, __version__),
            **self.atlas.slots(),
            **self.annotations.slots(),
            **self.tools.slots(),
            **self.review.slots(),
            **self.muting.slots(),
            **self.evidence.slots(),
        }
        for magnification in MAGNIFICATIONS:
            slots[f"magnify_{magnification:g}"] = partial(self._magnify, magnification)
        self.actions_by_name = build_actions(self, self.menuBar(), slots)
        self.tools.attach(self.actions_by_name)
        self.review.attach(self.actions_by_name)
        self.queue.attach(self.actions_by_name)
        shared = ("next_case", "previous_case", "blinded", "mask_names")
        self.workspace.attach([self.actions_by_name[name] for name in shared])
        self.add_over_cases(WorkspaceButton(self.actions_by_name["workspace"]))
        file_menu = self.menuBar().actions()[0].menu()
        assert isinstance(file_menu, QMenu)
        self._recent_menu = file_menu.addMenu("Recent")
        self._magnification = MagnificationBox(MAGNIFICATIONS)
        shown = ("open_slide", "open_model", "analyse", "zoom_out", "zoom_in", "fit")
        actions = [self.actions_by_name[name] for name in shown]
        self.add_tools(actions, self._magnification, self._overlay_bar)
        self.overlay_panel.attach(self.actions_by_name)
        self.layers.attach(self.actions_by_name)
        self.annotations.adopt(self.actions_by_name)
        self.addToolBar(Qt.ToolBarArea.LeftToolBarArea, self.annotations.bar)

    def _connect(self) -> None:
        self.canvas.welcome.slide_wanted.connect(self.opening.ask_for_slide)
        self.canvas.welcome.demo_wanted.connect(self.open_demo)
        self.recent.chosen.connect(self.open_path)
        self.dropped.connect(self.open_path)
        self.results.model_wanted.connect(self.opening.ask_for_model)
        self.results.cures_wanted.connect(self.muting.cures.show_here)
        self.opening.wanted.connect(self.tools.privacy.meet)
        self.opening.wanted.connect(self.training.remember)
        self.training.told.connect(self.canvas.banner.show_message)
        self.opening.slide_wanted.connect(self.canvas.banner.hide)
        self.opening.evidence_wanted.connect(self.evidence.opening.open)
        self._magnification.magnification_chosen.connect(self._magnify)
        for source in (
            self.opening,
            self.slides,
            self.analysis,
            self.cases,
            self.queue,
            self.atlas,
            self.demo,
            self.layers,
            self.alignment,
            self.annotations,
            self.split,
            self.review,
            self.muting,
            self.evidence,
            self.workspace,
        ):
            source.failed.connect(self.show_failure)
        self.review.recovered.connect(self.canvas.banner.withdraw)
        self.slides.opened.connect(self._show_names)
        self.slides.closing.connect(self._on_closing)
        for source in (
            self.slides,
            self.analysis,
            self.layers,
            self.alignment,
            self.muting,
            self.evidence,
        ):
            source.busy.connect(self._show_busy)
        for shown in (
            self._show_names,
            self.recent.show,
            self.split.show_names,
            self.annotations.show_names,
            self.muting.rescoring.refresh,
            self.muting.cures.refresh,
            self.components.show_again,
            self.review.agreement.refresh,
            self.training.refresh,
            self.workspace.show_again,
        ):
            self.tools.privacy.names_changed.connect(shown)
        self.blinding.changed.connect(self.workspace.show_again)
        self.cases.opened.connect(self.show_cases)

    # -- opening ---------------------------------------------------------------------------------

    def open_path(self, path: Path, *, mpp: float | None = None) -> None:
        """Opens a slide, features, a cohort, a model, a run or evidence, whatever it is."""
        self.opening.open(path, mpp)

    def open_demo(self) -> None:
        """Opens the drawn demo cohort with its models."""
        self.demo.start([resource(f"demo/{task}.safetensors") for task in DEMO_TASKS])

    def _on_closing(self) -> None:
        self.setWindowTitle("MoMKD Viewer")
        self.canvas.banner.hide()  # it spoke about the slide that goes

    def _show_names(self) -> None:
        """The slide's name and what is being opened, masked where the user wants that."""
        source = self.slides.source
        if source is not None:
            self.setWindowTitle(f"{self._names.slide(source.path)} – MoMKD Viewer")
        self._show_busy(self._doing)

    def _show_busy(self, doing: str) -> None:
        self._doing = doing
        self.busy.setText(self._names.text(doing))

    # -- showing ---------------------------------------------------------------------------------

    def show_failure(self, text: str) -> None:
        self.canvas.banner.show_message(text)

    def set_overlay(self, kind: str) -> None:
        """Chooses the overlay by kind: affinity, attention, none and the others."""
        assert kind in dict(KINDS)
        self.overlay.set_kind(kind)

    def _magnify(self, magnification: float) -> None:
        self.split.views.active.slides.set_magnification(magnification)

    def _fit(self) -> None:
        self.split.views.active.slide_view.fit()

    @property
    def settled(self) -> bool:
        """Whether nothing is being opened, analysed, read or drawn any more."""
        runners = (self._jobs, self._analysis_jobs, self._cohort_jobs, self._demo_jobs)
        others = (
            self.cases,
            self.atlas,
            self.muting.rescoring,
            self.annotations.store,
            self.tools.bookmarks,
            self.review.keeper,
            self.workspace,
        )
        idle = all(one.idle for one in (*runners, *others))
        return idle and self.slides.tiles_complete and self.split.tiles_complete

    # -- events ----------------------------------------------------------------------------------

    def closeEvent(self, event: QCloseEvent) -> None:
        kept = (self.annotations.store, self.tools.bookmarks, self.review, self.workspace.keeper)
        problems = [one.flush() for one in kept]
        if told := " ".join(problem for problem in problems if problem):
            event.ignore()
            self.show_failure(told)
            return
        self.hide()
        self.tools.close_windows()
        self.training.close()
        self.workspace.close()
        self.review.keeper.close()
        for runner in (self._demo_jobs, self._cohort_jobs, self._analysis_jobs, self._jobs):
            runner.close()
        self.slides.shut_down()
        self.split.shut_down()
        super().closeEvent(event)
