"""Lines over the slide, prepared so that painting a view takes no longer than what it shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from momkd_viewer.state.viewport import Rect, Viewport

Floats = NDArray[np.float64]

_CHUNK = 128  # points of a contour that are culled together
#: How far a contour may be simplified, in pixels of the mask; each level is drawn from far enough.
_TOLERANCES = (0.5, 2.0, 8.0)
_SIMPLER_BELOW = 0.6  # device pixels that a simplified contour may be off


@dataclass(frozen=True)
class PatchEdges:
    """The outlines of patches as few long lines: neighbours share an edge, a row is one line.

    Attributes:
        lines: (M, 4) x1, y1, x2, y2 in level-0 pixels, x1 <= x2 and y1 <= y2.
        size: side of a patch in level-0 pixels.
    """

    lines: Floats
    size: int

    @classmethod
    def of(cls, coords: NDArray[np.int64], size: int) -> PatchEdges:
        """For patches with corners (N, 2)."""
        parts = []
        for along, across in ((0, 1), (1, 0)):
            start = np.concatenate([coords[:, along], coords[:, along]])
            at = np.concatenate([coords[:, across], coords[:, across] + size])
            merged = _merged(start, at, size)
            ends = np.empty((len(merged), 4))
            ends[:, along], ends[:, 2 + along] = merged[:, 0], merged[:, 1]
            ends[:, across] = ends[:, 2 + across] = merged[:, 2]
            parts.append(ends)
        return cls(np.concatenate(parts), size)

    def within(self, area: Rect) -> Floats:
        """Lines that touch an area, cut to it as far as it matters: (K, 4)."""
        x1, y1, x2, y2 = self.lines.T
        touching = (x2 >= area.left) & (x1 <= area.right) & (y2 >= area.top) & (y1 <= area.bottom)
        lines: Floats = self.lines[touching]
        for low, column in ((area.left, 0), (area.top, 1)):
            lines[:, [column, column + 2]] = np.clip(
                lines[:, [column, column + 2]],
                low,
                area.right if column == 0 else area.bottom,
            )
        return lines


def _merged(start: NDArray[np.int64], at: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """(K, 3) from, to, place across: edges on one line that touch or overlap are one."""
    order = np.lexsort((start, at))
    start, at = start[order], at[order]
    new = np.r_[True, (np.diff(at) != 0) | (np.diff(start) > size)]
    first = np.flatnonzero(new)
    last = np.r_[first[1:], len(start)] - 1
    return np.stack([start[first], start[last] + size, at[first]], axis=1)


@dataclass(frozen=True)
class Contour:
    """The outline of a mask in pieces, at several degrees of detail.

    Attributes:
        levels: (tolerance in level-0 pixels, pieces), finest first; a piece is (K, 2) level-0 points.
        boxes: of each level, (pieces, 4) left, top, right, bottom.
    """

    levels: tuple[tuple[float, tuple[Floats, ...]], ...]
    boxes: tuple[Floats, ...]

    @classmethod
    def of(cls, mask: NDArray[np.bool_], scale_x: float, scale_y: float) -> Contour:
        """For a mask whose pixels measure ``scale_x`` x ``scale_y`` level-0 pixels."""
        # Imported here: it takes a second, and contours are drawn on demand.
        from skimage.measure import approximate_polygon, find_contours

        padded = np.pad(mask, 1).astype(np.float32)  # closes outlines at the slide's border
        outlines = find_contours(padded, 0.5)
        levels, boxes = [], []
        for tolerance in _TOLERANCES:
            pieces: list[Floats] = []
            for outline in outlines:
                simple = approximate_polygon(outline, tolerance)
                if len(simple) < 4 and tolerance > _TOLERANCES[0]:
                    continue  # a speck, seen from afar
                points = (simple[:, ::-1] - 0.5) * (scale_x, scale_y)
                pieces += [
                    points[first : first + _CHUNK + 1]
                    for first in range(0, len(points) - 1, _CHUNK)
                ]
            levels.append((tolerance * max(scale_x, scale_y), tuple(pieces)))
            boxes.append(
                np.array([[*piece.min(axis=0), *piece.max(axis=0)] for piece in pieces]).reshape(
                    -1, 4
                )
            )
        return cls(tuple(levels), tuple(boxes))

    def within(self, area: Rect, downsample: float) -> list[Floats]:
        """Pieces that touch an area, as simple as a view of ``downsample`` allows."""
        level = 0
        for position, (tolerance, _) in enumerate(self.levels):
            if tolerance <= _SIMPLER_BELOW * downsample:
                level = position
        left, top, right, bottom = self.boxes[level].T
        touching = (
            (right >= area.left)
            & (left <= area.right)
            & (bottom >= area.top)
            & (top <= area.bottom)
        )
        pieces = self.levels[level][1]
        return [pieces[at] for at in np.flatnonzero(touching)]


def on_screen(view: Viewport, points: Floats) -> Floats:
    """Level-0 points (..., 2) as device pixels."""
    origin = np.array(view.to_view(0.0, 0.0))
    right = np.array(view.to_view(1.0, 0.0)) - origin
    down = np.array(view.to_view(0.0, 1.0)) - origin
    placed: Floats = origin + points[..., :1] * right + points[..., 1:] * down
    return placed
