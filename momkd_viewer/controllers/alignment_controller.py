"""Runs the self-test of alignment and shows its result on the canvas and beside it."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.jobs.alignment_work import AlignmentCheck, check
from momkd_viewer.jobs.runner import Job, JobRunner
from momkd_viewer.widgets.alignment_dialog import AlignmentDialog, AlignmentView, PairView
from momkd_viewer.widgets.canvas import Canvas
from momkd_viewer.widgets.line_layers import PatchCorners
from momkd_viewer.widgets.scene_reader import SceneReader

_NOTHING = "There is nothing to check yet. Open a slide and a model, and wait for the analysis."


class AlignmentController(QObject):
    """Signals:
    failed(str): the test could not be made.
    busy(str): how far it is, '' when done.
    """

    failed = Signal(str)
    busy = Signal(str)

    def __init__(
        self,
        window: QWidget,
        canvas: Canvas,
        slides: SlideController,
        analysis: AnalysisController,
        jobs: JobRunner,
    ) -> None:
        super().__init__(window)
        self._canvas, self._slides, self._analysis, self._jobs = canvas, slides, analysis, jobs
        self._running: Job | None = None
        self.corners = PatchCorners()
        canvas.slide_view.add_layer(self.corners)
        self.dialog = AlignmentDialog(window)
        self.dialog.finished.connect(lambda _: self._clear_corners())
        self.dialog.patch_chosen.connect(self._go_to)
        analysis.shown_changed.connect(self._on_shown_changed)
        self._of: object = None  # the bag that was tested

    def check(self) -> None:
        """Starts the test for the shown result."""
        slide, outcome, drawing = self._slides.slide, self._analysis.outcome, self._slides.drawing
        view = self._canvas.slide_view.view
        if slide is None or outcome is None or drawing is None or view is None:
            self.failed.emit(_NOTHING)
            return
        source, pyramid = drawing
        bag = outcome.encoded.bag
        draw = SceneReader(
            slide.width, slide.height, pyramid, source.tile, view.downsample, bag.size_level0
        )
        if self._running is not None:
            self._running.cancel()
        self._of = bag
        self._running = self._jobs.start(
            check(slide, bag, draw, draw.downsample),
            done=self._show,
            failed=lambda error: self.failed.emit(str(error)),
            progress=self._tell,
            finally_=lambda: self.busy.emit(""),
        )

    def _tell(self, at: int, total: int, what: str) -> None:
        self.busy.emit(f"{what} {at} of {total}" if total else what)

    def _show(self, found: AlignmentCheck) -> None:
        report, outcome = found.report, self._analysis.outcome
        if outcome is None:
            return
        self.corners.corners = outcome.encoded.bag.coords.astype(np.float64)
        self.corners.size = report.size_level0
        self.corners.chosen = tuple(pair.patch for pair in report.pairs)
        self._canvas.slide_view.update()
        self.dialog.show_view(_view(found))

    def _go_to(self, patch: int) -> None:
        if self.corners.corners is None:
            return
        x, y = self.corners.corners[patch] + self.corners.size / 2
        # Patches around it are seen too.
        self._canvas.slide_view.centre_on(float(x), float(y), self.corners.size / 160)

    def _on_shown_changed(self) -> None:
        outcome = self._analysis.outcome
        if self._of is None or (outcome is not None and outcome.encoded.bag is self._of):
            return
        self._of = None  # it spoke of another slide or model
        if self._running is not None:
            self._running.cancel()
        self.dialog.close()
        self._clear_corners()

    def _clear_corners(self) -> None:
        self.corners.corners = None
        self.corners.chosen = ()
        self._canvas.slide_view.update()


def _view(found: AlignmentCheck) -> AlignmentView:
    report = found.report
    pairs = []
    for number, (pair, pictures) in enumerate(
        zip(report.pairs, found.pictures, strict=True), start=1
    ):
        length = None if pair.shift is None else float(np.hypot(*pair.shift))
        note = "too even" if length is None else f"{length:.1f} px"
        pairs.append(PairView(number, pair.patch, *pictures, note))
    centres = f"{report.on_tissue:.0%} of {report.patches:,} patch centres lie on tissue."
    return AlignmentView(
        report.aligned,
        tuple((f"{f.cause.rstrip('.')}.", f"{f.cure.rstrip('.')}.") for f in report.findings),
        (*report.facts, centres),
        tuple(pairs),
    )
