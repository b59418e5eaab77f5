"""Annotations as GeoJSON that QuPath opens, and what QuPath writes read back.

QuPath's object format: https://qupath.readthedocs.io/en/stable/docs/advanced/exporting_annotations.html
Its pixels count from the corner of the scanned area, where a slide states one. What it has no word for
here (detections, tiles) is kept as it was.
"""

from __future__ import annotations

import json
import math
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely
from shapely import affinity
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

from momkd_core.annotations import (
    Annotation,
    AnnotationClass,
    Colour,
    ellipse_in,
    kind_of,
    measure,
    rounded,
)
from momkd_core.errors import AnnotationError
from momkd_core.storage import atomic_path, write_text

Offset = tuple[int, int]

_NOTE, _KIND = (
    "ANNOTATION_DESCRIPTION",
    "momkd.kind",
)  # keys of QuPath's metadata; the first its own
_LEGACY = "PathAnnotationObject"  # QuPath 0.2 wrote the type of object as its id
_OTHER_OBJECTS = ("detection", "tile", "cell", "tmaCore", "root")
_CURE = "Export it again from QuPath as GeoJSON (File, Export objects), or repair that row"
_NO_CLASS: Colour = (128, 128, 128)


@dataclass(frozen=True)
class AnnotationFile:
    """What a file holds.

    Attributes:
        others: features that are no annotations, as they were.
    """

    annotations: tuple[Annotation, ...] = ()
    others: tuple[Mapping[str, Any], ...] = ()


# -- writing -------------------------------------------------------------------------------------


def write_annotations(
    path: Path,
    content: AnnotationFile,
    *,
    offset: Offset = (0, 0),
    microns_per_pixel: tuple[float, float] | None = None,
    backup: Path | None = None,
) -> None:
    """Writes a FeatureCollection atomically, one feature a line.

    Args:
        offset: level-0 corner that QuPath takes as its origin.
        microns_per_pixel: along x and y, for the measurements.
        backup: where the file that is there is kept.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
    """
    text = annotations_text(features_of(content, offset, microns_per_pixel))
    if backup is not None and path.exists():
        with atomic_path(backup) as temporary:
            shutil.copyfile(path, temporary)
    write_text(path, text)


def features_of(
    content: AnnotationFile, offset: Offset, microns_per_pixel: tuple[float, float] | None
) -> list[dict[str, Any]]:
    """The features of a file; arguments as for :func:`write_annotations`."""
    rows = [_feature(one, offset, microns_per_pixel) for one in content.annotations]
    return rows + [dict(other) for other in content.others]


def annotations_text(features: list[dict[str, Any]]) -> str:
    """A FeatureCollection, one feature a line."""
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in features)
    return f'{{"type": "FeatureCollection", "features": [\n{lines}\n]}}\n'


def _feature(
    annotation: Annotation, offset: Offset, microns_per_pixel: tuple[float, float] | None
) -> dict[str, Any]:
    geometry = dict(mapping(rounded(_shifted(annotation.geometry, -offset[0], -offset[1]))))
    if annotation.kind == "ellipse":
        geometry["isEllipse"] = True
    properties: dict[str, Any] = dict(annotation.foreign)
    properties["objectType"] = "annotation"
    if annotation.name:
        properties["name"] = annotation.name
    if annotation.colour is not None:
        properties["color"] = list(annotation.colour)
    if annotation.class_ is not None:
        properties["classification"] = {
            "name": annotation.class_.name,
            "color": list(annotation.class_.colour),
        }
    if annotation.locked:
        properties["isLocked"] = True
    measurements = {
        **properties.get("measurements", {}),
        **_measurements(annotation, microns_per_pixel),
    }
    if measurements:
        properties["measurements"] = measurements
    metadata = dict(properties.get("metadata", {}))
    metadata |= {_NOTE: annotation.note} if annotation.note else {}
    metadata |= {_KIND: "brush"} if annotation.kind == "brush" else {}
    if metadata:
        properties["metadata"] = metadata
    return {"type": "Feature", "id": annotation.id, "geometry": geometry, "properties": properties}


def _measurements(
    annotation: Annotation, microns_per_pixel: tuple[float, float] | None
) -> dict[str, float]:
    """With the names that QuPath gives them."""
    size = measure(annotation.geometry, microns_per_pixel)
    unit, found = ("µm" if size.metric else "px"), {}
    if size.area is not None:
        found[f"Area {unit}^2"] = round(size.area, 4)
    if size.length is not None:
        found[f"{'Length' if size.area is None else 'Perimeter'} {unit}"] = round(size.length, 4)
    return found


def _shifted(geometry: BaseGeometry, dx: float, dy: float) -> BaseGeometry:
    return affinity.translate(geometry, dx, dy) if dx or dy else geometry


# -- reading -------------------------------------------------------------------------------------


