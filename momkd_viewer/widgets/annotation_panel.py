"""The list of annotations: class, name, size, lock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QIcon, QKeyEvent, QPainter, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from momkd_viewer.state.annotations import Annotation, Colour, measure, shown_colour
from momkd_viewer.widgets.colours import colour
from momkd_viewer.widgets.icons import themed_icon

_COLUMNS = ("Name", "Class", "Size", "")
_NAME, _CLASS, _SIZE, _LOCK = range(4)
_SORT = Qt.ItemDataRole.UserRole
Index = QModelIndex | QPersistentModelIndex


def swatch(shown: Colour, side: int = 12) -> QIcon:
    """A square of a class's colour, framed so that dark ones show on dark."""
    picture = QPixmap(side, side)
    picture.fill(QColor(*shown))
    painter = QPainter(picture)
    painter.setPen(colour("strong", 150))
    painter.drawRect(0, 0, side - 1, side - 1)
    painter.end()
    return QIcon(picture)


class _Table(QAbstractTableModel):
    """Annotations as rows."""

    def __init__(self) -> None:
        super().__init__()
        self.items: Sequence[Annotation] = ()
        self.microns_per_pixel: tuple[float, float] | None = None
        self._swatches: dict[Colour, QIcon] = {}
        self._sizes: dict[str, tuple[Annotation, float, str]] = {}

    def show(self, items: Sequence[Annotation]) -> None:
        if [one.id for one in items] == [one.id for one in self.items]:
            self.items = items
            if items:
                self.dataChanged.emit(self.index(0, 0), self.index(len(items) - 1, _LOCK))
            return
        self.beginResetModel()
        self.items = items
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self.items)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return len(_COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _COLUMNS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section == _SIZE else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: Index, role: int = 0) -> Any:
        one = self.items[index.row()]
        column = index.column()
        if column == _LOCK:
            return self._lock(one, role)
        if role == Qt.ItemDataRole.DecorationRole and column == _NAME:
            colour = shown_colour(one)
            return self._swatches.setdefault(colour, swatch(colour))
        if role == Qt.ItemDataRole.ToolTipRole:
            return one.note or one.title
        if role == Qt.ItemDataRole.TextAlignmentRole and column == _SIZE:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role in (Qt.ItemDataRole.DisplayRole, _SORT):
            return self._value(one, column, role)
        return None

    def _value(self, one: Annotation, column: int, role: int) -> Any:
        if column == _NAME:
            return one.name or one.kind.capitalize()
        if column == _CLASS:
            return one.class_.name if one.class_ else ""
        known = self._sizes.get(one.id)
        if known is None or known[0] is not one:
            size = measure(one.geometry, self.microns_per_pixel)
            known = (one, size.area or size.length or 0.0, size.text)
            self._sizes[one.id] = known
        return known[1] if role == _SORT else known[2]

    def forget_sizes(self) -> None:
        self._sizes.clear()

    def _lock(self, one: Annotation, role: int) -> Any:
        if role == Qt.ItemDataRole.DecorationRole:
            return themed_icon("locked" if one.locked else "unlocked")
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return "Locked: click to unlock" if one.locked else "Click to lock"
        return one.locked if role == _SORT else None


class AnnotationPanel(QWidget):
    """Signals:
    chosen(list): ids, selected by the user.
    centre_wanted(str), properties_wanted(), lock_toggled(str, bool).
    analysis_wanted(): the button.
    """

    chosen = Signal(list)
    centre_wanted = Signal(str)
    properties_wanted = Signal()
    lock_toggled = Signal(str, bool)
    analysis_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Annotations")
        self._table = _Table()
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self._table)
        self._sorted.setSortRole(_SORT)
        self.view = self._make_view()
        self._summary = QLabel()
        self._summary.setObjectName("quiet")
        self._summary.setContentsMargins(8, 4, 8, 0)
        self._button = QPushButton("Analyse inside annotation")
        self._button.clicked.connect(self.analysis_wanted)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 6)
        for widget in (self._summary, self.view, self._button):
            layout.addWidget(widget)
        self._showing = False
        self.show_items((), frozenset(), None)

    def _make_view(self) -> QTableView:
        view = QTableView()
        view.setAccessibleName("Annotations")
        view.setModel(self._sorted)
        view.setSortingEnabled(True)
        view.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setShowGrid(False)
        view.verticalHeader().hide()
        view.verticalHeader().setDefaultSectionSize(24)
        header = view.horizontalHeader()
        header.setHighlightSections(False)
        for column, width in ((_CLASS, 104), (_SIZE, 88), (_LOCK, 30)):
            view.setColumnWidth(column, width)
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        view.selectionModel().selectionChanged.connect(self._on_selection)
        view.clicked.connect(self._on_click)
        view.doubleClicked.connect(self._on_double_click)
        return view

    def _on_click(self, index: QModelIndex) -> None:
        if index.column() == _LOCK:
            one = self._table.items[self._sorted.mapToSource(index).row()]
            self.lock_toggled.emit(one.id, not one.locked)

    def _on_double_click(self, index: QModelIndex) -> None:
        if index.column() != _LOCK:
            self.centre_wanted.emit(self._id(index))

    def show_items(
        self,
        items: Sequence[Annotation],
        selected: frozenset[str],
        microns_per_pixel: tuple[float, float] | None,
    ) -> None:
        """Shows annotations, and which of them are selected."""
        self._showing = True
        if microns_per_pixel != self._table.microns_per_pixel:
            self._table.microns_per_pixel = microns_per_pixel
            self._table.forget_sizes()
        if items is not self._table.items:
            self._table.show(items)
        self._select(selected)
        count = len(items)
        self._summary.setText(f"{count:,} annotation{'' if count == 1 else 's'}")
        self._button.setEnabled(any(one.is_area and one.id in selected for one in items))
        self._showing = False

    def _select(self, selected: frozenset[str]) -> None:
        model = self.view.selectionModel()
        if self._selected() == selected:
            return
        wanted = QItemSelection()
        last = QModelIndex()
        for row, one in enumerate(self._table.items):
            if one.id in selected:
                last = self._sorted.mapFromSource(self._table.index(row, _NAME))
                wanted.select(last, last.siblingAtColumn(_LOCK))
        model.select(wanted, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        if last.isValid():
            self.view.scrollTo(last)

    def _selected(self) -> frozenset[str]:
        return frozenset(self._id(index) for index in self.view.selectionModel().selectedRows())

    def _id(self, index: Index) -> str:
        return self._table.items[self._sorted.mapToSource(index).row()].id

    def _on_selection(self) -> None:
        if not self._showing:
            self.chosen.emit(sorted(self._selected()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.properties_wanted.emit()
        else:
            super().keyPressEvent(event)
