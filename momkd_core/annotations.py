"""What a reader draws on a slide: shapes in level-0 pixels with a name and a class.

Shapes are shapely geometries, which never change; a changed annotation is another object.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

Kind = Literal["point", "line", "rectangle", "ellipse", "polygon", "brush"]
Colour = tuple[int, int, int]

AREA_KINDS: frozenset[Kind] = frozenset({"rectangle", "ellipse", "polygon", "brush"})
_ELLIPSE_POINTS = 128  # divisible by four: its box is that of the ellipse
_DECIMALS = 2  # of a level-0 pixel; what QuPath writes, so that a file gives back what was drawn


@dataclass(frozen=True)
class AnnotationClass:
    """What an annotation is of; ``colour`` as red, green, blue from 0 to 255."""

    name: str
    colour: Colour


#: Saturated, and told apart with the common colour blindnesses by lightness as well.
DEFAULT_CLASSES = (
    AnnotationClass("Tumour", (214, 20, 40)),
    AnnotationClass("In-situ", (255, 140, 0)),
    AnnotationClass("Stroma", (26, 140, 60)),
    AnnotationClass("Lymphocytes", (30, 80, 230)),
    AnnotationClass("Necrosis", (110, 70, 30)),
    AnnotationClass("Normal", (0, 160, 170)),
    AnnotationClass("Ignore", (130, 130, 130)),
)


@dataclass(frozen=True)
class Annotation:
    """One annotation.

    Attributes:
        geometry: level-0 pixels: points, lines or polygons, as the kind says.
        class_: None: not classified.
        colour: its own, where it has one; the class's colour is shown otherwise.
        note: free text.
        locked: it is neither moved, changed nor deleted.
        id: a UUID, kept in files.
        foreign: what a file said of it beyond this (measurements of other programs), kept as it was.
    """

    kind: Kind
    geometry: BaseGeometry
    name: str = ""
    class_: AnnotationClass | None = None
    note: str = ""
    locked: bool = False
    colour: Colour | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    foreign: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def is_area(self) -> bool:
        return self.kind in AREA_KINDS

    @property
    def title(self) -> str:
        """How it is called: its name, its class, or its kind."""
        return self.name or (self.class_.name if self.class_ else self.kind.capitalize())

    def with_geometry(self, geometry: BaseGeometry) -> Annotation:
        """The same annotation with another shape of its kind."""
        return replace(self, geometry=rounded(geometry))


@dataclass(frozen=True)
class Measurement:
    """Sizes of an annotation, None where its kind has none.

    Attributes:
        length: of a line, or around an area; µm, or level-0 pixels.
        area: µm² or level-0 pixels².
        metric: whether in µm.
    """

    length: float | None
    area: float | None
    metric: bool

    @property
    def text(self) -> str:
        """The size that matters for the kind, with its unit; '' for points."""
        if self.area is not None:
            return area_text(self.area, self.metric)
        return "" if self.length is None else length_text(self.length, self.metric)


def measure(
    geometry: BaseGeometry, microns_per_pixel: tuple[float, float] | None = None
) -> Measurement:
    """Length and area of a shape; in µm where the resolution along x and y is known."""
    if not geometry.is_valid:  # of a foreign file: what an outline encloses counts once
        geometry = shapely.make_valid(geometry)
    if microns_per_pixel is not None:
        geometry = shapely.transform(geometry, lambda points: points * microns_per_pixel)
    flat = geometry.geom_type
    area = geometry.area if "Polygon" in flat else None
    length = None if "Point" in flat else geometry.length
    return Measurement(length, area, microns_per_pixel is not None)


def length_text(length: float, metric: bool) -> str:
    """``12.3 µm``, ``1,234 µm`` or ``345 px``."""
    if not metric:
        return f"{length:,.0f} px"
    return f"{length:.1f} µm" if length < 100 else f"{length:,.0f} µm"


def area_text(area: float, metric: bool) -> str:
    """``0.53 mm²``, ``812 µm²`` where that would be nought, or ``345 px²``."""
    if not metric:
        return f"{area:,.0f} px²"
    if area < 1e4:
        return f"{area:,.0f} µm²"
    return f"{area / 1e6:.3f} mm²" if area < 1e6 else f"{area / 1e6:,.2f} mm²"


def rounded(geometry: BaseGeometry) -> BaseGeometry:
    """On hundredths of a level-0 pixel, as it is written: a file gives back the same shape."""
    return shapely.transform(geometry, lambda points: np.round(points, _DECIMALS))


def sound_area(geometry: BaseGeometry, *, smallest: float = 0.0) -> BaseGeometry | None:
    """A shape as a valid area: an outline that crosses itself becomes the parts that it encloses.

    Args:
        smallest: level-0 pixels²; smaller parts are dropped.

    Returns:
        A Polygon or a MultiPolygon; None where nothing encloses an area.
    """
    whole = rounded(geometry)
    if not whole.is_valid:
        whole = shapely.make_valid(whole)
    parts = [
        part
        for part in shapely.get_parts(shapely.get_parts(whole)).tolist()
        if part.geom_type == "Polygon" and part.area > smallest
    ]
    if not parts:
        return None
    return MultiPolygon(parts) if len(parts) > 1 else Polygon(parts[0])


def ellipse_in(left: float, top: float, right: float, bottom: float) -> BaseGeometry:
    """The ellipse that touches the sides of a box, as a polygon with the same box."""
    # Rounded first: the box of the polygon gives the same polygon again.
    left, top, right, bottom = (round(side, _DECIMALS) for side in (left, top, right, bottom))
    angle = np.linspace(0.0, 2.0 * np.pi, _ELLIPSE_POINTS, endpoint=False)
    x = (left + right) / 2 + (right - left) / 2 * np.cos(angle)
    y = (top + bottom) / 2 + (bottom - top) / 2 * np.sin(angle)
    return rounded(Polygon(np.column_stack([x, y])))


def kind_of(geometry: BaseGeometry, stated: str | None = None) -> Kind | None:
    """The kind of a shape from a file; None where it is none that can be drawn.

    Args:
        stated: what the file says, believed where the shape allows it.
    """
    form = geometry.geom_type.removeprefix("Multi")
    if form == "Point":
        return "point"
    if form in ("LineString", "LinearRing"):
        return "line"
    if form != "Polygon":
        return None
    if stated == "ellipse" and _like(geometry, ellipse_in(*geometry.bounds)):
        return "ellipse"
    if isinstance(geometry, Polygon) and len(geometry.exterior.coords) == 5:
        box = shapely.box(*geometry.bounds)
        if box.area > 0 and geometry.equals(box):
            return "rectangle"
    brushed = stated == "brush" or geometry.geom_type == "MultiPolygon"
    return "brush" if brushed else "polygon"


def _like(first: BaseGeometry, second: BaseGeometry) -> bool:
    """Whether two areas cover the same to 2 %."""
    if not first.is_valid:
        return False
    apart = float(first.symmetric_difference(second).area)
    return apart <= 0.02 * max(first.area, 1e-9)


def union_of_areas(annotations: Iterable[Annotation]) -> BaseGeometry | None:
    """All that area annotations cover together; None where there is none."""
    areas = [annotation.geometry for annotation in annotations if annotation.is_area]
    if not areas:
        return None
    return areas[0] if len(areas) == 1 else shapely.union_all(shapely.make_valid(areas))
