"""A frozen patch encoder, loaded: an RGB patch in, a feature vector out.

A model is tied to the encoder whose features it was trained on, so an encoder has an identity (name,
hash of its weights, preprocessing) that travels with feature files and models.
"""

from __future__ import annotations

import logging
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from momkd_core.errors import EncoderError, SettingsError
from momkd_core.patch_preprocessing import Preprocessing
from momkd_core.processor import compiler_found, keep_freed_memory

log = logging.getLogger(__name__)

Precision = Literal["float32", "bfloat16", "float16"]

# On a processor small batches stay in its caches. Eight need the allocator's help (below); without
# it two are best (tests/benchmarks/encoder_speed.py).
_CPU_BATCH, _CPU_BATCH_TUNED = 2, 8
_GPU_BATCH = 256
# torch.compile takes 3 to 10 s; below this many patches it costs more than it saves.
_COMPILE_FROM = 2500


@dataclass(frozen=True)
class EncoderIdentity:
    """What makes features comparable: two encoders with equal identities give equal features.

    Attributes:
        name: that feature files and models know it by.
        width: values in a feature vector.
        weights_sha256: of the file that the weights come from.
        preprocessing: what happens to a patch before the network, in words.
        licence, note: for the user, before it is used.
    """

    name: str
    width: int
    weights_sha256: str
    preprocessing: str
    licence: str = field(compare=False)
    note: str = field(compare=False)


@dataclass(frozen=True)
class EncoderEntry:
    """An encoder that can be had by name; what a plug-in's callable returns.

    Attributes:
        name: see :class:`EncoderIdentity`.
        licence, note: the same, known before anything is loaded.
        identity: gives the identity without loading the network where that is possible.
        load: loads it for a device (``cpu``, ``cuda``, ``mps``) and a precision. Both raise
            :class:`~momkd_core.errors.EncoderError`.
        place: where its weights come from, in words.
    """

    name: str
    licence: str
    note: str
    identity: Callable[[], EncoderIdentity]
    load: Callable[[str, Precision], PatchEncoder]
    place: str = ""


