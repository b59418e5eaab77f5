"""One cohort's workspace while it is open: what is known, in the view that the reader chose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np

from momkd_viewer.state.case_marks import CaseMarks
from momkd_viewer.state.workspace import Answers, Workspace
from momkd_viewer.state.workspace_columns import Column, allowed, columns_of, usual
from momkd_viewer.state.workspace_filter import shown
from momkd_viewer.state.workspace_memory import WorkspaceMemory
from momkd_viewer.state.workspace_order import Ordering, Rows, arranged
from momkd_viewer.state.workspace_views import View, taken


@dataclass
class WorkspaceSession:
    """Attributes:
    saved: views that the reader named.
    chosen: id of the current case; '' for none.
    masked_name: what a case is called while names are masked, by its position; None: as it is.
    rows: positions of the cases that are shown, in their order; see :meth:`arrange`.
    """

    workspace: Workspace = field(default_factory=Workspace)
    marks: CaseMarks = field(default_factory=CaseMarks)
    view: View = field(default_factory=View)
    saved: tuple[View, ...] = ()
    chosen: str = ""
    masked_name: Callable[[int], str] | None = None
    rows: Rows = field(default_factory=lambda: np.arange(0))
    _columns: tuple[Column, ...] = ()

    def renew(self, workspace: Workspace) -> None:
        """Another snapshot of what is known."""
        self.workspace = workspace
        self._columns = columns_of(workspace)

    # -- what is shown ---------------------------------------------------------------------------

    @property
    def columns(self) -> tuple[Column, ...]:
        """Those that may be seen now."""
        return allowed(self._columns, masked=self.masked_name is not None)

    @property
    def shown_columns(self) -> tuple[Column, ...]:
        """Those of them that the view has."""
        keys = self._keys
        return tuple(column for column in self.columns if column.key in keys)

    @property
    def _keys(self) -> tuple[str, ...]:
        return usual(self._columns) if self.view.columns is None else self.view.columns

    @property
    def answers(self) -> Answers | None:
        """Of the task that order, filters and charts are about; None without a model."""
        return self.workspace.answers_of(self.view.task)

    @property
    def position(self) -> int:
        """Of the current case; -1 for none."""
        return self.workspace.cases.positions.get(self.chosen, -1)

    def arrange(self) -> None:
        """Finds anew which cases are shown, and in which order."""
        view, marks, masked = self.view, self.marks, self.masked_name
        rows = arranged(
            self.workspace, view.ordering, view.task, self.columns, marks, masked=bool(masked)
        )
        self.rows = rows[shown(self.workspace, view.filter, view.task, marks, masked)[rows]]

    def neighbour(self, by: int) -> int:
        """The case that many rows after the current one; -1 where there is none."""
        found = np.flatnonzero(self.rows == self.position)
        to = int(found[0]) + by if len(found) else 0
        return int(self.rows[to]) if 0 <= to < len(self.rows) else -1

    # -- what the reader wants -------------------------------------------------------------------

    def change(self, **changes: object) -> None:
        """Another view; it has no name any more."""
        self.view = replace(self.view, name="", **changes)  # type: ignore[arg-type]

    def take(self, view: View) -> None:
        """A view from the menu."""
        self.view = taken(self.view, view)

    def sort_by(self, key: str) -> None:
        """By a column; the other way round where it is sorted by that one already."""
        before = self.view.ordering
        # A number is mostly looked at from its largest on.
        numeric = any(column.key == key and column.is_numeric for column in self.columns)
        descending = not before.descending if before.by == key else numeric
        self.change(ordering=Ordering(key, descending, before.factors))

    def choose_columns(self, keys: Sequence[str] | None) -> None:
        """What is not offered now, since the reader is blinded, stays as it was; None: the usual."""
        if keys is not None:
            offered = {column.key for column in self.columns}
            wanted = {*keys, *(key for key in self._keys if key not in offered)}
            keys = tuple(column.key for column in self._columns if column.key in wanted)
        self.view = replace(self.view, columns=keys)

    def set_width(self, key: str, width: int) -> None:
        """A column's, pixels."""
        self.view = replace(self.view, widths={**self.view.widths, key: width})

    def save_view(self, name: str) -> None:
        """Keeps the view under a name; another of that name goes."""
        name = " ".join(name.split())
        if name:
            self.view = replace(self.view, name=name)
            self.saved = (*(one for one in self.saved if one.name != name), self.view)

    def delete_view(self, name: str) -> None:
        """Forgets a named view; what is shown stays."""
        self.saved = tuple(view for view in self.saved if view.name != name)
        if self.view.name == name:
            self.view = replace(self.view, name="")

    def toggle_reviewed(self, at: int, who: str) -> None:
        """Ticks a case off, or takes that back."""
        self.marks.toggle(self.workspace.cases[at].case_id, who, datetime.now(UTC))

    # -- from one day to the next ----------------------------------------------------------------

    def memory(self, models: Sequence[str]) -> WorkspaceMemory:
        """What is to be kept of it."""
        reviewed = dict(self.marks.reviewed)
        return WorkspaceMemory(reviewed, self.view, self.saved, self.chosen, tuple(models))

    def remember(self, memory: WorkspaceMemory) -> None:
        """Goes on where it was; what was ticked off meanwhile stays so."""
        self.marks.reviewed = {**memory.reviewed, **self.marks.reviewed}
        self.view, self.saved, self.chosen = memory.view, memory.saved, memory.chosen
