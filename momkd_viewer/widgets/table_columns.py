"""Tables that list rows: their columns, each with what it means, and how a row is chosen."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

#: Pixels of a row.
ROW_HEIGHT = 22


def name_columns(table: QTableWidget, columns: Iterable[tuple[str, str]]) -> None:
    """Titles and tips of a table that has as many columns."""
    for at, (title, tip) in enumerate(columns):
        item = QTableWidgetItem(title)
        item.setToolTip(tip)
        table.setHorizontalHeaderItem(at, item)


def list_rows(table: QTableWidget, columns: Iterable[tuple[str, str]]) -> None:
    """Makes a table a list of rows to choose one of, with these columns."""
    name_columns(table, columns)
    header = table.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setStretchLastSection(True)
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
    header.setHighlightSections(False)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
    table.setShowGrid(False)
    table.setTabKeyNavigation(False)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
