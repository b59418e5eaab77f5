"""All components below each other with a bar each: how similar one patch is to them."""

from __future__ import annotations

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from momkd_viewer.state.patch_inspection import SimilarityRow
from momkd_viewer.widgets.colours import colour

_Index = QModelIndex | QPersistentModelIndex


class _Rows(QAbstractListModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.rows: tuple[SimilarityRow, ...] = ()

    def show_rows(self, rows: tuple[SimilarityRow, ...]) -> None:
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def rowCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.AccessibleTextRole:
            wins = ", wins its memory" if row.wins else ""
            return f"{row.component.text}, similarity {row.similarity:.3f}{wins}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"Click to look at {row.component.text}"
        return None


class _Bars(QStyledItemDelegate):
    """Name, bar, number; the winners of both memories stand out."""

    def __init__(self, rows: _Rows) -> None:
        super().__init__(rows)
        self._rows = rows

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(120, option.fontMetrics.height() + 6)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        row = self._rows.rows[index.row()]
        area: QRect = option.rect
        painter.save()
        hot = QStyle.StateFlag.State_MouseOver | QStyle.StateFlag.State_Selected
        if option.state & hot:
            painter.fillRect(area, colour("control_hot"))
        font = painter.font()
        font.setBold(row.wins)
        painter.setFont(font)
        metrics = painter.fontMetrics()
        name_width = metrics.horizontalAdvance("C⁺00 ✓") + 10
        number_width = metrics.horizontalAdvance("-0.000") + 10
        inside = area.adjusted(8, 0, -8, 0)
        painter.setPen(colour("strong" if row.wins else "text"))
        vertical = Qt.AlignmentFlag.AlignVCenter
        sign = " ✓" if row.wins else ""
        painter.drawText(inside, Qt.AlignmentFlag.AlignLeft | vertical, row.component.text + sign)
        painter.drawText(inside, Qt.AlignmentFlag.AlignRight | vertical, f"{row.similarity:.3f}")
        track = inside.adjusted(name_width, inside.height() // 2 - 3, -number_width, 0)
        track.setHeight(6)
        painter.fillRect(track, colour("track"))
        track.setWidth(round(track.width() * row.length))
        painter.fillRect(track, colour(row.component.memory, 255 if row.wins else 150))
        painter.restore()


class SimilarityList(QListView):
    """Signals:
    component_chosen(ComponentName): one is to be looked at.
    """

    component_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Similarity to every component")
        self._rows = _Rows(self)
        self.setModel(self._rows)
        self.setItemDelegate(_Bars(self._rows))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for signal in (self.clicked, self.activated):
            signal.connect(
                lambda index: self.component_chosen.emit(self.rows[index.row()].component)
            )

    @property
    def rows(self) -> tuple[SimilarityRow, ...]:
        return self._rows.rows

    def show_rows(self, rows: tuple[SimilarityRow, ...]) -> None:
        """Shows other rows, from the first one on."""
        self._rows.show_rows(rows)
        self.scrollToTop()
