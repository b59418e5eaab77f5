"""Below the cases: how far their analysis is, and buttons to start, pause, resume and stop it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from momkd_viewer.state.queue_progress import QueueView
from momkd_viewer.widgets.elided_label import ElidedLabel


class QueueBar(QWidget):
    """Signals:
    turned(): start, pause or resume, whichever is offered.
    stopped(): the rest is not to be analysed.
    retried(): what failed is to be tried again.
    """

    turned = Signal()
    stopped = Signal()
    retried = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = ElidedLabel()
        self.text.setAccessibleName("Analysis of the cases")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("Cases analysed")
        self.turn, self.stop = QPushButton("Analyse all"), QPushButton("Stop")
        self.retry = QPushButton("Try failed ones again")
        self.stop.setToolTip("Analyse no more cases; what was found stays")
        self.turn.clicked.connect(self.turned)
        self.stop.clicked.connect(self.stopped)
        self.retry.clicked.connect(self.retried)
        # Below the bar, and hidden until they are offered: beside it, or all at once, they would widen
        # the list of cases for good.
        below = QHBoxLayout()
        below.addStretch()
        for button in (self.retry, self.turn, self.stop):
            button.hide()
            below.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 8, 6)
        column.addWidget(self.text)
        column.addWidget(self._bar)
        column.addLayout(below)
        self.hide()

    def show_queue(self, view: QueueView | None) -> None:
        """What the queue does; None where there is nothing to analyse, or no model for it."""
        if view is None:
            self.hide()
            return
        self.text.setText(view.text)
        self._bar.setRange(0, view.total)
        self._bar.setValue(view.done)
        self.turn.setVisible(bool(view.turn))
        if view.turn:
            self.turn.setText(view.turn)
        self.stop.setVisible(view.working)
        self.retry.setVisible(view.can_retry)
        self.show()
