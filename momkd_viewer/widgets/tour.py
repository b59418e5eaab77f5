"""A short guided tour: a card with a few words, and a frame around what they are about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from momkd_viewer.widgets.colours import colour

_WIDTH = 420
_MARGIN = 16
_GAP = 16


@dataclass(frozen=True)
class TourStep:
    """One stop of the tour.

    Attributes:
        target: what it is about.
        prepare: brings the target into view.
    """

    title: str
    text: str
    target: QWidget
    prepare: Callable[[], object] = lambda: None


class _Frame(QWidget):
    """A bright frame that lets the mouse through."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setStyleSheet("background: transparent")
        self.hide()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colour("mark"), 3))
        painter.drawRoundedRect(self.rect().adjusted(2, 2, -2, -2), 6, 6)
        painter.end()


class Tour(QFrame):
    """Floats over the window, which stays usable.

    Args:
        area: the widget whose middle the card keeps to.

    Signals:
        ended(): finished or dismissed.
    """

    ended = Signal()

    def __init__(self, window: QWidget, area: QWidget) -> None:
        super().__init__(window)
        self.setObjectName("tour")
        self.setAccessibleName("Tour")
        self.setFixedWidth(_WIDTH)
        self._area = area
        self._frame = _Frame(window)
        self._steps: Sequence[TourStep] = ()
        self._at = 0
        self._title, self._text, self._count = QLabel(), QLabel(), QLabel()
        self._title.setObjectName("tourTitle")
        self._title.setWordWrap(True)
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.RichText)
        self._count.setObjectName("quiet")
        self._back, self._next = QPushButton("Back"), QPushButton("Next")
        close = QPushButton("Close")
        self._back.clicked.connect(lambda: self._go(self._at - 1))
        self._next.clicked.connect(lambda: self._go(self._at + 1))
        close.clicked.connect(self.end)
        buttons = QHBoxLayout()
        buttons.addWidget(self._count)
        buttons.addStretch()
        for button in (close, self._back, self._next):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(_MARGIN, 12, _MARGIN, 12)
        layout.setSpacing(8)
        layout.addWidget(self._title)
        layout.addWidget(self._text)
        layout.addLayout(buttons)
        self.hide()
        window.installEventFilter(self)
        area.installEventFilter(self)

    def start(self, steps: Sequence[TourStep]) -> None:
        """Shows the first step."""
        self._steps = steps
        self._go(0)
        self.show()
        self._next.setFocus()

    def end(self) -> None:
        if self.isVisible():
            self._hide_all()
            self.ended.emit()

    def _hide_all(self) -> None:
        self.hide()
        self._frame.hide()

    def _go(self, at: int) -> None:
        if at >= len(self._steps):
            self.end()
            return
        self._at = max(0, at)
        step = self._steps[self._at]
        step.prepare()
        self._title.setText(step.title)
        self._text.setText(step.text)
        self._count.setText(f"{self._at + 1} of {len(self._steps)}")
        self._back.setEnabled(self._at > 0)
        last = self._at == len(self._steps) - 1
        self._next.setText("Done" if last else "Next")
        self._place()

    def _place(self) -> None:
        """The card at the bottom of the area, the frame around the step's target."""
        if not self._steps:
            return
        # A wrapped text's height follows from its width, which adjustSize() would not ask for.
        inner = _WIDTH - 2 * _MARGIN
        self._text.setFixedSize(inner, self._text.heightForWidth(inner))
        self.adjustSize()
        window = self.window()
        corner = self._area.mapTo(window, QPoint(0, 0))
        x = corner.x() + max(_GAP, (self._area.width() - self.width()) // 2)
        y = corner.y() + self._area.height() - self.height() - 3 * _GAP
        self.move(x, max(_GAP, y))
        target = self._steps[self._at].target
        if target.window() is not window:  # a dock that floats
            self._frame.hide()
            self.raise_()
            return
        place = QRect(target.mapTo(window, QPoint(0, 0)), target.size())
        self._frame.setGeometry(place.adjusted(-1, -1, 1, 1))
        self._frame.setVisible(target.isVisible())
        self._frame.raise_()
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if self.isVisible() and event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest):
            self._place()
        return super().eventFilter(watched, event)
