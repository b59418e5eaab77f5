"""What is marked on every view: the framed patch, and the scale bar."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF

from momkd_viewer.state.scale_bar import scale_bar
from momkd_viewer.state.viewport import Rect, Viewport
from momkd_viewer.widgets.colours import card, colour

_SMALLEST = 10  # logical pixels: a frame is findable from far away
_BAR_LENGTH = 150
_HEIGHT = 34


def corners_on_screen(view: Viewport, area: Rect) -> QPolygonF:
    """The four corners of a level-0 rectangle, device pixels."""
    points = (
        (area.left, area.top),
        (area.right, area.top),
        (area.right, area.bottom),
        (area.left, area.bottom),
    )
    return QPolygonF([QPointF(*view.to_view(x, y)) for x, y in points])


class Highlight:
    """A frame around one patch; a :class:`~momkd_viewer.widgets.canvas_tool.Layer`."""

    def __init__(self) -> None:
        self.area: Rect | None = None

    def paint(self, painter: QPainter, view: Viewport, ratio: float) -> None:
        if self.area is None:
            return
        x, y = self.area.centre
        half_x = max(self.area.width, _SMALLEST * ratio * view.downsample) / 2
        half_y = max(self.area.height, _SMALLEST * ratio * view.downsample) / 2
        frame = corners_on_screen(view, Rect(x - half_x, y - half_y, x + half_x, y + half_y))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for pen, width in ((colour("halo", 190), 4), (colour("slide_mark"), 2)):
            painter.setPen(QPen(pen, width * ratio))
            painter.drawPolygon(frame)


class ScaleBar:
    """A bar of a round length at the bottom left.

    Attributes:
        mpp: microns per level-0 pixel; None: no bar.
    """

    def __init__(self) -> None:
        self.mpp: float | None = None

    def paint(self, painter: QPainter, view: Viewport, ratio: float, place: QRectF) -> None:
        """Paints in logical pixels, into the bottom left corner of ``place``."""
        if self.mpp is None:
            return
        bar = scale_bar(view.downsample * self.mpp, _BAR_LENGTH * ratio)
        length = bar.pixels / ratio
        box = QRectF(place.left() + 12, place.bottom() - 46, length + 24, _HEIGHT)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(card())
        painter.drawRoundedRect(box, 6, 6)
        painter.setPen(colour("card_text"))
        painter.drawText(
            box.adjusted(0, 3, 0, 0),
            Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop,
            bar.text,
        )
        painter.fillRect(QRectF(box.left() + 12, box.bottom() - 10, length, 3), colour("card_text"))
