"""What is stated of patches, wherever a layout keeps it and however the path is written."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from layouts import COORDS, FEATURES, write_clam, write_clam_patches, write_datasets, write_trident

from momkd_core.errors import FeatureError
from momkd_core.features import read_features, read_header


def test_folders_are_asked_however_the_path_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = tmp_path / "20x_256px_128px_overlap"
    file = write_datasets(
        cut / "features_conch_v15" / "a.h5", {"features": FEATURES, "coords": COORDS}
    )
    link = tmp_path / "link.h5"
    link.symlink_to(file)
    monkeypatch.chdir(file.parent)
    for path in (file, Path("a.h5"), Path("../features_conch_v15/a.h5"), link):
        bag = read_features(path)
        assert (bag.encoder, bag.size_level0, bag.overlap) == ("conch_v15", 1024, 128)


def test_a_patch_size_of_a_level_is_none_at_the_models_resolution(tmp_path: Path) -> None:
    file = write_clam(tmp_path)
    write_clam_patches(tmp_path)
    bag = read_header(file)
    assert (bag.size_level0, bag.patch_size, bag.target_mpp) == (512, None, None)


def test_damage_beside_the_features_is_named_where_it_is(tmp_path: Path) -> None:
    file = write_clam(tmp_path)
    write_clam_patches(tmp_path).write_bytes(b"damaged")
    with pytest.raises(FeatureError, match=r"patches/a\.h5 is not a readable HDF5 file"):
        read_features(file)


@pytest.mark.parametrize(
    ("stated", "size", "overlap"),
    [
        ({"patch_size": -256}, None, None),
        ({"overlap": 300}, 256, None),
        ({"overlap": -1}, 256, None),
        ({"patch_size": h5py.Empty("i8")}, 256, 0),  # as the folder says
    ],
)
def test_impossible_facts_are_none(
    tmp_path: Path, stated: dict[str, object], size: int | None, overlap: int | None
) -> None:
    bag = read_header(write_trident(tmp_path, **stated))
    assert (bag.patch_size, bag.overlap, bag.size_level0) == (size, overlap, 512)


def test_an_empty_attribute_says_nothing(tmp_path: Path) -> None:
    stated = {"encoder": h5py.Empty("S1"), "patch_size_level0": 512}
    datasets = {"features": FEATURES, "coords": np.asarray(COORDS)}
    file = write_datasets(tmp_path / "a.h5", datasets, file=stated)
    assert read_header(file).encoder is None
