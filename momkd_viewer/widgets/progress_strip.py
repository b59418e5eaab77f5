"""Progress of the running analysis in the status bar, with its cancel button."""

from __future__ import annotations

import time

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QWidget

from momkd_viewer.widgets.elided_label import ElidedLabel


class ProgressStrip(QWidget):
    """Args:
        key: a shortcut of the cancel button.

    Signals:
        cancelled(): the button was pressed.
    """

    cancelled = Signal()

    def __init__(self, key: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = ElidedLabel()
        self._bar = QProgressBar()
        self._bar.setFixedWidth(160)
        self._bar.setTextVisible(False)
        button = QPushButton("Cancel")
        button.setShortcut(key)
        button.clicked.connect(self.cancelled)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self._text, self._bar, button):
            layout.addWidget(widget)
        self._what, self._started, self._first = "", 0.0, 0
        self.hide()

    def show_progress(self, done: int, total: int, what: str) -> None:
        """A bar with the time left where the total is known, else a busy bar."""
        if what != self._what:
            self._what, self._started, self._first = what, time.monotonic(), done
        elapsed, made = time.monotonic() - self._started, done - self._first
        left = ""
        if total and made and elapsed > 2 and done < total:
            left = f", about {elapsed / made * (total - done):.0f} s left"
        count = f" {done} of {total}" if total else "…"
        self._text.setText(f"{what}{count}{left}")
        self._bar.setRange(0, total)
        self._bar.setValue(done)
        self.show()

    def finish(self) -> None:
        self._what = ""
        self.hide()
