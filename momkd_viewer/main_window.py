"""The window, assembled: widgets in their places, controllers between them, actions on top."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSettings, Qt, QTimer, QUrl
from PySide6.QtGui import QCloseEvent, QDesktopServices, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QDockWidget,
    QFileDialog,
    QInputDialog,
    QMainWindow,
    QMessageBox,
    QSplitter,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from momkd_core import __version__
from momkd_core.slide import SLIDE_SUFFIXES
from momkd_core.storage import log_file
from momkd_viewer.actions import MAGNIFICATIONS, build_actions
from momkd_viewer.controllers.alignment_controller import AlignmentController
from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.annotation_controller import AnnotationController
from momkd_viewer.controllers.case_controller import CaseController
from momkd_viewer.controllers.component_controller import ComponentController
from momkd_viewer.controllers.demo_controller import DemoController, tour_steps
from momkd_viewer.controllers.inspection_controller import InspectionController
from momkd_viewer.controllers.layer_controller import LayerController
from momkd_viewer.controllers.memory_controller import MemoryController
from momkd_viewer.controllers.overlay_controller import OverlayController
from momkd_viewer.controllers.overlay_panel_controller import OverlayPanelController
from momkd_viewer.controllers.readout_controller import ReadoutController
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.controllers.split_controller import SplitController
from momkd_viewer.controllers.window_tools import WindowTools
from momkd_viewer.jobs.runner import JobRunner
from momkd_viewer.resource_files import resource
from momkd_viewer.state.overlay_values import KINDS
from momkd_viewer.widgets.canvas import Canvas
from momkd_viewer.widgets.case_list import CaseList
from momkd_viewer.widgets.distribution import Distribution
from momkd_viewer.widgets.elided_label import ElidedLabel
from momkd_viewer.widgets.memory_browser import MemoryBrowser
from momkd_viewer.widgets.overlay_bar import MagnificationBox, OverlayBar
from momkd_viewer.widgets.progress_strip import ProgressStrip
from momkd_viewer.widgets.result_panel import ResultPanel
from momkd_viewer.widgets.tour import Tour

#: The demo models in ``resources/demo``; the first is shown.
DEMO_TASKS = ("her2", "pr")

_MOST_RECENT = 8
_SIDE_WIDTH = 378
_CASES_WIDTH = 338
_SLIDE_FILES = f"Slides ({' '.join(f'*{suffix}' for suffix in SLIDE_SUFFIXES)});;All files (*)"
_NO_RESOLUTION = (
    "This slide does not state its resolution, which the models need. "
    "State it, for instance 0.25 µm/px for a 40× scan."
)


class MainWindow(QMainWindow):
    """The application's one window."""

    def __init__(self, settings: QSettings | None = None) -> None:
        super().__init__()
        self.setWindowTitle("MoMKD Viewer")
        self.setAcceptDrops(True)
        self.resize(1280, 800)
        self._settings = settings or QSettings("momkd", "momkd-viewer")
        self._jobs = JobRunner(3, self)
        self._analysis_jobs = JobRunner(1, self, yielding=True)
        self._cohort_jobs = JobRunner(1, self, yielding=True)
        self._demo_jobs = JobRunner(1, self)
        self.canvas = Canvas()
        self.results = ResultPanel()
        self.browser = MemoryBrowser()
        self.distribution = Distribution()
        self.browser.addTab(self.distribution, "Distribution")
        self.cases_list = CaseList()
        self.strip = ProgressStrip("Esc")
        self.cases_strip = ProgressStrip()
        self.demo_strip = ProgressStrip()
        self.export_strip = ProgressStrip()
        self.position = ElidedLabel()
        self._build_layout()
        self.slides = SlideController(self.canvas, self._jobs, self)
        self.analysis = AnalysisController(
            self.slides, self.results, self.strip, self._analysis_jobs, self._jobs, self
        )
        self.overlay = OverlayController(self.canvas, self.analysis, self._jobs, self)
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
            self.cases_strip,
            self._jobs,
            self._cohort_jobs,
            self,
        )
        self.tour = Tour(self, self.canvas)
        self.demo = DemoController(
            self.canvas,
            self.slides,
            self.cases,
            self.analysis,
            self.tour,
            self.demo_strip,
            self._demo_jobs,
            self._settings,
            tour_steps(self.canvas, self.browser, self.cases_list, self._show_cases),
            self,
        )
        self.tools = WindowTools(
            self,
            self.canvas,
            self.slides,
            self.cases,
            self.cases_list,
            self.results,
            self.export_strip,
            self._jobs,
            self._settings,
        )
        self._names = self.tools.privacy.mask
        self.components.word(self._names.text)
        self.inspection.panel.nearest.word(self._names.text)
        self.annotations = AnnotationController(
            self.canvas, self.slides, self.analysis, self._settings, self._names, self
        )
        self._place_annotations()
        self.split = SplitController(
            self._splitter,
            self.slides,
            self.analysis,
            self.overlay,
            self.canvas.slide_view,
            self._jobs,
            self._analysis_jobs,
            self._names.slide,
            self,
        )
        self._build_actions()
        self.readout = ReadoutController(
            self.canvas, self.slides, self.position, self._magnification, self
        )
        self._connect()
        self._show_recent()

    # -- assembly --------------------------------------------------------------------------------

    def _build_layout(self) -> None:
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.addWidget(self.canvas)
        self.setCentralWidget(self._splitter)
        side = QWidget()
        side.setMinimumWidth(_SIDE_WIDTH)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.results)
        column.addWidget(self.browser, 1)
        self._side_dock = self._dock(
            "Models and memory", side, Qt.DockWidgetArea.RightDockWidgetArea
        )
        self._cases_dock = self._dock(
            "Cases", self.cases_list, Qt.DockWidgetArea.LeftDockWidgetArea
        )
        self._cases_dock.hide()
        status = self.statusBar()
        status.setSizeGripEnabled(False)
        self._busy, self._doing = ElidedLabel(), ""
        self._busy.setContentsMargins(10, 0, 10, 0)
        status.addWidget(self._busy)
        for strip in (self.strip, self.demo_strip, self.cases_strip, self.export_strip):
            status.addWidget(strip)
        self.position.setContentsMargins(0, 0, 10, 0)
        status.addPermanentWidget(self.position)

    def _place_annotations(self) -> None:
        dock = self._dock(
            "Annotations", self.annotations.panel, Qt.DockWidgetArea.RightDockWidgetArea
        )
        self.tabifyDockWidget(self._side_dock, dock)
        self._side_dock.raise_()
        self.statusBar().addPermanentWidget(self.annotations.status)

    def _dock(self, title: str, widget: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title)
        dock.setObjectName(title)
        dock.setFeatures(
            QDockWidget.DockWidgetFeature.DockWidgetMovable
            | QDockWidget.DockWidgetFeature.DockWidgetFloatable
        )
        dock.setWidget(widget)
        self.addDockWidget(area, dock)
        return dock

    def _build_actions(self) -> None:
        slots = {
            "open_slide": self.ask_for_slide,
            "open_cohort": self.ask_for_cohort,
            "open_model": self.ask_for_model,
            "open_run": self.ask_for_run,
            "open_demo": self.open_demo,
            "close_slide": self.slides.close,
            "quit": self.close,
            "zoom_in": lambda: self.split.active_view.zoom(1.5),
            "zoom_out": lambda: self.split.active_view.zoom(1 / 1.5),
            "fit": self._fit,
            "split_view": self.split.toggle,
            "link_views": self.split.toggle_link,
            "open_second": self.ask_for_second_slide,
            **self.overlay_panel.slots(),
            **self.layers.slots(),
            **self.components.slots(),
            **self.inspection.slots(),
            "check_alignment": self.alignment.check,
            "analyse": self.analysis.run_again,
            "cancel": self.analysis.cancel,
            "state_mpp": self.ask_for_mpp,
            "next_case": lambda: self.cases.step(1),
            "previous_case": lambda: self.cases.step(-1),
            "analyse_all": self.cases.analyse_all,
            "glass_first": self.cases_list.sort_by_background,
            "tour": self.demo.show_tour,
            "show_log": lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(log_file()))),
            "about": self._about,
            **self.annotations.slots(),
            **self.tools.slots(),
        }
        for magnification in MAGNIFICATIONS:
            slots[f"magnify_{magnification:g}"] = lambda m=magnification: (
                self.split.active_slides.set_magnification(m)
            )
        self.actions_by_name = build_actions(self, self.menuBar(), slots)
        self.tools.attach(self.actions_by_name)
        self._recent_menu = self.menuBar().actions()[0].menu().addMenu("Recent")
        bar = QToolBar("Tools")
        bar.setObjectName("Tools")
        bar.setMovable(False)
        for name in ("open_slide", "open_model", "analyse", "zoom_out", "zoom_in", "fit"):
            bar.addAction(self.actions_by_name[name])
        self._magnification = MagnificationBox(MAGNIFICATIONS)
        bar.addWidget(self._magnification)
        bar.addSeparator()
        bar.addWidget(self._overlay_bar)
        self.addToolBar(bar)
        self.overlay_panel.attach(self.actions_by_name)
        self.layers.attach(self.actions_by_name)
        self.annotations.adopt(self.actions_by_name)
        self.addToolBar(Qt.ToolBarArea.LeftToolBarArea, self.annotations.bar)

    def _connect(self) -> None:
        self.canvas.welcome.slide_wanted.connect(self.ask_for_slide)
        self.canvas.welcome.demo_wanted.connect(self.open_demo)
        self.canvas.welcome.recent_chosen.connect(
            lambda position: self.open_path(Path(self._recent_paths()[position]))
        )
        self.canvas.banner.action_taken.connect(self.ask_for_mpp)
        self.results.model_wanted.connect(self.ask_for_model)
        self._magnification.magnification_chosen.connect(self.slides.set_magnification)
        for source in (
            self.slides,
            self.analysis,
            self.cases,
            self.demo,
            self.layers,
            self.alignment,
            self.annotations,
            self.split,
        ):
            source.failed.connect(self.show_failure)
        self.analysis.resolution_wanted.connect(self._want_resolution)
        self.slides.opened.connect(self._on_opened)
        self.slides.closing.connect(self._on_closing)
        for source in (self.slides, self.analysis, self.layers, self.alignment):
            source.busy.connect(self._show_busy)
        self.tools.privacy.names_changed.connect(self._show_names)
        self.tools.privacy.names_changed.connect(self.split.show_names)
        self.tools.privacy.names_changed.connect(self.annotations.show_names)
        self.split.slide_wanted.connect(self.ask_for_second_slide)
        self.split.slides.wanted.connect(self._names.meet_slide)
        self.cases.opened.connect(self._show_cases)

    def _show_cases(self) -> None:
        first = not self._cases_dock.isVisible()
        self._cases_dock.show()
        if first:
            self.resizeDocks([self._cases_dock], [_CASES_WIDTH], Qt.Orientation.Horizontal)

    # -- opening ---------------------------------------------------------------------------------

    def open_path(self, path: Path, *, mpp: float | None = None) -> None:
        """Opens a slide, a cohort table, a model file or a run folder, whatever it is."""
        self.tools.privacy.meet(path)
        if path.suffix.lower() in (".h5", ".hdf5"):
            self.show_failure(
                f"{path.name} holds features, not a picture. Open the slide it was made from; "
                "its features are found in the cache or made again."
            )
        elif path.suffix.lower() == ".safetensors" or (path / "folds").is_dir():
            self.analysis.open_model(path)
        elif path.suffix.lower() == ".csv" or path.is_dir():
            self.cases.open(path, mpp)
        else:
            self.canvas.banner.hide()
            self.slides.open(path, mpp)

    def open_demo(self) -> None:
        """Opens the drawn demo cohort with its models."""
        self.demo.start([resource(f"demo/{task}.safetensors") for task in DEMO_TASKS])

    def ask_for_slide(self) -> None:
        self._ask("Open slide", _SLIDE_FILES)

    def ask_for_second_slide(self) -> None:
        self._ask("Open slide in the second view", _SLIDE_FILES, chosen=self.split.open)

    def ask_for_cohort(self) -> None:
        self._ask("Open cohort", "Cohort tables (*.csv);;All files (*)")

    def ask_for_model(self) -> None:
        self._ask("Open model", "Models (*.safetensors);;All files (*)")

    def ask_for_run(self) -> None:
        self._ask("Open run folder", "", folder=True)

    def _ask(
        self,
        title: str,
        pattern: str,
        *,
        folder: bool = False,
        chosen: Callable[[Path], None] | None = None,
    ) -> None:
        dialog = QFileDialog(self, title, str(self._settings.value("folder", "")), pattern)
        if folder:
            dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self._on_chosen(Path(name), chosen))
        dialog.open()

    def _on_chosen(self, path: Path, then: Callable[[Path], None] | None) -> None:
        self._settings.setValue("folder", str(path.parent))
        (then or self.open_path)(path)

    def ask_for_mpp(self) -> None:
        """Asks for the shown slide's own resolution and opens it again with that."""
        slide = self.slides.slide
        if slide is None:
            return
        dialog = QInputDialog(self)
        dialog.setInputMode(QInputDialog.InputMode.DoubleInput)
        dialog.setWindowTitle("Slide resolution")
        dialog.setLabelText("Microns per pixel at full resolution (40× is about 0.25):")
        dialog.setDoubleRange(0.01, 100.0)
        dialog.setDoubleDecimals(4)
        known = slide.known_mpp
        dialog.setDoubleValue(known.mean if known else 0.25)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        path = slide.path
        dialog.doubleValueSelected.connect(lambda value: self._state_mpp(path, value))
        dialog.open()

    def _state_mpp(self, path: Path, mpp: float) -> None:
        self.cases.remember_resolution(path, mpp)
        self.open_path(path, mpp=mpp)

    def _on_closing(self) -> None:
        self.setWindowTitle("MoMKD Viewer")
        self.canvas.banner.hide()  # it spoke about the slide that goes

    def _on_opened(self) -> None:
        slide = self.slides.slide
        assert slide is not None
        recent = [str(slide.path.resolve()), *self._recent_paths()]
        self._settings.setValue("recent", list(dict.fromkeys(recent))[:_MOST_RECENT])
        self._show_names()

    def _show_names(self) -> None:
        """Names of slides, masked where the user wants that."""
        slide = self.slides.slide
        if slide is not None:
            self.setWindowTitle(f"{self._names.slide(slide.path)} – MoMKD Viewer")
        self._show_busy(self._doing)
        self._show_recent()

    def _show_busy(self, doing: str) -> None:
        self._doing = doing
        self._busy.setText(self._names.text(doing))

    def _recent_paths(self) -> list[str]:
        value = self._settings.value("recent", [])
        paths = [value] if isinstance(value, str) else list(value or [])  # type: ignore[call-overload]
        return [str(path) for path in paths]

    def _show_recent(self) -> None:
        paths = self._recent_paths()
        names = [self._names.slide(Path(path)) for path in paths]
        self.canvas.welcome.show_recent(names)
        self._recent_menu.clear()
        for path, name in zip(paths, names, strict=True):
            action = self._recent_menu.addAction(name)
            action.setToolTip(self._names.text(path))
            action.triggered.connect(lambda checked=False, p=path: self.open_path(Path(p)))
        self._recent_menu.setEnabled(bool(paths))

    # -- showing ---------------------------------------------------------------------------------

    def show_failure(self, text: str) -> None:
        self.canvas.banner.show_message(text)

    def _want_resolution(self) -> None:
        self.canvas.banner.show_message(_NO_RESOLUTION, "State resolution…")

    def set_overlay(self, kind: str) -> None:
        """Chooses the overlay by kind: affinity, attention, none and the others."""
        assert kind in dict(KINDS)
        self.overlay.set_kind(kind)

    def _fit(self) -> None:
        self.split.active_view.fit()

    def _about(self) -> None:
        box = QMessageBox(self)
        box.setWindowTitle("About MoMKD Viewer")
        box.setText(
            f"MoMKD Viewer {__version__}\n\nLook inside a biomarker model: memory affinity and "
            "memory components over whole-slide images.\n\nResearch use only, not a medical device."
        )
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()

    @property
    def settled(self) -> bool:
        """Whether nothing is being opened, analysed, read or drawn any more."""
        runners = (self._jobs, self._analysis_jobs, self._cohort_jobs, self._demo_jobs)
        idle = all(one.idle for one in (*runners, self.annotations.store, self.tools.bookmarks))
        return idle and self.slides.tiles_complete and self.split.tiles_complete

    # -- events ----------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        event.acceptProposedAction()
        # After the drop has ended: the sender's window waits for it.
        QTimer.singleShot(0, self, lambda: [self.open_path(path) for path in paths])

    def closeEvent(self, event: QCloseEvent) -> None:
        problems = [kept.flush() for kept in (self.annotations.store, self.tools.bookmarks)]
        if told := " ".join(problem for problem in problems if problem):
            event.ignore()
            self.show_failure(told)
            return
        self.hide()
        self.tools.close_windows()
        for runner in (self._demo_jobs, self._cohort_jobs, self._analysis_jobs, self._jobs):
            runner.close()
        self.slides.shut_down()
        self.split.shut_down()
        super().closeEvent(event)
