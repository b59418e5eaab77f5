"""Further settings of a training: ``key=value``, one a line, and a list of all to add from."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QPlainTextEdit, QWidget

from momkd_viewer.state.training_choice import settings_offered

_HEIGHT = 66


class SettingsField(QWidget):
    """Signals:
    changed(): by typing, by the list, or by :meth:`set_assignments`.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = QPlainTextEdit()
        self._text.setPlaceholderText("key=value, one a line")
        self._text.setFixedHeight(_HEIGHT)
        self._text.setTabChangesFocus(True)
        self._text.textChanged.connect(self.changed)
        self._offer = QComboBox()
        self._offer.setAccessibleName("Add a setting")
        self._offer.addItem("Add…")
        for at, (key, default, meaning) in enumerate(settings_offered(), start=1):
            self._offer.addItem(key, f"{key}={default}")
            tip = f"{meaning} (default {default})"
            self._offer.setItemData(at, tip, Qt.ItemDataRole.ToolTipRole)
        self._offer.activated.connect(self._add)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._text, 1)
        row.addWidget(self._offer, 0, Qt.AlignmentFlag.AlignTop)
        self.setFocusProxy(self._text)

    @property
    def assignments(self) -> tuple[str, ...]:
        """The lines that say something."""
        lines = self._text.toPlainText().splitlines()
        return tuple(line.strip() for line in lines if line.strip())

    def set_assignments(self, *assignments: str) -> None:
        self._text.setPlainText("\n".join(assignments))

    def setAccessibleName(self, name: str) -> None:
        super().setAccessibleName(name)
        self._text.setAccessibleName(name)

    def _add(self, index: int) -> None:
        if index:
            self._text.appendPlainText(str(self._offer.itemData(index)))
            self._offer.setCurrentIndex(0)
            self._text.setFocus()
