"""How the shape of an annotation changes: moved, reshaped by a handle, brushed."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from momkd_core.annotations import Annotation, ellipse_in, rounded

Points = NDArray[np.float64]
_APART = 14.0  # logical pixels between two handles


def moved(annotation: Annotation, dx: float, dy: float) -> Annotation:
    """Moved by level-0 pixels; a locked one stays."""
    if annotation.locked or not (dx or dy):
        return annotation
    return annotation.with_geometry(affinity.translate(annotation.geometry, dx, dy))


def handles(annotation: Annotation) -> Points:
    """(N, 2) level-0 points by which an annotation is reshaped.

    Of a rectangle or an ellipse: corners and middles of its box, clockwise from the top left.
    """
    if annotation.kind in ("rectangle", "ellipse"):
        left, top, right, bottom = annotation.geometry.bounds
        x, y = (left + right) / 2, (top + bottom) / 2
        return np.array(
            [
                (left, top), (x, top), (right, top), (right, y),
                (right, bottom), (x, bottom), (left, bottom), (left, y),
            ]
        )  # fmt: skip
    return shapely.get_coordinates(annotation.geometry)


def handles_apart(annotation: Annotation, reach: float) -> Points:
    """Handles as far as a hand can tell them apart; (0, 2) where they are too dense.

    Args:
        reach: level-0 pixels per logical pixel.
    """
    points = handles(annotation)
    dense = len(points) > 8 and annotation.geometry.length < _APART * reach * len(points)
    return points[:0] if dense else points


def reshaped(annotation: Annotation, handle: int, x: float, y: float) -> Annotation:
    """With one handle moved to a level-0 point; a shape that would enclose nothing stays as it was."""
    if annotation.kind in ("rectangle", "ellipse"):
        return _box_reshaped(annotation, handle, x, y)
    points = shapely.get_coordinates(annotation.geometry)
    was = points[handle]
    # The last point of a ring is its first.
    together = (
        (points == was).all(axis=1) if annotation.is_area else np.arange(len(points)) == handle
    )
    points = np.where(together[:, None], (x, y), points)
    shape = shapely.transform(annotation.geometry, lambda _: points)
    if annotation.is_area and shape.is_valid is False:
        return annotation
    return annotation.with_geometry(shape)


def _box_reshaped(annotation: Annotation, handle: int, x: float, y: float) -> Annotation:
    left, top, right, bottom = annotation.geometry.bounds
    if handle in (0, 6, 7):
        left = x
    elif handle in (2, 3, 4):
        right = x
    if handle in (0, 1, 2):
        top = y
    elif handle in (4, 5, 6):
        bottom = y
    left, right, top, bottom = (
        min(left, right),
        max(left, right),
        min(top, bottom),
        max(top, bottom),
    )
    if right - left < 1 or bottom - top < 1:
        return annotation
    if annotation.kind == "ellipse":
        return annotation.with_geometry(ellipse_in(left, top, right, bottom))
    return annotation.with_geometry(shapely.box(left, top, right, bottom))


def with_vertex(annotation: Annotation, x: float, y: float, reach: float) -> Annotation | None:
    """A vertex more, on the edge nearest to a level-0 point; None where none is within reach."""
    lines = _lines(annotation)
    point = shapely.Point(x, y)
    distances = [shapely.LineString(line).distance(point) for line in lines]
    if not distances or min(distances) > reach:
        return None
    nearest = int(np.argmin(distances))
    line = lines[nearest]
    edges = shapely.linestrings(np.stack([line[:-1], line[1:]], axis=1))
    after = int(np.argmin(shapely.distance(edges, point))) + 1
    lines[nearest] = np.insert(line, after, (x, y), axis=0)
    return _of_lines(annotation, lines)


def without_vertex(annotation: Annotation, handle: int) -> Annotation | None:
    """A vertex fewer; None where too few would be left."""
    gone = shapely.get_coordinates(annotation.geometry)[handle]
    lines = []
    for line in _lines(annotation):
        kept = line[~(line == gone).all(axis=1)]
        if annotation.is_area and len(kept) and (kept[0] != kept[-1]).any():
            kept = np.concatenate([kept, kept[:1]])  # its first and last point was the one
        lines.append(kept)
    fewest = 4 if annotation.is_area else 2
    if not lines or any(len(line) < fewest for line in lines):
        return None
    return _of_lines(annotation, lines)


def _lines(annotation: Annotation) -> list[Points]:
    """The lines whose vertices can be added and removed: of a line or of one polygon's rings."""
    geometry = annotation.geometry
    if annotation.kind in ("rectangle", "ellipse"):
        return []
    if isinstance(geometry, shapely.Polygon):
        rings = [geometry.exterior, *geometry.interiors]
        return [shapely.get_coordinates(ring) for ring in rings]
    return [shapely.get_coordinates(geometry)] if isinstance(geometry, shapely.LineString) else []


def _of_lines(annotation: Annotation, lines: list[Points]) -> Annotation | None:
    if not annotation.is_area:
        return annotation.with_geometry(shapely.LineString(lines[0]))
    shape = shapely.Polygon(lines[0], lines[1:])
    return annotation.with_geometry(shape) if shape.is_valid else None


def brushed(
    base: BaseGeometry | None, stroke: BaseGeometry, *, subtract: bool
) -> BaseGeometry | None:
    """An area with a stroke added or taken away; None where nothing is left."""
    if base is None:
        return None if subtract else stroke
    if not base.is_valid:
        base = shapely.make_valid(base)
    return base.difference(stroke) if subtract else base.union(stroke)


def stroke_of(points: list[tuple[float, float]], radius: float) -> BaseGeometry:
    """What a round brush paints along level-0 points."""
    path = shapely.LineString(points) if len(points) > 1 else shapely.Point(points[0])
    return rounded(path.buffer(radius, quad_segs=8))
