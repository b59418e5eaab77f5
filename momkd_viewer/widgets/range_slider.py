"""A slider with two handles, for a lower and an upper limit.

Qt has none, and superqt's paints one handle only under a style sheet.
"""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from momkd_viewer.widgets.colours import colour

_HANDLE = 12
_GROOVE = 4
_STEP = 0.02  # of the length, by the arrow keys


class RangeSlider(QWidget):
    """Signals:
    moved(float, float): both limits as shares of the length, 0 to 1; by hand, not by
    :meth:`set_shares`.
    """

    moved = Signal(float, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shares = [0.0, 1.0]
        self._held = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setToolTip("Drag a handle; or Up/Down to choose one, Left/Right to move it")
        self.setFixedHeight(_HANDLE + 8)

    @property
    def shares(self) -> tuple[float, float]:
        return self._shares[0], self._shares[1]

    def set_shares(self, low: float, high: float) -> None:
        self._shares = [min(max(low, 0.0), 1.0), min(max(high, 0.0), 1.0)]
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, _HANDLE + 8)

    def _x(self, share: float) -> float:
        return _HANDLE / 2 + 1 + share * (self.width() - _HANDLE - 2)

    def _move(self, share: float) -> None:
        """The held handle stops at the other one."""
        lowest = self._shares[0] if self._held else 0.0
        highest = 1.0 if self._held else self._shares[1]
        self._shares[self._held] = min(max(share, lowest), highest)
        self.update()
        self.moved.emit(*self._shares)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        middle = self.height() / 2
        low, high = self._x(self._shares[0]), self._x(self._shares[1])
        for token, left, right in (
            ("track", self._x(0.0), self._x(1.0)),
            ("accent", low, high),
        ):
            painter.setBrush(colour(token))
            groove = QRectF(left, middle - _GROOVE / 2, right - left, _GROOVE)
            painter.drawRoundedRect(groove, 2, 2)
        for handle, x in enumerate((low, high)):
            held = self.hasFocus() and handle == self._held
            painter.setPen(QPen(colour("accent" if held else "window"), 2 if held else 1))
            painter.setBrush(colour("knob"))
            painter.drawEllipse(QPointF(x, middle), _HANDLE / 2, _HANDLE / 2)
        painter.end()

    def _share_at(self, event: QMouseEvent) -> float:
        return (event.position().x() - _HANDLE / 2 - 1) / max(1, self.width() - _HANDLE - 2)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        share = self._share_at(event)
        low, high = self._shares
        # Of two handles in one place, the one that can go there.
        self._held = int(share > high or (share >= low and high - share < share - low))
        self._move(share)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._move(self._share_at(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._held = 1 - self._held
            self.update()
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            step = -_STEP if key == Qt.Key.Key_Left else _STEP
            self._move(self._shares[self._held] + step)
        else:
            super().keyPressEvent(event)
