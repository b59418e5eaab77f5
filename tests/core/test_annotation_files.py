"""Annotation files: what QuPath opens, what it writes, and the patches inside an area."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import shapely

from momkd_core import load_model, predict, read_features
from momkd_core.annotation_files import AnnotationFile, read_annotations, write_annotations
from momkd_core.annotations import (
    DEFAULT_CLASSES,
    Annotation,
    ellipse_in,
    measure,
    sound_area,
)
from momkd_core.cli.main import main
from momkd_core.errors import AnnotationError, TissueError
from momkd_core.region import Region, read_region

RING = shapely.box(0, 0, 900, 900).difference(shapely.box(300, 300, 600, 600))


def one_of_each() -> tuple[Annotation, ...]:
    return (
        Annotation("point", shapely.Point(100.5, 200.25), name="mitosis"),
        Annotation("line", shapely.LineString([(0, 0), (300, 400)])),
        Annotation("rectangle", shapely.box(10, 20, 410, 320), class_=DEFAULT_CLASSES[0]),
        Annotation("ellipse", ellipse_in(100, 100, 500.5, 300), locked=True),
        Annotation("polygon", shapely.Polygon([(0, 0), (50.13, 0), (60, 70)]), note="unsure"),
        Annotation("brush", RING, class_=DEFAULT_CLASSES[2], foreign={"measurements": {"x": 1.0}}),
        Annotation(
            "brush", shapely.multipolygons([shapely.box(0, 0, 9, 9), shapely.box(20, 0, 29, 9)])
        ),
    )


def test_everything_comes_back_from_a_file(tmp_path: Path) -> None:
    path, tile = tmp_path / "a.geojson", {"type": "Feature", "properties": {"objectType": "tile"}}
    written = AnnotationFile(one_of_each(), (tile,))
    write_annotations(path, written, offset=(1000, 2000), microns_per_pixel=(0.5, 0.5))
    assert read_annotations(path, offset=(1000, 2000)).annotations == written.annotations
    assert read_annotations(path).others == (tile,)
    features = json.loads(path.read_text())["features"]
    box = features[2]
    assert box["geometry"]["coordinates"][0][0] == [410 - 1000, 20 - 2000]
    assert box["properties"]["classification"] == {"name": "Tumour", "color": [214, 20, 40]}
    assert box["properties"]["objectType"] == "annotation"
    assert box["properties"]["measurements"]["Area µm^2"] == pytest.approx(400 * 300 / 4)
    assert features[1]["properties"]["measurements"] == {"Length µm": 250.0}
    assert features[3]["geometry"]["isEllipse"] and features[3]["properties"]["isLocked"]
    assert features[4]["properties"]["metadata"] == {"ANNOTATION_DESCRIPTION": "unsure"}


def test_what_qupath_writes_is_read(tmp_path: Path) -> None:
    square = {"type": "Polygon", "coordinates": [[[0, 0], [40, 0], [40, 40], [0, 40], [0, 0]]]}
    old = {"objectType": "annotation", "classification": {"name": "Tumor", "colorRGB": -3670016}}
    older = {"type": "Feature", "id": "PathAnnotationObject", "geometry": square, "properties": old}
    new = {
        "type": "Feature",
        "id": "3f0e4c7e-5a56-4a43-8c0e-0d3f6a3b4b11",
        "geometry": {"type": "MultiPoint", "coordinates": [[1, 2], [3, 4]]},
        "properties": {
            "objectType": "annotation",
            "name": "cells",
            "color": [1, 2, 3],
            "classification": {"names": ["Immune", "Positive"], "color": [160, 90, 160]},
        },
    }
    for content in ([older, new], {"type": "FeatureCollection", "features": [older, new]}):
        (tmp_path / "q.geojson").write_text(json.dumps(content))
        first, second = read_annotations(tmp_path / "q.geojson").annotations
        assert first.kind == "rectangle" and len(first.id) == 36
        assert first.class_ is not None and first.class_.colour == (200, 0, 0)
        assert second.kind == "point" and second.id == new["id"] and second.colour == (1, 2, 3)
        assert second.class_ is not None and second.class_.name == "Immune: Positive"
    (tmp_path / "one.geojson").write_text(json.dumps(new))
    assert len(read_annotations(tmp_path / "one.geojson").annotations) == 1


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (7, "row 2: is not an object"),
        ({"type": "Feature"}, "row 2: has no geometry"),
        (
            {"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}},
            "row 2: its Polygon",
        ),
        ({"geometry": {"type": "Point", "coordinates": [float("nan"), 0]}}, "row 2: .*no level-0"),
        ({"geometry": {"type": "LineString", "coordinates": []}}, "row 2: its geometry is empty"),
        (
            {
                "geometry": {"type": "Point", "coordinates": [0, 0]},
                "properties": {"color": [999, 0, 0]},
            },
            "row 2: .*no colour",
        ),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, feature: object, message: str) -> None:
    good = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [0, 0]}}
    path = tmp_path / "bad.geojson"
    path.write_text(json.dumps([good, feature]))
    with pytest.raises(AnnotationError, match=message):
        read_annotations(path)


def test_a_file_that_is_no_geojson_is_named(tmp_path: Path) -> None:
    for text in ("", "{", '{"a": 1}', '"x"'):
        (tmp_path / "bad.geojson").write_text(text)
        with pytest.raises(AnnotationError, match=r"bad\.geojson"):
            read_annotations(tmp_path / "bad.geojson")
    with pytest.raises(AnnotationError, match="cannot be read"):
        read_annotations(tmp_path / "none.geojson")


def test_sizes_and_outlines_that_cross_themselves() -> None:
    ellipse = ellipse_in(0, 0, 2000, 1000)
    assert measure(ellipse, (0.25, 0.5)).area == pytest.approx(np.pi * 250 * 250, rel=1e-3)
    assert measure(ellipse).text.endswith("px²")
    assert measure(shapely.LineString([(0, 0), (300, 400)]), (0.5, 0.5)).text == "250 µm"
    eight = sound_area(shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)]))
    assert eight is not None and eight.is_valid and eight.area == pytest.approx(50)
    assert sound_area(shapely.Polygon([(0, 0), (10, 0), (20, 0)])) is None


def test_a_region_is_the_slide_cut_down_to_it(
    model_path: Path, features_folder: Path, cohort_path: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    bag, model = read_features(features_folder / "case_00.h5"), load_model(model_path)
    area = Annotation("rectangle", shapely.box(0, 0, 320, 640), name="left")
    keep = bag.coords[:, 0] + bag.size_level0 / 2 <= 320
    assert bag.tissue_fraction is not None and 2 < keep.sum() < len(bag)
    cut = dataclasses.replace(
        bag,
        features=bag.features[keep],
        coords=bag.coords[keep],
        tissue_fraction=bag.tissue_fraction[keep],
    )
    by_hand = predict(model, cut)
    by_region = predict(model, bag, region=Region("left", area.geometry))
    assert by_region.probability == by_hand.probability
    np.testing.assert_array_equal(by_region.attention, by_hand.attention)
    assert by_region.region == "left" and by_region.patches_of_slide == len(bag)
    path = tmp_path / "areas.geojson"
    write_annotations(path, AnnotationFile((area, *one_of_each())))
    arguments = [features_folder / "case_00.h5", "--model", model_path, "--region", path]
    call = ["predict", *map(str, arguments), "--region-name", "left", "--json"]
    capsys.readouterr()
    assert main(call) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["probability"] == by_hand.probability and told["region"] == "left"
    with pytest.raises(TissueError, match="0 lie inside 'glass'"):
        predict(model, bag, region=Region("glass", shapely.box(-9, -9, -1, -1)))
    with pytest.raises(AnnotationError, match="has no area called 'other'.*'Tumour'.*'left'"):
        read_region(path, name="other")
