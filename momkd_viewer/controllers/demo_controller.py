"""Opens the demo: draws its cohort once, opens a slide and a model, and offers the tour."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QSettings, Signal

from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.case_controller import CaseController
from momkd_viewer.controllers.cohort_queue import CohortQueue
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.jobs.demo_work import begin_demo, draw_demo
from momkd_viewer.jobs.runner import Job, JobRunner
from momkd_viewer.state.blinding import blinded
from momkd_viewer.widgets.canvas import Canvas
from momkd_viewer.widgets.case_list import CaseList
from momkd_viewer.widgets.memory_browser import MemoryBrowser
from momkd_viewer.widgets.progress_strip import ProgressStrip
from momkd_viewer.widgets.tour import Tour, TourStep

_SEEN = "tour/seen"


class DemoController(QObject):
    """Signals:
    failed(str): the demo cannot be drawn.
    """

    failed = Signal(str)
    _slide_ready = Signal(Path)

    def __init__(
        self,
        canvas: Canvas,
        slides: SlideController,
        cases: CaseController,
        queue: CohortQueue,
        analysis: AnalysisController,
        tour: Tour,
        strip: ProgressStrip,
        jobs: JobRunner,
        settings: QSettings,
        steps: list[TourStep],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._canvas, self._slides = canvas, slides
        self._cases, self._queue, self._analysis = cases, queue, analysis
        self._tour, self._strip, self._jobs, self._settings = tour, strip, jobs, settings
        self._steps = steps
        self._models: list[Path] = []
        self._table: Path | None = None
        self._listed = False
        self._drawing: Job | None = None
        self._greeting = False  # whether the first result is still to be celebrated
        self._slide_ready.connect(cases.slide_ready)
        cases.opened.connect(self._on_cohort)
        analysis.shown_changed.connect(self._on_result)
        strip.cancelled.connect(self._cancel)
        tour.ended.connect(lambda: settings.setValue(_SEEN, True))

    def start(self, models: list[Path]) -> None:
        """Shows the demo: what was drawn before is there at once, the rest while you look.

        Args:
            models: the first is shown; the others are opened after its first result.
        """
        if self._drawing is not None:
            return  # on its way
        self._models, self._greeting, self._table, self._listed = models, True, None, False
        self._canvas.welcome.say("Drawing the demo slides. They are drawings, not patients.")
        self._analysis.open_model(models[0], choose=True)
        self._strip.show_progress(0, 0, "preparing the demo")

        def begun(table: Path) -> None:
            self._table = table
            self._cases.open(table, None, unfinished=True)
            self._drawing = self._jobs.start(
                draw_demo(table, self._slide_ready.emit),
                done=lambda _: None,
                failed=self._fail,
                progress=self._strip.show_progress,
                finally_=self._on_end,
            )

        self._drawing = self._jobs.start(
            begin_demo(), done=begun, failed=self._fail, finally_=self._after_begin
        )

    def _cancel(self) -> None:
        if self._drawing is not None:
            self._drawing.cancel()

    def _after_begin(self) -> None:
        if self._table is None:  # cancelled or failed: nothing follows
            self._on_end()

    def _fail(self, error: Exception) -> None:
        self._greeting = False
        self.failed.emit(str(error))

    def _on_end(self) -> None:
        """Drawing has ended, well or not: what is not there will not come."""
        self._drawing = None
        self._strip.finish()
        self._canvas.welcome.say("")
        if self._cases.table == self._table and self._cases.work.awaited:
            self._cases.give_up_awaited("It was not drawn. Open the demo again to go on")

    def _on_cohort(self) -> None:
        self._listed = self._cases.table == self._table
        if not self._listed and self._table is not None:
            self._greeting = False

    def _on_result(self) -> None:
        """The demo's first result: the other cases follow, and the tour begins."""
        shown, slide = self._analysis.analysis.shown, self._slides.slide
        if not (self._greeting and self._listed) or self._analysis.result is None:
            return
        if shown is None or shown.model.path != self._models[0]:
            return
        assert self._table is not None
        if slide is None or not slide.path.is_relative_to(self._table.parent):
            return
        self._greeting = False
        # The other models come after the first result: it is what the user waits for.
        for path in self._models[1:]:
            self._analysis.open_model(path, choose=False)
        self._queue.analyse_all()
        if not self._settings.value(_SEEN, False, bool) and not blinded():  # it explains polarity
            self.show_tour()

    def show_tour(self) -> None:
        self._tour.start(self._steps)


def tour_steps(
    canvas: Canvas, browser: MemoryBrowser, cases: CaseList, show_cases: Callable[[], object]
) -> list[TourStep]:
    """What the tour says, and where."""

    def positive() -> None:
        browser.setCurrentIndex(0)

    def glass_first() -> None:
        show_cases()
        cases.sort_by_background()

    return [
        TourStep(
            "Affinity: where is the evidence?",
            "Training left the model two memories: what positive cases look like, and what negative "
            "ones do. <b>Orange</b> patches are closer to the positive memory, <b>blue</b> ones to "
            "the negative. The prediction is read from the patches with most <b>attention</b> "
            "(Shift+T shows it). Wheel zooms, <b>C</b> hides the colours.",
            canvas,
        ),
        TourStep(
            "Components: what a memory is made of",
            "Each card is one component of a memory, with the patches of this slide that "
            "match it best. Ask of each: is this tissue that should count? <b>Click a patch</b> to "
            "see it in place.",
            browser,
            positive,
        ),
        TourStep(
            "Mute: what if this component did not count?",
            "A component that stands for glass, ink or a fold should not decide. Press <b>Mute</b> on "
            "its card: the probability above and the colours change at once, and nothing is "
            "retrained.",
            browser,
            positive,
        ),
        TourStep(
            "The work list: errors that look at empty glass",
            "Every case is analysed in the background. <b>✗</b> marks predictions that depart from the "
            "label, <b>Glass</b> is the share of attention on empty glass; the list is sorted by it "
            "now. A wrong case with much glass is where to look first. Some labels of this cohort "
            "were planted wrong.",
            cases,
            glass_first,
        ),
    ]
