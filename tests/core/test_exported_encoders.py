"""Exported programs: what is accepted, what is refused by name, and that they are found again."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from momkd_core.encoder_records import register
from momkd_core.encoders import encoder_identity, find_encoder, load_encoder, registrable
from momkd_core.errors import EncoderError

STATED = {
    "name": "lab-encoder", "width": 3, "size": 32, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5],
    "licence": "MIT", "note": "of a test",
}  # fmt: skip
PATCHES = np.random.default_rng(0).integers(0, 256, (5, 48, 48, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOMKD_DATA", str(tmp_path / "data"))


def write(
    folder: Path, *, apart: str | None = None, operation: str = "Identity", **stated: Any
) -> Path:
    """An encoder whose features are the means of the three channels; ``operation`` follows.

    Its weights lie in the file ``apart``, or inside.
    """
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    node, value = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    one = onnx.numpy_helper.from_array(np.ones(1, np.float32), "one")
    graph = onnx.helper.make_graph(
        [
            node("GlobalAveragePool", ["x"], ["pooled"]),
            node("Mul", ["pooled", "one"], ["same"]),
            node(operation, ["same"], ["done"]),
            node("Flatten", ["done"], ["y"]),
        ],
        "encoder",
        [value("x", onnx.TensorProto.FLOAT, ["batch", 3, 32, 32])],
        [value("y", onnx.TensorProto.FLOAT, None)],
        [one],
    )
    opset = [onnx.helper.make_opsetid("", 17)]
    program = onnx.helper.make_model(graph, opset_imports=opset, ir_version=9)
    onnx.save(
        program,
        folder / "lab.onnx",
        save_as_external_data=apart is not None,
        location=apart,
        size_threshold=0,
    )
    path = folder / "lab.json"
    path.write_text(json.dumps(STATED | stated))
    return path


@pytest.mark.parametrize("apart", [None, "lab.onnx.data"])
def test_it_encodes_what_it_was_exported_for(tmp_path: Path, apart: str | None) -> None:
    features = load_encoder(str(write(tmp_path, apart=apart))).encode(PATCHES)
    # Channel means survive resizing, to rounding.
    np.testing.assert_allclose(features, PATCHES.mean(axis=(1, 2)) / 127.5 - 1, atol=0.02)


def test_registered_it_is_found_by_name_until_its_file_changes(tmp_path: Path) -> None:
    path = write(tmp_path, apart="lab.onnx.data")
    register(registrable(str(path)))
    found = encoder_identity("lab-encoder")
    assert (found.width, found.licence) == (3, "MIT")
    assert found == load_encoder("lab-encoder").identity
    for changed in ("lab.json", "lab.onnx", "lab.onnx.data"):
        file = tmp_path / changed
        before, times = file.read_bytes(), file.stat()
        file.write_bytes(before + b" ")
        with pytest.raises(
            EncoderError, match=f"{changed}, changed since it was registered.*--add"
        ):
            encoder_identity("lab-encoder")
        file.write_bytes(before)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    path.unlink()
    with pytest.raises(EncoderError, match=r"lab.json, is gone"):
        load_encoder("lab-encoder")


def test_weights_that_were_not_hashed_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, apart="other.bin")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EncoderError, match=r"lab.onnx cannot be loaded.*NAME.onnx.data"):
        load_encoder(str(path))


def test_weights_beside_the_program_are_hashed_too(tmp_path: Path) -> None:
    path = write(tmp_path, apart="lab.onnx.data")
    before = find_encoder(str(path)).identity().weights_sha256
    data = tmp_path / "lab.onnx.data"
    data.write_bytes(np.array([2.0], np.float32).tobytes())
    assert find_encoder(str(path)).identity().weights_sha256 != before


def test_a_wrong_width_is_named(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"answers \(2, 3\) to 2 patches, not \(2, 4\)"):
        load_encoder(str(write(tmp_path, width=4)))


def test_an_answer_of_nan_is_named(tmp_path: Path) -> None:
    # Grey bytes are just below or above the mean of a half: the logarithm of one of them is NaN.
    path = write(tmp_path, operation="Log", mean=[0.6, 0.6, 0.6])
    with pytest.raises(EncoderError, match="NaN"):
        load_encoder(str(path))


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"std": [0.5, 0.0, 0.5]}, "std is not above 0"),
        ({"width": 0}, "width: "),
        ({"colour": "red"}, "colour: "),
        ({"program": "lab.pt2"}, "torch.export.load may run code.*ONNX"),
        ({"program": "gone.onnx"}, "gone.onnx does not exist"),
    ],
)
def test_a_definition_that_cannot_be_meant(
    tmp_path: Path, stated: dict[str, Any], said: str
) -> None:
    path = tmp_path / "lab.json"
    (tmp_path / "lab.onnx").touch()
    path.write_text(json.dumps(STATED | stated))
    with pytest.raises(EncoderError, match=said):
        find_encoder(str(path))


def test_another_encoders_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lab.json"
    (tmp_path / "lab.onnx").touch()
    path.write_text(json.dumps(STATED | {"name": "uni2-h"}))
    with pytest.raises(EncoderError, match="as another one is called"):
        find_encoder(str(path))
