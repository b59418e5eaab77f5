"""After a muting, the listed cohort is scored again in the background, against no muting at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QDockWidget, QMainWindow

from momkd_core.errors import MomkdError
from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.case_controller import CaseController
from momkd_viewer.jobs.cohort_slides import CohortSlides
from momkd_viewer.jobs.rescore_work import RescoreRequest, rescore_cohort
from momkd_viewer.jobs.runner import Job, JobRunner
from momkd_viewer.state.analysis import Asked, OpenModel
from momkd_viewer.state.blinding import HIDDEN, blinded, component_texts
from momkd_viewer.state.muting_change import (
    ChangeView,
    cohort_facts,
    flips,
    notes,
    slide_facts,
)
from momkd_viewer.state.name_mask import NameMask
from momkd_viewer.widgets.change_panel import ChangePanel
from momkd_viewer.widgets.progress_strip import ProgressStrip

if TYPE_CHECKING:
    from momkd_core.cohort_change import CohortChange

#: A muting is scored when no other has followed for this long.
DEBOUNCE_MS = 500
_HEIGHT = 300
_NOTHING = "Nothing is muted. Mute a component to see what the predictions become without it."
_NO_MODEL = "No model is open."
_NO_COHORT = "No cohort is open: open one to see which of its cases flip."
_STOPPED = "Scoring the cohort was stopped."
_DRAWN = "The cohort is scored when its slides are drawn."
_SCORING = "The cohort is being scored…"


@dataclass(frozen=True)
class _Wanted:
    """What a score of the cohort belongs to."""

    asked: Asked
    table: Path
    resolutions: tuple[tuple[Path, float | None], ...]


class RescoreController(QObject):
    """Attributes:
    panel: what muting changes.
    dock: holds it, tabbed with ``beside``.
    scored: what a cohort's scores say, as the engine gives it; None where there are none.

    Signals:
        changed(): the panel shows something else.
    """

    changed = Signal()

    def __init__(
        self,
        window: QMainWindow,
        beside: QDockWidget,
        analysis: AnalysisController,
        cases: CaseController,
        mask: NameMask,
        slides: CohortSlides,
        jobs: JobRunner,
    ) -> None:
        super().__init__(window)
        self._window, self._beside = window, beside
        self._analysis, self._cases, self._mask, self._jobs = analysis, cases, mask, jobs
        self._slides = slides
        self._running: tuple[_Wanted, Job] | None = None
        self._known: tuple[_Wanted, CohortChange | str] | None = None
        self._waiting: _Wanted | None = None
        self._stopped = False
        self._shown_once = False
        self._before: Asked | None = None
        self.panel = ChangePanel()
        self.strip = ProgressStrip()
        window.statusBar().addWidget(self.strip)
        self.dock = QDockWidget("What muting changes", window)
        self.dock.setObjectName("What muting changes")
        self.dock.setWidget(self.panel)
        window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, self.dock)
        self.dock.hide()
        beside.visibilityChanged.connect(self._on_beside)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DEBOUNCE_MS)
        self._timer.timeout.connect(self._start)
        analysis.shown_changed.connect(self._on_analysis)
        cases.opened.connect(self._go_on)
        cases.rows_changed.connect(self.refresh)
        self.strip.cancelled.connect(self.stop)
        self.panel.score_wanted.connect(self.score)
        self.panel.case_chosen.connect(cases.open_case)
        self.refresh()

    @property
    def scored(self) -> CohortChange | None:
        known, wanted = self._known, self._wanted
        if known is None or known[0] != wanted or isinstance(known[1], str):
            return None
        return known[1]

    @property
    def idle(self) -> bool:
        """Whether no score is under way or about to be."""
        return self._running is None and not self._timer.isActive()

    # -- showing ---------------------------------------------------------------------------------

    def toggle(self) -> None:
        """Brings the panel to the front, or puts it away where it is there."""
        if self.dock.isVisible() and not self.dock.visibleRegion().isEmpty():
            self.dock.hide()
        else:
            self.show()

    def show(self) -> None:
        """Brings the panel to the front."""
        first = self.dock.isHidden() and self._beside.isHidden()
        self.dock.show()
        self._join(self.dock)
        if first:
            self._window.resizeDocks([self.dock], [_HEIGHT], Qt.Orientation.Vertical)

    def _on_beside(self, shown: bool) -> None:
        if shown:
            self._join(self._beside)

    def _join(self, front: QDockWidget) -> None:
        """Both panes lie in one place; not before both are seen: Qt would show tabs of hidden ones."""
        apart = self._beside not in self._window.tabifiedDockWidgets(self.dock)
        if apart and not self.dock.isHidden() and not self._beside.isHidden():
            self._window.tabifyDockWidget(self._beside, self.dock)
            front.raise_()
        elif front is self.dock:
            front.raise_()

    def _show_first(self) -> None:
        """The panel is there from the first muting of a cohort on, behind what is looked at."""
        if self._shown_once or self._cases.table is None or blinded():
            return
        self._shown_once = True
        if self._beside.isHidden():
            self.show()
        else:
            self.dock.show()
            self._join(self._beside)

    def refresh(self) -> None:
        """Shows what holds now, and starts what is missing."""
        self.panel.show_change(self._view())
        self._consider()
        self.changed.emit()

    def _view(self) -> ChangeView:
        shown = self._analysis.analysis.shown
        if shown is None:
            return ChangeView(_NO_MODEL)
        if blinded():  # labels and predictions
            return ChangeView(HIDDEN)
        if shown.model.no_components:
            return ChangeView(shown.model.no_components)
        can_save = shown.muted != OpenModel.of(shown.model).muted
        if not shown.muted:
            return ChangeView(_NOTHING, can_save=can_save)
        names = component_texts(shown.muted_by_memory)
        muted = f"{shown.model.card.task}, without {names}"
        outcome = shown.outcome
        current = outcome is not None and outcome.result.muted == shown.muted_by_memory
        facts = slide_facts(outcome if current else None)
        change = self.scored
        if change is None:
            message, failed, can_score = self._reason()
            return ChangeView(muted, facts, message, failed, can_save=can_save, can_score=can_score)
        return ChangeView(
            muted,
            facts + cohort_facts(change),
            "" if change.flipped else "No case flips.",
            flips=flips(change, self._named),
            notes=notes(change, self._named, self._mask.text),
            can_save=can_save,
            can_score=bool(change.failures),
        )

    def _named(self, case_id: str) -> str:
        return self._mask.case_alone(case_id)

    def _reason(self) -> tuple[str, bool, bool]:
        """Why the cohort has no scores, whether that is a failure, whether they can be asked for."""
        if self._cases.table is None:
            return _NO_COHORT, False, False
        if self._known is not None and self._known[0] == self._wanted:
            return self._mask.text(str(self._known[1])), True, True
        if self._stopped:
            return _STOPPED, False, True
        return _DRAWN if self._cases.work.awaited else _SCORING, False, False

    # -- scoring ---------------------------------------------------------------------------------

    @property
    def _wanted(self) -> _Wanted | None:
        """What is to be scored; None where nothing is muted, or no cohort is listed."""
        shown, asked, table = self._analysis.analysis.shown, self._analysis.asked, self._cases.table
        if shown is None or asked is None or table is None:
            return None
        if shown.model.no_components or not shown.muted:
            return None
        return _Wanted(asked, table, tuple(self._cases.resolutions.items()))

    def score(self) -> None:
        """Scores the cohort, though it failed or was stopped before."""
        self._stopped, self._known = False, None
        self.refresh()

    def stop(self) -> None:
        """Stops scoring; it is not taken up again before it is asked for."""
        self._stopped = True
        self._timer.stop()
        if self._running is not None:
            self._running[1].cancel()
        self.refresh()

    def _go_on(self) -> None:
        """A cohort was opened, perhaps the same table with other rows: nothing of before holds."""
        self._stopped, self._known = False, None
        if self._running is not None:
            self._running[1].cancel()
        self.refresh()

    def _on_analysis(self) -> None:
        asked, before = self._analysis.asked, self._before
        self._before = asked
        same_model = asked is not None and before is not None and asked[0] == before[0]
        if same_model and asked is not None and asked[1] and asked != before:
            self._show_first()
        self.refresh()

    def _consider(self) -> None:
        """The newest muting wins, and the open slide has priority over the cohort."""
        wanted = self._wanted
        if self._running is not None and (self._analysis.running or self._running[0] != wanted):
            self._running[1].cancel()
        missing = (
            wanted is not None
            and not (self._known is not None and self._known[0] == wanted)
            and not (self._stopped or self._analysis.running or self._cases.work.awaited)
        )
        if not missing:
            self._timer.stop()
            self._waiting = None
        elif self._running is None and wanted != self._waiting:
            self._waiting = wanted
            self._timer.start()

    def _start(self) -> None:
        wanted, shown = self._waiting, self._analysis.analysis.shown
        self._waiting = None
        if wanted is None or shown is None or wanted != self._wanted:
            self._consider()  # muted meanwhile, and the open slide is still being read again
            return

        def failed(error: MomkdError) -> None:
            self._known = (wanted, str(error))

        def done(change: CohortChange) -> None:
            self._known = (wanted, change)

        request = RescoreRequest(
            shown.model, wanted.table, shown.muted_by_memory, dict(wanted.resolutions)
        )
        job = self._jobs.start(
            rescore_cohort(request, self._slides),
            done=done,
            failed=failed,
            progress=self._show_progress,
            finally_=self._on_job_end,
        )
        self._running = (wanted, job)

    def _show_progress(self, at: int, total: int, what: str) -> None:
        self.strip.show_progress(at, total, what)

    def _on_job_end(self) -> None:
        self._running = None
        self.strip.finish()
        self.refresh()
