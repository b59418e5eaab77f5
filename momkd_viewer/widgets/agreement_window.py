"""How far reviewers agree: a tab for each question, a row for each subject."""

from __future__ import annotations

from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from momkd_viewer.state.agreement_table import COLUMNS, AgreementTable
from momkd_viewer.widgets.table_columns import name_columns


class _Page(QWidget):
    def __init__(self, name: str) -> None:
        super().__init__()
        self._summary = QLabel()
        self._summary.setWordWrap(True)
        self._table = QTableWidget(0, len(COLUMNS))
        self._table.setAccessibleName(f"Agreement on {name}")
        name_columns(self._table, COLUMNS)
        header = self._table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self._table.verticalHeader().hide()
        self._table.setShowGrid(False)
        self._table.setTabKeyNavigation(False)
        self._table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        column_ = QVBoxLayout(self)
        column_.addWidget(self._summary)
        column_.addWidget(self._table, 1)

    def show_table(self, table: AgreementTable) -> None:
        self._summary.setText(table.summary)
        self._table.setRowCount(len(table.rows))
        for row, texts in enumerate(table.rows):
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                self._table.setItem(row, column, item)


class AgreementWindow(QDialog):
    """Stays open beside the window and follows it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Agreement between reviewers")
        self.resize(720, 420)
        self._message = QLabel()
        self._message.setObjectName("hint")
        self._message.setWordWrap(True)
        self._pages = {"Tissue": _Page("tissue"), "Credible": _Page("whether it is credible")}
        self._tabs = QTabWidget()
        self._tabs.setDocumentMode(True)
        for title, page in self._pages.items():
            self._tabs.addTab(page, title)
        layout = QVBoxLayout(self)
        layout.addWidget(self._message)
        layout.addWidget(self._tabs, 1)

    def show_reason(self, text: str) -> None:
        """Says why there is nothing to compare."""
        self._message.setText(text)
        self._message.show()
        self._tabs.hide()

    def show_tables(self, term: AgreementTable, credible: AgreementTable) -> None:
        """Shows both questions."""
        self._message.hide()
        self._tabs.show()
        for page, table in zip(self._pages.values(), (term, credible), strict=True):
            page.show_table(table)
