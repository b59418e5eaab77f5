"""The help sheet: every action with its key and what it does, and where keys are changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

_NAME = Qt.ItemDataRole.UserRole


@dataclass(frozen=True)
class KeyRow:
    """A line of the sheet.

    Attributes:
        name: of the action; empty for a gesture, which cannot be changed.
        group: menu, or what holds the gestures.
        keys: as shown.
        changed: whether the user bound them.
    """

    name: str
    group: str
    title: str
    keys: str
    tip: str
    changed: bool = False


class KeySheet(QDialog):
    """Signals:
    key_wanted(str, str): action and the key that it is to have ('' for none).
    key_taken(str, str): the same, from the action that has the key.
    reset_wanted(str), all_reset_wanted(): back to the program's own keys.
    """

    key_wanted = Signal(str, str)
    key_taken = Signal(str, str)
    reset_wanted = Signal(str)
    all_reset_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        self.resize(760, 620)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search for an action or a key")
        self.search.setAccessibleName("Search keys")
        self.search.textChanged.connect(self._filter)
        self.tree = QTreeWidget()
        self.tree.setAccessibleName("Actions and keys")
        self.tree.setHeaderLabels(["Action", "Key", "What it does"])
        self.tree.setUniformRowHeights(True)
        self.tree.setRootIsDecorated(False)
        self.tree.setIndentation(14)
        self.tree.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.tree.currentItemChanged.connect(lambda *_: self._show_choice())
        self.editor = QKeySequenceEdit()
        self.editor.setMaximumSequenceLength(1)
        self.editor.setAccessibleName("New key")
        self.message = QLabel()
        self.message.setObjectName("failure")
        self.message.setWordWrap(True)
        self.message.setTextFormat(Qt.TextFormat.PlainText)
        self._taking = ""
        layout = QVBoxLayout(self)
        for widget in (self.search, self.tree, self.message):
            layout.addWidget(widget, int(widget is self.tree))
        layout.addLayout(self._build_buttons())
        self._show_choice()

    def _build_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.set_button = QPushButton("Set key")
        self.take_button = QPushButton("Take it")
        self.remove_button = QPushButton("Remove key")
        self.reset_button = QPushButton("Reset")
        self.all_button = QPushButton("Reset all")
        self.set_button.clicked.connect(lambda: self._ask(self.key_wanted))
        self.take_button.clicked.connect(lambda: self._ask(self.key_taken))
        self.remove_button.clicked.connect(lambda: self.key_wanted.emit(self.chosen, ""))
        self.reset_button.clicked.connect(lambda: self.reset_wanted.emit(self.chosen))
        self.all_button.clicked.connect(self.all_reset_wanted)
        self.editor.keySequenceChanged.connect(lambda _: self.say(""))
        row.addWidget(QLabel("New key"))
        row.addWidget(self.editor, 1)
        for button in (
            self.set_button, self.take_button, self.remove_button, self.reset_button,
            self.all_button,
        ):  # fmt: skip
            button.setAutoDefault(False)  # Enter belongs to the key that is being recorded
            row.addWidget(button)
        return row

    @property
    def chosen(self) -> str:
        """Name of the chosen action; empty where none, or a gesture, is chosen."""
        item = self.tree.currentItem()
        return str(item.data(0, _NAME) or "") if item is not None else ""

    def choose(self, name: str) -> None:
        for item in self._items():
            if name and item.data(0, _NAME) == name:
                self.tree.setCurrentItem(item)

    def show_rows(self, rows: Sequence[KeyRow]) -> None:
        """Shows lines by group; what was chosen stays chosen."""
        chosen, scrolled = self.chosen, self.tree.verticalScrollBar().value()
        self.tree.clear()
        self.tree.setCurrentIndex(QModelIndex())
        groups: dict[str, QTreeWidgetItem] = {}
        for row in rows:
            if row.group not in groups:
                groups[row.group] = QTreeWidgetItem(self.tree, [row.group])
                groups[row.group].setFirstColumnSpanned(True)
                groups[row.group].setFlags(Qt.ItemFlag.ItemIsEnabled)
                heading = groups[row.group].font(0)
                heading.setBold(True)
                groups[row.group].setFont(0, heading)
            item = QTreeWidgetItem(groups[row.group], [row.title, row.keys, row.tip])
            item.setData(0, _NAME, row.name)
            font = item.font(1)
            font.setBold(row.changed)
            item.setFont(1, font)
            if row.changed:
                item.setToolTip(1, "Changed by you")
        self.tree.expandAll()
        self._filter(self.search.text())
        self.choose(chosen)
        self.tree.verticalScrollBar().setValue(scrolled)
        self._show_choice()

    def say(self, text: str, *, can_take: bool = False) -> None:
        """Names a conflict, with a way to take the key where there is one."""
        self.message.setText(text)
        self.message.setVisible(bool(text))
        self.take_button.setVisible(can_take)

    def _items(self) -> list[QTreeWidgetItem]:
        groups = [self.tree.topLevelItem(i) for i in range(self.tree.topLevelItemCount())]
        return [item for group in groups if group is not None for item in _children(group)]

    def _filter(self, typed: str) -> None:
        words = typed.casefold().split()
        for item in self._items():
            text = " ".join(item.text(column) for column in range(3)).casefold()
            item.setHidden(not all(word in text for word in words))
        for i in range(self.tree.topLevelItemCount()):
            group = self.tree.topLevelItem(i)
            if group is not None:
                group.setHidden(all(item.isHidden() for item in _children(group)))

    def _show_choice(self) -> None:
        self.say("")
        self.editor.clear()
        for widget in (self.editor, self.set_button, self.remove_button, self.reset_button):
            widget.setEnabled(bool(self.chosen))

    def _ask(self, signal: object) -> None:
        key = self.editor.keySequence().toString(QKeySequence.SequenceFormat.PortableText)
        if key:
            signal.emit(self.chosen, key)  # type: ignore[attr-defined]


def _children(group: QTreeWidgetItem) -> list[QTreeWidgetItem]:
    found = [group.child(i) for i in range(group.childCount())]
    return [item for item in found if item is not None]
