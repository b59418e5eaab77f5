"""DICOM slides in: one a series. Affinity and attention out, where their patches lie."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_slides import write_dicom_slide
from numpy.typing import NDArray
from synthetic import tissue_image

from momkd_core.checkpoint import load_model
from momkd_core.cli.main import main
from momkd_core.cohort import cohort_of_slides
from momkd_core.dicom_maps import check_maps, read_source, write_maps
from momkd_core.dicom_series import finest_level
from momkd_core.errors import OutputError, SlideError
from momkd_core.features import FeatureBag
from momkd_core.patch_raster import PatchRaster
from momkd_core.result import SlideResult
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
    (tmp_path / "stub.dcm").write_bytes((slides / "b_0.dcm").read_bytes()[:300])
    (tmp_path / "text.dcm").write_text("no DICOM")
    (tmp_path / "empty.dcm").touch()
    assert main(["extract", str(tmp_path), "--out", str(tmp_path / "f"), "--plan"]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("slides: 1, 4 cannot be used")
    for name in ("cut", "stub", "text", "empty"):
        assert f"error: {name}.dcm: {name}.dcm " in said.err
    with pytest.raises(SlideError, match="text.dcm cannot be read as DICOM"):
        finest_level(tmp_path / "text.dcm")
    assert finest_level(tmp_path / "a_0.dcm") == tmp_path / "a_0.dcm"
    for name in ("stub", "text", "empty"):
        (tmp_path / f"{name}.dcm").unlink()
    assert main(["info", str(tmp_path)]) == 1
    assert "error: cut.dcm cannot be read as DICOM" in capsys.readouterr().err


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


@pytest.mark.parametrize(
    ("size", "patch_size", "overlap", "columns"),
    [
        (507, 256, 128, np.arange(400)),  # the step is a fraction of a pixel
        (521, 256, 192, np.arange(400)),
        (509, 224, 112, np.arange(400)),
        (512, 256, 0, np.array([0, 2, 5])),  # tissue is not everywhere
    ],
)
def test_patches_become_pixels(size: int, patch_size: int, overlap: int, columns: Any) -> None:
    """Every patch of momkd extract, however it overlaps."""
    x, y = (np.round(at * size * (1 - overlap / patch_size)) for at in (columns, np.arange(4)))
    coords = np.stack([np.tile(x, 4), np.repeat(y, len(columns))], axis=1).astype(np.int64)
    bag = FeatureBag(np.zeros((0, 1), np.float32), coords, size, None, None, None, None, None,
                     patch_size, overlap)  # fmt: skip
    raster = PatchRaster.of(coords, size, bag.step_level0)
    np.testing.assert_array_equal(raster.columns, np.tile(columns, 4))
    assert raster.shape == (4, columns[-1] + 1) and raster.centre == (size / 2, size / 2)
    assert raster.step[0] == pytest.approx(size * (1 - overlap / patch_size))


def test_patches_that_do_not_say_how_they_were_cut() -> None:
    columns = np.arange(400)
    coords = np.stack([np.round(columns * 253.5) + 7, columns * 0], axis=1).astype(np.int64)
    raster = PatchRaster.of(coords, 507)
    np.testing.assert_array_equal(raster.columns, columns)
    assert raster.step[0] == pytest.approx(253.5, abs=0.01)
    for bad in (
        [[0, 0], [100, 0], [140, 0]],
        [[0, 0], [0, 0], [256, 0]],
        [[0, 0], [0, 3], [0, 200]],
    ):
        with pytest.raises(SlideError, match="no regular grid"):
            PatchRaster.of(np.array(bad), 128)


def result_of(coords: NDArray[np.int64], size: int) -> SlideResult:
    values = np.ones(len(coords), np.float32)
    return SlideResult(
        "x", 0.5, "a", 0.5, coords, size, values, values, None, None, "0" * 64, None
    )  # fmt: skip


def test_where_no_patch_lies_there_is_no_value(slides: Path, tmp_path: Path) -> None:
    """Also at the edges of a large map, where frames would be filled up."""
    pytest.importorskip("highdicom")
    import pydicom

    coords = np.array([[0, 0], [256 * 299, 256 * 99]])
    (path, _) = write_maps(result_of(coords, 256), slides / "a_0.dcm", tmp_path)
    found = pydicom.dcmread(path)
    assert (found.TotalPixelMatrixColumns, found.TotalPixelMatrixRows) == (300, 100)
    assert (~np.isnan(found.pixel_array)).sum() == 2


def without(path: Path, attribute: str, target: Path) -> Path:
    import pydicom

    found = pydicom.dcmread(path)
    holder = found if attribute in found else found.SharedFunctionalGroupsSequence[0]
    delattr(holder, attribute)
    found.save_as(target)
    return target


@pytest.mark.parametrize("lacking", ["TotalPixelMatrixOriginSequence", "PixelMeasuresSequence"])
def test_a_slide_that_does_not_say_where_it_lies(
    slides: Path, tmp_path: Path, lacking: str
) -> None:
    """It is told before anything is done, as the verb reads the source first."""
    pytest.importorskip("highdicom")
    slide = without(slides / "a_0.dcm", lacking, tmp_path / "x.dcm")
    with pytest.raises(SlideError, match="x.dcm lacks what a map refers to"):
        read_source(slide)


def test_one_bad_slide_does_not_end_a_cohort(
    slides: Path, tmp_path: Path, model_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its other files are written, without the maps of an earlier prediction."""
    pytest.importorskip("highdicom")
    out = tmp_path / "p"
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        shutil.copy(slides / f"{name}_0.dcm", tmp_path / name)
    table = tmp_path / "cohort.csv"
    table.write_text("case_id,slide\nb,b/b_0.dcm\na,a/a_0.dcm\n")
    verb = ["predict", str(table), "--model", str(model_path), "--out", str(out)]
    assert main([*verb, "--dicom"]) == 0
    slide = tmp_path / "b" / "b_0.dcm"
    without(slide, "TotalPixelMatrixOriginSequence", slide)
    capsys.readouterr()
    assert main([*verb, "--dicom", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [case["case_id"] for case in told["cases"]] == ["b", "a"]
    assert [error["case_id"] for error in told["errors"]] == ["b"]
    assert not list((out / "b").glob("*.dcm")) and (out / "b" / "patches.csv").exists()
    assert (out / "a" / "attention.dcm").exists()
    assert main(verb) == 0
    assert not list(out.rglob("*.dcm")), "they would be taken for those of this prediction"


def test_what_fails_every_slide_is_told_first(
    slides: Path, model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = load_model(model_path).card
    with pytest.raises(OutputError, match="wikg gives patches neither affinity nor attention"):
        check_maps(card.model_copy(update={"method": "wikg"}))
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(OutputError, match="needs highdicom. Install the extra"):
        check_maps(card)
    with pytest.raises(OutputError, match="needs highdicom"):
        read_source(slides / "a_0.dcm")
