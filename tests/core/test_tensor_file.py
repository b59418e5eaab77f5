"""Features as bare tensors and pickled arrays: where their patches lie, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from layouts import COORDS, FEATURES, write_clam, write_clam_patches, write_trident

from momkd_core.errors import FeatureError
from momkd_core.features import read_features, read_header


def test_tensors_take_their_places_from_the_h5_beside(tmp_path: Path) -> None:
    write_clam(tmp_path)
    tensor = tmp_path / "pt_files" / "a.pt"
    np.testing.assert_array_equal(read_features(tensor).coords, COORDS)
    np.testing.assert_array_equal(read_features(tensor).features, FEATURES)

    (tmp_path / "h5_files" / "a.h5").unlink()
    with pytest.raises(FeatureError, match=r"without coordinates.*h5_files/a\.h5.*patches/a\.h5"):
        read_features(tensor)
    write_clam_patches(tmp_path)
    assert read_features(tensor).size_level0 == 512
    torch.save(torch.zeros(5, 4), tensor)
    with pytest.raises(FeatureError, match="5 feature rows but 6 coordinates"):
        read_features(tensor)


def test_tensor_files_run_nothing_and_hold_nothing_else(tmp_path: Path) -> None:
    write_clam(tmp_path)
    tensor = tmp_path / "pt_files" / "a.pt"
    torch.save({"features": torch.zeros(6, 4)}, tensor)
    with pytest.raises(FeatureError, match="holds a dict, not a tensor"):
        read_features(tensor)
    torch.save(Path("x"), tensor)  # an object that only unpickling could make
    with pytest.raises(FeatureError, match="cannot be read as a tensor"):
        read_features(tensor)
    torch.save(torch.zeros(6, 4), tensor)
    whole = tensor.read_bytes()
    flipped = [whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :] for at in range(60, 200, 7)]
    for content in (b"", b"no tensor", whole[:100], *flipped):
        tensor.write_bytes(content)
        try:
            read_header(tensor)
        except FeatureError as error:
            assert "a.pt" in error.cause  # and nothing else is raised


@pytest.mark.parametrize(
    "content",
    [
        torch.eye(6, 4).to_sparse(),
        torch.zeros(6, 4).to(torch.float8_e4m3fn),
        torch.zeros(6, 4, device="meta"),
        torch.tensor(1.0),
        np.array([{"a": 1}], dtype=object),
    ],
    ids=["sparse", "float8", "meta", "number", "objects"],
)
def test_tensors_of_other_kinds_are_refused(tmp_path: Path, content: Any) -> None:
    write_clam(tmp_path)
    tensor = tmp_path / "pt_files" / "a.pt"
    torch.save(content, tensor)
    for read in (read_header, read_features):
        with pytest.raises(FeatureError, match=r"a\.pt (cannot be read as|holds) a tensor"):
            read(tensor)


def test_tridents_pickled_arrays_are_read(tmp_path: Path) -> None:
    h5 = write_trident(tmp_path)
    tensor = h5.with_suffix(".pt")
    torch.save(FEATURES.astype(np.float32), tensor)
    h5.unlink()
    bag = read_features(tensor)
    np.testing.assert_array_equal(bag.features, FEATURES)
    assert (bag.size_level0, bag.encoder) == (512, "uni2-h")


def test_a_tensor_and_its_h5_say_the_same(tmp_path: Path) -> None:
    h5 = write_clam(tmp_path)
    write_clam_patches(tmp_path, downsample=[4.0, 4.0])  # overlapping: the grid would say 512
    with h5py.File(h5, "r+") as file:
        file["features"].attrs["encoder"] = "conch_v15"
    for path in (h5, tmp_path / "pt_files" / "a.pt"):
        bag = read_features(path)
        assert (bag.size_level0, bag.encoder) == (1024, "conch_v15")