class PatchEncoder:
    """A loaded encoder.

    Args:
        identity: see :class:`EncoderIdentity`.
        network: maps patches (B, H, W, 3) uint8 to features (B, width); owns its normalisation.
        device: ``cpu``, ``cuda`` or ``mps``.
        precision: arithmetic of the network; features are always returned as float32.
        preprocessing: patches are fitted by it first; None: the network takes them as they are.
        autocast: the weights stay float32, and ``precision`` is that of the matrix products; False:
            the network has that precision itself.
        compiles: whether compiling is known to pay for this network.
        elsewhere: whether the network hands its work to another device by itself.

    Raises:
        SettingsError: float16 anywhere but on CUDA.
    """

    def __init__(
        self,
        identity: EncoderIdentity,
        network: nn.Module,
        *,
        device: str = "cpu",
        precision: Precision = "float32",
        preprocessing: Preprocessing | None = None,
        autocast: bool = False,
        compiles: bool = False,
        elsewhere: bool = False,
    ) -> None:
        check_precision(precision, device)
        self.identity = identity
        self.device = torch.device(device)
        self.precision: Precision = precision
        #: Whether it wants the cores that reading wants too.
        self.on_processor = self.device.type == "cpu" and not elsewhere
        self._ahead = int(self.device.type != "cpu")  # chunks that a GPU is given beforehand
        self._compiled: Callable[[Tensor], Tensor] | None = None
        self._compiles = compiles
        self._preprocessing = preprocessing
        self._autocast = autocast and precision != "float32"
        self._plain = network.to(self.device).eval()
        self._run: Callable[[Tensor], Tensor] = self._plain
        self.batch_size = _GPU_BATCH
        if self.device.type == "cpu":
            self.batch_size = _CPU_BATCH_TUNED if keep_freed_memory() else _CPU_BATCH

    @property
    def compiled(self) -> bool:
        """Whether there is a compiled network, which long slides run."""
        return self._compiled is not None

    def prepare(self, expected_patches: int, patch_size: int) -> None:
        """Compiles the network where that pays: enough patches, a processor, a C++ compiler.

        The numbers stay the same to rounding; without a compiler nothing changes but the speed. What
        is worth it is decided anew each time, so that the bits of a slide's features do not depend on
        the slides that were encoded before.
        """
        self._run = self._plain
        if not self._compiles or expected_patches < _COMPILE_FROM:
            return
        if self.device.type != "cpu" or not compiler_found():
            return
        if self._compiled is not None:
            self._run = self._compiled
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
        self._run = self._compiled = compiled
        return True

    def encode(self, patches: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Features of patches.

        Args:
            patches: (B, H, W, 3) uint8 RGB, any B.

        Returns:
            (B, width) float32, finite.

        Raises:
            EncoderError: the network answers with another width, or with NaN or infinite values.
        """
        return self._fetched(self._begun(patches), len(patches))

    def encode_each(self, chunks: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.float32]]:
        """:meth:`encode` of each chunk, in order.

        A GPU computes by itself: it is given the next chunk, which has to be waited for and fitted,
        before the features of the last one are asked for. A processor is not: it would only be late.
        """
        ahead = deque[tuple[list[Tensor], int]]()
        for patches in chunks:
            ahead.append((self._begun(patches), len(patches)))
            if len(ahead) > self._ahead:
                yield self._fetched(*ahead.popleft())
        while ahead:
            yield self._fetched(*ahead.popleft())

    def _begun(self, patches: NDArray[np.uint8]) -> list[Tensor]:
        """Features by batches, where a GPU may still be at work on them."""
        begun = []
        # no_grad rather than inference_mode: a compiled graph with frozen weights rejects the latter
        with torch.no_grad(), self._arithmetic(), self._naming_full_memory():
            for start in range(0, len(patches), self.batch_size):
                batch = patches[start : start + self.batch_size]
                begun.append(self._features(torch.from_numpy(np.ascontiguousarray(batch))))
        return begun

    def _fetched(self, begun: list[Tensor], count: int) -> NDArray[np.float32]:
        result = np.empty((count, self.identity.width), np.float32)
        with self._naming_full_memory():
            for start, features in zip(range(0, count, self.batch_size), begun, strict=True):
                size = min(self.batch_size, count - start)
                result[start : start + size] = self._checked(features, size)
        return result

    @contextmanager
    def _naming_full_memory(self) -> Iterator[None]:
        try:
            yield
        except torch.OutOfMemoryError as error:
            raise EncoderError(
                f"The GPU's memory does not hold {self.batch_size} patches of {self.identity.name} at "
                "a time",
                "Close what else uses it, or use --precision bfloat16"
                if self.precision == "float32"
                else "Close what else uses it",
            ) from error

    def _features(self, batch: Tensor) -> Tensor:
        if self._preprocessing is not None:
            batch = self._preprocessing.fit(batch)
        run = self._run if len(batch) == self.batch_size else self._plain
        return run(batch.to(self.device, non_blocking=True))

    def _arithmetic(self) -> torch.autocast:
        dtype = torch.float16 if self.precision == "float16" else torch.bfloat16
        return torch.autocast(self.device.type, dtype, enabled=self._autocast)

    def _checked(self, features: Tensor, count: int) -> NDArray[np.float32]:
        expected = (count, self.identity.width)
        if tuple(features.shape) != expected:
            raise EncoderError(
                f"Encoder {self.identity.name} answers {tuple(features.shape)} to {count} patches, "
                f"not {expected}",
                "Correct the width that it states, or its weights",
            )
        values = features.float().cpu().numpy()
        if not np.isfinite(values).all():
            raise EncoderError(
                f"Encoder {self.identity.name} answers NaN or infinite values in {self.precision}",
                "Check its weights"
                if self.precision == "float32"
                else "Use --precision float32, or check its weights",
            )
        return values


def check_precision(precision: Precision, device: str) -> None:
    """Raises :class:`SettingsError` where a device lacks a precision."""
    if precision == "float16" and torch.device(device).type != "cuda":
        raise SettingsError(
            f"float16 needs an NVIDIA GPU, and the encoder runs on {device}",
            "Use --precision bfloat16 or float32",
        )
