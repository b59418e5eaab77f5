"""What the self-test of alignment found: sentences, and patches as read beside patches as drawn."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from momkd_viewer.widgets.colours import colour

_SIDE = 84
_GAP = 3


@dataclass(frozen=True)
class PairView:
    """A patch both ways; ``note`` says how far they are apart."""

    number: int
    patch: int
    read: QImage
    drawn: QImage
    note: str


@dataclass(frozen=True)
class AlignmentView:
    """Attributes: findings: (cause, cure) of what does not fit; facts: what does."""

    aligned: bool
    findings: tuple[tuple[str, str], ...]
    facts: tuple[str, ...]
    pairs: tuple[PairView, ...]


class _Pair(QWidget):
    """Signals: chosen(int): the patch."""

    chosen = Signal(int)

    def __init__(self, view: PairView) -> None:
        super().__init__()
        self._view = view
        self.setFixedSize(QSize(_SIDE, 2 * _SIDE + _GAP + 34))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setToolTip("Above as it was read, below as it is drawn. Click: show it on the slide")
        self.setAccessibleName(f"Patch {view.number}, {view.note}")

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(QRect(0, 0, _SIDE, _SIDE), self._view.read)
        painter.drawImage(QRect(0, _SIDE + _GAP, _SIDE, _SIDE), self._view.drawn)
        below = QRect(0, 2 * _SIDE + _GAP + 2, _SIDE, 32)
        painter.setPen(colour("mark"))
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, str(self._view.number))
        painter.setPen(colour("quiet"))
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, self._view.note)
        if self.hasFocus():
            painter.setPen(colour("mark"))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.chosen.emit(self._view.patch)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Space):
            self.chosen.emit(self._view.patch)
        else:
            super().keyPressEvent(event)


class AlignmentDialog(QDialog):
    """Stays beside the slide; nothing waits for it.

    Signals:
        patch_chosen(int): a patch is to be shown.
    """

    patch_chosen = Signal(int)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Alignment")
        self.setModal(False)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(16, 14, 16, 14)
        self._body = QWidget()
        self._column.addWidget(self._body)
        self.setMinimumWidth(620)

    def show_view(self, view: AlignmentView) -> None:
        """Shows a result in place of the one before."""
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        title = QLabel("Overlay and slide fit" if view.aligned else "Something does not fit")
        title.setObjectName("title")
        column.addWidget(title)
        for cause, cure in view.findings:
            column.addWidget(_line(cause, "failure"))
            column.addWidget(_line(f"→ {cure}"))
        for fact in view.facts:
            column.addWidget(_line(f"✓ {fact}", "quiet"))
        if view.pairs:
            column.addWidget(_line("Patches as extraction read them (above), as drawn (below):"))
            column.addWidget(self._strip(view.pairs))
        close = QPushButton("Close")
        close.clicked.connect(self.close)
        column.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)
        self._column.replaceWidget(self._body, body)
        self._body.deleteLater()
        self._body = body
        self.adjustSize()
        self.show()

    def _strip(self, pairs: tuple[PairView, ...]) -> QScrollArea:
        strip = QWidget()
        row = QHBoxLayout(strip)
        row.setContentsMargins(0, 0, 0, 0)
        for pair in pairs:
            widget = _Pair(pair)
            widget.chosen.connect(self.patch_chosen)
            row.addWidget(widget)
        row.addStretch()
        area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setWidget(strip)
        area.setFixedHeight(2 * _SIDE + _GAP + 54)
        return area


def _line(text: str, name: str = "") -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setObjectName(name)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
