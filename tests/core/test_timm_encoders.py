"""timm's encoders, on random weights; preparing patches as Pillow would."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from momkd_core.encoder_records import forget, register
from momkd_core.encoders import (
    encoder_identity,
    find_encoder,
    list_encoders,
    load_encoder,
    registrable,
)
from momkd_core.errors import EncoderError, SettingsError
from momkd_core.patch_preprocessing import Preprocessing

NAME = "timm:vit_tiny_patch16_224"
PATCHES = np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOMKD_DATA", str(tmp_path / "data"))


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A state dict as it is published, with its classifier."""
    timm = pytest.importorskip("timm", reason="timm is not installed (extra uni)")
    torch.manual_seed(0)
    network = timm.create_model("vit_tiny_patch16_224", pretrained=False)
    torch.save(network.state_dict(), tmp_path / "tiny.pth")
    return tmp_path / "tiny.pth"


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_patches_are_resized_as_pillow_does(interpolation: str) -> None:
    fitted = Preprocessing(224, interpolation=interpolation, crop=0.9).fit(
        torch.from_numpy(PATCHES)
    )
    resample = Image.Resampling[interpolation.upper()]
    for found, patch in zip(fitted.numpy(), PATCHES, strict=True):
        expected = Image.fromarray(patch).resize((248, 248), resample).crop((12, 12, 236, 236))
        difference = np.abs(found.astype(int) - np.asarray(expected).astype(int))
        # Noise is the hardest case: either rounds twice, and now and then to the other side.
        assert difference.max() <= 2 and (difference > 0).mean() < 0.25


def test_features_are_those_of_timms_own_transform(weights: Path) -> None:
    timm = pytest.importorskip("timm")
    encoder = find_encoder(NAME, str(weights)).load("cpu", "float32")
    network = timm.create_model("vit_tiny_patch16_224", checkpoint_path=str(weights)).eval()
    network.reset_classifier(0)
    stated = timm.data.resolve_data_config(pretrained_cfg=network.pretrained_cfg, model=network)
    transform = timm.data.create_transform(**stated)
    with torch.no_grad():
        plain = network(torch.stack([transform(Image.fromarray(patch)) for patch in PATCHES]))
    assert encoder.identity.preprocessing.startswith("resized to 248 px, bicubic, antialiased")
    np.testing.assert_allclose(encoder.encode(PATCHES), plain.numpy(), atol=0.02)
    near = find_encoder(NAME, str(weights)).load("cpu", "bfloat16").encode(PATCHES)
    np.testing.assert_allclose(near, plain.numpy(), atol=0.2)


def test_registered_weights_are_found_and_a_change_is_refused(weights: Path) -> None:
    register(registrable(NAME, str(weights)))
    assert encoder_identity(NAME).width == load_encoder(NAME, device="cpu").identity.width == 192
    assert NAME in {one.name for one in list_encoders() if one.at_hand}
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(EncoderError, match="changed since it was registered.*--add"):
        encoder_identity(NAME)
    assert forget(NAME) and not forget(NAME)


def test_weights_of_another_network_are_refused(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="weights of another network than timm:resnet18"):
        find_encoder("timm:resnet18", str(weights)).load("cpu", "float32")
    damaged = tmp_path / "damaged.pth"
    damaged.write_bytes(b"no weights")
    with pytest.raises(EncoderError, match=r"damaged.pth cannot be read as weights"):
        find_encoder(NAME, str(damaged)).load("cpu", "float32")


def test_nothing_is_unpickled(tmp_path: Path, weights: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "harmed",)  # type: ignore[return-value]

    torch.save({"weights": Harm()}, tmp_path / "evil.pth")
    with pytest.raises(EncoderError, match="cannot be read as weights"):
        find_encoder(NAME, str(tmp_path / "evil.pth")).load("cpu", "float32")
    assert not (tmp_path / "harmed").exists()


def test_uni2_says_how_it_is_got_under_either_name() -> None:
    for name in ("uni2-h", "uni_v2"):
        with pytest.raises(EncoderError, match=r"Request access.*--add uni2-h --weights FILE"):
            load_encoder(name)


def test_float16_needs_a_gpu() -> None:
    with pytest.raises(SettingsError, match="float16 needs an NVIDIA GPU"):
        load_encoder(device="cpu", precision="float16")
