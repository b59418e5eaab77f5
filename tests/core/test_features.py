"""Feature files: ours, TRIDENT's, CLAM's, and broken ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from momkd_core.errors import FeatureError
from momkd_core.features import FeatureBag, read_features, read_places, write_features

COORDS = np.array([[0, 0], [256, 0], [0, 256], [256, 256]])
FEATURES = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)


def test_round_trip(tmp_path: Path) -> None:
    bag = FeatureBag(
        FEATURES,
        COORDS,
        256,
        np.array([0.1, 0.5, 1, 0], np.float32),
        encoder="e",
        encoder_sha256="ab",
        target_mpp=0.5,
        patch_size=256,
        overlap=0,
        attributes={"min_tissue": 0.05},
    )
    write_features(tmp_path / "a.h5", bag)
    found = read_features(tmp_path / "a.h5")
    np.testing.assert_array_equal(found.features, FEATURES)
    np.testing.assert_array_equal(found.coords, COORDS)
    np.testing.assert_array_equal(found.tissue_fraction, bag.tissue_fraction)
    assert (found.encoder, found.size_level0, found.target_mpp) == ("e", 256, 0.5)
    assert list(tmp_path.iterdir()) == [tmp_path / "a.h5"]


def write(path: Path, fill: Callable[[h5py.File], object]) -> Path:
    with h5py.File(path, "w") as file:
        fill(file)
    return path


def test_trident_with_a_leading_axis_and_half_precision(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        file["features"] = FEATURES[None].astype(np.float16)
        file["coords"] = COORDS
        file["coords"].attrs.update(patch_size=256, patch_size_level0=512)
        file["features"].attrs["encoder"] = "uni_v2"

    found = read_features(write(tmp_path / "t.h5", fill))
    assert found.features.shape == (4, 6) and found.features.dtype == np.float32
    assert (found.size_level0, found.encoder, found.tissue_fraction) == (512, "uni2-h", None)


def test_clam_coordinates_and_bare_files(tmp_path: Path) -> None:
    def clam(file: h5py.File) -> None:
        file["features"], file["coords"] = FEATURES, COORDS
        file["coords"].attrs.update(patch_size=256, patch_level=1, downsample=[4.0, 4.0])

    def bare(file: h5py.File) -> None:
        file["features"], file["coords"] = FEATURES, COORDS

    assert read_features(write(tmp_path / "c.h5", clam)).size_level0 == 1024
    assert read_features(write(tmp_path / "b.h5", bare)).size_level0 == 256


@pytest.mark.parametrize(
    ("features", "coords", "message"),
    [
        (FEATURES[:0], COORDS[:0], "holds no patch"),
        (FEATURES, COORDS[:3], "4 feature rows but 3 coordinates"),
        (FEATURES, COORDS[:, :1], "wrong form"),
        (np.where(np.arange(24).reshape(4, 6) == 8, np.nan, FEATURES), COORDS, "first is row 1"),
        (FEATURES.astype(int), COORDS, "features are int64"),
        (np.full((4, 6), 1e300), COORDS, "4 of 4 patches have NaN or infinite"),
        (FEATURES, np.full((4, 2), np.nan), "no level-0 pixels"),
        (FEATURES, COORDS + 2**40, "no level-0 pixels"),
        (None, COORDS, "no dataset 'features'"),
        (np.float32(1), COORDS, "'features' is no table"),
        (FEATURES, COORDS.astype(complex), "no level-0 pixels"),
    ],
)
def test_broken_content(
    tmp_path: Path, features: np.ndarray | None, coords: np.ndarray, message: str
) -> None:
    def fill(file: h5py.File) -> None:
        file["coords"] = coords
        if features is not None:
            file["features"] = features

    with pytest.raises(FeatureError, match=message):
        read_features(write(tmp_path / "x.h5", fill))


@pytest.mark.parametrize("dtype", ["float16", "float32", ">f4"])
@pytest.mark.parametrize("chunks", [None, (1, 6)])
def test_every_bit_pattern_that_is_no_number_is_refused(
    tmp_path: Path, dtype: str, chunks: tuple[int, int] | None
) -> None:
    large = np.finfo(np.dtype(dtype)).max
    tiny = np.finfo(np.dtype(dtype)).smallest_subnormal
    sound = np.array([[large, -large, tiny, -tiny, 0.0, -0.0]] * 4, dtype)

    def file(features: np.ndarray) -> Path:
        def fill(file: h5py.File) -> None:
            file.create_dataset("features", data=features, chunks=chunks)
            file["coords"] = COORDS

        return write(tmp_path / "x.h5", fill)

    np.testing.assert_array_equal(read_features(file(sound)).features, sound.astype(np.float32))
    for wrong in (np.nan, -np.nan, np.inf, -np.inf):
        broken = sound.copy()
        broken[2, 5] = wrong
        with pytest.raises(FeatureError, match=r"1 of 4 patches have NaN .*first is row 2"):
            read_features(file(broken))


def test_half_precision_is_kept_until_it_is_asked_for(tmp_path: Path) -> None:
    bag = FeatureBag(FEATURES, COORDS, 256, encoder="e")
    write_features(tmp_path / "a.h5", bag, "float16")
    found = read_features(tmp_path / "a.h5")
    assert found.stored.dtype == np.float16 and (len(found), found.width) == (4, 6)
    assert found.features.dtype == np.float32
    np.testing.assert_array_equal(found.features, FEATURES.astype(np.float16))
    with h5py.File(tmp_path / "a.h5") as file:  # in one piece, so that it is read at once
        assert file["features"].chunks is None and file["features"].dtype == np.float16
    beyond = FeatureBag(np.full((4, 6), 7e4, np.float32), COORDS, 256)
    with pytest.raises(FeatureError, match=r"4 of 4 patches .* beyond float16 .*70000"):
        write_features(tmp_path / "b.h5", beyond, "float16")
    assert not (tmp_path / "b.h5").exists()


def test_rows_that_were_never_written_are_no_zeros(tmp_path: Path) -> None:
    def all_of_them(file: h5py.File) -> None:
        file.create_dataset("features", (4, 6), np.float16)
        file["coords"] = COORDS

    def the_last_ones(file: h5py.File) -> None:  # as a killed program leaves TRIDENT's rows
        rows = file.create_dataset("features", (4, 6), np.float32, chunks=(1, 6))
        rows[:3] = FEATURES[:3]
        file["coords"] = COORDS

    for fill in (all_of_them, the_last_ones):
        with pytest.raises(FeatureError, match="was not written to its end"):
            read_features(write(tmp_path / "x.h5", fill))


def test_broken_files(tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match="does not exist"):
        read_features(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(FeatureError, match="not a readable HDF5"):
        read_features(tmp_path / "text.h5")
    write(tmp_path / "cut.h5", lambda file: file.create_dataset("features", data=FEATURES))
    whole = (tmp_path / "cut.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FeatureError, match="not a readable HDF5"):
        read_features(tmp_path / "cut.h5")


def test_places_are_read_without_the_features(tmp_path: Path) -> None:
    bag = FeatureBag(
        np.ones((3, 5), np.float32), np.array([[0, 0], [256, 0], [0, 256]]), 256, patch_size=256
    )
    write_features(tmp_path / "a.h5", bag)
    places = read_places(tmp_path / "a.h5")
    assert places.coords.tolist() == bag.coords.tolist() and places.features.shape == (3, 0)
    assert (places.size_level0, places.patch_size, len(places)) == (256, 256, 3)
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        del file["coords"]
        file["coords"] = np.zeros((2, 2), np.int64)
    for read in (read_places, read_features):
        with pytest.raises(FeatureError, match="3 feature rows but 2 coordinates"):
            read(tmp_path / "a.h5")