def read_annotations(path: Path, *, offset: Offset = (0, 0)) -> AnnotationFile:
    """Reads a FeatureCollection, a list of features or a single one.

    Args:
        offset: level-0 corner that QuPath takes as its origin.

    Raises:
        AnnotationError: the file cannot be read, or a row is no annotation; names the row.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AnnotationError(
            f"{path} cannot be read ({error.strerror or error})", "Check the path and permissions"
        ) from error
    return parse_annotations(content, path.name, offset=offset)


def parse_annotations(content: bytes, name: str, *, offset: Offset = (0, 0)) -> AnnotationFile:
    """The same from a file's content; ``name`` is what errors call it."""
    annotations: list[Annotation] = []
    others: list[Mapping[str, Any]] = []
    seen: set[str] = set()
    for row, feature in enumerate(_features(content, name), start=1):
        where = f"{name}, row {row}"
        if not isinstance(feature, dict):
            raise AnnotationError(f"{where}: is not an object", _CURE)
        properties = feature.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        stated = properties.get("objectType", properties.get("object_type", "annotation"))
        if stated in _OTHER_OBJECTS:
            others.append(feature)
            continue
        annotation = _annotation(where, feature, properties, offset, seen)
        seen.add(annotation.id)
        annotations.append(annotation)
    return AnnotationFile(tuple(annotations), tuple(others))


def _features(content: bytes, name: str) -> list[Any]:
    try:
        found = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise AnnotationError(f"{name} is no GeoJSON ({error})", _CURE) from error
    if isinstance(found, dict) and isinstance(found.get("features"), list):
        return list(found["features"])
    if isinstance(found, list):
        return found
    if isinstance(found, dict) and found.get("type") == "Feature":
        return [found]
    raise AnnotationError(f"{name} holds neither a FeatureCollection nor a list of features", _CURE)


def _annotation(
    where: str, feature: dict[str, Any], properties: dict[str, Any], offset: Offset, seen: set[str]
) -> Annotation:
    metadata = properties.get("metadata")
    metadata = dict(metadata) if isinstance(metadata, dict) else {}
    geometry = _geometry(where, feature.get("geometry"))
    ellipse = feature["geometry"].get("isEllipse") is True
    kind = kind_of(geometry, "ellipse" if ellipse else metadata.pop(_KIND, None))
    if kind is None:
        raise AnnotationError(f"{where}: a {geometry.geom_type} cannot be drawn", _CURE)
    geometry = _shifted(geometry, *offset)
    if kind == "ellipse":
        geometry = ellipse_in(*geometry.bounds)
    note = metadata.pop(_NOTE, "")
    identity = feature.get("id")
    known = isinstance(identity, str) and identity not in (_LEGACY, "", *seen)
    own = (
        "objectType object_type name color classification isLocked metadata".split()
    )  # the rest is kept as it is
    foreign = {key: value for key, value in properties.items() if key not in own}
    if not isinstance(foreign.get("measurements", {}), dict):
        foreign["measurements"] = _measurement_table(foreign["measurements"])
    if metadata:
        foreign["metadata"] = metadata
    return Annotation(
        kind,
        rounded(geometry),
        name=str(properties.get("name") or ""),
        class_=_class(where, properties.get("classification")),
        note=str(note),
        locked=properties.get("isLocked") is True,
        colour=_colour(where, properties.get("color")),
        id=str(identity) if known else str(uuid.uuid4()),
        foreign=foreign,
    )


def _measurement_table(rows: Any) -> dict[str, Any]:
    """Of QuPath before 0.4: a list of names and values."""
    if not isinstance(rows, list):
        return {}
    pairs = [row for row in rows if isinstance(row, dict) and "name" in row]
    return {str(row["name"]): row.get("value") for row in pairs}


def _geometry(where: str, value: Any) -> BaseGeometry:
    if not isinstance(value, dict):
        raise AnnotationError(f"{where}: has no geometry", _CURE)
    try:
        geometry = shapely.force_2d(shape(value))
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        shapely.GEOSException,
    ) as error:
        raise AnnotationError(
            f"{where}: its {value.get('type', 'geometry')} cannot be read ({error})", _CURE
        ) from error
    if geometry.is_empty:
        raise AnnotationError(f"{where}: its geometry is empty", _CURE)
    points = shapely.get_coordinates(geometry)
    if not (abs(points) < 2**31).all():  # NaN is not smaller either
        raise AnnotationError(f"{where}: has coordinates that are no level-0 pixels", _CURE)
    return geometry


def _class(where: str, value: Any) -> AnnotationClass | None:
    """``{name, color}``; ``names`` and ``colorRGB`` of other versions; or the name alone."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return AnnotationClass(value, _NO_CLASS)
    if not isinstance(value, dict):
        raise AnnotationError(f"{where}: its classification is neither a name nor an object", _CURE)
    names = value.get("names")
    name = ": ".join(map(str, names)) if isinstance(names, list) else value.get("name")
    if not name:
        return None
    colour = _colour(where, value.get("color", value.get("colorRGB")))
    return AnnotationClass(str(name), colour or _NO_CLASS)


def _colour(where: str, value: Any) -> Colour | None:
    """``[r, g, b]``, or the packed (and signed) number of older versions."""
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return (value >> 16) & 255, (value >> 8) & 255, value & 255
    if isinstance(value, list) and len(value) >= 3:
        parts = value[:3]
        if all(isinstance(p, int | float) and math.isfinite(p) and 0 <= p <= 255 for p in parts):
            return int(parts[0]), int(parts[1]), int(parts[2])
    raise AnnotationError(f"{where}: {value!r} is no colour", "Write it as [red, green, blue]")
