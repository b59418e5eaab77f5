"""Opens the demo: draws its cohort once, opens a slide and a model, and offers the tour."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QSettings, Signal

from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.case_controller import CaseController
from momkd_viewer.jobs.demo_work import begin_demo, draw_demo
from momkd_viewer.jobs.runner import JobRunner
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
        cases: CaseController,
        analysis: AnalysisController,
        tour: Tour,
        strip: ProgressStrip,
        jobs: JobRunner,
        settings: QSettings,
        steps: list[TourStep],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._canvas, self._cases, self._analysis = canvas, cases, analysis
        self._tour, self._strip, self._jobs, self._settings = tour, strip, jobs, settings
        self._steps = steps
        self._begun = False
        self._models: list[Path] = []
        self._slide_ready.connect(cases.slide_ready)
        analysis.shown_changed.connect(self._on_result)
        tour.ended.connect(lambda: settings.setValue(_SEEN, True))

    def start(self, models: list[Path]) -> None:
        """Shows the demo: what was drawn before is there at once, the rest while you look."""
        self._begun, self._models = True, models[1:]
        self._canvas.welcome.say("Drawing the demo slides. They are drawings, not patients.")
        self._analysis.open_model(models[0])
        self._strip.show_progress(0, 0, "preparing the demo")

        def begun(table: Path) -> None:
            self._cases.open(table, None, unfinished=True)
            self._jobs.start(
                draw_demo(table, self._slide_ready.emit),
                done=lambda _: None,
                failed=self._fail,
                progress=self._strip.show_progress,
                finally_=self._strip.finish,
            )

        self._jobs.start(begin_demo(), done=begun, failed=self._fail)

    def _fail(self, error: Exception) -> None:
        self._strip.finish()
        self._canvas.welcome.say("")
        self.failed.emit(str(error))

    def _on_result(self) -> None:
        """The first result: the other cases follow, and the tour begins."""
        if not self._begun or self._analysis.result is None:
            return
        self._begun = False
        # The other models come after the first result: it is what the user waits for.
        for path in self._models:
            self._analysis.open_model(path)
        self._canvas.welcome.say("")
        self._cases.analyse_all()
        if not self._settings.value(_SEEN, False, bool):
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
            "Each card is one component (prototype) of a memory, with the patches of this slide that "
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
