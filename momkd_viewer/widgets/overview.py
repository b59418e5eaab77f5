"""The whole slide in a corner, with the current view marked; a click goes there."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QPolygonF
from PySide6.QtWidgets import QWidget

from momkd_viewer.state.viewport import Viewport
from momkd_viewer.widgets.colours import card, colour

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
        self._ground = QPixmap()  # picture and frame, painted once: every pan repaints this widget
        self._view: Viewport | None = None
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName("Slide overview")
        self.setToolTip("Click or drag to move the view")
        self.hide()

    def set_slide(self, image: QImage, width: int, height: int) -> None:
        """A slide of level-0 size width x height; the picture may still be missing."""
        size = QSize(width, height).scaled(
            QSize(_LONGEST, _LONGEST), Qt.AspectRatioMode.KeepAspectRatio
        )
        size = size.expandedTo(QSize(8, 8))
        ratio = self.devicePixelRatioF()
        self._image = (
            image
            if image.isNull()
            else image.scaled(
                size * ratio,
                Qt.AspectRatioMode.IgnoreAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
        )
        self.resize(size.width() + 2 * _FRAME, size.height() + 2 * _FRAME)
        self._ground = QPixmap()
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
        if self._ground.isNull() or self._ground.devicePixelRatio() != self.devicePixelRatioF():
            self._paint_ground()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._ground)
        view = self._view
        if view is not None:
            painter.setClipRect(self._inner.adjusted(-1, -1, 1, 1))
            frame = self._frame(view)
            painter.setPen(QPen(colour("halo", 160), 4))
            painter.drawPolygon(frame)
            painter.setPen(QPen(colour("slide_mark"), 2))
            painter.drawPolygon(frame)
        painter.end()

    def _paint_ground(self) -> None:
        ratio = self.devicePixelRatioF()
        self._ground = QPixmap(self.size() * ratio)
        self._ground.setDevicePixelRatio(ratio)
        self._ground.fill(card())
        painter = QPainter(self._ground)
        painter.drawImage(self._inner, self._image)
        painter.end()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.StyleChange:
            self._ground = QPixmap()  # another theme
        super().changeEvent(event)

    def _frame(self, view: Viewport) -> QPolygonF:
        """What the window shows, turned as it is; never too small to be seen."""
        inner = self._inner
        sx, sy = inner.width() / view.slide_width, inner.height() / view.slide_height
        smallest = 4.0 / min(sx, sy) / view.downsample  # device pixels of the view
        half_x, half_y = max(view.width, smallest) / 2, max(view.height, smallest) / 2
        corners = ((-half_x, -half_y), (half_x, -half_y), (half_x, half_y), (-half_x, half_y))
        points = [view.to_slide(view.width / 2 + x, view.height / 2 + y) for x, y in corners]
        frame = QPolygonF([QPointF(inner.left() + x * sx, inner.top() + y * sy) for x, y in points])
        if view.rotation:
            return frame
        return QPolygonF(frame.boundingRect().intersected(inner))

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
