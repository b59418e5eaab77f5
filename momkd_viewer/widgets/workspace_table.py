"""The table of a workspace: paints the rows that are seen, and says what the reader does there."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PySide6.QtCore import (
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from momkd_viewer.state.case_marks import CaseMarks
from momkd_viewer.state.workspace import Workspace
from momkd_viewer.state.workspace_columns import Column
from momkd_viewer.state.workspace_order import Rows
from momkd_viewer.widgets.colours import colour
from momkd_viewer.widgets.workspace_rows import WorkspaceModel

_Index = QModelIndex | QPersistentModelIndex
_ROW_HEIGHT = 44
#: Room for a slide's picture, logical pixels; all have the same, so that names stand below each other.
PICTURE = QSize(52, 38)
# Rows that scroll by within this time are not asked for.
_REST_MS = 40
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_MIDDLE = Qt.AlignmentFlag.AlignCenter
_MARGIN = 4
_Role = Qt.ItemDataRole


class _Cells(QStyledItemDelegate):
    """Paints a cell. Qt's own way, through a style sheet and seven questions a cell, is too slow."""

    def __init__(self, table: QTableView, rows: WorkspaceModel) -> None:
        super().__init__(table)
        self._table, self._rows = table, rows

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        box: QRect = option.rect
        metrics: QFontMetrics = option.fontMetrics
        at, column = self._rows.cell(index)
        if index.row() == self._table.currentIndex().row():  # flags of the state are slow to ask
            painter.fillRect(box, colour("chosen"))
        box = box.adjusted(_MARGIN, 0, -_MARGIN, 0)
        if column.kind == "case":
            picture = self._rows.picture(self._rows.workspace.cases[at].paths[0])
            if picture is not None:
                top = box.top() + (box.height() - PICTURE.height()) // 2
                painter.drawPixmap(box.left(), top, picture)
            box = box.adjusted(PICTURE.width() + 2 * _MARGIN, 0, 0, 0)
        text = self._rows.text(at, column)
        if not text:
            return
        painter.setPen(colour(self._rows.token(at, column)))
        if column.question < 0 or column.kind == "flags":  # of any length
            text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, _alignment(column), text)


def _alignment(column: Column) -> Qt.AlignmentFlag:
    if column.is_numeric:
        return _RIGHT
    return _MIDDLE if column.kind in ("correct", "reviewed", "slides") else _LEFT


class WorkspaceTable(QTableView):
    """Signals:
    chosen(int): the case at a position is the current one, by hand.
    opened(int): it is to be shown in the main window.
    toggled(int): it is to be ticked off, or no more.
    seen(list): slides whose pictures are in view.
    sort_wanted(str): the key of a column.
    width_changed(str, int): the user made a column wider or narrower.
    """

    chosen = Signal(int)
    opened = Signal(int)
    toggled = Signal(int)
    seen = Signal(list)
    sort_wanted = Signal(str)
    width_changed = Signal(str, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = WorkspaceModel(self)
        self.setModel(self.rows)
        self.setItemDelegate(_Cells(self, self.rows))
        self._quiet = False  # what changes now is not by hand
        self.setAccessibleName("Cases of the cohort")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(True)
        header.setMinimumSectionSize(28)
        header.sectionClicked.connect(lambda at: self.sort_wanted.emit(self.rows.columns[at].key))
        header.sectionResized.connect(self._on_resized)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._tell_seen)
        self.verticalScrollBar().valueChanged.connect(lambda _: self._rest.start())
        self.selectionModel().currentRowChanged.connect(self._on_row)
        self.doubleClicked.connect(lambda index: self.opened.emit(self._case(index.row())))

    def show_state(
        self,
        workspace: Workspace,
        rows: Rows,
        columns: tuple[Column, ...],
        marks: CaseMarks,
        widths: Mapping[str, int],
    ) -> None:
        """Shows another state; the current case stays current where it is still shown."""
        before, scrolled = self.current, self.verticalScrollBar().value()
        columns_before = self.rows.columns
        self._quiet = True
        if self.rows.show(workspace, rows, columns, marks):
            if columns != columns_before:
                for at, column in enumerate(columns):
                    self.setColumnWidth(at, widths.get(column.key, column.width))
            self.verticalScrollBar().setValue(scrolled)
            self.choose(before, scroll=False)
        self._quiet = False
        self._rest.start()

    def show_sorting(self, key: str, *, descending: bool) -> None:
        """Marks the column that cases are sorted by; none for another order."""
        keys = [column.key for column in self.rows.columns]
        at = keys.index(key) if key in keys else -1
        order = Qt.SortOrder.DescendingOrder if descending else Qt.SortOrder.AscendingOrder
        header = self.horizontalHeader()
        header.setSortIndicatorShown(at >= 0)
        header.setSortIndicator(at, order)

    @property
    def current(self) -> int:
        """Position of the current case; -1 for none."""
        index = self.currentIndex()
        return self._case(index.row()) if index.isValid() else -1

    def choose(self, case: int, *, scroll: bool = True) -> None:
        """Makes a case current, without telling; none where it is not shown."""
        found = np.flatnonzero(self.rows.rows == case)
        quiet, self._quiet = self._quiet, True
        if len(found) == 0:
            self.clearSelection()
            self.setCurrentIndex(QModelIndex())
        else:
            index = self.rows.index(int(found[0]), 0)
            kept = self.horizontalScrollBar().value()
            self.setAutoScroll(scroll)
            self.setCurrentIndex(index)
            self.setAutoScroll(True)
            if scroll:
                self.scrollTo(index)
            self.horizontalScrollBar().setValue(kept)
        self._quiet = quiet

    def _case(self, row: int) -> int:
        return int(self.rows.rows[row])

    def _on_row(self, index: QModelIndex, _: QModelIndex) -> None:
        if index.isValid() and not self._quiet:
            self.chosen.emit(self._case(index.row()))

    def _on_resized(self, at: int, _: int, width: int) -> None:
        if not self._quiet and width > 0 and at < len(self.rows.columns):
            self.width_changed.emit(self.rows.columns[at].key, width)

    def _tell_seen(self) -> None:
        if not len(self.rows.rows):
            return
        first = max(0, self.rowAt(0))
        last = self.rowAt(self.viewport().height() - 1)
        last = len(self.rows.rows) - 1 if last < 0 else last
        cases = self.rows.workspace.cases
        self.seen.emit([cases[self._case(row)].paths[0] for row in range(first, last + 1)])

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._rest.start()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        current = self.current
        plain = event.modifiers() in (
            Qt.KeyboardModifier.NoModifier,
            Qt.KeyboardModifier.KeypadModifier,
        )
        if plain and current >= 0 and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit(current)
        elif plain and current >= 0 and event.key() in (Qt.Key.Key_Space, Qt.Key.Key_R):
            self.toggled.emit(current)
        else:
            super().keyPressEvent(event)
