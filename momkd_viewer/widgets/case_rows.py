"""The rows of the work list as a table: what a cell says, and the order that the user chose.

Sorted here and not by a proxy, which asks for every pair of cells that it compares: seconds for ten
thousand cases, each time one of them has a result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QWidget

from momkd_viewer.state.blinding import blinded
from momkd_viewer.state.work_list import WorkListRow
from momkd_viewer.widgets.colours import colour

COLUMNS = (
    ("Case", "Case, and slide where it has several"),
    ("Label", "Recorded in the cohort table"),
    ("Predicted", "By the chosen model; ✗ where it departs from the label"),
    ("P", "Probability of the positive class"),
    ("Glass", "Background focus: share of the attention that lies on empty glass. Click to sort"),
)
BACKGROUND_COLUMN = 4
POLAR = (1, 2, 3)  # what a reader must not know who judges blinded

_Index = QModelIndex | QPersistentModelIndex
_Key = str | float


class CaseRows(QAbstractTableModel):
    """Positions are those of the cohort; rows of the table are in the user's order.

    Attributes:
        named, worded: how names and messages are shown: they may be masked.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.named: Callable[[str, Path], str] = lambda name, path: name
        self.worded: Callable[[str], str] = str
        self._rows: list[WorkListRow] = []
        self._order: list[int] = []  # position of each row
        self._row_of: list[int] = []
        self._by, self._descending = -1, False
        self._keys: list[_Key] = []  # by position, of the sorted column

    # -- rows ------------------------------------------------------------------------------------

    def show_rows(self, rows: list[WorkListRow]) -> None:
        """All rows; where the cases are those of before, selection and order stay."""
        same = len(rows) == len(self._rows) and all(
            new.entry is old.entry or new.entry.path == old.entry.path
            for new, old in zip(rows, self._rows, strict=True)
        )
        if same:
            self.change(dict(enumerate(rows)))
            return
        self.beginResetModel()
        self._rows = rows
        self._keys = [_sort_value(row, self._by) for row in rows] if self._by >= 0 else []
        self._place(self._sorted())
        self.endResetModel()

    def change(self, rows: Mapping[int, WorkListRow]) -> None:
        """Some rows, by position, say something else now."""
        if not rows:
            return
        for position, row in rows.items():
            self._rows[position] = row
            if self._keys:
                self._keys[position] = _sort_value(row, self._by)
        changed = [self._row_of[position] for position in rows]
        top, bottom = self.index(min(changed), 0), self.index(max(changed), len(COLUMNS) - 1)
        self.dataChanged.emit(top, bottom)
        self._sort_again()

    def tell_changed(self) -> None:
        """All cells may be worded differently now."""
        if self._rows:
            last = self.index(len(self._rows) - 1, len(COLUMNS) - 1)
            self.dataChanged.emit(self.index(0, 0), last)

    def position(self, row: int) -> int:
        return self._order[row]

    def row_of(self, position: int) -> int:
        return self._row_of[position]

    # -- order -----------------------------------------------------------------------------------

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """By a column; -1 is the cohort's own order."""
        self._by, self._descending = column, order == Qt.SortOrder.DescendingOrder
        self._keys = [_sort_value(row, column) for row in self._rows] if column >= 0 else []
        self._sort_again()

    def _sorted(self) -> list[int]:
        positions = range(len(self._rows))
        if not self._keys:
            return list(positions)
        return sorted(positions, key=self._keys.__getitem__, reverse=self._descending)

    def _sort_again(self) -> None:
        order = self._sorted()
        if order == self._order:
            return
        self.layoutAboutToBeChanged.emit()
        held = self.persistentIndexList()
        positions = [self._order[index.row()] for index in held]
        self._place(order)
        moved = [
            self.index(self._row_of[position], index.column())
            for position, index in zip(positions, held, strict=True)
        ]
        self.changePersistentIndexList(held, moved)
        self.layoutChanged.emit()

    def _place(self, order: list[int]) -> None:
        self._order, self._row_of = order, [0] * len(order)
        for row, position in enumerate(order):
            self._row_of[position] = row

    # -- as Qt asks ------------------------------------------------------------------------------

    def rowCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if orientation == Qt.Orientation.Horizontal and role in (
            Qt.ItemDataRole.DisplayRole,
            Qt.ItemDataRole.ToolTipRole,
        ):
            return COLUMNS[section][role == Qt.ItemDataRole.ToolTipRole]
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row, column = self._rows[self._order[index.row()]], index.column()
        if column in POLAR and blinded():
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            if column == 0:
                return self.named(row.entry.name, row.entry.path)
            return _text(row, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.worded(row.trouble or str(row.entry.path))
        if role == Qt.ItemDataRole.ForegroundRole:
            if not row.ready:
                return colour("quiet")
            wrong = (row.wrong and column == 2) or row.trouble
            return colour("failure") if wrong else None
        if role == Qt.ItemDataRole.TextAlignmentRole and column >= 3:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None


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
        if finding.failure is not None:
            return "failed"
        return finding.predicted + (" ✗" if row.wrong else "")
    value = None if finding is None else (finding.probability, finding.background_focus)[column - 3]
    if value is None:
        return ""
    return f"{value:.2f}" if column == 3 else f"{value:.1%}"


def _sort_value(row: WorkListRow, column: int) -> _Key:
    if column < 3:
        # Wrong predictions first, then by name.
        return f"{not row.wrong}{_text(row, 2)}" if column == 2 else _text(row, column)
    finding = row.finding
    value = None if finding is None else (finding.probability, finding.background_focus)[column - 3]
    return -1.0 if value is None else value
