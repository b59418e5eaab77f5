"""Opens models, runs them on the shown slide, and shows what they say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from momkd_core.checkpoint import Model
from momkd_core.errors import MomkdError
from momkd_core.extraction import EncoderLoader
from momkd_core.result import SlideResult
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.jobs.runner import Job, JobRunner
from momkd_viewer.jobs.slide_work import analyse, open_model
from momkd_viewer.state.analysis import Analysis, OpenModel, Outcome
from momkd_viewer.widgets.progress_strip import ProgressStrip
from momkd_viewer.widgets.result_panel import ModelView, ResultPanel

CANCELLED = "Analysis was cancelled. Press Analyse to run it again."
_EVEN = "Attention is nearly even: the overlay shows small differences."
NO_RESOLUTION = "Needs the slide's resolution."


class AnalysisController(QObject):
    """Signals:
    shown_changed(): another result, or none, is to be shown.
    failed(str): a model could not be opened, or an analysis failed.
    resolution_wanted(): the slide's resolution is unknown and a model needs it.
    busy(str): which model is being loaded, '' when done.
    """

    busy = Signal(str)

    shown_changed = Signal()
    failed = Signal(str)
    resolution_wanted = Signal()

    def __init__(
        self,
        slides: SlideController,
        panel: ResultPanel,
        strip: ProgressStrip,
        jobs: JobRunner,
        loading_jobs: JobRunner,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.analysis = Analysis()
        self._slides, self._panel, self._strip = slides, panel, strip
        # Analyses run one by one; a model is loaded meanwhile.
        self._jobs, self._loading_jobs = jobs, loading_jobs
        self._encoders = EncoderLoader()
        self._running: tuple[OpenModel, Job] | None = None
        slides.closing.connect(self._on_slide_closing)
        slides.opened.connect(self.run_pending)
        strip.cancelled.connect(self.cancel)
        panel.model_chosen.connect(self.choose)
        panel.model_closed.connect(self.close_model)

    # -- models ----------------------------------------------------------------------------------

    def open_model(self, path: Path) -> None:
        """Loads a model file or run folder; it is run on the shown slide at once."""

        def done(model: Model) -> None:
            known = len(self.analysis.models)
            position = self.analysis.add(model)
            if position < known:  # opened before: show it
                self.analysis.chosen = position
            self._refresh()
            self.run_pending()

        self._loading_jobs.start(
            open_model(path),
            done=done,
            failed=lambda error: self.failed.emit(str(error)),
            progress=lambda at, total, what: self.busy.emit(what),
            finally_=lambda: self.busy.emit(""),
        )

    def choose(self, position: int) -> None:
        if position != self.analysis.chosen:
            self.analysis.chosen = position
            self._refresh()

    def close_model(self, position: int) -> None:
        entry = self.analysis.models[position]
        if self._running is not None and self._running[0] is entry:
            self._running[1].cancel()
        self.analysis.remove(position)
        self._refresh()
        self.run_pending()

    # -- running ---------------------------------------------------------------------------------

    def run_again(self) -> None:
        """Runs models whose analysis failed or was cancelled; all, where none did."""
        failed = [entry for entry in self.analysis.models if entry.failure is not None]
        for entry in failed or self.analysis.models:
            entry.outcome = entry.failure = None
        self._refresh()
        self.run_pending()

    def run_pending(self) -> None:
        """Runs the next model without a result; the others follow one by one."""
        slide = self._slides.slide
        pending = self.analysis.pending
        if slide is None or not pending or self._running is not None:
            return
        if slide.known_mpp is None:
            for waiting in pending:
                waiting.failure = NO_RESOLUTION
            self._refresh()
            self.resolution_wanted.emit()
            return
        shown = self.analysis.shown
        entry = shown if shown in pending and shown is not None else pending[0]

        def done(outcome: Outcome) -> None:
            entry.outcome = outcome

        def failed(error: MomkdError) -> None:
            entry.failure = str(error)
            self.failed.emit(str(error))

        job = self._jobs.start(
            analyse(slide.path, self._slides.stated_mpp, entry.model, self._encoders),
            done=done,
            failed=failed,
            progress=self._strip.show_progress,
            finally_=self._on_job_end,
        )
        self._running = (entry, job)
        self._refresh()

    def cancel(self) -> None:
        """Stops the running analysis; pending ones do not start by themselves."""
        if self._running is None:
            return
        entry, job = self._running
        job.cancel()
        for waiting in [entry, *self.analysis.pending]:
            waiting.failure = CANCELLED
        self._refresh()

    def _on_job_end(self) -> None:
        self._running = None
        self._hide_strip()
        self._refresh()
        self.run_pending()

    def _hide_strip(self) -> None:
        self._strip.finish()

    def _on_slide_closing(self) -> None:
        if self._running is not None:
            self._running[1].cancel()
        self.analysis.forget_results()
        self._refresh()

    # -- showing ---------------------------------------------------------------------------------

    @property
    def result(self) -> SlideResult | None:
        """Of the chosen model, or None."""
        shown = self.analysis.shown
        return None if shown is None or shown.outcome is None else shown.outcome.result

    @property
    def outcome(self) -> Outcome | None:
        """Of the chosen model, or None."""
        shown = self.analysis.shown
        return None if shown is None else shown.outcome

    def _refresh(self) -> None:
        views = [self._view(position, entry) for position, entry in enumerate(self.analysis.models)]
        self._panel.show_models(views)
        self.shown_changed.emit()

    def _view(self, position: int, entry: OpenModel) -> ModelView:
        card = entry.model.card
        view = ModelView(
            title=card.task,
            subtitle=f"{card.positive} against {card.negative} · {entry.model.source}",
            positive=card.positive,
            chosen=position == self.analysis.chosen,
        )
        if entry.outcome is not None:
            return _with_result(view, entry.outcome.result)
        if entry.failure is not None:
            return replace(view, message=entry.failure, failed=True)
        running = self._running is not None and self._running[0] is entry
        waiting = "Waiting for a slide." if self._slides.slide is None else "Waiting its turn."
        return replace(view, message="Analysing…" if running else waiting)


def _with_result(view: ModelView, result: SlideResult) -> ModelView:
    focus = result.background_focus
    return replace(
        view,
        predicted=result.predicted,
        probability=result.probability,
        threshold=result.threshold,
        facts=(
            (
                f"P({view.positive})",
                f"{result.probability:.3f}",
                f"Probability of {view.positive}; from {result.threshold:.3f} on it is predicted",
            ),
            ("threshold", f"{result.threshold:.3f}", "At or above it the prediction is positive"),
            (
                "background focus",
                "unknown" if focus is None else f"{focus:.1%}",
                "Background focus: share of the attention that lies on empty glass, "
                "Σ α (1 − tissue fraction)",
            ),
            (
                "effective patches",
                f"{result.effective_patches:.0f} of {len(result)}",
                "How many patches the attention is spread over: 1 / Σ α²",
            ),
        ),
        message=_EVEN if result.effective_patches > 0.95 * len(result) else "",
    )
