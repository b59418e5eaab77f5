"""Every change of a verdict, and undo."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QFrame, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

_WIDTH, _HEIGHT = 380, 220


class VerdictHistory(QFrame):
    """Signals:
    undo_wanted(): one's own last change is to be taken back.
    """

    undo_wanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("popover")
        self.setAccessibleName("History of the verdict")
        self.resize(_WIDTH, _HEIGHT)
        title = QLabel("Every change, the last one first")
        title.setObjectName("quiet")
        self._list = QPlainTextEdit()
        self._list.setReadOnly(True)
        self._list.setAccessibleName("Changes")
        self._undo = QPushButton("Undo my last change")
        self._undo.setToolTip("What you said before counts again; the change stays in the history")
        self._undo.clicked.connect(self.undo_wanted)
        column = QVBoxLayout(self)
        column.addWidget(title)
        column.addWidget(self._list, 1)
        column.addWidget(self._undo)

    @property
    def text(self) -> str:
        return self._list.toPlainText()

    def show_history(self, changes: tuple[str, ...], *, can_undo: bool) -> None:
        """Changes, newest first."""
        told = "\n".join(changes)
        if told != self.text:
            self._list.setPlainText(told)
        self._undo.setEnabled(can_undo)

    def open_at(self, button: QWidget) -> None:
        """Opens above or below a button, within its window."""
        corner = button.mapToGlobal(QPoint(button.width() - self.width(), -self.height() - 4))
        if corner.y() < button.window().mapToGlobal(QPoint(0, 0)).y():
            corner.setY(button.mapToGlobal(QPoint(0, button.height() + 4)).y())
        self.move(corner)
        self.show()
        self._undo.setFocus()
