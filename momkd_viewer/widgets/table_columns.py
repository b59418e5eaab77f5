"""Columns of a table, each with what it means."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtWidgets import QTableWidget, QTableWidgetItem


def name_columns(table: QTableWidget, columns: Iterable[tuple[str, str]]) -> None:
    """Titles and tips of a table that has as many columns."""
    for at, (title, tip) in enumerate(columns):
        item = QTableWidgetItem(title)
        item.setToolTip(tip)
        table.setHorizontalHeaderItem(at, item)
