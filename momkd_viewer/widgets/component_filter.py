"""Above the cards: in which order they are, and which of them are shown."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from momkd_viewer.state.blinding import memory_text
from momkd_viewer.state.components import Arrangement, sorts

_JUDGED = (
    ("any", "With or without verdict"),
    ("judged", "With a verdict"),
    ("unjudged", "Without"),
)


class ComponentFilter(QWidget):
    """Signals:
    arranged(Arrangement): the user wants another order or filter.
    """

    arranged = Signal(object)

    def __init__(self, memory: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._arrangement = Arrangement()
        self._text = QLineEdit()
        self._text.setPlaceholderText("Find")
        self._text.setClearButtonEnabled(True)
        clear = self._text.findChild(QToolButton)
        assert clear is not None
        clear.setAccessibleName("Clear the search")
        self._text.setToolTip("Name or verdict, for instance stroma")
        self._sort = QComboBox()
        self._sort.setToolTip("Order of the cards")
        self._sort.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self._sort.setMinimumContentsLength(9)
        self._text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._menu = QToolButton()
        self._menu.setText("Show ▾")
        self._menu.setObjectName("filter")
        self._menu.setCheckable(False)
        self._menu.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu.setMenu(self._made_menu())
        row = QHBoxLayout()
        row.setContentsMargins(6, 6, 6, 0)
        row.setSpacing(4)
        row.addWidget(self._text, 1)
        row.addWidget(self._sort)
        row.addWidget(self._menu)
        self._note = QLabel()
        self._note.setObjectName("quiet")
        self._note.setWordWrap(True)
        self._note.setContentsMargins(8, 3, 8, 0)
        self._note.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row)
        column.addWidget(self._note)
        self._text.textChanged.connect(
            lambda text: self._ask(replace(self._arrangement, text=text))
        )
        self._sort.activated.connect(
            lambda row: self._ask(replace(self._arrangement, sort=self._sort.itemData(row)))
        )
        self._memory = memory
        self.show_words()

    def _made_menu(self) -> QMenu:
        menu = QMenu(self)
        self._used = menu.addAction("Only used here")
        self._muted = menu.addAction("Only muted")
        self._used.triggered.connect(lambda on: self._ask(replace(self._arrangement, used=on)))
        self._muted.triggered.connect(lambda on: self._ask(replace(self._arrangement, muted=on)))
        for action in (self._used, self._muted):
            action.setCheckable(True)
        menu.addSeparator()
        group = QActionGroup(menu)
        self._judged: dict[str, QAction] = {}
        for key, title in _JUDGED:
            action = menu.addAction(title)
            action.setCheckable(True)
            group.addAction(action)
            action.triggered.connect(
                lambda _=False, k=key: self._ask(replace(self._arrangement, judged=k))
            )
            self._judged[key] = action
        menu.addSeparator()
        menu.addAction("All").triggered.connect(
            lambda: self._ask(Arrangement(sort=self._arrangement.sort))
        )
        return menu

    def _ask(self, arrangement: Arrangement) -> None:
        if arrangement != self._arrangement:
            self.arranged.emit(arrangement)

    def show_arrangement(self, arrangement: Arrangement) -> None:
        """Sets all controls to what holds."""
        self._arrangement = arrangement
        if self._text.text() != arrangement.text:
            self._text.setText(arrangement.text)
        self._sort.setCurrentIndex(self._sort.findData(arrangement.sort))
        self._used.setChecked(arrangement.used)
        self._muted.setChecked(arrangement.muted)
        self._judged[arrangement.judged].setChecked(True)
        narrowed = replace(arrangement, text="").filters
        self._menu.setText("Some ▾" if narrowed else "Show ▾")
        self._menu.setToolTip("Not all cards are shown" if narrowed else "Which cards are shown")

    def show_words(self) -> None:
        """Names and orders as they are now: others while the reader judges blinded."""
        memory = memory_text(self._memory)
        self._text.setAccessibleName(f"Find components of {memory}")
        self._sort.setAccessibleName(f"Order of the components of {memory}")
        self._menu.setAccessibleName(f"Which components of {memory} are shown")
        self._sort.clear()
        for key, title in sorts():
            self._sort.addItem(title, key)

    def show_note(self, text: str) -> None:
        """How many there are and how many are shown; '' hides the line."""
        self._note.setText(text)
        self._note.setVisible(bool(text))
