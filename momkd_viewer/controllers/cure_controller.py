"""Cures tried on the open case or the listed cohort, in the background, and compared in a window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QMainWindow

from momkd_core.errors import MomkdError
from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.case_controller import CaseController
from momkd_viewer.controllers.cure_trial import CureTrial, worded
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.jobs.cure_work import CureRequest, CuresBegun, SummedCure, sum_up, try_cures
from momkd_viewer.jobs.runner import Job, JobRunner
from momkd_viewer.state.analysis import CaseEntry, OpenModel
from momkd_viewer.state.blinding import HIDDEN, blinded
from momkd_viewer.state.cure_rows import CureRow, cure_row
from momkd_viewer.state.cure_table import CuresOffer, CuresView, TriedCase
from momkd_viewer.state.name_mask import NameMask
from momkd_viewer.widgets.cures_window import CuresWindow
from momkd_viewer.widgets.progress_strip import ProgressStrip

_NOTHING_CHOSEN = "No cure is chosen. Tick at least one."
_NO_MODEL = "No model is open. Open one, then try cures with it."
_NOTHING_OPEN = "Neither a cohort nor a slide is open. Open one, then try cures on it."
_READY = "Nothing is retrained: each cure answers anew, and errors judge it."


class CureController(QObject):
    """Attributes:
    window: once it was asked for.
    """

    _arrived = Signal(object, object)

    def __init__(
        self,
        parent: QMainWindow,
        slides: SlideController,
        analysis: AnalysisController,
        cases: CaseController,
        mask: NameMask,
        jobs: JobRunner,
    ) -> None:
        super().__init__(parent)
        self._parent, self._slides, self._analysis = parent, slides, analysis
        self._cases, self._mask, self._jobs = cases, mask, jobs
        self.window: CuresWindow | None = None
        self._trial: CureTrial | None = None
        self._trying: Job | None = None
        self._running = False  # trying, or summing up
        self.strip = ProgressStrip()
        parent.statusBar().addWidget(self.strip)
        self.strip.cancelled.connect(self.stop)
        self._arrived.connect(self._take)
        analysis.shown_changed.connect(self._show_offer)
        analysis.shown_changed.connect(self._show_numbers)
        slides.opened.connect(self._show_offer)
        slides.closing.connect(self._show_offer)
        cases.opened.connect(self._forget)

    @property
    def summed(self) -> list[SummedCure] | None:
        """What came out, as the engine gives it; None before all is told."""
        return None if self._trial is None else self._trial.summed

    def slots(self) -> dict[str, Callable[[], object]]:
        """What the menu entries do, by their names in the table of actions."""
        return {"try_cures": self.show_whole, "try_cures_here": self.show_here}

    # -- showing ---------------------------------------------------------------------------------

    def show(self) -> CuresWindow:
        """Opens the window, or brings it to the front."""
        if self.window is None:
            self.window = CuresWindow(self._parent)
            self.window.wanted.connect(self._start)
            self.window.case_chosen.connect(self._cases.open_case)
            self.window.mute_wanted.connect(self._mute)
            self.window.strip.cancelled.connect(self.stop)
        self.refresh()
        if not self._running:
            self.window.model.setCurrentIndex(self._analysis.analysis.chosen or 0)
        self.window.show()
        self.window.activateWindow()
        return self.window

    def show_whole(self) -> CuresWindow:
        """The same, for the cohort where one is listed."""
        window = self.show()
        if window.whole.isEnabled():
            window.whole.setChecked(True)
        return window

    def show_here(self) -> CuresWindow:
        """The same, for the open case."""
        window = self.show()
        if window.case.isEnabled():
            window.case.setChecked(True)
        return window

    def refresh(self) -> None:
        """Words everything anew; nothing while judging blinded."""
        window, trial = self.window, self._trial
        if window is None:
            return
        window.show_contents(not blinded())
        if blinded():
            window.hide_all(HIDDEN)
            return
        self._show_offer()
        self._show_numbers()
        rows = [row for one in trial.tried if (row := self._row(one))] if trial else []
        window.show_cases(
            rows, several=trial is not None and not trial.one_case and not trial.failure
        )

    def _show_offer(self) -> None:
        if self.window is None or blinded():
            return
        analysis, entry = self._analysis.analysis, self._open_entry
        source, count = self._slides.source, len({e.case_id for e in self._cases.work.entries})
        models = [f"{one.model.card.task}, {one.model.source}" for one in analysis.models]
        case = ""
        if entry is not None:
            case = self._mask.case_alone(entry.case_id)
        elif source is not None:
            case = self._mask.slide(source.path, suffix=False)
        offer = CuresOffer(
            tuple(self._mask.text(name) for name in models),
            analysis.chosen or 0,
            f"All {count} cases of the cohort" if self._cases.table is not None else "",
            f"This case: {case}" if case else "",
        )
        self.window.show_offer(offer, running=self._running)
        if self._trial is None:
            self.window.show_view(CuresView(message=self._hint(offer)))

    @staticmethod
    def _hint(offer: CuresOffer) -> str:
        if not offer.models:
            return _NO_MODEL
        return _READY if offer.cohort or offer.case else _NOTHING_OPEN

    @property
    def _open_entry(self) -> CaseEntry | None:
        """The row of the open slide; None where it is not listed."""
        source = self._slides.source
        return None if source is None else self._cases.entry_of(source.path)

    def _row(self, tried: TriedCase) -> CureRow | None:
        return cure_row(tried, self._mask.case_alone, self._mask.text)

    def _show_numbers(self) -> None:
        window, trial = self.window, self._trial
        if window is None or trial is None or blinded():
            return
        entry = self._entry_of(trial)
        muted = entry is not None and entry.muted != OpenModel.of(entry.model).muted
        window.show_view(worded(trial, self._mask, muted=muted))

    def _entry_of(self, trial: CureTrial) -> OpenModel | None:
        """The model of a trial, where it is still open."""
        models = self._analysis.analysis.models
        sha256 = trial.request.model.sha256
        return next((one for one in models if one.model.sha256 == sha256), None)

    # -- trying ----------------------------------------------------------------------------------

    def _start(self) -> None:
        window, models = self.window, self._analysis.analysis.models
        if window is None or self._running or not models or blinded():
            return
        limits = window.grid.limits
        if not limits:
            window.show_view(CuresView(message=_NOTHING_CHOSEN, failed=True))
            return
        model = models[max(0, window.model.currentIndex())].model
        request = self._on(CureRequest(model, limits), whole=window.whole.isChecked())
        trial = self._trial = CureTrial(request)

        def failed(error: MomkdError) -> None:
            trial.failure = str(error)

        def ended() -> None:
            self._trying = None
            if trial is self._trial and trial.tried and trial.begun is not None:
                self._sum_up(trial)
            else:
                self._finish()

        self._running = True
        self._trying = self._jobs.start(
            try_cures(request, lambda found: self._arrived.emit(trial, found)),
            done=lambda _: None,
            failed=failed,
            progress=self._show_progress,
            finally_=ended,
        )
        self.refresh()

    def _on(self, request: CureRequest, *, whole: bool) -> CureRequest:
        """A request with the cohort, the open case of it, or a slide that is in none."""
        entry = self._open_entry
        if not whole and entry is None:
            return replace(request, source=self._slides.source)
        return replace(
            request,
            table=self._cases.table,
            resolutions=self._cases.resolutions,
            case_id=None if whole or entry is None else entry.case_id,
        )

    def _take(self, trial: CureTrial, found: object) -> None:
        """Something arrived; of a trial that was given up it is dropped."""
        if trial is not self._trial or trial.stopped:
            return
        if isinstance(found, CuresBegun):
            trial.begun = found
        else:
            assert isinstance(found, TriedCase)
            trial.tried.append(found)
            row = self._row(found)
            if self.window is not None and row is not None and not blinded():
                self.window.cases.add_row(row)
        self._show_numbers()

    def _sum_up(self, trial: CureTrial) -> None:
        assert trial.begun is not None

        def done(summed: list[SummedCure]) -> None:
            trial.summed = summed

        def failed(error: MomkdError) -> None:
            trial.failure = str(error)

        self._jobs.start(
            sum_up(trial.begun.comparison, trial.tried),
            done=done,
            failed=failed,
            progress=self._show_progress,
            finally_=self._finish,
        )

    def _show_progress(self, at: int, total: int, what: str) -> None:
        for strip in self._strips:
            strip.show_progress(at, total, what)

    def _finish(self) -> None:
        self._running = False
        for strip in self._strips:
            strip.finish()
        self.refresh()

    @property
    def _strips(self) -> list[ProgressStrip]:
        return [self.strip] if self.window is None else [self.strip, self.window.strip]

    def stop(self) -> None:
        """Stops; what was compared until then is summed up."""
        if self._trying is not None and self._trial is not None:
            self._trial.stopped = True
            self._trying.cancel()

    def _forget(self) -> None:
        """Another cohort is listed, perhaps the same table with other rows: nothing of before holds."""
        self._trial = None
        if self._trying is not None:
            self._trying.cancel()
        self.refresh()

    # -- going on --------------------------------------------------------------------------------

    def _mute(self) -> None:
        """Mutes in the window what the muting cure mutes, in the model that was tried."""
        trial = self._trial
        if trial is None or trial.summed is None:
            return
        change = next(
            one.report.change
            for one in trial.summed
            if one.report.change.muted_after != one.report.change.muted_before
        )
        muted = {(m, index) for m, found in change.muted_after.items() for index in found}
        self._analysis.show_model(trial.request.model, frozenset(muted))
