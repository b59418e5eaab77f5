"""Encoders of other packages, found as an installed entry point is."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from momkd_core.encoders import list_encoders, load_encoder
from momkd_core.errors import EncoderError

PACKAGE = """
import torch
from momkd_core.patch_encoder import EncoderEntry, EncoderIdentity, PatchEncoder

class Means(torch.nn.Module):
    def forward(self, patches):
        return patches.float().mean(dim=(1, 2))

def entry():
    identity = EncoderIdentity("means", 3, "0" * 64, "bytes as they are", "MIT", "of a test")
    def load(device, precision):
        return PatchEncoder(identity, Means(), device=device, precision=precision)
    return EncoderEntry("means", "MIT", "of a test", lambda: identity, load, "a test's package")

def broken():
    raise RuntimeError("no licence key")
"""


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lays down what pip would: a module, and metadata with entry points."""
    (tmp_path / "lab_encoders.py").write_text(PACKAGE)
    metadata = tmp_path / "lab_encoders-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-encoders\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[momkd.encoders]\nmeans = lab_encoders:entry\nbroken = lab_encoders:broken\n"
        "other = lab_encoders:entry\nuni2-h = lab_encoders:entry\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("MOMKD_DATA", str(tmp_path / "data"))
    monkeypatch.delitem(sys.modules, "lab_encoders", raising=False)


def test_its_encoder_is_loaded_by_name() -> None:
    patches = np.full((2, 8, 8, 3), 7, np.uint8)
    assert (load_encoder("means", device="cpu").encode(patches) == 7).all()


def test_a_package_that_fails_is_named() -> None:
    with pytest.raises(EncoderError, match="package lab-encoders fails.*no licence key"):
        load_encoder("broken")
    with pytest.raises(EncoderError, match="gives no EncoderEntry named other"):
        load_encoder("other")


def test_the_list_tells_all_of_it() -> None:
    listed = [(one.name, one.at_hand, one.place) for one in list_encoders()]
    assert ("means", True, "a test's package") in listed
    told = {name: place for name, at_hand, place in listed if not at_hand}
    assert "no licence key" in told["broken"] and "the name is taken" in told["uni2-h"]
