"""The cases that cures change: before, and under each cure."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from momkd_viewer.state.cure_rows import CureCell, CureRow
from momkd_viewer.state.cure_table import KINDS
from momkd_viewer.widgets.colours import colour
from momkd_viewer.widgets.table_columns import list_rows

_COLUMNS = (
    ("Case", "Double click, or Enter, to open it"),
    ("Label", "As the cohort records it"),
    ("Before", "Probability and prediction without a cure; ✗ where that is wrong"),
    *((kind.title, "Probability under the cure, and what it flips to") for kind in KINDS),
)


class CureList(QTableWidget):
    """Signals:
    case_chosen(str): its id in the cohort.
    """

    case_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_COLUMNS), parent)
        self._rows: list[CureRow] = []
        self._flips_only = True
        self.setAccessibleName("Cases under each cure")
        list_rows(self, _COLUMNS)
        self.cellDoubleClicked.connect(lambda row, _: self._choose(row))

    def show_rows(self, rows: list[CureRow]) -> None:
        """Shows other cases."""
        self.setRowCount(0)
        self._rows = []
        for row in rows:
            self.add_row(row)

    def add_row(self, row: CureRow) -> None:
        """One more case."""
        at = self.rowCount()
        self._rows.append(row)
        self.insertRow(at)
        for column, text in enumerate((row.shown, row.label, row.before)):
            self.setItem(at, column, QTableWidgetItem(text))
        for column, cell in enumerate(row.cells, start=3):
            self.setItem(at, column, _item(cell))
        self.setRowHidden(at, self._flips_only and not row.flips)

    def show_flips_only(self, only: bool) -> None:
        """Leaves out the cases whose prediction no cure changes, or shows them too."""
        self._flips_only = only
        for at, row in enumerate(self._rows):
            self.setRowHidden(at, only and not row.flips)

    def _choose(self, row: int) -> None:
        self.case_chosen.emit(self._rows[row].case_id)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentRow() >= 0:
            self._choose(self.currentRow())
        else:
            super().keyPressEvent(event)


def _item(cell: CureCell | None) -> QTableWidgetItem:
    item = QTableWidgetItem("" if cell is None else cell.text)
    if cell is None:
        return item
    item.setToolTip(cell.tip)
    if cell.flips:
        font = item.font()
        font.setBold(True)
        item.setFont(font)
    if cell.wrong:
        item.setForeground(colour("failure"))
    return item
