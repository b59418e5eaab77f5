"""Layers of lines over the slide: patch grid, tissue contour, corners of patches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF

from momkd_viewer.state.slide_lines import Contour, Floats, PatchEdges, on_screen
from momkd_viewer.state.viewport import Rect, Viewport
from momkd_viewer.widgets.colours import colour

#: Logical pixels below which patches are too small for their grid to be seen.
SMALLEST_CELL = 6
_SMALLEST_CORNERED = 20
_MOST_CORNERED = 600
_MOST_LINES = 8_000
# Drawn on the slide, these are the same in every theme.
_DARK, _LIGHT = colour("ink", 150), colour("handle", 110)
_GRID = colour("grid")
_TISSUE = colour("tissue_edge")
_CORNER = colour("slide_mark")


class PatchGrid:
    """Thin lines around the analysed patches, where they are large enough to be told apart."""

    def __init__(self) -> None:
        self.edges: PatchEdges | None = None
        self.visible = False

    def paint(self, painter: QPainter, view: Viewport, ratio: float) -> None:
        if not self.visible or self.edges is None:
            return
        if self.edges.size / view.downsample < SMALLEST_CELL * ratio:
            return
        lines = self.edges.within(view.visible)
        if len(lines) > _MOST_LINES:
            return
        placed = on_screen(view, lines.reshape(-1, 2)).reshape(-1, 4)
        if view.rotation == 0:
            placed = np.floor(placed + 0.5)
        # An object a line takes ten times as long to make, a translucent pen to draw.
        import pyqtgraph as pg  # with the first grid, not with the window

        path = pg.arrayToQPath(
            placed[:, [0, 2]].ravel(),
            placed[:, [1, 3]].ravel(),
            connect="pairs",
            finiteCheck=False,
        )
        painter.setPen(QPen(_GRID, max(1.0, ratio)))
        painter.drawPath(path)


class TissueContour:
    """The outline of the tissue."""

    def __init__(self) -> None:
        self.contour: Contour | None = None
        self.visible = False

    def paint(self, painter: QPainter, view: Viewport, ratio: float) -> None:
        if not self.visible or self.contour is None:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        pieces = [
            QPolygonF([QPointF(*point) for point in on_screen(view, piece).tolist()])
            for piece in self.contour.within(view.visible, view.downsample)
        ]
        for shade, width in ((_DARK, 3.0), (_TISSUE, 1.5)):
            painter.setPen(QPen(shade, width * ratio))
            for piece in pieces:
                painter.drawPolyline(piece)


class PatchCorners:
    """Corners of patches; some of them are framed and numbered.

    Attributes:
        corners: (N, 2) level-0 corners of all patches; None: nothing is painted.
        size: side of a patch in level-0 pixels.
        chosen: positions of the numbered ones, from 1.
    """

    def __init__(self) -> None:
        self.corners: Floats | None = None
        self.size = 0
        self.chosen: tuple[int, ...] = ()

    def paint(self, painter: QPainter, view: Viewport, ratio: float) -> None:
        if self.corners is None:
            return
        area, size = view.visible, self.size
        if size / view.downsample >= _SMALLEST_CORNERED * ratio:
            near = self.corners[_touching(self.corners, size, area)]
            if len(near) <= _MOST_CORNERED:
                self._paint_ticks(painter, view, ratio, near)
        painter.setPen(QPen(_CORNER, 2 * ratio))
        font = painter.font()
        font.setPointSizeF(font.pointSizeF() * ratio)
        painter.setFont(font)
        for number, patch in enumerate(self.chosen, start=1):
            x, y = self.corners[patch]
            frame = np.array([[x, y], [x + size, y], [x + size, y + size], [x, y + size]])
            placed = on_screen(view, frame)
            painter.drawPolygon(QPolygonF([QPointF(*point) for point in placed.tolist()]))
            self._paint_number(painter, QPointF(*placed[0].tolist()), number, ratio)

    def _paint_ticks(self, painter: QPainter, view: Viewport, ratio: float, near: Floats) -> None:
        size, tick = self.size, self.size / 6
        lines = []
        for dx, dy in ((0, 0), (size, 0), (size, size), (0, size)):
            corner = near + np.array([dx, dy])
            along = corner + np.array([tick if dx == 0 else -tick, 0])
            down = corner + np.array([0, tick if dy == 0 else -tick])
            lines += [np.concatenate([corner, end], axis=1) for end in (along, down)]
        placed = on_screen(view, np.concatenate(lines).reshape(-1, 2)).reshape(-1, 4)
        drawn = [QLineF(*line) for line in placed.tolist()]
        for shade, width in ((_LIGHT, 3.0), (_DARK, 1.0)):
            painter.setPen(QPen(shade, width * ratio))
            painter.drawLines(drawn)

    @staticmethod
    def _paint_number(painter: QPainter, at: QPointF, number: int, ratio: float) -> None:
        place = at + QPointF(3 * ratio, -4 * ratio)
        pen = painter.pen()
        painter.setPen(colour("ink", 200))
        painter.drawText(place + QPointF(ratio, ratio), str(number))
        painter.setPen(_CORNER)
        painter.drawText(place, str(number))
        painter.setPen(pen)


def _touching(corners: Floats, size: int, area: Rect) -> NDArray[np.bool_]:
    """(N,) whether a patch touches an area."""
    x, y = corners.T
    across = (x + size >= area.left) & (x <= area.right)
    touching: NDArray[np.bool_] = across & (y + size >= area.top) & (y <= area.bottom)
    return touching
