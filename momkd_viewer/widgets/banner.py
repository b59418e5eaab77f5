"""A message above the canvas that blocks nothing: a failure with its cause and cure, or a hint."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget


class Banner(QFrame):
    """Signals:
    action_taken(): its button was pressed.
    """

    action_taken = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.worded: Callable[[str], str] = str  # how a message is shown: names may be masked
        self._message = ""
        self.setObjectName("banner")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 6, 6, 6)
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._button = QPushButton()
        self._button.setAccessibleName("No action")
        self._button.clicked.connect(self.action_taken)
        close = QToolButton()
        close.setText("✕")
        close.setAutoRaise(True)
        close.setAccessibleName("Dismiss message")
        close.clicked.connect(self.hide)
        layout.addWidget(self._text, 1)
        layout.addWidget(self._button)
        layout.addWidget(close)
        self.hide()

    @property
    def text(self) -> str:
        return self._text.text()

    def show_message(self, text: str, action: str = "") -> None:
        """Shows a message, with a button where ``action`` names one."""
        self._message = text
        self.refresh()
        self._button.setText(action)
        self._button.setAccessibleName(action or "No action")
        self._button.setVisible(bool(action))
        self.show()

    def withdraw(self, text: str) -> None:
        """Hides a message that holds no more, unless another has taken its place."""
        if text == self._message:
            self.hide()

    def refresh(self) -> None:
        """Words the message anew."""
        self._text.setText(self.worded(self._message))
        self.setAccessibleName(self._text.text())
