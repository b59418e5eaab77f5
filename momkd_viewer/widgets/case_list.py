"""The work list: a cohort's slides with what a model said of each; a click opens one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from momkd_viewer.state.blinding import blinded
from momkd_viewer.state.work_list import WorkListRow
from momkd_viewer.widgets.colours import colour

_COLUMNS = (
    ("Case", "Case, and slide where it has several"),
    ("Label", "Recorded in the cohort table"),
    ("Predicted", "By the chosen model; ✗ where it departs from the label"),
    ("P", "Probability of the positive class"),
    ("Glass", "Background focus: share of the attention that lies on empty glass. Click to sort"),
)
BACKGROUND_COLUMN = 4
_POLAR = (1, 2, 3)  # what a reader must not know who judges blinded
_SORT_ROLE = Qt.ItemDataRole.UserRole

_Index = QModelIndex | QPersistentModelIndex


class _Rows(QAbstractTableModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.rows: list[WorkListRow] = []
        # How names and messages are shown: they may be masked.
        self.named: Callable[[str, Path], str] = lambda name, path: name
        self.worded: Callable[[str], str] = str

    def show_rows(self, rows: list[WorkListRow]) -> None:
        if rows and [r.entry.path for r in rows] == [
            r.entry.path for r in self.rows
        ]:  # selection and sorting stay
            self.rows = rows
            self.tell_changed()
            return
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def tell_changed(self) -> None:
        """All cells may say something else now."""
        last = self.index(len(self.rows) - 1, len(_COLUMNS) - 1)
        self.dataChanged.emit(self.index(0, 0), last)

    def rowCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(_COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if orientation == Qt.Orientation.Horizontal and role in (
            Qt.ItemDataRole.DisplayRole,
            Qt.ItemDataRole.ToolTipRole,
        ):
            return _COLUMNS[section][role == Qt.ItemDataRole.ToolTipRole]
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row = self.rows[index.row()]
        if index.column() in _POLAR and blinded():
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            if index.column() == 0:
                return self.named(row.entry.name, row.entry.path)
            return _text(row, index.column())
        if role == _SORT_ROLE:
            return _sort_value(row, index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            failure = row.finding.failure if row.finding else None
            return self.worded(failure or str(row.entry.path))
        if role == Qt.ItemDataRole.ForegroundRole:
            if not row.ready:
                return colour("quiet")
            wrong = (row.wrong and index.column() == 2) or _failed(row)
            return colour("failure") if wrong else None
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() >= 3:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None


def _failed(row: WorkListRow) -> bool:
    return row.finding is not None and row.finding.failure is not None


def _text(row: WorkListRow, column: int) -> str:
    finding = row.finding
    if column == 0:
        return row.entry.name
    if column == 1:
        return row.label
    if column == 2:
        if not row.ready:
            return "being drawn"
        if finding is None:
            return ""
        return "failed" if _failed(row) else finding.predicted + (" ✗" if row.wrong else "")
    value = None if finding is None else (finding.probability, finding.background_focus)[column - 3]
    if value is None:
        return ""
    return f"{value:.2f}" if column == 3 else f"{value:.1%}"


def _sort_value(row: WorkListRow, column: int) -> str | float:
    if column < 3:
        # Wrong predictions first, then by name.
        return f"{not row.wrong}{_text(row, 2)}" if column == 2 else _text(row, column)
    finding = row.finding
    value = None if finding is None else (finding.probability, finding.background_focus)[column - 3]
    return -1.0 if value is None else value


class CaseList(QTableView):
    """Signals:
    case_chosen(int): its position in the cohort.
    """

    case_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = _Rows(self)
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self._rows)
        self._sorted.setSortRole(_SORT_ROLE)
        self.setModel(self._sorted)
        self.setAccessibleName("Cases")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(26)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(24)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)  # the cohort's own order at first
        header.setStretchLastSection(True)
        self.setSortingEnabled(True)
        # Click, Enter and arrow keys alike.
        self.selectionModel().currentRowChanged.connect(self._on_row)

    def show_names(self, named: Callable[[str, Path], str], worded: Callable[[str], str]) -> None:
        """How a case's name and slide, and a message, are shown from now on."""
        self._rows.named, self._rows.worded = named, worded
        if self._rows.rows:
            self._rows.tell_changed()

    def show_blinded(self) -> None:
        """Hides what would give polarity away, or shows it again; an order by it is undone."""
        header = self.horizontalHeader()
        for column in _POLAR:
            self.setColumnHidden(column, blinded())
            if header.sortIndicatorSection() == column:
                self.sortByColumn(0, Qt.SortOrder.AscendingOrder)

    def show_rows(self, rows: list[WorkListRow]) -> None:
        """Rows in the cohort's order; the user's sorting stays."""
        self._rows.show_rows(rows)

    def choose(self, row: int) -> None:
        """Makes a row of the cohort current; :attr:`case_chosen` follows where it was not."""
        self.setCurrentIndex(self._sorted.mapFromSource(self._rows.index(row, 0)))

    def step(self, by: int) -> None:
        """The next or previous row as they are shown, if there is one."""
        index = self._sorted.index(self.currentIndex().row() + by, 0)
        if index.isValid():
            self.setCurrentIndex(index)

    def sort_by_background(self) -> None:
        """Slides whose attention lies most on empty glass first."""
        self.sortByColumn(BACKGROUND_COLUMN, Qt.SortOrder.DescendingOrder)

    def _on_row(self, index: QModelIndex, previous: QModelIndex) -> None:
        if index.isValid() and index.row() != previous.row():
            self.case_chosen.emit(self._sorted.mapToSource(index).row())
