"""Annotations painted over the slide: outlines, fills, names, sizes, handles of the selected one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import shapely
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QTransform
from shapely.geometry.base import BaseGeometry

from momkd_viewer.state.annotations import (
    Annotation,
    AnnotationSet,
    Colour,
    measure,
    shown_colour,
)
from momkd_viewer.state.viewport import Rect, Viewport
from momkd_viewer.widgets.annotation_drawing import (
    INK,
    POINT,
    WHITE,
    cosmetic,
    label_place,
    paint_label,
    paint_points,
    path_of,
    to_screen,
    visible_handles,
)
from momkd_viewer.widgets.moving_picture import MovingPicture

_LINE, _CASING, _HANDLE = 2.0, 5.0, 7.0  # logical pixels
_SPECK = 3.0  # smaller on screen than this: a dot
_FILL_ALPHA = 60
_DETAIL = 0.7  # device pixels, at most twice that
_MANY = 150
_MOST_LABELS = 150
_MARKED: Colour = (255, 255, 255)  # of the selected ones where they are many


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

    Where many are in view they are painted into a picture that pans along, with thin lines as long as
    the view zooms.

    Attributes:
        visible, names, filled: what is shown.
        colour: of the draft.
        draft: what is being drawn, or None.
        preview: by id, what takes the place of an annotation while it is dragged.
        microns_per_pixel: along x and y; None: sizes in pixels.
        is_moving: whether the view changed just now.
        is_quick: whether thin lines were painted that a view at rest shows better.
    """

    def __init__(self, shown: AnnotationSet) -> None:
        self._shown = shown
        self.visible = True
        self.names = False
        self.filled = False
        self.colour = INK
        self.draft: Draft | None = None
        self.preview: dict[str, Annotation] = {}
        self.microns_per_pixel: tuple[float, float] | None = None
        self.is_moving: Callable[[], bool] = lambda: False
        self.is_quick = False
        self._paths: dict[str, tuple[Annotation, int, QPainterPath, float]] = {}
        self._picture = MovingPicture()

    def paint(self, painter: QPainter, view: Viewport, ratio: float) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        base = painter.transform()
        if self.visible and (len(self._shown) or self.preview):
            margin = 2 * POINT * ratio * view.downsample
            items = self._within(view.visible, margin)
            self._paint_items(painter, items, view, ratio)
            painter.setTransform(to_screen(view), True)
            many = len(items) > _MANY and len(self._shown.selected) > _MANY
            selected = [] if many else [one for one in items if self._is_selected(one)]
            on_top = [*selected, *self.preview.values()]
            self._refresh_paths(on_top, view)
            for one in on_top:
                self._paint_one(painter, one, view, ratio, selected=True)
            painter.setTransform(base)
            self._paint_texts(painter, [*items, *self.preview.values()], view, ratio)
            self._paint_handles(painter, view, ratio)
        if self.draft is not None:
            painter.setTransform(to_screen(view), True)
            self._paint_draft(painter, self.draft, ratio)
            painter.setTransform(base)
            if self.draft.label:
                x, y = view.to_view(*self.draft.at)
                paint_label(painter, self.draft.label, x + 14 * ratio, y + 14 * ratio, ratio)

    # -- shapes ----------------------------------------------------------------------------------

    def _within(self, area: Rect, margin: float) -> list[Annotation]:
        """What is in view and not dragged."""
        found = self._shown.within(
            area.left - margin, area.top - margin, area.right + margin, area.bottom + margin
        )
        return [one for one in found if one.id not in self.preview] if self.preview else found

    def _paint_items(
        self, painter: QPainter, items: list[Annotation], view: Viewport, ratio: float
    ) -> None:
        if len(items) <= _MANY:
            self._picture.forget()
            self._refresh_paths(items, view)
            painter.save()
            painter.setTransform(to_screen(view), True)
            for one in items:
                self._paint_one(painter, one, view, ratio, selected=False)
            painter.restore()
            return
        if self.is_quick and not self.is_moving():
            self._picture.forget()
        quick = self.is_moving()

        def paint(onto: QPainter, area: Rect) -> None:
            margin = 2 * POINT * ratio * view.downsample
            self._paint_crowd(onto, self._within(area, margin), view, ratio, quick=quick)

        marked = self._shown.selected if len(self._shown.selected) > _MANY else None
        content = (self._shown.items, self.filled, frozenset(self.preview), marked)
        picture, whole = self._picture.of(view, content, paint)
        if whole:
            self.is_quick = quick
        painter.drawImage(0, 0, picture)

    def _paint_crowd(
        self,
        painter: QPainter,
        items: list[Annotation],
        view: Viewport,
        ratio: float,
        *,
        quick: bool,
    ) -> None:
        """Many at once, by colour, in lines of one pixel: a wide one takes six times as long."""
        self._refresh_paths(items, view)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        many = len(self._shown.selected) > _MANY
        shapes: dict[tuple[Colour, bool], list[QPainterPath]] = {}
        specks: dict[Colour, list[QPointF]] = {}
        for one in items:
            path, extent = self._paths[one.id][2:]
            if one.kind == "point":
                painter.setTransform(to_screen(view))
                paint_points(painter, one, QColor(*shown_colour(one)), view, ratio, selected=False)
            elif extent < _SPECK * ratio * view.downsample:
                specks.setdefault(shown_colour(one), []).append(path.controlPointRect().center())
            else:
                colour = _MARKED if many and self._is_selected(one) else shown_colour(one)
                key = (colour, one.is_area)
                shapes.setdefault(key, []).append(path)
        # Thin lines side by side look like one wide one.
        lines = 1 if quick else 1 + round(ratio)
        for line in range(lines):
            by = 0.7 * (line - (lines - 1) / 2)
            painter.setTransform(to_screen(view) * QTransform.fromTranslate(by, by))
            for (colour, area), paths in shapes.items():
                painter.setPen(cosmetic(QColor(*colour), 1.0))
                fill = self.filled and area and line == 0
                painter.setBrush(QColor(*colour, _FILL_ALPHA) if fill else Qt.BrushStyle.NoBrush)
                for path in paths:
                    painter.drawPath(path)
        for colour, points in specks.items():
            painter.setPen(cosmetic(QColor(*colour), _SPECK * ratio))
            painter.drawPoints(points)

    def _is_selected(self, one: Annotation) -> bool:
        return one.id in self._shown.selected

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
            shapes = shapely.simplify(shapes, _DETAIL * 2**step, preserve_topology=True)
        for one, shape in zip(missing, shapes, strict=True):
            path = path_of(shape)
            box = path.controlPointRect()
            self._paths[one.id] = (one, step, path, max(box.width(), box.height()))
        if len(self._paths) > 2 * len(self._shown) + 64:  # of annotations that are gone
            alive = {one.id for one in self._shown.items}
            self._paths = {key: value for key, value in self._paths.items() if key in alive}

    def _paint_one(
        self, painter: QPainter, one: Annotation, view: Viewport, ratio: float, *, selected: bool
    ) -> None:
        """Paints a shape in level-0 pixels."""
        colour = QColor(*shown_colour(one))
        if one.kind == "point":
            paint_points(painter, one, colour, view, ratio, selected=selected)
            return
        path = self._paths[one.id][2]
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if selected:
            painter.setPen(cosmetic(WHITE, _CASING * ratio))
            painter.drawPath(path)
        elif self.filled and one.is_area:
            painter.setBrush(QColor(colour.red(), colour.green(), colour.blue(), _FILL_ALPHA))
        painter.setPen(cosmetic(colour, _LINE * ratio))
        painter.drawPath(path)

    def _paint_draft(self, painter: QPainter, draft: Draft, ratio: float) -> None:
        if draft.geometry is not None:
            painter.setBrush(
                QColor(self.colour.red(), self.colour.green(), self.colour.blue(), _FILL_ALPHA)
                if "Polygon" in draft.geometry.geom_type
                else Qt.BrushStyle.NoBrush
            )
            path = path_of(draft.geometry)
            painter.setPen(cosmetic(WHITE, _CASING * ratio))
            painter.strokePath(path, painter.pen())
            painter.setPen(cosmetic(self.colour, _LINE * ratio))
            painter.drawPath(path)
        if draft.ring:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            for colour, width in ((WHITE, 3.0), (self.colour, 1.2)):
                painter.setPen(cosmetic(colour, width * ratio))
                painter.drawEllipse(QPointF(*draft.at), draft.ring, draft.ring)

    def _paint_handles(self, painter: QPainter, view: Viewport, ratio: float) -> None:
        one = self._shown.only
        if one is None or one.locked or one.kind == "point":
            return
        one = self.preview.get(one.id, one)
        half = _HANDLE * ratio / 2
        painter.setPen(QPen(INK, ratio))
        painter.setBrush(WHITE)
        for x, y in visible_handles(one, view, ratio):
            at = view.to_view(x, y)
            painter.drawRect(QRectF(at[0] - half, at[1] - half, 2 * half, 2 * half))

    # -- texts -----------------------------------------------------------------------------------

    def _paint_texts(
        self, painter: QPainter, items: list[Annotation], view: Viewport, ratio: float
    ) -> None:
        room, names = _MOST_LABELS, self.names
        alone = len(self._shown.selected) == 1
        for one in items:
            if not (names or one.kind == "line" or (alone and self._is_selected(one))):
                continue
            text = self._text_of(one, view, ratio)
            if text:
                x, y = label_place(one, view)
                paint_label(painter, text, x, y, ratio)
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
