"""``momkd convert``: what it writes is read here by the other tools' own rules, with plain h5py."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from layouts import COORDS, FEATURES, write_clam, write_datasets, write_stamp, write_trident

from momkd_core.cli.main import main
from momkd_core.feature_bag import FeatureBag
from momkd_core.features import read_features, write_features


def convert(*arguments: str | Path) -> int:
    return main(["convert", *(str(argument) for argument in arguments)])


def test_trident_reads_what_is_written_for_it(tmp_path: Path) -> None:
    # 256 px at 0.5 µm/px of a slide of 0.2425 µm/px are 528 px wide.
    bag = FeatureBag(
        FEATURES.astype(np.float32),
        COORDS,
        528,
        np.ones(6, np.float32),
        encoder="uni2-h",
        target_mpp=0.5,
        patch_size=256,
        overlap=8,
    )
    write_features(tmp_path / "mine" / "a.h5", bag)
    assert convert(tmp_path / "mine", "--to", "trident", "--out", tmp_path / "job") == 0

    folder = tmp_path / "job" / "20x_256px_8px_overlap"
    with h5py.File(folder / "features_uni_v2" / "a.h5") as file:
        assert file["features"].attrs["encoder"] == "uni_v2"
        assert file["features"].attrs["name"] == "a"
        np.testing.assert_array_equal(file["features"][:], FEATURES)
        np.testing.assert_array_equal(file["coords"][:], COORDS)
        with h5py.File(folder / "patches" / "a_patches.h5") as patches:
            np.testing.assert_array_equal(patches["coords"][:], COORDS)
            for stated in (dict(patches["coords"].attrs), dict(file["coords"].attrs)):
                # trident/IO.py, coords_to_h5: the side at level 0 follows from the magnifications.
                ratio = stated["level0_magnification"] / stated["target_magnification"]
                assert stated["target_magnification"] == 20
                assert stated["patch_size"] * ratio == pytest.approx(528)
                assert stated["patch_size_level0"] == 528 and stated["overlap"] == 8
    back = read_features(folder / "features_uni_v2" / "a.h5")
    assert (back.encoder, back.size_level0, back.target_mpp) == ("uni2-h", 528, 0.5)
    np.testing.assert_array_equal(back.tissue_fraction, bag.tissue_fraction)


def test_clam_reads_what_is_written_for_it(tmp_path: Path) -> None:
    write_trident(tmp_path / "job", "s1")
    arguments = (tmp_path / "job", "--to", "clam", "--out", tmp_path / "clam")
    assert convert(*arguments, "--dtype", "float16") == 0

    # dataset_modules/dataset_generic.py (Generic_MIL_Dataset), and dataset_h5.py (Whole_Slide_Bag_FP)
    features = torch.load(tmp_path / "clam" / "pt_files" / "s1.pt", weights_only=True)
    with h5py.File(tmp_path / "clam" / "h5_files" / "s1.h5") as file:
        np.testing.assert_array_equal(file["features"][:], features.numpy())
        np.testing.assert_array_equal(file["features"][:], FEATURES)
        assert file["features"].dtype == np.float16 and file["coords"].dtype == np.int32
        np.testing.assert_array_equal(file["coords"][:], COORDS)
    with h5py.File(tmp_path / "clam" / "patches" / "s1.h5") as file:
        stated = file["coords"].attrs
        assert (stated["patch_size"], stated["patch_level"], stated["downsample"][0]) == (512, 0, 1)
    assert read_features(tmp_path / "clam" / "h5_files" / "s1.h5").size_level0 == 512


def test_a_cohort_gives_resolution_and_names(tmp_path: Path) -> None:
    write_stamp(tmp_path / "stamp", "x")
    table = tmp_path / "cohort.csv"
    table.write_text("case_id,slide,mpp\nc1,x.svs,0.25\n")
    arguments = (
        table,
        "--features",
        tmp_path / "stamp",
        "--to",
        "trident",
        "--out",
        tmp_path / "job",
    )
    assert convert(*arguments) == 0
    found = tmp_path / "job" / "8.75x_224px_0px_overlap" / "features_uni_v2" / "x.h5"
    bag = read_features(found)  # 256 µm as 224 px are 8.75x; 1,024 px of 0.25 µm
    assert bag.size_level0 == 1024 and bag.coords.tolist() == (2 * COORDS).tolist()


def test_what_features_do_not_say_is_stated_and_never_contradicted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_clam(tmp_path / "clam")
    arguments = (tmp_path / "clam", "--to", "trident", "--out", tmp_path / "job")
    assert convert(*arguments, "--target-mpp", "0.5") == 1
    told = capsys.readouterr().err
    assert "do not say their encoder, patch size" in told
    assert "State it with --encoder and --patch-size" in told
    stated = ("--encoder", "uni_v1", "--target-mpp", "0.5", "--patch-size", "256")
    assert convert(*arguments, *stated) == 0
    assert (tmp_path / "job" / "20x_256px_0px_overlap" / "features_uni_v1" / "a.h5").is_file()
    assert convert(*arguments, *stated) == 1 and "pass --overwrite" in capsys.readouterr().err
    assert convert(*arguments, *stated, "--overwrite") == 0

    again = (tmp_path / "job", "--to", "clam", "--out", tmp_path / "again", "--encoder", "uni2-h")
    assert convert(*again) == 1
    assert "says encoder uni_v1, not uni2-h" in capsys.readouterr().err


def test_a_bad_file_is_named_and_the_rest_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_trident(tmp_path / "job", "good").parent
    (folder / "cut.h5").write_bytes((folder / "good.h5").read_bytes()[:700])
    large = np.full((6, 4), 1e6, np.float32)
    write_datasets(folder / "large.h5", {"features": large, "coords": COORDS})
    arguments = (tmp_path / "job", "--to", "clam", "--out", tmp_path / "out")
    assert convert(*arguments, "--dtype", "float16") == 1
    told = capsys.readouterr()
    assert "error: cut: " in told.err and "not a readable HDF5 file" in told.err
    assert "6 of 6 patches have features beyond float16 (the largest is 1e+06)" in told.err
    assert "1 slides in" in told.out and "2 failed" in told.out
    assert [file.name for file in (tmp_path / "out" / "h5_files").iterdir()] == ["good.h5"]
