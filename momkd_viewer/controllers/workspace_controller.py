"""The cohort workspace: a window that is kept at what is known of the cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QSettings, QTimer, Signal
from PySide6.QtGui import QAction

from momkd_core.verdicts import Subject
from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.case_controller import CaseController
from momkd_viewer.controllers.preferences_controller import PreferencesController
from momkd_viewer.controllers.review_keeper import ReviewKeeper
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.controllers.slide_thumbnails import SlideThumbnails
from momkd_viewer.controllers.workspace_display import WorkspaceDisplay
from momkd_viewer.controllers.workspace_keeper import WorkspaceKeeper
from momkd_viewer.jobs.runner import JobRunner
from momkd_viewer.jobs.workspace_work import Renewal, renew
from momkd_viewer.state.analysis import CaseEntry
from momkd_viewer.state.blinding import blinded
from momkd_viewer.state.name_mask import NameMask
from momkd_viewer.state.workspace import Workspace, questions_of
from momkd_viewer.state.workspace_memory import WorkspaceMemory
from momkd_viewer.state.workspace_session import WorkspaceSession
from momkd_viewer.state.workspace_views import View
from momkd_viewer.widgets.workspace_window import WorkspaceWindow

_GEOMETRY = "workspace_geometry"
# Findings that arrive within this time are shown together.
_GATHER_MS = 150


class WorkspaceController(QObject):
    """Attributes:
    window: once it was asked for.
    session: what is shown of the cohort.
    keeper: what is kept until the next time.

    Signals:
        failed(str): something cannot be kept, or a model that was open is not there.
    """

    failed = Signal(str)

    def __init__(
        self,
        cases: CaseController,
        slides: SlideController,
        analysis: AnalysisController,
        review: ReviewKeeper,
        preferences: PreferencesController,
        names: NameMask,
        jobs: JobRunner,
        settings: QSettings,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._cases, self._analysis = cases, analysis
        self._review, self._preferences, self._names = review, preferences, names
        self._jobs, self._settings = jobs, settings
        self._actions: Sequence[QAction] = ()
        self._display: WorkspaceDisplay | None = None
        self.session = WorkspaceSession()
        self._entries: Sequence[CaseEntry] = ()
        self._renewing = self._again = False
        self.keeper = WorkspaceKeeper(self)
        self.keeper.found.connect(self._on_memory)
        self.keeper.failed.connect(self._fail)
        self.thumbnails = SlideThumbnails(jobs, self._ratio, self)
        self.thumbnails.failed.connect(self._fail)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_GATHER_MS)
        self._timer.timeout.connect(self._renew)
        cases.opened.connect(self._on_cohort)
        cases.rows_changed.connect(self._on_findings)
        review.changed.connect(self._on_review)
        slides.wanted.connect(self._follow)

    def slots(self) -> dict[str, Callable[[], object]]:
        """What the menu entries do."""
        return {
            "workspace": self.show,
            "next_case": lambda: self.step(1),
            "previous_case": lambda: self.step(-1),
        }

    def attach(self, actions: Sequence[QAction]) -> None:
        """Has the keys of these work in the workspace, too."""
        self._actions = actions

    # -- the window ------------------------------------------------------------------------------

    @property
    def window(self) -> WorkspaceWindow | None:
        return None if self._display is None else self._display.window

    @property
    def shown(self) -> bool:
        return self.window is not None and self.window.isVisible()

    @property
    def idle(self) -> bool:
        """Whether nothing is being worked out, read or kept."""
        drawn = self.window is None or not self.shown or self.window.charts.idle
        return not (self._renewing or self._timer.isActive()) and drawn and self.keeper.idle

    def show(self) -> None:
        """Opens the window, or brings it to the front."""
        if self._display is None:
            self._display = self._made()
        window = self._display.window
        window.show()
        window.activateWindow()
        self._on_review()
        self._renew()

    def _made(self) -> WorkspaceDisplay:
        window = WorkspaceWindow()
        window.addActions(list(self._actions))
        kept = self._settings.value(_GEOMETRY)
        if kept is not None:
            window.restoreGeometry(kept)
        display = WorkspaceDisplay(window, self.session, self._names, self)
        display.changed.connect(self._keep)
        table = window.table
        table.opened.connect(self.open)
        table.toggled.connect(self.toggle_reviewed)
        table.seen.connect(self.thumbnails.want)
        table.rows.picture = self.thumbnails.picture
        self.thumbnails.arrived.connect(table.rows.tell_picture)
        window.charts.chosen.connect(self.open)
        window.detail.slide_wanted.connect(self._open_slide)
        window.closed.connect(lambda: self._settings.setValue(_GEOMETRY, window.saveGeometry()))
        return display

    def _ratio(self) -> float:
        return 1.0 if self.window is None else self.window.devicePixelRatioF()

    def close(self) -> None:
        """At the end of the application."""
        self._timer.stop()
        if self.window is not None:
            self.window.close()
            self.window.deleteLater()
            self._display = None

    def show_again(self) -> None:
        """Names are masked, or the reader judges blinded, or no more of these."""
        if self.window is not None:
            self.window.banner.refresh()
        self._on_review()
        self._show()

    def _show(self) -> None:
        if self._display is not None and self.shown:
            self._display.show(self._cases.table)

    def _fail(self, text: str) -> None:
        if self.window is not None and self.shown:
            self.window.banner.show_message(text)
        self.failed.emit(text)

    # -- what is known ---------------------------------------------------------------------------

    def _on_cohort(self) -> None:
        session, table = self.session, self._cases.table
        assert table is not None
        session.marks.reviewed = {}
        session.view, session.saved, session.chosen = View(), (), ""
        self.thumbnails.forget()
        entries = self._cases.work.entries
        self.keeper.open(table, list(dict.fromkeys(entry.case_id for entry in entries)))
        self._on_review()
        self._renew()

    def _on_memory(self, memory: WorkspaceMemory | None) -> None:
        if memory is not None:
            self.session.remember(memory)
            self._open_models(memory.models)
            self._show()

    def _open_models(self, models: Sequence[str]) -> None:
        """Those of the last time, where the user has not chosen others already."""
        if self._analysis.analysis.models or self._analysis.loading:
            return
        for path in map(Path, models):
            if path.exists():
                self._analysis.open_model(path)
            else:
                self._fail(
                    f"The model {path} of this workspace is not there any more. Open it from where "
                    "it is now."
                )

    def _on_findings(self) -> None:
        if self.shown and not self._timer.isActive():
            self._timer.start()

    def _on_review(self) -> None:
        """Verdicts on cases as the review has them."""
        rows, found = self._review.rows, self.session.marks.verdicts
        found.clear()
        if rows is None or self._display is None or not self.shown:
            return
        reviewer = self._preferences.now.reviewer
        for case_id in rows.cases:
            mark = rows.case_mark(Subject(case_id=case_id), reviewer, blinded=blinded())
            if mark is not None:
                found[case_id] = mark
        self._display.show_cells()

    def _renew(self) -> None:
        if not self.shown:
            return
        if self._renewing:
            self._again = True
            return
        work = self._cases.work
        questions = questions_of(self._analysis.analysis.models)
        entries = None if work.entries is self._entries else work.entries
        self._entries = work.entries
        found = [dict(work.outcomes(question.asked)) for question in questions]
        self._renewing, self._again = True, False

        def done(workspace: Workspace) -> None:
            self.session.renew(workspace)
            self._again = self._again or not workspace.complete
            self._keep()
            self._show()

        def ended() -> None:
            self._renewing = False
            if self._again:
                self._renew()

        self._jobs.start(
            renew(Renewal(self.session.workspace, entries, questions, found)),
            done=done,
            failed=lambda error: self._fail(str(error)),
            finally_=ended,
        )

    # -- cases -----------------------------------------------------------------------------------

    def toggle_reviewed(self, at: int) -> None:
        """Ticks a case off, or takes that back."""
        self.session.toggle_reviewed(at, self._preferences.now.reviewer)
        self._keep()
        if self._display is None:
            return
        if self.session.view.filter.reviewed:
            self._show()
        else:
            self._display.show_cells()

    def open(self, at: int) -> None:
        """Shows a case in the main window, its first slide."""
        self._make_current(at)
        self._cases.open_case(self.session.workspace.cases[at].case_id)

    def _open_slide(self, position: int) -> None:
        at = self.session.position
        if at >= 0:
            self._cases.show_file(self.session.workspace.cases[at].paths[position])

    def step(self, by: int) -> None:
        """The next or previous case: in the order of the workspace where that is open."""
        if not self.shown:
            self._cases.step(by)
            return
        to = self.session.neighbour(by)
        if to >= 0:
            self.open(to)

    def _follow(self, path: Path) -> None:
        """A slide is opened in the main window: its case is the current one here, too."""
        places = self.session.workspace.cases.places.get(path, ())
        if self.shown and places and self.session.position not in places:
            self._make_current(places[0])

    def _make_current(self, at: int) -> None:
        if self._display is not None:
            self._display.make_current(at)

    # -- kept ------------------------------------------------------------------------------------

    def _keep(self) -> None:
        if self.shown:
            models = [str(one.model.path.absolute()) for one in self._analysis.analysis.models]
            self.keeper.keep(self.session.memory(models))
