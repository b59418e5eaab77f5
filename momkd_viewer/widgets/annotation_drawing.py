"""Pieces of annotations on screen: paths, pens, points, labels, and where they lie."""

from __future__ import annotations

from collections.abc import Iterable

import shapely
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QPainter,
    QPainterPath,
    QPen,
    QPolygonF,
    QTransform,
)
from shapely.geometry.base import BaseGeometry

from momkd_viewer.state.annotation_shapes import handles_apart
from momkd_viewer.state.annotations import Annotation
from momkd_viewer.state.viewport import Viewport
from momkd_viewer.widgets.colours import colour

#: Radius of a point, logical pixels.
POINT = 5.0
WHITE, INK = colour("handle"), colour("ink", 215)
_MOST_HANDLES = 400


def visible_handles(one: Annotation, view: Viewport, ratio: float) -> Iterable[tuple[float, float]]:
    """Handles in view; none where they would lie on top of each other."""
    points = handles_apart(one, view.downsample * ratio)
    seen = view.visible
    inside = (
        (points[:, 0] >= seen.left)
        & (points[:, 0] <= seen.right)
        & (points[:, 1] >= seen.top)
        & (points[:, 1] <= seen.bottom)
    )
    points = points[inside]
    return [] if len(points) > _MOST_HANDLES else [(float(x), float(y)) for x, y in points]


def path_of(geometry: BaseGeometry) -> QPainterPath:
    """A path in level-0 pixels; holes stay holes."""
    path = QPainterPath()
    for part in shapely.get_parts(geometry).tolist():
        if part.geom_type == "Polygon":
            for ring in (part.exterior, *part.interiors):
                path.addPolygon(_polygon(ring))
                path.closeSubpath()
        elif part.geom_type in ("LineString", "LinearRing"):
            path.addPolygon(_polygon(part))
    return path


def _polygon(line: BaseGeometry) -> QPolygonF:
    return QPolygonF([QPointF(x, y) for x, y in shapely.get_coordinates(line).tolist()])


def to_screen(view: Viewport) -> QTransform:
    """From level-0 points to device pixels."""
    transform = QTransform()
    transform.translate(view.width / 2, view.height / 2)
    transform.rotate(view.rotation)
    transform.scale(1 / view.downsample, 1 / view.downsample)
    transform.translate(-view.centre_x, -view.centre_y)
    return transform


def cosmetic(colour: QColor, width: float) -> QPen:
    pen = QPen(colour, width)
    pen.setCosmetic(True)
    # Round joins would take four times as long as all the rest.
    pen.setJoinStyle(Qt.PenJoinStyle.BevelJoin)
    return pen


def paint_points(
    painter: QPainter,
    one: Annotation,
    colour: QColor,
    view: Viewport,
    ratio: float,
    *,
    selected: bool,
) -> None:
    radius = (POINT + (2 if selected else 0)) * ratio * view.downsample
    painter.setPen(cosmetic(WHITE, (3 if selected else 1.5) * ratio))
    painter.setBrush(colour)
    for x, y in shapely.get_coordinates(one.geometry).tolist():
        painter.drawEllipse(QPointF(x, y), radius, radius)


def label_place(one: Annotation, view: Viewport) -> tuple[float, float]:
    """Below the lowest point on screen, device pixels; kept in the window while a part is in view."""
    transform = to_screen(view)
    points = shapely.get_coordinates(one.geometry)
    x = points[:, 0] * transform.m11() + points[:, 1] * transform.m21() + transform.dx()
    y = points[:, 0] * transform.m12() + points[:, 1] * transform.m22() + transform.dy()
    middle, lowest = float(x.min() + x.max()) / 2, float(y.max())
    return (
        min(max(middle, 0.08 * view.width), 0.92 * view.width),
        min(max(lowest, 0.03 * view.height), 0.95 * view.height),
    )


def paint_label(painter: QPainter, text: str, x: float, y: float, ratio: float) -> None:
    """A text on a dark plate whose top middle is at a device pixel."""
    font = QFont(painter.font())
    font.setPixelSize(round(12 * ratio))
    painter.setFont(font)
    size = QFontMetricsF(font).size(0, text)
    gap = 4 * ratio
    plate = QRectF(
        x - size.width() / 2 - gap, y + gap, size.width() + 2 * gap, size.height() + gap / 2
    )
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(INK)
    painter.drawRoundedRect(plate, gap, gap)
    painter.setPen(WHITE)
    painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, text)
