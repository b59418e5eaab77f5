"""DICOM slides in: one a series. Affinity and attention out, where their patches lie."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from dicom_slides import write_dicom_slide
from synthetic import tissue_image

from momkd_core.cli.main import main
from momkd_core.cohort import cohort_of_slides
from momkd_core.dicom_maps import PatchRaster, write_maps
from momkd_core.dicom_series import finest_level
from momkd_core.errors import OutputError, SlideError
from momkd_core.slide import Slide


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two series, and of what lies beside them."""
    folder = tmp_path_factory.mktemp("dicom")
    image = tissue_image(1536, 1280, seed=3)
    write_dicom_slide(folder, image, name="b")
    write_dicom_slide(folder, image[::-1], name="a")
    return folder


def test_a_series_is_one_slide(
    slides: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With all its levels and its label, by whichever of its files it is opened."""
    cohort = cohort_of_slides(slides)
    assert [case.case_id for case in cohort.cases] == ["a_0", "b_0"]
    for name in ("b_0", "b_1", "b_label"):
        with Slide(slides / f"{name}.dcm") as slide:
            assert [level.width for level in slide.levels] == [1536, 768]
            assert slide.mpp.x == 0.5 and slide.associated_images == ("label",)
            assert np.abs(slide.read(400, 400, 0, 64, 64).astype(int)[..., 0]).mean() > 50
    assert finest_level(slides / "b_label.dcm") == slides / "b_0.dcm"
    assert main(["info", str(slides)]) == 1
    assert "is a folder of 2 slides (a_0.dcm, b_0.dcm)" in capsys.readouterr().err
    for path in slides.glob("a_*"):
        shutil.copy(path, tmp_path)
    assert main(["info", str(tmp_path), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["levels"]) == 2


def test_damaged_files_are_named_and_other_objects_are_no_slides(
    slides: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(slides / "a_0.dcm", tmp_path)
    (tmp_path / "cut.dcm").write_bytes((slides / "b_0.dcm").read_bytes()[:700])
    (tmp_path / "text.dcm").write_text("no DICOM")
    (tmp_path / "empty.dcm").touch()
    assert main(["extract", str(tmp_path), "--out", str(tmp_path / "f"), "--plan"]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("slides: 1, 3 cannot be used")
    for name in ("cut", "text", "empty"):
        assert f"error: {name}.dcm: {name}.dcm " in said.err
    with pytest.raises(SlideError, match="text.dcm cannot be read as DICOM"):
        finest_level(tmp_path / "text.dcm")


def test_maps_lie_where_their_patches_lie(
    slides: Path, tmp_path: Path, model_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Values and positions are those of patches.csv, read back by other programs' means."""
    hd = pytest.importorskip("highdicom")
    import pydicom

    slide, out = slides / "b_1.dcm", tmp_path / "p"
    verb = ["predict", str(slide), "--model", str(model_path), "--out", str(out), "--dicom"]
    assert main(verb) == 0
    with (out / "patches.csv").open() as stream:
        patches = list(csv.DictReader(stream))
    source = pydicom.dcmread(slides / "b_0.dcm", stop_before_pixels=True)
    for name in ("affinity", "attention"):
        found = hd.pm.ParametricMap.from_dataset(pydicom.dcmread(out / f"{name}.dcm"))
        assert found.FrameOfReferenceUID == source.FrameOfReferenceUID
        assert found.PatientID == source.PatientID and found.Modality != source.Modality
        referenced = found.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0]
        assert referenced.ReferencedSOPInstanceUID == source.SOPInstanceUID
        values = found.get_total_pixel_matrix(apply_real_world_transform=False)
        assert np.isnan(found.FloatPixelPaddingValue)
        assert (~np.isnan(values)).sum() == len(patches) < values.size
        between = hd.spatial.ImageToImageTransformer.for_images(
            found, source, for_total_pixel_matrix_from=True, for_total_pixel_matrix_to=True
        )
        rows, columns = np.nonzero(~np.isnan(values))
        centres = between(np.stack([columns, rows], axis=1) + 0.5)
        stated = {(float(p["x"]) + 64, float(p["y"]) + 64): float(p[name]) for p in patches}
        for centre, row, column in zip(centres, rows, columns, strict=True):
            nearest = min(stated, key=lambda one: abs(one[0] - centre[0]) + abs(one[1] - centre[1]))
            np.testing.assert_allclose(centre, nearest, atol=0.01)
            np.testing.assert_allclose(values[row, column], stated[nearest], rtol=1e-6)
    first = pydicom.dcmread(out / "affinity.dcm")
    assert main(verb) == 0
    assert pydicom.dcmread(out / "affinity.dcm").SOPInstanceUID == first.SOPInstanceUID
    shutil.copy(out / "affinity.dcm", slides / "c.dcm")
    assert len(cohort_of_slides(slides)) == 2, "a map is no slide"
    (slides / "c.dcm").unlink()


