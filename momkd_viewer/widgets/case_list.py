"""The work list: a cohort's slides with what a model said of each; a click opens one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from momkd_viewer.state.blinding import blinded
from momkd_viewer.state.work_list import WorkListRow
from momkd_viewer.widgets.case_rows import BACKGROUND_COLUMN, POLAR, CaseRows

_MEASURED = 50  # rows that a column's width is taken from, besides those in sight


class CaseList(QTableView):
    """Signals:
    case_chosen(int): its position in the cohort.
    """

    case_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = CaseRows(self)
        self.setModel(self._rows)
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
        header.setResizeContentsPrecision(_MEASURED)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)  # the cohort's own order at first
        header.setStretchLastSection(True)
        self.setSortingEnabled(True)
        # Click, Enter and arrow keys alike.
        self.selectionModel().currentRowChanged.connect(self._on_row)

    def show_names(self, named: Callable[[str, Path], str], worded: Callable[[str], str]) -> None:
        """How a case's name and slide, and a message, are shown from now on."""
        self._rows.named, self._rows.worded = named, worded
        self._rows.tell_changed()

    def show_blinded(self) -> None:
        """Hides what would give polarity away, or shows it again; an order by it is undone."""
        header = self.horizontalHeader()
        for column in POLAR:
            self.setColumnHidden(column, blinded())
            if header.sortIndicatorSection() == column:
                self.sortByColumn(0, Qt.SortOrder.AscendingOrder)

    def show_rows(self, rows: list[WorkListRow]) -> None:
        """Rows in the cohort's order; the user's sorting stays."""
        self._rows.show_rows(rows)

    def change_rows(self, rows: Mapping[int, WorkListRow]) -> None:
        """Some rows, by their position in the cohort, say something else now."""
        self._rows.change(rows)

    @property
    def in_sight(self) -> list[int]:
        """Positions in the cohort of the current row and of those that are seen."""
        current = self.currentIndex()
        found = [self._rows.position(current.row())] if current.isValid() else []
        first, last = self.rowAt(0), self.rowAt(self.viewport().height() - 1)
        if first >= 0:
            end = last + 1 if last >= 0 else self._rows.rowCount()
            found += [self._rows.position(row) for row in range(first, end)]
        return found

    def choose(self, row: int) -> None:
        """Makes a row of the cohort current; :attr:`case_chosen` follows where it was not."""
        self.setCurrentIndex(self._rows.index(self._rows.row_of(row), 0))

    def step(self, by: int) -> None:
        """The next or previous row as they are shown, if there is one."""
        index = self._rows.index(self.currentIndex().row() + by, 0)
        if index.isValid():
            self.setCurrentIndex(index)

    def sort_by_background(self) -> None:
        """Slides whose attention lies most on empty glass first."""
        self.sortByColumn(BACKGROUND_COLUMN, Qt.SortOrder.DescendingOrder)

    def _on_row(self, index: QModelIndex, previous: QModelIndex) -> None:
        if index.isValid() and index.row() != previous.row():
            self.case_chosen.emit(self._rows.position(index.row()))
