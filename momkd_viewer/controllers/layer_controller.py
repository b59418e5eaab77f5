"""Patch grid and tissue contour, shown on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction

from momkd_core.errors import MomkdError
from momkd_core.result import SlideResult
from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.jobs.layer_work import find_contour, find_edges
from momkd_viewer.jobs.runner import Job, JobRunner
from momkd_viewer.state.slide_lines import Contour, PatchEdges
from momkd_viewer.widgets.canvas import Canvas
from momkd_viewer.widgets.line_layers import PatchGrid, TissueContour


class LayerController(QObject):
    """Each layer's lines are found once per result or slide, when they are first wanted.

    Signals:
        failed(str): lines could not be found.
        busy(str): what is being looked for, '' when done.
    """

    failed = Signal(str)
    busy = Signal(str)

    def __init__(
        self,
        canvas: Canvas,
        slides: SlideController,
        analysis: AnalysisController,
        jobs: JobRunner,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._canvas, self._slides, self._analysis, self._jobs = canvas, slides, analysis, jobs
        self.grid, self.contour = PatchGrid(), TissueContour()
        canvas.slide_view.add_layer(self.grid)
        canvas.slide_view.add_layer(self.contour)
        self._edges_of: SlideResult | None = None
        self._edges_job: Job | None = None
        self._contour_job: Job | None = None
        self._actions: Mapping[str, QAction] = {}
        analysis.shown_changed.connect(self._on_result)
        slides.opened.connect(self._find_contour)
        slides.closing.connect(self._on_closing)

    def slots(self) -> dict[str, Callable[[], object]]:
        """What the menu entries do, by their names in the table of actions."""
        return {"patch_grid": self.toggle_grid, "tissue_contour": self.toggle_contour}

    def attach(self, actions: Mapping[str, QAction]) -> None:
        """Keeps the menu entries at what is shown, from now on."""
        self._actions = actions
        for name in self.slots():
            actions[name].setCheckable(True)

    def toggle_grid(self) -> None:
        self.grid.visible = not self.grid.visible
        self._on_result()
        self._show()

    def toggle_contour(self) -> None:
        self.contour.visible = not self.contour.visible
        self._find_contour()
        self._show()

    def _show(self) -> None:
        if self._actions:
            self._actions["patch_grid"].setChecked(self.grid.visible)
            self._actions["tissue_contour"].setChecked(self.contour.visible)
        self._canvas.slide_view.update()

    def _on_result(self) -> None:
        result = self._analysis.result
        if result is self._edges_of or (result is not None and not self.grid.visible):
            return
        self._edges_of, self.grid.edges = result, None
        if self._edges_job is not None:
            self._edges_job.cancel()
            self._edges_job = None
        if result is None:
            self._canvas.slide_view.update()
            return

        def done(edges: PatchEdges) -> None:
            self.grid.edges = edges
            self._canvas.slide_view.update()

        self._edges_job = self._jobs.start(
            find_edges(result.coords, result.size_level0), done=done, failed=self._tell
        )

    def _find_contour(self) -> None:
        slide = self._slides.slide
        wanted = self.contour.visible and self.contour.contour is None
        if slide is None or not wanted or self._contour_job is not None:
            return

        def done(contour: Contour) -> None:
            self.contour.contour = contour
            self._canvas.slide_view.update()

        def finished() -> None:
            self.busy.emit("")

        self._contour_job = self._jobs.start(
            find_contour(slide),
            done=done,
            failed=self._tell,
            progress=lambda at, total, what: self.busy.emit(what),
            finally_=finished,
        )

    def _on_closing(self) -> None:
        if self._contour_job is not None:
            self._contour_job.cancel()
        self._contour_job, self.contour.contour = None, None

    def _tell(self, error: MomkdError) -> None:
        self.failed.emit(str(error))
