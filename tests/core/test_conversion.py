"""``momkd convert``: what it writes is read here by the other tools' own rules, with plain h5py."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from layouts import (
    COORDS,
    FEATURES,
    write_clam,
    write_clam_patches,
    write_datasets,
    write_stamp,
    write_trident,
)

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
    assert convert(*arguments) == 0

    # dataset_modules/dataset_generic.py (Generic_MIL_Dataset), and dataset_h5.py (Whole_Slide_Bag_FP)
    features = torch.load(tmp_path / "clam" / "pt_files" / "s1.pt", weights_only=True)
    with h5py.File(tmp_path / "clam" / "h5_files" / "s1.h5") as file:
        np.testing.assert_array_equal(file["features"][:], features.numpy())
        np.testing.assert_array_equal(file["features"][:], FEATURES)
        assert file["features"].dtype == np.float32 and file["coords"].dtype == np.int32
        np.testing.assert_array_equal(file["coords"][:], COORDS)
    with h5py.File(tmp_path / "clam" / "patches" / "s1.h5") as file:
        stated = file["coords"].attrs
        assert (stated["patch_size"], stated["patch_level"], stated["downsample"][0]) == (512, 0, 1)
    for path in ("h5_files/s1.h5", "pt_files/s1.pt"):  # and a model knows what it was trained on
        bag = read_features(tmp_path / "clam" / path)
        found = (bag.size_level0, bag.target_mpp, bag.patch_size, bag.overlap, bag.encoder)
        assert found == (512, 0.5, 256, 0, "uni2-h")


def test_clams_own_patch_size_is_stated_by_the_user(tmp_path: Path) -> None:
    write_clam(tmp_path / "clam")
    write_clam_patches(tmp_path / "clam")  # 256 px of a level, 512 px of a 40x slide
    stated = ("--encoder", "uni_v2", "--target-mpp", "0.5", "--patch-size", "256")
    job = tmp_path / "job"
    assert convert(tmp_path / "clam", "--to", "trident", "--out", job, *stated) == 0
    with h5py.File(job / "20x_256px_0px_overlap" / "features_uni_v2" / "a.h5") as file:
        assert file["coords"].attrs["level0_magnification"] == 40


def test_nothing_is_replaced_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = tmp_path / "job"
    write_trident(job)
    patches = job / "20x_256px_0px_overlap" / "patches" / "a_patches.h5"
    theirs = patches.read_bytes()
    stated = {"target_mpp": 0.5, "patch_size": 256, "patch_size_level0": 512, "overlap": 0}
    other = {"features": FEATURES.astype(np.float32) + 1, "coords": COORDS}
    write_datasets(tmp_path / "other" / "a.h5", other, file={"encoder": "conch_v15", **stated})
    assert convert(tmp_path / "other", "--to", "trident", "--out", job) == 0
    assert patches.read_bytes() == theirs  # the places are the same
    moved = {**other, "coords": COORDS + 1}
    write_datasets(tmp_path / "moved" / "a.h5", moved, file={"encoder": "gigapath", **stated})
    assert convert(tmp_path / "moved", "--to", "trident", "--out", job) == 1
    assert "a_patches.h5 exists, and holds something else" in capsys.readouterr().err
    assert patches.read_bytes() == theirs

    clam = tmp_path / "clam"
    tensor = clam / "pt_files" / "a.pt"
    tensor.parent.mkdir(parents=True)
    tensor.write_bytes(b"somebody's")
    assert convert(tmp_path / "other", "--to", "clam", "--out", clam) == 1
    assert "a.pt exists" in capsys.readouterr().err and tensor.read_bytes() == b"somebody's"
    assert convert(tmp_path / "other", "--to", "clam", "--out", clam, "--overwrite") == 0
    capsys.readouterr()
    assert convert(tmp_path / "other", "--to", "clam", "--out", clam) == 0
    assert "1 kept, which were there" in capsys.readouterr().out


def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_trident(tmp_path / "job")
    base = (tmp_path / "job", "--out", tmp_path / "out", "--to")
    for arguments, told in (
        (("clam", "--dtype", "float16"), "CLAM's networks take features in single precision"),
        (("clam", "--features", tmp_path), "--features goes with a cohort CSV"),
        (("trident", "--encoder", ""), "--encoder names nothing"),
    ):
        assert convert(*base, *arguments) == 1
        assert told in capsys.readouterr().err
    write_clam(tmp_path / "clam")
    stated = ("--encoder", "timm:vit", "--target-mpp", "0.5", "--patch-size", "256")
    assert convert(tmp_path / "clam", *base[1:], "trident", *stated) == 1
    assert "The encoder timm:vit cannot name a folder" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


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
    assert convert(*arguments, *stated) == 0 and "1 kept" in capsys.readouterr().out
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
    stated = ("--encoder", "uni_v2", "--dtype", "float16")
    assert convert(tmp_path / "job", "--to", "trident", "--out", tmp_path / "out", *stated) == 1
    told = capsys.readouterr()
    assert "error: cut: " in told.err and "not a readable HDF5 file" in told.err
    assert "6 of 6 patches have features beyond float16 (the largest is 1e+06)" in told.err
    assert "1 slides in" in told.out and "2 failed" in told.out
    written = tmp_path / "out" / "20x_256px_0px_overlap" / "features_uni_v2"
    assert [file.name for file in written.iterdir()] == ["good.h5"]
