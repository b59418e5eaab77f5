"""Type to find a command: a line and a list that float over the window."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QLineEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from momkd_viewer.state.command_search import Command, found
from momkd_viewer.widgets.colours import colour

_ENABLED = Qt.ItemDataRole.UserRole + 1
_WIDTH, _HEIGHT, _TOP = 560, 380, 56
_STEPS = {
    Qt.Key.Key_Up: -1,
    Qt.Key.Key_Down: 1,
    Qt.Key.Key_PageUp: -8,
    Qt.Key.Key_PageDown: 8,
}


class CommandPalette(QFrame):
    """Signals:
    chosen(str): name of the command to run; the palette has closed.
    """

    chosen = Signal(str)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setObjectName("palette")
        self.setAccessibleName("Commands")
        self._commands: Sequence[Command] = ()
        self._before: QWidget | None = None  # what had the focus
        self.line = QLineEdit()
        self.line.setPlaceholderText("Type to find a command")
        self.line.setAccessibleName("Find a command")
        self.line.textChanged.connect(self._filter)
        self.line.installEventFilter(self)
        self.list = QTreeWidget()
        self.list.setAccessibleName("Commands found")
        self.list.setColumnCount(2)
        self.list.setHeaderHidden(True)
        self.list.setRootIsDecorated(False)
        self.list.setUniformRowHeights(True)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.itemClicked.connect(self._run)
        self._hint = QLabel()
        self._hint.setObjectName("quiet")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 10, 10, 8)
        for widget in (self.line, self.list, self._hint):
            layout.addWidget(widget)
        self.hide()

    def open(self, commands: Sequence[Command]) -> None:
        """Offers commands, nothing typed yet."""
        self._commands = commands
        self._before = self.window().focusWidget()
        window = self.window()
        width = min(_WIDTH, window.width() - 40)
        height = min(_HEIGHT, window.height() - 2 * _TOP)
        self.setGeometry((window.width() - width) // 2, _TOP, width, height)
        self.list.setColumnWidth(0, width - 170)
        self.line.clear()
        self._filter("")
        self.show()
        self.raise_()
        self.line.setFocus()

    def close_quietly(self) -> None:
        """Closes and gives the focus back."""
        self.hide()
        (self._before or self.window()).setFocus()

    def _filter(self, typed: str) -> None:
        self.list.clear()
        for command in found(typed, self._commands):
            item = QTreeWidgetItem([command.title, command.key])
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            item.setToolTip(0, command.tip)
            item.setData(0, Qt.ItemDataRole.UserRole, command.name)
            item.setData(0, _ENABLED, command.enabled)
            if not command.enabled:  # it stays selectable, so that the hint can say why
                for column in range(2):
                    item.setForeground(column, colour("disabled"))
            self.list.addTopLevelItem(item)
        self._choose(0)

    def _choose(self, row: int) -> None:
        count = self.list.topLevelItemCount()
        item = self.list.topLevelItem(max(0, min(row, count - 1))) if count else None
        if item is None:
            self._hint.setText("No command of that name")
            return
        self.list.setCurrentItem(item)
        if not item.data(0, _ENABLED):
            self._hint.setText("Not available now: it needs an open slide or something to act on")
        else:
            self._hint.setText(item.toolTip(0) or "Enter runs it")

    def _run(self, item: QTreeWidgetItem | None) -> None:
        if item is None or not item.data(0, _ENABLED):
            return
        self.close_quietly()
        self.chosen.emit(item.data(0, Qt.ItemDataRole.UserRole))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FocusOut and self.isVisible():
            self.hide()
        if event.type() != QEvent.Type.KeyPress or not isinstance(event, QKeyEvent):
            return super().eventFilter(watched, event)
        key = Qt.Key(event.key())
        if key == Qt.Key.Key_Escape:
            self.close_quietly()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._run(self.list.currentItem())
        elif key in _STEPS:
            current = self.list.currentIndex().row()
            self._choose(current + _STEPS[key])
        else:
            return super().eventFilter(watched, event)
        return True
