"""The whole slide in a corner, with the current view marked; a click goes there."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from momkd_viewer.state.viewport import Viewport

_LONGEST = 180
_FRAME = 3


class Overview(QWidget):
    """Signals:
    point_chosen(float, float): a level-0 point to centre on.
    """

    point_chosen = Signal(float, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image = QImage()
        self._view: Viewport | None = None
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName("Slide overview")
        self.setToolTip("Click or drag to move the view")
        self.hide()

    def set_slide(self, image: QImage) -> None:
        size = image.size().scaled(QSize(_LONGEST, _LONGEST), Qt.AspectRatioMode.KeepAspectRatio)
        ratio = self.devicePixelRatioF()
        self._image = image.scaled(
            size * ratio,
            Qt.AspectRatioMode.IgnoreAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        self.resize(size.width() + 2 * _FRAME, size.height() + 2 * _FRAME)
        self.show()

    def set_view(self, view: Viewport) -> None:
        self._view = view
        self.update()

    def clear(self) -> None:
        self._image, self._view = QImage(), None
        self.hide()

    @property
    def _inner(self) -> QRectF:
        return QRectF(self.rect()).adjusted(_FRAME, _FRAME, -_FRAME, -_FRAME)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(30, 33, 38, 235))
        painter.drawImage(self._inner, self._image)
        view = self._view
        if view is not None:
            inner, area = self._inner, view.visible
            sx, sy = inner.width() / view.slide_width, inner.height() / view.slide_height
            frame = QRectF(
                inner.left() + area.left * sx,
                inner.top() + area.top * sy,
                max(4.0, area.width * sx),
                max(4.0, area.height * sy),
            ).intersected(inner)
            painter.setPen(QPen(QColor(20, 20, 20, 160), 4))
            painter.drawRect(frame)
            painter.setPen(QPen(QColor("#ffd24a"), 2))
            painter.drawRect(frame)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._go_to(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._go_to(event.position())

    def _go_to(self, at: QPointF) -> None:
        if self._view is None:
            return
        inner = self._inner
        x = (at.x() - inner.left()) / inner.width() * self._view.slide_width
        y = (at.y() - inner.top()) / inner.height() * self._view.slide_height
        self.point_chosen.emit(x, y)
