"""Joins the panels where verdicts are given with the review, and shows them on the cards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QInputDialog, QWidget

from momkd_core.errors import MomkdError
from momkd_core.verdicts import Subject, Verdict, reviewer_name
from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.case_controller import CaseController
from momkd_viewer.controllers.component_controller import ComponentController
from momkd_viewer.controllers.memory_controller import MemoryController
from momkd_viewer.controllers.preferences_controller import PreferencesController
from momkd_viewer.controllers.review_keeper import ReviewKeeper
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.state.agreement_table import kappa_text
from momkd_viewer.state.blinding import HIDDEN, blinded
from momkd_viewer.state.components import VerdictMark
from momkd_viewer.state.overlay_values import ComponentName
from momkd_viewer.state.review import Answer, Undo, VerdictView
from momkd_viewer.widgets.case_verdict import CaseVerdict
from momkd_viewer.widgets.component_pane import ComponentPane
from momkd_viewer.widgets.verdict_keys import VerdictKeys
from momkd_viewer.widgets.verdict_panel import VerdictPanel


@dataclass(eq=False)
class _Seat:
    """A panel and what is judged in it.

    Attributes:
        pane: of a component; None where the case is judged.
        here: the component in the open case alone.
    """

    panel: VerdictPanel
    pane: ComponentPane | None = None
    here: bool = False
    subject: Subject | None = None


class VerdictController(QObject):
    """Signals:
    failed(str): a verdict cannot be given like this.
    """

    failed = Signal(str)

    def __init__(
        self,
        window: QWidget,
        case_verdict: CaseVerdict,
        keeper: ReviewKeeper,
        slides: SlideController,
        analysis: AnalysisController,
        memory: MemoryController,
        components: ComponentController,
        cases: CaseController,
        preferences: PreferencesController,
    ) -> None:
        super().__init__(window)
        self._window, self._keeper, self._preferences = window, keeper, preferences
        self._slides, self._analysis, self._memory = slides, analysis, memory
        self._cases, self._case_verdict = cases, case_verdict
        self._marks: Mapping[ComponentName, VerdictMark] = {}
        self._unsigned: list[tuple[Subject, str, Answer]] = []
        self._asking: QInputDialog | None = None
        self._seats = [_Seat(case_verdict.panel)]
        for pane in components.detail.panes:
            panel = VerdictPanel("component")
            pane.place_verdict(panel)
            self._seats.append(_Seat(panel, pane))
            keys = VerdictKeys(pane)
            keys.credible_given.connect(panel.answer_credible)
            keys.term_given.connect(panel.answer_term)
        for seat in self._seats:
            seat.panel.given.connect(partial(self._on_given, seat))
            seat.panel.undo_wanted.connect(partial(self._undo, seat))
            seat.panel.here_chosen.connect(partial(self._on_here, seat))
        keeper.changed.connect(self.refresh)
        components.shown_changed.connect(self.refresh)
        memory.cards_changed.connect(self.refresh)
        analysis.shown_changed.connect(self._on_model)
        cases.opened.connect(self.refresh)
        preferences.changed.connect(self._on_preferences)
        self._on_preferences()

    def slots(self) -> dict[str, Callable[[], object]]:
        """What the menu entries for verdicts do: on the component that is shown first."""
        return {
            "verdict_yes": lambda: self._answer("yes"),
            "verdict_no": lambda: self._answer("no"),
            "verdict_unsure": lambda: self._answer("unsure"),
            "verdict_undo": lambda: self._undo(self._seat),
        }

    # -- what is judged --------------------------------------------------------------------------

    @property
    def _seat(self) -> _Seat:
        """The pane that has the focus, else the first."""
        focused = self._window.focusWidget()
        second = self._seats[2]
        assert second.pane is not None
        # None without a focus, whatever the stub says.
        within = focused is not None and second.pane.isAncestorOf(focused)  # type: ignore[redundant-expr]
        return second if within else self._seats[1]

    @property
    def _model(self) -> str | None:
        """The model that verdicts are on: a curated one's original, whose components it has."""
        shown = self._analysis.analysis.shown
        return None if shown is None else shown.model.origin_sha256

    @property
    def case_id(self) -> str | None:
        """The open case; None without one."""
        source = self._slides.source
        if source is None:
            return None
        entry = self._cases.entry_of(source.path)
        return source.path.stem if entry is None else entry.case_id

    def _subject(self, seat: _Seat) -> Subject | None:
        if self._model is None:
            return None
        if seat.pane is None:
            return None if self.case_id is None else Subject(case_id=self.case_id)
        name = seat.pane.component
        if name is None or not self._memory.views:
            return None
        return Subject(name.memory, name.index, self.case_id if seat.here else None)

    def _on_model(self) -> None:
        self.finish_notes()
        self._keeper.show(self._model)
        self.refresh()

    def _on_here(self, seat: _Seat, here: bool) -> None:
        seat.here = here
        self.refresh()

    def _on_preferences(self) -> None:
        self._keeper.open(self._preferences.review)
        self._keeper.show(self._model)
        self.refresh()

    # -- judging ---------------------------------------------------------------------------------

    def finish_notes(self) -> None:
        """Gives notes that are being written."""
        for seat in self._seats:
            seat.panel.finish_note()

    def _answer(self, credible: str) -> None:
        if self._seat.subject is None:
            self.failed.emit("There is no component to judge. Click a component's card first.")
        else:
            self._seat.panel.answer_credible(credible)

    def _on_given(self, seat: _Seat, answer: Answer) -> None:
        self._hear(seat.subject, answer)

    def _hear(self, subject: Subject | None, answer: Answer) -> None:
        rows = self._keeper.rows
        if subject is None or rows is None:
            self.refresh()
            return
        self._unsigned.append((subject, rows.model_sha256, answer))
        if self._preferences.now.reviewer:
            self._sign()
        elif self._asking is None:
            self._ask_name()

    def _ask_name(self) -> None:
        """Once: verdicts are signed, and the name is kept in the preferences."""
        dialog = self._asking = QInputDialog(self._window)
        dialog.setWindowTitle("Who judges?")
        dialog.setLabelText("Verdicts are signed. Your name, as your team knows you:")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.finished.connect(lambda said: self._on_asked(dialog.textValue() if said else None))
        dialog.open()

    def _on_asked(self, name: str | None) -> None:
        self._asking = None
        try:
            if name is not None:
                self._preferences.name_reviewer(reviewer_name(name))
        except MomkdError as error:
            self.failed.emit(str(error))
        if self._preferences.now.reviewer:
            self._sign()
        else:
            self._unsigned = []
            self.refresh()

    def _sign(self) -> None:
        """Has all that was answered saved."""
        reviewer, answers = self._preferences.now.reviewer, self._unsigned
        self._unsigned = []
        for subject, model, answer in answers:
            try:
                verdict = Verdict(
                    subject=subject,
                    reviewer=reviewer,
                    model_sha256=model,
                    term=answer.term,
                    credible=answer.credible,
                    note=answer.note,
                    blinded=blinded(),
                    withdrawn=answer.is_empty,
                )
            except MomkdError as error:
                self.failed.emit(str(error))
            else:
                self._keeper.put(verdict)
        self.refresh()

    def _undo(self, seat: _Seat) -> None:
        rows, reviewer = self._keeper.rows, self._preferences.now.reviewer
        if rows is None or seat.subject is None or not reviewer:
            return
        seat.panel.popover.hide()
        self._keeper.put(Undo(reviewer, rows.model_sha256, seat.subject))

    # -- showing ---------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Shows what holds in every panel and on the cards."""
        rows, case_id = self._keeper.rows, self.case_id
        reviewer = self._preferences.now.reviewer
        for seat in self._seats:
            subject = self._subject(seat)
            if subject != seat.subject:
                before, seat.subject = seat.subject, subject
                written = seat.panel.unfinished
                if written is not None:
                    self._hear(before, written)
            if seat.pane is not None:
                seat.panel.show_here(seat.here, possible=case_id is not None)
            if rows is None or subject is None:
                seat.panel.show_view(VerdictView(), ())
                continue
            view = rows.view(subject, reviewer, blinded=blinded(), kappa=self._kappa(subject))
            seat.panel.show_view(view, rows.terms, (rows.model_sha256, subject))
        self._case_verdict.setVisible(self._seats[0].subject is not None)
        marks: Mapping[ComponentName, VerdictMark] = {}
        if rows is not None:
            marks = rows.marks(reviewer, case_id, blinded=blinded())
            self._case_verdict.show_mark(
                None
                if case_id is None
                else rows.case_mark(Subject(case_id=case_id), reviewer, blinded=blinded())
            )
        if marks != self._marks:
            self._marks = marks
            self._memory.set_verdicts(marks)

    def _kappa(self, subject: Subject) -> str:
        found = self._keeper.comparison
        if found is None:
            return ""
        if blinded():
            return HIDDEN
        if subject.index is None:
            return kappa_text(found.cases.overall, "cases")
        if subject.case_id is None:
            return kappa_text(found.components.overall, "components")
        own = (subject.memory, subject.index)
        kappas = [c.kappa for c in found.term.components if (c.memory, c.index) == own]
        return kappa_text(kappas[0], "cases") if kappas else ""
