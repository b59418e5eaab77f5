"""Shows a workspace's session in its window, and takes over how the reader wants to see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from momkd_viewer.state.name_mask import NameMask
from momkd_viewer.state.workspace_detail import detail_of
from momkd_viewer.state.workspace_filter import Filter
from momkd_viewer.state.workspace_session import WorkspaceSession
from momkd_viewer.widgets.workspace_window import WorkspaceWindow

_NO_COHORT = "Open a cohort table, or a folder of slides: its cases come here."
_NONE_SHOWN = "No case is like this. Clear the filters, or choose another view."


class WorkspaceDisplay(QObject):
    """Signals:
    changed(): the reader wants another view, or another case is the current one.
    """

    changed = Signal()

    def __init__(
        self, window: WorkspaceWindow, session: WorkspaceSession, names: NameMask, parent: QObject
    ) -> None:
        super().__init__(parent)
        self.window, self._session, self._names = window, session, names
        self._table: Path | None = None
        bar, table, then = window.bar, window.table, self._then
        bar.searched.connect(then(self._search))
        bar.task_chosen.connect(then(lambda task: session.change(task=task)))
        bar.ordered.connect(then(lambda ordering: session.change(ordering=ordering)))
        bar.columns_chosen.connect(then(session.choose_columns))
        bar.view_chosen.connect(then(session.take))
        bar.view_named.connect(then(session.save_view))
        bar.view_deleted.connect(then(session.delete_view))
        window.filters.filtered.connect(then(self._filter))
        table.sort_wanted.connect(then(session.sort_by))
        table.width_changed.connect(self._on_width)
        table.chosen.connect(self._choose)
        table.rows.named = self._named
        table.rows.worded = names.text
        window.banner.worded = names.text
        window.charts.name_cases(self._named)

    def _named(self, at: int) -> str:
        return self._names.case_alone(self._session.workspace.cases[at].case_id)

    # -- what the reader wants -------------------------------------------------------------------

    def _then(self, wish: Callable[[Any], None]) -> Callable[[Any], None]:
        """A wish, after which the view is another one."""

        def run(wanted: Any) -> None:
            wish(wanted)
            self.changed.emit()
            self.show(self._table)

        return run

    def _search(self, text: str) -> None:
        self._filter(replace(self._session.view.filter, text=text))

    def _filter(self, wanted: Filter) -> None:
        self._session.change(filter=wanted)

    def _on_width(self, key: str, width: int) -> None:
        self._session.set_width(key, width)
        self.changed.emit()

    def _choose(self, at: int) -> None:
        self._session.chosen = self._session.workspace.cases[at].case_id
        self.changed.emit()
        self._show_chosen()

    def make_current(self, at: int) -> None:
        """Makes a case the current one."""
        self.window.table.choose(at)
        self._choose(at)

    # -- showing ---------------------------------------------------------------------------------

    def show(self, table: Path | None) -> None:
        """Shows what holds now, of the cohort of that table; None: of none."""
        self._table = table
        window, session, view = self.window, self._session, self._session.view
        session.masked_name = self._named if self._names.on else None
        session.arrange()
        workspace, answers = session.workspace, session.answers
        name = "" if table is None else f" – {self._names.file(table)}"
        window.setWindowTitle(f"Cohort workspace{name}")
        tasks = [one.question.key for one in workspace.answers]
        window.bar.show_view(view, session.saved, tasks)
        columns = session.shown_columns
        window.bar.show_columns(session.columns, tuple(column.key for column in columns))
        window.bar.count.setText(f"{len(session.rows):,} of {len(workspace):,} cases")
        decision = None if answers is None else answers.question.decision
        classes = () if decision is None else (decision.positive, decision.negative)
        window.filters.show_filter(view.filter, classes)
        nothing = _NONE_SHOWN if len(workspace) else _NO_COHORT
        window.say("" if len(session.rows) else nothing)
        window.table.show_state(workspace, session.rows, columns, session.marks, view.widths)
        window.table.show_sorting(view.ordering.by, descending=view.ordering.descending)
        window.table.choose(session.position, scroll=False)
        window.charts.show_points(answers, session.rows)
        self._show_chosen()

    def show_cells(self) -> None:
        """Marks of cases are others; which cases are shown, and in which order, stays."""
        self.window.table.rows.tell_changed()
        self._show_chosen()

    def _show_chosen(self) -> None:
        session, at = self._session, self._session.position
        self.window.charts.show_current(at)
        if at not in session.rows:  # none, or one that the filters leave out
            self.window.detail.show_nothing()
            return
        detail = detail_of(session.workspace, at, session.marks)
        if self._names.on:
            # All at once: looking for every name of a large cohort takes a while.
            reasons = self._names.text("\n".join(one.why for one in detail.said)).split("\n")
            said = zip(detail.said, reasons, strict=True)
            detail = replace(detail, said=tuple(replace(one, why=why) for one, why in said))
        slides = [self._names.slide(path) for path in session.workspace.cases[at].paths]
        self.window.detail.show_case(self._named(at), slides, detail)
