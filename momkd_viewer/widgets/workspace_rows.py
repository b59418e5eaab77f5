"""The rows of a workspace's table: what each cell says, as the state has it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QWidget

from momkd_viewer.state.case_marks import CaseMarks
from momkd_viewer.state.workspace import FAILED, MISSING, Workspace
from momkd_viewer.state.workspace_columns import Column, shown_text
from momkd_viewer.state.workspace_order import Rows

_Index = QModelIndex | QPersistentModelIndex
_Role = Qt.ItemDataRole
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_MIDDLE = Qt.AlignmentFlag.AlignCenter


class WorkspaceModel(QAbstractTableModel):
    """Attributes:
    workspace, rows, columns, marks: what is shown; ``rows`` are positions of cases.
    named: what the case at a position is called, which may be masked.
    worded: a message, which may be masked.
    picture: of a slide.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.workspace, self.marks = Workspace(), CaseMarks()
        self.rows: Rows = np.arange(0)
        self.columns: tuple[Column, ...] = ()
        self.named: Callable[[int], str] = lambda at: self.workspace.cases[at].case_id
        self.worded: Callable[[str], str] = str
        self.picture: Callable[[Path], QPixmap | None] = lambda path: None

    def show(
        self, workspace: Workspace, rows: Rows, columns: tuple[Column, ...], marks: CaseMarks
    ) -> bool:
        """Shows another state; whether rows or columns are others than before."""
        same = columns == self.columns and np.array_equal(rows, self.rows)
        if not same:
            self.beginResetModel()
        self.workspace, self.rows, self.columns, self.marks = workspace, rows, columns, marks
        if same:
            self.tell_changed()
        else:
            self.endResetModel()
        return not same

    def tell_changed(self) -> None:
        """All cells may say something else now."""
        if len(self.rows) and self.columns:
            last = self.index(len(self.rows) - 1, len(self.columns) - 1)
            self.dataChanged.emit(self.index(0, 0), last)

    def tell_picture(self, path: Path) -> None:
        """A picture arrived."""
        for at in self.workspace.cases.places.get(path, ()):
            for row in np.flatnonzero(self.rows == at):
                cell = self.index(int(row), 0)
                self.dataChanged.emit(cell, cell)

    def rowCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.columns)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = _Role.DisplayRole
    ) -> object:
        if orientation != Qt.Orientation.Horizontal or section >= len(self.columns):
            return None
        column = self.columns[section]
        if role == _Role.DisplayRole:
            return column.title
        if role == _Role.ToolTipRole:
            return f"{column.tip}. Click to sort"
        if role == _Role.TextAlignmentRole:
            return _MIDDLE if column.question >= 0 else _LEFT
        return None

    def data(self, index: _Index, role: int = _Role.DisplayRole) -> object:
        at, column = self.cell(index)
        if role == _Role.DisplayRole:
            return self.text(at, column)
        if role == _Role.ToolTipRole:
            return self._tip(at, column)
        return None

    def cell(self, index: _Index) -> tuple[int, Column]:
        """The case of a cell, by its position, and the column."""
        return int(self.rows[index.row()]), self.columns[index.column()]

    def text(self, at: int, column: Column) -> str:
        """What a cell says."""
        if column.kind == "case":
            return self.named(at)
        if column.kind == "flags" and self._status(at, column) == FAILED:
            return "failed: see below"
        return shown_text(self.workspace, column, at, self.marks)

    def _status(self, at: int, column: Column) -> int:
        return int(self.workspace.answers[column.question].status[at])

    def token(self, at: int, column: Column) -> str:
        """The colour of its text."""
        if column.question < 0:
            return "text"
        status = self._status(at, column)
        if status == FAILED:
            return "failure"
        if column.kind in ("predicted", "correct"):
            wrong = self.workspace.answers[column.question].number("correct")[at] == 0
            return "failure" if wrong else "text"
        return "quiet" if status == MISSING else "text"

    def _tip(self, at: int, column: Column) -> str | None:
        case = self.workspace.cases[at]
        if column.kind == "reviewed" and case.case_id in self.marks.reviewed:
            return self.marks.reviewed[case.case_id].text
        if column.kind == "flags":
            answer = self.workspace.answers[column.question].of[at]
            return self.worded(answer.failure) or self.text(at, column) or None
        return None
