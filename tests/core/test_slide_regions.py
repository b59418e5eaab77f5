"""``momkd extract --regions``: patches inside what was drawn in QuPath, and no others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from momkd_core.cli.main import main
from momkd_core.extraction import SlideJob
from momkd_core.features import read_features, read_header
from momkd_core.region import Region, read_region
from momkd_core.settings import ExtractionSettings
from momkd_core.slide import Slide
from momkd_core.slide_encoding import plan
from momkd_core.slide_regions import SlideRegions, region_key

#: The slide's tissue spans 184 to 1352 px across and 154 to 1126 px down.
LEFT, RIGHT = (256, 256, 768, 1024), (896, 384, 1280, 896)


def area(box: tuple[int, int, int, int], class_: str | None, **more: Any) -> dict[str, Any]:
    x0, y0, x1, y1 = box
    corners = [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]
    properties: dict[str, Any] = {"objectType": "annotation", **more}
    if class_ is not None:
        properties["classification"] = {"name": class_, "color": [200, 0, 0]}
    geometry = {"type": "Polygon", "coordinates": [corners]}
    return {"type": "Feature", "id": "x", "geometry": geometry, "properties": properties}


class Extraction:
    """The verb on one slide with a folder of regions."""

    def __init__(self, folder: Path, slide: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.slide = folder / "case.tif"
        shutil.copy(slide, self.slide)
        self.regions, self.out, self._capsys = folder / "regions", folder / "features", capsys
        self.regions.mkdir()

    def draw(self, *features: dict[str, Any], name: str = "case.geojson") -> None:
        (self.regions / name).write_text(json.dumps(list(features)))

    def __call__(self, *options: str, regions: bool = True) -> tuple[int, str]:
        asked = ["--regions", str(self.regions)] if regions else []
        verb = ["extract", str(self.slide), "--out", str(self.out), "--patch-size", "128"]
        code = main([*verb, *asked, *options])
        said = self._capsys.readouterr()
        return code, said.out + said.err


@pytest.fixture
def extract(tmp_path: Path, slide_path: Path, capsys: pytest.CaptureFixture[str]) -> Extraction:
    return Extraction(tmp_path, slide_path, capsys)


def test_patches_of_a_class(extract: Extraction) -> None:
    """The patches of the whole slide whose centres lie inside, with the same features."""
    extract.draw(area(LEFT, "Tumour"), area(RIGHT, "Stroma"))
    assert extract("--regions-class", "Tumour")[0] == 0
    inside = read_features(extract.out / "case.h5")
    assert inside.attributes["regions"] == "Tumour"
    assert inside.cut_from == "areas of class 'Tumour'"
    assert extract("--overwrite", regions=False)[0] == 0
    whole = read_features(extract.out / "case.h5")
    centres = whole.coords + 64
    x0, y0, x1, y1 = LEFT
    kept = ((centres >= (x0, y0)) & (centres <= (x1, y1))).all(axis=1)
    assert 2 < kept.sum() < len(whole) and "regions" not in whole.attributes
    np.testing.assert_array_equal(inside.coords, whole.coords[kept])
    np.testing.assert_allclose(inside.features, whole.features[kept], atol=1e-4)


def test_other_regions_are_not_taken_for_these(extract: Extraction) -> None:
    extract.draw(area(LEFT, None), area(RIGHT, None))
    assert "1 slides extracted" in extract()[1]
    first = read_header(extract.out / "case.h5").attributes["regions_sha256"]
    # The same areas, drawn in other pieces and by the viewer, are the same work.
    (extract.regions / "case.geojson").unlink()
    x0, y0, x1, y1 = LEFT
    halves = [area((x0, y0, 500, y1), "a"), area((500, y0, x1, y1), "b")]
    features = [area(RIGHT, "a", name="b"), *halves]
    extract.draw(*features, name="case.tif.annotations.geojson")
    assert "1 were there already" in extract()[1]
    extract.draw(area(LEFT, "a"), name="case.tif.annotations.geojson")
    code, said = extract()
    assert code == 1 and "with patches inside other regions than these" in said
    assert "--overwrite" in said
    assert "inside regions, not of the whole slide" in extract(regions=False)[1]
    code, said = extract("--overwrite")
    assert "regions of class None, not a" in extract("--regions-class", "a")[1]
    assert code == 0 and read_header(extract.out / "case.h5").attributes["regions_sha256"] != first


def test_regions_count_from_the_scanned_area(slide_path: Path, tmp_path: Path) -> None:
    """As of an MRXS slide: shifted once, whether a cohort's folder or one file is read."""
    (tmp_path / "tissue.geojson").write_text(json.dumps([area(LEFT, None)]))
    settings = ExtractionSettings(patch_size=128)
    with Slide(slide_path) as slide:
        slide.bounds_offset = (300, 100)
        regions = SlideRegions(tmp_path)
        job = SlideJob(slide_path, None, tmp_path / "tissue.h5", regions)
        of_cohort = job.region(slide.bounds_offset)
        by_itself = read_region(tmp_path / "tissue.geojson", offset=slide.bounds_offset)
        assert of_cohort is not None and by_itself.geometry.equals(of_cohort.geometry)
        centres = plan(slide, settings, by_itself).coords + 64
    x0, y0, x1, y1 = LEFT
    assert len(centres) > 2
    assert (centres >= (x0 + 300, y0 + 100)).all() and (centres <= (x1 + 300, y1 + 100)).all()


def test_a_region_is_what_it_covers() -> None:
    square = shapely.box(0, 0, 10, 10)
    same = [
        shapely.MultiPolygon([square]),
        shapely.Polygon([(5, 0), (10, 0), (10, 10), (0, 10), (0, 3), (0, 0)]),
        shapely.union_all([shapely.box(0, 0, 5, 10), shapely.box(5, 0, 10, 10)]),
        shapely.MultiPolygon([shapely.box(0, 0, 5, 10), shapely.box(5, 0, 10, 10)]),
    ]
    assert {region_key(Region("a", one)) for one in [square, *same]} == {
        region_key(Region("b", square))
    }
    holed = square - shapely.box(2, 2, 4, 4)
    moved = square - shapely.box(2, 2, 4, 4.1)
    assert len({region_key(Region("a", one)) for one in (square, holed, moved)}) == 3


def test_what_cannot_be_meant(extract: Extraction) -> None:
    assert "has no regions of case.tif (case.geojson)" in extract()[1]
    extract.draw(area((0, 0, 90, 90), "Tumour"))
    assert "0 lie inside 'Tumour'" in extract()[1]
    assert "0 lie inside 'Tumour'" in extract("--plan")[1]
    code, said = extract("--regions-class", "tumor")
    assert (
        code == 1
        and "no area of class 'tumor'. Name a file with an area, or one of: 'Tumour'" in said
    )
    extract.draw(area(LEFT, None), name="case.tif.annotations.geojson")
    assert "has two files of regions" in extract()[1]
    (extract.regions / "case.tif.annotations.geojson").unlink()
    (extract.regions / "case.geojson").write_text('[{"type": "Feature", "geom')
    assert "case.geojson is no GeoJSON" in extract()[1]
    assert "--regions-class has no files" in extract("--regions-class", "x", regions=False)[1]
    assert "none is no folder" in extract("--regions", "none", regions=False)[1]
    assert not list(extract.out.glob("*.h5"))
