"""Annotations painted over the slide: outlines, fills, names, sizes, handles of the selected one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
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

from momkd_viewer.state.annotation_shapes import handles
from momkd_viewer.state.annotations import Annotation, AnnotationSet, measure, shown_colour
from momkd_viewer.state.viewport import Viewport

_LINE, _CASING, _POINT, _HANDLE = 2.0, 5.0, 5.0, 7.0  # logical pixels
_SPECK = 3.0  # smaller on screen than this: a dot
_FILL_ALPHA = 60
_MOST_LABELS, _MOST_HANDLES = 150, 400
_WHITE, _INK = QColor("#ffffff"), QColor(20, 22, 26, 215)


@dataclass(frozen=True)
class Draft:
    """What is being drawn.

    Attributes:
        geometry: level-0 pixels.
        label: its size, shown at ``at``.
        ring: radius of the brush around ``at``, level-0 pixels; 0: none.
    """

    geometry: BaseGeometry | None
    label: str = ""
    at: tuple[float, float] = (0.0, 0.0)
    ring: float = 0.0


class AnnotationLayer:
    """A :class:`~momkd_viewer.widgets.canvas_tool.Layer`.

    Attributes:
        visible, names, filled: what is shown.
        colour: of the draft.
        draft: what is being drawn, or None.
        preview: by id, what takes the place of an annotation while it is dragged.
        microns_per_pixel: along x and y; None: sizes in pixels.
    """

    def __init__(self, shown: AnnotationSet) -> None:
        self._shown = shown
        self.visible = True
        self.names = False
        self.filled = False
        self.colour = QColor(0, 0, 0)
        self.draft: Draft | None = None
        self.preview: dict[str, Annotation] = {}
        self.microns_per_pixel: tuple[float, float] | None = None
        self._paths: dict[str, tuple[Annotation, int, QPainterPath]] = {}

    def paint(self, painter: QPainter, view: Viewport, ratio: float) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        base = painter.transform()
        if self.visible:
            items = self._in_view(view, ratio)
            self._refresh_paths(items, view)
            painter.setTransform(_to_screen(view), True)
            for one in items:
                self._paint_one(painter, one, view, ratio)
            painter.setTransform(base)
            self._paint_texts(painter, items, view, ratio)
            self._paint_handles(painter, view, ratio)
        if self.draft is not None:
            painter.setTransform(_to_screen(view), True)
            self._paint_draft(painter, self.draft, view, ratio)
            painter.setTransform(base)
            if self.draft.label:
                x, y = view.to_view(*self.draft.at)
                _paint_label(painter, self.draft.label, x + 14 * ratio, y + 14 * ratio, ratio)

    # -- shapes ----------------------------------------------------------------------------------

    def _in_view(self, view: Viewport, ratio: float) -> list[Annotation]:
        seen = view.visible
        margin = 2 * _POINT * ratio * view.downsample
        found = self._shown.within(
            seen.left - margin, seen.top - margin, seen.right + margin, seen.bottom + margin
        )
        if not self.preview:
            return found
        kept = [one for one in found if one.id not in self.preview]
        return [*kept, *self.preview.values()]

    def _refresh_paths(self, items: list[Annotation], view: Viewport) -> None:
        """Paths in level-0 pixels, coarser the further away: one vertex a screen pixel is enough."""
        step = max(0, math.floor(math.log2(view.downsample))) if view.downsample > 1 else 0
        missing = []
        for one in items:
            known = self._paths.get(one.id)
            if known is None or known[0] is not one or known[1] != step:
                missing.append(one)
        if not missing:
            return
        shapes = np.array([one.geometry for one in missing], dtype=object)
        if step:
            shapes = shapely.simplify(shapes, 0.5 * 2**step, preserve_topology=True)
        for one, shape in zip(missing, shapes, strict=True):
            self._paths[one.id] = (one, step, path_of(shape))
        if len(self._paths) > 2 * len(self._shown) + 64:  # of annotations that are gone
            alive = {one.id for one in self._shown.items}
            self._paths = {key: value for key, value in self._paths.items() if key in alive}

    def _paint_one(self, painter: QPainter, one: Annotation, view: Viewport, ratio: float) -> None:
        colour = QColor(*shown_colour(one))
        selected = one.id in self._shown.selected
        if one.kind == "point":
            _paint_points(painter, one, colour, view, ratio, selected=selected)
            return
        path = self._paths[one.id][2]
        box = path.controlPointRect()
        if max(box.width(), box.height()) < _SPECK * ratio * view.downsample and not selected:
            pen = _cosmetic(colour, _SPECK * ratio)
            painter.setPen(pen)
            painter.drawPoint(box.center())
            return
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if selected:
            painter.setPen(_cosmetic(_WHITE, _CASING * ratio))
            painter.drawPath(path)
        if self.filled and one.is_area:
            painter.setBrush(QColor(colour.red(), colour.green(), colour.blue(), _FILL_ALPHA))
        painter.setPen(_cosmetic(colour, _LINE * ratio))
        painter.drawPath(path)

    def _paint_draft(self, painter: QPainter, draft: Draft, view: Viewport, ratio: float) -> None:
        if draft.geometry is not None:
            painter.setBrush(
                QColor(self.colour.red(), self.colour.green(), self.colour.blue(), _FILL_ALPHA)
                if "Polygon" in draft.geometry.geom_type
                else Qt.BrushStyle.NoBrush
            )
            path = path_of(draft.geometry)
            painter.setPen(_cosmetic(_WHITE, _CASING * ratio))
            painter.strokePath(path, painter.pen())
            painter.setPen(_cosmetic(self.colour, _LINE * ratio))
            painter.drawPath(path)
        if draft.ring:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            for colour, width in ((_WHITE, 3.0), (self.colour, 1.2)):
                painter.setPen(_cosmetic(colour, width * ratio))
                painter.drawEllipse(QPointF(*draft.at), draft.ring, draft.ring)

    def _paint_handles(self, painter: QPainter, view: Viewport, ratio: float) -> None:
        one = self._shown.only
        if one is None or one.locked or one.kind == "point":
            return
        one = self.preview.get(one.id, one)
        half = _HANDLE * ratio / 2
        painter.setPen(QPen(_INK, ratio))
        painter.setBrush(_WHITE)
        for x, y in visible_handles(one, view):
            at = view.to_view(x, y)
            painter.drawRect(QRectF(at[0] - half, at[1] - half, 2 * half, 2 * half))

    # -- texts -----------------------------------------------------------------------------------

    def _paint_texts(
        self, painter: QPainter, items: list[Annotation], view: Viewport, ratio: float
    ) -> None:
        room = _MOST_LABELS
        for one in items:
            text = self._text_of(one, view, ratio)
            if text:
                x, y = _label_place(one, view)
                _paint_label(painter, text, x, y, ratio)
                room -= 1
                if not room:
                    return

    def _text_of(self, one: Annotation, view: Viewport, ratio: float) -> str:
        """Name where names are shown; the size of what is selected, and of every line."""
        selected = one.id in self._shown.selected
        left, top, right, bottom = one.geometry.bounds
        extent = max(right - left, bottom - top) / view.downsample / ratio
        parts = []
        if self.names and (one.name or one.class_) and (extent > 20 or one.kind == "point"):
            parts.append(one.title)
        if (selected and len(self._shown.selected) == 1) or (one.kind == "line" and extent > 40):
            parts.append(measure(one.geometry, self.microns_per_pixel).text)
        return " · ".join(part for part in parts if part)


def visible_handles(one: Annotation, view: Viewport) -> Iterable[tuple[float, float]]:
    """Handles in view; none where they would lie on top of each other."""
    points = handles(one)
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


def _to_screen(view: Viewport) -> QTransform:
    """From level-0 points to device pixels."""
    transform = QTransform()
    transform.translate(view.width / 2, view.height / 2)
    transform.rotate(view.rotation)
    transform.scale(1 / view.downsample, 1 / view.downsample)
    transform.translate(-view.centre_x, -view.centre_y)
    return transform


def _cosmetic(colour: QColor, width: float) -> QPen:
    pen = QPen(colour, width)
    pen.setCosmetic(True)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    return pen


def _paint_points(
    painter: QPainter,
    one: Annotation,
    colour: QColor,
    view: Viewport,
    ratio: float,
    *,
    selected: bool,
) -> None:
    radius = (_POINT + (2 if selected else 0)) * ratio * view.downsample
    painter.setPen(_cosmetic(_WHITE, (3 if selected else 1.5) * ratio))
    painter.setBrush(colour)
    for x, y in shapely.get_coordinates(one.geometry).tolist():
        painter.drawEllipse(QPointF(x, y), radius, radius)


def _label_place(one: Annotation, view: Viewport) -> tuple[float, float]:
    """Below the lowest point on screen, device pixels; kept in the window while a part is in view."""
    transform = _to_screen(view)
    points = shapely.get_coordinates(one.geometry)
    x = points[:, 0] * transform.m11() + points[:, 1] * transform.m21() + transform.dx()
    y = points[:, 0] * transform.m12() + points[:, 1] * transform.m22() + transform.dy()
    middle, lowest = float(x.min() + x.max()) / 2, float(y.max())
    return (
        min(max(middle, 0.08 * view.width), 0.92 * view.width),
        min(max(lowest, 0.03 * view.height), 0.95 * view.height),
    )


def _paint_label(painter: QPainter, text: str, x: float, y: float, ratio: float) -> None:
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
    painter.setBrush(_INK)
    painter.drawRoundedRect(plate, gap, gap)
    painter.setPen(_WHITE)
    painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, text)
