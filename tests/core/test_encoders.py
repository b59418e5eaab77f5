"""The bundled encoder: its fast forms give the plain network's features."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from momkd_core import bundled_encoder, encoders, processor
from momkd_core.efficientnet_lite import EfficientNetLite0
from momkd_core.errors import EncoderError

PATCHES = np.random.default_rng(0).integers(0, 256, (5, 96, 96, 3), dtype=np.uint8)


def plain_features() -> np.ndarray:
    network = EfficientNetLite0().eval()
    weights = torch.load(bundled_encoder.weights_file(), weights_only=True)
    network.load_state_dict({k: v for k, v in weights.items() if not k.startswith("_fc.")})
    x = torch.from_numpy(PATCHES).permute(0, 3, 1, 2) / 255.0
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = (x - mean.reshape(1, 3, 1, 1)) / deviation.reshape(1, 3, 1, 1)
    with torch.no_grad():
        return network(x.contiguous()).numpy()


def test_folded_network_gives_the_plain_features() -> None:
    encoder = encoders.load_encoder(device="cpu")
    features = encoder.encode(PATCHES)
    assert features.shape == (5, 1280)
    np.testing.assert_allclose(features, plain_features(), atol=1e-4)


def test_features_do_not_depend_on_the_batch() -> None:
    encoder = encoders.load_encoder(device="cpu")
    one_by_one = np.concatenate([encoder.encode(PATCHES[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(encoder.encode(PATCHES), one_by_one, atol=1e-5)


def test_chunks_that_a_gpu_is_given_ahead_come_back_in_order() -> None:
    encoder = encoders.load_encoder(device="cpu")
    encoder.batch_size = 2
    chunks = [PATCHES[:3], PATCHES[3:4], PATCHES[4:]]
    wanted = [encoder.encode(chunk) for chunk in chunks]
    taken: list[int] = []

    def given() -> Iterator[np.ndarray]:
        for number, chunk in enumerate(chunks):
            taken.append(number)
            yield chunk

    encoder._ahead = 1  # as on a GPU
    for number, found in enumerate(encoder.encode_each(given())):
        np.testing.assert_array_equal(found, wanted[number])
        assert taken[-1] == min(number + 1, 2), "the next chunk is begun first"


def test_a_full_gpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = encoders.load_encoder(device="cpu")

    def full(batch: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(encoder, "_plain", full)
    with pytest.raises(EncoderError, match="GPU's memory does not hold .*--precision bfloat16"):
        encoder.encode(PATCHES)
    encoder.precision = "bfloat16"
    with pytest.raises(EncoderError, match=r"Close what else uses it\.$"):
        encoder.encode(PATCHES)


@pytest.mark.skipif(not processor.compiler_found(), reason="no C++ compiler")
def test_compiled_network_gives_the_plain_features() -> None:
    encoder = encoders.load_encoder(device="cpu")
    assert encoder.compile(96)
    np.testing.assert_allclose(encoder.encode(PATCHES), plain_features(), atol=1e-4)


def test_bfloat16_is_close() -> None:
    features = encoders.load_encoder(device="cpu", precision="bfloat16").encode(PATCHES)
    plain = plain_features()
    cosine = (features * plain).sum(axis=1) / (
        np.linalg.norm(features, axis=1) * np.linalg.norm(plain, axis=1)
    )
    assert cosine.min() > 0.995


def test_without_a_compiler_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOMKD_COMPILE", "0")
    encoder = encoders.load_encoder(device="cpu")
    encoder.prepare(10**6, 96)
    assert not encoder.compiled


def test_unknown_encoder() -> None:
    with pytest.raises(EncoderError, match="no encoder 'uni'.*efficientnet-lite0"):
        encoders.load_encoder("uni")
