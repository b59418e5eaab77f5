"""A slide's bookmarks: go to one, rename it, delete it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)


class BookmarkList(QDialog):
    """Signals:
    chosen(int), deleted(int): position of a bookmark.
    renamed(int, str): position and new name.
    """

    chosen = Signal(int)
    deleted = Signal(int)
    renamed = Signal(int, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Bookmarks")
        self.resize(340, 320)
        self.list = QListWidget()
        self.list.setAccessibleName("Bookmarks")
        self.list.setEditTriggers(
            QAbstractItemView.EditTrigger.EditKeyPressed
            | QAbstractItemView.EditTrigger.SelectedClicked
        )
        self.list.itemActivated.connect(lambda item: self.chosen.emit(self.list.row(item)))
        self.list.itemChanged.connect(
            lambda item: self.renamed.emit(self.list.row(item), item.text())
        )
        self._hint = QLabel()
        self._hint.setObjectName("quiet")
        self._hint.setWordWrap(True)
        self.go, self.rename, self.delete = (
            QPushButton(text) for text in ("Go", "Rename", "Delete")
        )
        self.go.clicked.connect(lambda: self._tell(self.chosen))
        self.delete.clicked.connect(lambda: self._tell(self.deleted))
        self.rename.clicked.connect(lambda: self.list.editItem(self.list.currentItem()))
        self.list.currentRowChanged.connect(lambda _: self._show_buttons())
        row = QHBoxLayout()
        for button in (self.go, self.rename, self.delete):
            button.setAutoDefault(False)
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.addWidget(self.list, 1)
        layout.addWidget(self._hint)
        layout.addLayout(row)

    def show_names(self, names: Sequence[str]) -> None:
        """Shows names in order; the chosen row stays chosen."""
        row = self.list.currentRow()
        self.list.blockSignals(True)
        self.list.clear()
        for name in names:
            item = QListWidgetItem(name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
            self.list.addItem(item)
        self.list.setCurrentRow(min(max(row, 0), len(names) - 1))
        self.list.blockSignals(False)
        self._hint.setText(
            "Enter goes there, F2 renames." if names else "Ctrl+D keeps the current view here."
        )
        self._show_buttons()

    def _show_buttons(self) -> None:
        for button in (self.go, self.rename, self.delete):
            button.setEnabled(self.list.currentRow() >= 0)

    def _tell(self, signal: object) -> None:
        signal.emit(self.list.currentRow())  # type: ignore[attr-defined]
