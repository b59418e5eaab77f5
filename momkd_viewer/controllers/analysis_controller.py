"""Opens models, runs them on the shown slide, and shows what they say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from momkd_core.errors import MomkdError
from momkd_core.region import Region
from momkd_core.result import SlideResult
from momkd_viewer.controllers.model_wording import worded
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.jobs.runner import Job, JobRunner
from momkd_viewer.jobs.slide_work import analyse, open_model, read_again
from momkd_viewer.state.analysis import Analysis, Asked, MutedSet, OpenModel, Outcome, Reader
from momkd_viewer.state.blinding import memory_text
from momkd_viewer.widgets.progress_strip import ProgressStrip
from momkd_viewer.widgets.result_panel import ResultPanel
from momkd_viewer.widgets.second_pane import SecondPane

if TYPE_CHECKING:
    from momkd_core.checkpoint import Model

CANCELLED = "Analysis was cancelled. Press Analyse to run it again."
NO_RESOLUTION = "Needs the slide's resolution."
WAITING = "Analysed in the first view."


class AnalysisController(QObject):
    """Attributes:
    starts_itself: whether models run as soon as a slide is opened.

    Signals:
    shown_changed(): another result, or none, is to be shown.
    failed(str): a model could not be opened, or an analysis failed.
    muting_refused(): what the browser shows must be set back.
    resolution_wanted(): the slide's resolution is unknown and a model needs it.
    busy(str): which model is being loaded, '' when done.
    """

    busy = Signal(str)

    shown_changed = Signal()
    failed = Signal(str)
    muting_refused = Signal()
    resolution_wanted = Signal()

    def __init__(
        self,
        slides: SlideController,
        panel: ResultPanel | SecondPane,
        strip: ProgressStrip,
        jobs: JobRunner,
        loading_jobs: JobRunner,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.analysis = Analysis()
        self.region: Region | None = None
        self._slides, self._panel, self._strip = slides, panel, strip
        # Analyses run one by one; a model is loaded meanwhile.
        self._jobs, self._loading_jobs = jobs, loading_jobs
        self._running: tuple[OpenModel, Job] | None = None
        self._loading = 0
        slides.closing.connect(self._on_slide_closing)
        self.starts_itself = True
        slides.opened.connect(self._on_slide_opened)
        strip.cancelled.connect(self.cancel)
        panel.model_chosen.connect(self.choose)
        panel.model_closed.connect(self.close_model)

    # -- models ----------------------------------------------------------------------------------

    def open_model(self, path: Path, *, choose: bool | None = None) -> None:
        """Loads a model file or run folder; it is run on the shown slide at once.

        Args:
            choose: whether it is the one to be shown; None shows it where it is the first, or was
                open before.
        """

        def done(model: Model) -> None:
            known = len(self.analysis.models)
            position = self.analysis.add(model)
            if choose or (choose is None and position < known):
                self.analysis.chosen = position
            self._refresh()
            self.run_pending()

        def ended() -> None:
            self._loading -= 1
            self.busy.emit("")

        self._loading += 1
        self._loading_jobs.start(
            open_model(path),
            done=done,
            failed=lambda error: self.failed.emit(str(error)),
            progress=lambda at, total, what: self.busy.emit(what),
            finally_=ended,
        )

    @property
    def loading(self) -> bool:
        """Whether a model is being opened."""
        return self._loading > 0

    def adopt(self, other: AnalysisController, *, with_results: bool) -> None:
        """Takes over another view's models, and for the same slide what they said of it."""
        theirs = other.analysis.models
        kept = {entry.model.sha256 for entry in theirs}
        for position in reversed(range(len(self.analysis.models))):
            if self.analysis.models[position].model.sha256 not in kept:
                self.close_model(position)
        for their in theirs:
            mine = self.analysis.models[self.analysis.add(their.model)]
            changed, mine.muted = mine.muted != their.muted, their.muted
            if with_results:
                mine.outcome = their.outcome
                mine.failure = None if their.outcome else their.failure or WAITING
                continue
            if mine.failure == WAITING:
                mine.failure = None  # the first view went on to another slide
            if changed:
                self._read_again(mine)
        self._refresh()
        if not with_results:
            self.run_pending()

    def show_model(self, model: Model, muted: MutedSet) -> None:
        """Shows a model that was loaded elsewhere, without the given components."""
        position = self.analysis.add(model)
        self.analysis.chosen = position
        entry = self.analysis.models[position]
        changed, entry.muted = entry.muted != muted, muted
        if changed:
            self._read_again(entry)
        self._refresh()

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
        """Runs models whose analysis failed or was cancelled; all, where none did.

        After an analysis inside an annotation: all, on the whole slide.
        """
        if self.region is not None:
            self._run_all(None)
            return
        failed = [entry for entry in self.analysis.models if entry.failure is not None]
        for entry in failed or self.analysis.models:
            entry.outcome = entry.failure = None
        self._refresh()
        self.run_pending()

    def analyse_inside(self, region: Region) -> None:
        """Runs all models on the patches inside a region, until the whole slide is asked for."""
        self._run_all(region)

    def _run_all(self, region: Region | None) -> None:
        self.region = region
        if self._running is not None:
            self._running[1].cancel()
        self.analysis.forget_results()
        self._refresh()
        self.run_pending()

    def run_pending(self) -> None:
        """Runs the next model without a result; the others follow one by one."""
        source, slide = self._slides.source, self._slides.slide
        pending = self.analysis.pending
        if source is None or not pending or self._running is not None:
            return
        if slide is not None and slide.known_mpp is None:
            for waiting in pending:
                waiting.failure = NO_RESOLUTION
            self._refresh()
            self.resolution_wanted.emit()
            return
        shown = self.analysis.shown
        entry = shown if shown in pending and shown is not None else pending[0]

        muted = entry.muted

        def done(outcome: Outcome) -> None:
            entry.outcome = outcome
            if entry.muted != muted:  # changed while the slide was analysed
                self._read_again(entry)

        def failed(error: MomkdError) -> None:
            entry.failure = str(error)
            self.failed.emit(str(error))

        job = self._jobs.start(
            analyse(source, entry.model, entry.muted_by_memory, self.region),
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
        self.run_pending()  # before others learn of a free processor
        self._refresh()

    def _hide_strip(self) -> None:
        self._strip.finish()

    def _on_slide_opened(self) -> None:
        if self.starts_itself:
            self.run_pending()

    def _on_slide_closing(self) -> None:
        if self._running is not None:
            self._running[1].cancel()
        self.region = None
        self.analysis.forget_results()
        self._refresh()

    # -- muting ----------------------------------------------------------------------------------

    def set_muted(self, memory: str, index: int, muted: bool) -> None:
        """Leaves a component of the chosen model out, or takes it back in; no retraining."""
        entry = self.analysis.shown
        if entry is None:
            return
        change = {(memory, index)}
        wanted = entry.muted | change if muted else entry.muted - change
        components = entry.model.card.model.components
        if sum(name == memory for name, _ in wanted) >= components:
            self.failed.emit(
                f"All {components} components of {memory_text(memory)} would be muted. Leave at least "
                "one: without it there is no affinity."
            )
            self.muting_refused.emit()
            return
        entry.muted = wanted
        self._read_again(entry)

    def _read_again(self, entry: OpenModel) -> None:
        """Reads the memory again from the encoded slide: no pixel and no patch is computed anew."""
        if entry.outcome is None:
            self._refresh()
            return
        muted, before = entry.muted, entry.outcome

        def done(outcome: Outcome) -> None:
            # A newer choice, or another slide, makes this one void.
            if entry.muted == muted and entry.outcome is before:
                entry.outcome = outcome
                self._refresh()
            elif entry.outcome is before:
                self._read_again(entry)

        self._loading_jobs.start(
            read_again(before.encoded, entry.muted_by_memory, self._slides.source),
            done=done,
            failed=lambda error: self.failed.emit(str(error)),
        )

    @property
    def asked(self) -> Asked | None:
        """The chosen model and its muted components: what findings of the work list belong to."""
        shown = self.analysis.shown
        return None if shown is None else shown.reader.asked

    @property
    def readers(self) -> tuple[Reader, ...]:
        """The open models without their muted components: each is to read every case."""
        return tuple(entry.reader for entry in self.analysis.models)

    @property
    def running(self) -> bool:
        return self._running is not None

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

    def show_again(self) -> None:
        """Words the results anew."""
        self._refresh()

    def _refresh(self) -> None:
        running = None if self._running is None else self._running[0]
        shown = self.analysis.shown
        views = [
            worded(
                entry,
                chosen=entry is shown,
                running=entry is running,
                has_source=self._slides.source is not None,
            )
            for entry in self.analysis.models
        ]
        self._panel.show_models(views)
        self.shown_changed.emit()
