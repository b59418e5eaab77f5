"""The slides of a cohort; a click opens one."""

from __future__ import annotations

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtWidgets import QListView, QWidget


class _Cases(QAbstractListModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.names: list[tuple[str, str]] = []

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.names)

    def data(
        self,
        index: QModelIndex | QPersistentModelIndex,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> str | None:
        case, slide = self.names[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return case
        if role == Qt.ItemDataRole.ToolTipRole:
            return slide
        return None


class CaseList(QListView):
    """Signals:
    case_chosen(int): its position.
    """

    case_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cases = _Cases(self)
        self.setModel(self._cases)
        self.setUniformItemSizes(True)
        self.setAccessibleName("Cases")
        # Click, Enter and arrow keys alike.
        self.selectionModel().currentRowChanged.connect(self._on_row)

    def show_cases(self, names: list[tuple[str, str]]) -> None:
        """(case id, slide path) of each row."""
        self._cases.beginResetModel()
        self._cases.names = names
        self._cases.endResetModel()

    def choose(self, row: int) -> None:
        """Makes a row current; :attr:`case_chosen` follows where it was not."""
        self.setCurrentIndex(self._cases.index(row))

    def _on_row(self, index: QModelIndex) -> None:
        if index.isValid():
            self.case_chosen.emit(index.row())
