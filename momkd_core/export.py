"""Result files: ``result.json``, ``patches.csv`` and an overlay that QuPath opens."""

from __future__ import annotations

import csv
import io
import json
import math
import uuid
from pathlib import Path
from typing import Any

from momkd_core.component_names import MEMORIES
from momkd_core.result import Floats, SlideResult
from momkd_core.storage import output_error, write_text

_COLUMNS = (
    "x y size affinity attention positive_component negative_component positive_similarity "
    "negative_similarity tissue_fraction"
).split()

_PLACE = ("x", "y", "size")
#: What :mod:`momkd_core.dicom_maps` can write beside them, as ``<name>.dcm``.
MAPS = ("affinity", "attention")


def write_prediction(result: SlideResult, case_id: str, folder: Path) -> None:
    """Writes the three files of a prediction folder, each atomically. Raises OutputError.

    Maps of an earlier prediction are removed: beside this one they would be taken for its own.
    """
    for name in MAPS:
        stale = folder / f"{name}.dcm"
        try:
            stale.unlink(missing_ok=True)
        except OSError as error:
            raise output_error(stale, error) from error
    write_json(folder / "result.json", result.as_json(case_id))
    write_text(folder / "patches.csv", patches_csv(result))
    write_text(folder / "overlay.geojson", json.dumps(overlay(result)))


def write_json(path: Path, value: Any) -> None:
    """Writes JSON with what is not a finite number as null."""
    write_text(path, to_json(value) + "\n")


def to_json(value: Any) -> str:
    """JSON text; NaN and infinities, which JSON lacks, become null."""
    return json.dumps(_finite(value), indent=2, ensure_ascii=False)


def patches_csv(result: SlideResult) -> str:
    """One line a patch; component columns are empty for the mean of several folds."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in _rows(result):
        writer.writerow(["" if row[name] is None else row[name] for name in _COLUMNS])
    return stream.getvalue()


def overlay(result: SlideResult) -> dict[str, Any]:
    """Patches as a GeoJSON FeatureCollection of QuPath tile objects, in level-0 pixels.

    QuPath starts to count at the corner of the scanned area, where a slide states one.

    QuPath's object format: https://qupath.readthedocs.io/en/stable/docs/advanced/exporting_annotations.html
    """
    offset_x, offset_y = result.bounds_offset
    features = []
    for row in _rows(result):
        x, y, size = row["x"] - offset_x, row["y"] - offset_y, row["size"]
        corners = [[x, y], [x + size, y], [x + size, y + size], [x, y + size], [x, y]]
        measurements = {
            name: value for name, value in row.items() if value is not None and name not in _PLACE
        }
        features.append(
            {
                "type": "Feature",
                # Derived from the place, so that the same prediction gives the same file.
                "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{result.slide_name}:{x}:{y}:{size}")),
                "geometry": {"type": "Polygon", "coordinates": [corners]},
                "properties": {"objectType": "tile", "measurements": measurements},
            }
        )
    return {"type": "FeatureCollection", "features": features}


def _rows(result: SlideResult) -> list[dict[str, Any]]:
    columns: dict[str, list[Any]] = {
        "x": result.coords[:, 0].tolist(),
        "y": result.coords[:, 1].tolist(),
        "size": [result.size_level0] * len(result),
        "affinity": _column(result.affinity, len(result)),
        "attention": _column(result.attention, len(result)),
    }
    empty = [None] * len(result)
    for memory in MEMORIES:
        known = result.match is not None
        columns[f"{memory}_component"] = result.winners(memory).tolist() if known else empty
        columns[f"{memory}_similarity"] = (
            result.best_similarity(memory).tolist() if known else empty
        )
    columns["tissue_fraction"] = _column(result.tissue_fraction, len(result))
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def _column(values: Floats | None, count: int) -> list[Any]:
    """A value a patch; None for each where there is none."""
    return [None] * count if values is None else values.tolist()


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
