"""How the shape of an annotation changes: moved, reshaped by a handle, brushed."""

from __future__ import annotations

import numpy as np
import shapely
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from momkd_core.annotations import Annotation, ellipse_in, rounded


def moved(annotation: Annotation, dx: float, dy: float) -> Annotation:
    """Moved by level-0 pixels; a locked one stays."""
    if annotation.locked or not (dx or dy):
        return annotation
    return annotation.with_geometry(affinity.translate(annotation.geometry, dx, dy))


def handles(annotation: Annotation) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
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
    geometry = annotation.geometry
    if annotation.kind not in ("line", "polygon", "brush") or geometry.geom_type not in (
        "LineString",
        "Polygon",
    ):
        return None
    polygon = isinstance(geometry, shapely.Polygon)
    rings = [geometry.exterior, *geometry.interiors] if polygon else [geometry]  # type: ignore[attr-defined]
    point = shapely.Point(x, y)
    nearest = int(np.argmin([ring.distance(point) for ring in rings]))
    ring = rings[nearest]
    if ring.distance(point) > reach:
        return None
    points = shapely.get_coordinates(ring)
    edges = shapely.linestrings(np.stack([points[:-1], points[1:]], axis=1))
    at = int(np.argmin(shapely.distance(edges, point))) + 1
    lines = [shapely.get_coordinates(one) for one in rings]
    lines[nearest] = np.insert(points, at, (x, y), axis=0)
    shape = shapely.Polygon(lines[0], lines[1:]) if polygon else shapely.LineString(lines[0])
    return annotation.with_geometry(shape)


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