def test_maps_of_a_cohort(
    slides: Path,
    slide_path: Path,
    tmp_path: Path,
    model_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A slide that is no DICOM has its other files, and is named."""
    pytest.importorskip("highdicom")
    table = tmp_path / "cohort.csv"
    table.write_text(f"case_id,slide\nd,{slides / 'a_0.dcm'}\nt,{slide_path}\n")
    verb = [
        "predict",
        str(table),
        "--model",
        str(model_path),
        "--out",
        str(tmp_path / "p"),
        "--dicom",
    ]
    assert main(verb) == 1
    assert "error: case t: tissue.tif is no DICOM slide. Convert" in capsys.readouterr().err
    assert (tmp_path / "p" / "d" / "attention.dcm").exists()
    assert [path.name for path in (tmp_path / "p" / "t").glob("*.dcm")] == []
    assert (tmp_path / "p" / "t" / "patches.csv").exists()


def test_what_cannot_be_written(
    slides: Path,
    slide_path: Path,
    model_path: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["predict", str(slides / "a_0.dcm"), "--model", str(model_path), "--dicom"]) == 1
    assert "--dicom has no folder to write to" in capsys.readouterr().err
    verb = [
        "predict",
        str(slide_path),
        "--model",
        str(model_path),
        "--out",
        str(tmp_path),
        "--dicom",
    ]
    assert main(verb) == 1
    assert "tissue.tif is no DICOM slide" in capsys.readouterr().err
    assert not list(tmp_path.iterdir()), "it is told before anything is done"


def test_patches_become_pixels() -> None:
    """Also where overlap makes the step a fraction of a pixel; and not where there is no grid."""
    columns, rows = np.arange(40), np.arange(3)
    x = np.round(columns * 121.5).astype(np.int64) + 7
    coords = np.stack([np.tile(x, 3), np.repeat(rows * 122, 40)], axis=1)
    raster = PatchRaster.of(coords, 128)
    assert raster.shape == (3, 40) and raster.centre == (71, 64)
    np.testing.assert_array_equal(raster.columns, np.tile(columns, 3))
    assert raster.step[0] == pytest.approx(121.5, abs=0.05) and raster.step[1] == 122
    for bad in (
        [[0, 0], [100, 0], [140, 0]],
        [[0, 0], [0, 0], [256, 0]],
        [[0, 0], [0, 3], [0, 200]],
    ):
        with pytest.raises(OutputError, match="no regular grid"):
            PatchRaster.of(np.array(bad), 128)


def test_a_source_that_lacks_attributes(tmp_path: Path, slides: Path) -> None:
    pytest.importorskip("highdicom")
    import pydicom

    from momkd_core.result import SlideResult

    found = pydicom.dcmread(slides / "a_0.dcm")
    del found.TotalPixelMatrixOriginSequence
    found.save_as(tmp_path / "x.dcm")
    coords, values = np.array([[0, 0], [256, 0]]), np.ones(2, np.float32)
    result = SlideResult(
        "x", 0.5, "a", 0.5, coords, 256, values, values, None, None, "0" * 64, None
    )  # fmt: skip
    with pytest.raises(OutputError, match="x.dcm lacks what a map refers to"):
        write_maps(result, tmp_path / "x.dcm", tmp_path / "out")
