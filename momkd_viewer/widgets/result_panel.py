"""Open models side by side: what each says about the slide; one is chosen for the overlay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from momkd_viewer.widgets.colours import colour


@dataclass(frozen=True)
class ModelView:
    """What a card shows; texts are ready to read.

    Attributes:
        probability, threshold: None before there is a result.
        facts: (name, value, tooltip) below the bar.
        caution: what a user of the model must know.
        message: shown instead of facts: waiting, or why there is no result.
        failed: whether the message is a failure.
    """

    title: str
    subtitle: str
    positive: str
    chosen: bool
    predicted: str | None = None
    probability: float | None = None
    threshold: float | None = None
    facts: tuple[tuple[str, str, str], ...] = ()
    caution: str = ""
    message: str = ""
    failed: bool = False


class ProbabilityBar(QWidget):
    """A probability from 0 to 1 with the threshold as a tick."""

    def __init__(self, probability: float, threshold: float, positive: str) -> None:
        super().__init__()
        self._probability, self._threshold = probability, threshold
        self.setFixedHeight(20)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        text = f"Probability of {positive} {probability:.3f}, threshold {threshold:.3f}"
        self.setToolTip(text)
        self.setAccessibleName(text)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(0, 5, 0, -5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour("track"))
        painter.drawRoundedRect(area, 3, 3)
        filled = QRectF(area)
        filled.setWidth(area.width() * self._probability)
        above = self._probability >= self._threshold
        painter.setBrush(colour("positive" if above else "negative"))
        painter.drawRoundedRect(filled, 3, 3)
        x = area.left() + area.width() * self._threshold
        painter.setPen(QPen(colour("strong"), 2))
        painter.drawLine(int(x), 0, int(x), self.height())
        painter.end()


class _ModelCard(QFrame):
    chosen = Signal()
    removed = Signal()

    def __init__(self, view: ModelView) -> None:
        super().__init__()
        self.setObjectName("modelCard")
        self.setProperty("chosen", view.chosen)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(f"Model {view.title}{', shown' if view.chosen else ''}")
        self.setToolTip("Shown in overlay and browser" if view.chosen else "Click to show it")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 6, 6, 8)
        layout.setSpacing(3)
        layout.addLayout(self._title_row(view))
        if view.subtitle:
            layout.addWidget(_label(view.subtitle, "quiet"))
        if view.caution:
            layout.addWidget(_label(view.caution, "caution"))
        if view.probability is not None and view.threshold is not None:
            layout.addWidget(ProbabilityBar(view.probability, view.threshold, view.positive))
            layout.addLayout(_facts(view.facts))
        if view.message:
            layout.addWidget(_label(view.message, "failure" if view.failed else "quiet"))

    def _title_row(self, view: ModelView) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addWidget(_label(f"<b>{escape(view.title)}</b>", rich=True))
        row.addStretch()
        if view.predicted is not None:
            row.addWidget(_label(f"<b>{escape(view.predicted)}</b>", rich=True))
        close = QToolButton()
        close.setText("✕")
        close.setAutoRaise(True)
        close.setToolTip("Close this model")
        close.setAccessibleName(f"Close model {view.title}")
        close.clicked.connect(self.removed)
        row.addWidget(close)
        return row

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.chosen.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Space):
            self.chosen.emit()
        else:
            super().keyPressEvent(event)


class ResultPanel(QWidget):
    """Signals:
    model_chosen(int), model_closed(int): position in the list.
    model_wanted(): the button to open a model.
    cures_wanted(): the button to try cures on the open case, there with a result.
    """

    model_chosen = Signal(int)
    model_closed = Signal(int)
    model_wanted = Signal()
    cures_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Results")
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(6, 6, 6, 6)
        self._layout.setSpacing(6)
        button = QPushButton("Open model…")
        button.clicked.connect(self.model_wanted)
        self.cures = QPushButton("Try cures on this case")
        self.cures.setToolTip(
            "What the answer becomes without background: three ways, side by side"
        )
        self.cures.clicked.connect(self.cures_wanted)
        self.cures.hide()
        row = QHBoxLayout()
        row.addWidget(button, 1)
        row.addWidget(self.cures, 1)
        self._layout.addLayout(row)
        self._cards: list[_ModelCard] = []
        self.worded: Callable[[str], str] = str  # how messages are shown: names may be masked
        self._views: list[ModelView] = []

    def refresh(self) -> None:
        """Words all messages anew."""
        self.show_models(self._views)

    def show_models(self, views: list[ModelView]) -> None:
        self._views = views
        for card in self._cards:
            self._layout.removeWidget(card)
            card.hide()
            card.deleteLater()
        self._cards = []
        self.cures.setVisible(any(view.probability is not None for view in views))
        for position, view in enumerate(views):
            shown = replace(
                view, message=self.worded(view.message), caution=self.worded(view.caution)
            )
            card = _ModelCard(shown)
            # The position is bound late on purpose: cards are rebuilt with every change.
            card.chosen.connect(lambda p=position: self.model_chosen.emit(p))
            card.removed.connect(lambda p=position: self.model_closed.emit(p))
            self._layout.insertWidget(position, card)
            self._cards.append(card)


def _label(text: str, style: str = "", *, rich: bool = False) -> QLabel:
    """A label; class names such as "<26" are text, not markup, unless escaped."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.RichText if rich else Qt.TextFormat.PlainText)
    label.setWordWrap(bool(style))
    label.setObjectName(style)
    return label


def _facts(facts: tuple[tuple[str, str, str], ...]) -> QGridLayout:
    """Name and value, two pairs a line: long class names stay readable."""
    grid = QGridLayout()
    grid.setHorizontalSpacing(8)
    grid.setVerticalSpacing(1)
    for position, (name, value, tooltip) in enumerate(facts):
        row, column = position // 2, position % 2 * 2
        caption, number = _label(name, "quiet"), _label(value)
        caption.setWordWrap(False)
        for offset, label in enumerate((caption, number)):
            label.setToolTip(tooltip)
            grid.addWidget(label, row, column + offset)
    for column in (1, 3):
        grid.setColumnStretch(column, 1)
    return grid
