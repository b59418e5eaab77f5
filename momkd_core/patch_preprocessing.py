"""What happens to a patch before its encoder's network sees it: resized, cropped, normalised.

Part of an encoder's identity: the same weights on patches prepared differently give other features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Interpolation = Literal["bilinear", "bicubic"]
Channels = tuple[float, float, float]

IMAGENET_MEAN: Channels = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION: Channels = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """How square patches become the input of a network.

    Attributes:
        size: side of the network's input in pixels.
        mean, deviation: of the three channels, on the scale from 0 to 1.
        interpolation: of the resizing, which is antialiased as Pillow's is.
        crop: the share of the resized side that is kept, in the middle; 1 keeps all.
    """

    size: int
    mean: Channels = IMAGENET_MEAN
    deviation: Channels = IMAGENET_DEVIATION
    interpolation: Interpolation = "bilinear"
    crop: float = 1.0

    @property
    def resized(self) -> int:
        """Side in pixels before the middle is cut out; rounded down, as timm does."""
        return math.floor(self.size / self.crop)

    def __str__(self) -> str:
        parts = [f"resized to {self.resized} px, {self.interpolation}, antialiased"]
        if self.resized != self.size:
            parts.append(f"middle {self.size} px")
        mean, deviation = (
            " ".join(f"{value:.6g}" for value in values) for values in (self.mean, self.deviation)
        )
        return ", ".join([*parts, f"RGB/255, mean {mean}, deviation {deviation}"])

    def fit(self, patches: Tensor) -> Tensor:
        """Resizes and crops (B, H, W, 3) uint8 patches on the processor: (B, size, size, 3) uint8.

        On bytes and never on an accelerator, so that every device gets the same pixels.
        """
        side = self.resized
        x = patches.permute(0, 3, 1, 2)
        if x.shape[-2:] != (side, side):
            x = F.interpolate(x, (side, side), mode=self.interpolation, antialias=True)
        # torchvision's CenterCrop, which timm uses, rounds the same way.
        margin = round((side - self.size) / 2.0)
        x = x[:, :, margin : margin + self.size, margin : margin + self.size]
        return x.permute(0, 2, 3, 1)


class Normalised(nn.Module):
    """Bytes in, features out: scales to the range the network was trained on, then runs it.

    Args:
        network: maps (B, 3, H, W), normalised, to features (B, width).
        dtype: of what the network gets.
    """

    def __init__(
        self,
        network: nn.Module,
        mean: Channels = IMAGENET_MEAN,
        deviation: Channels = IMAGENET_DEVIATION,
        dtype: torch.dtype = torch.float32,
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
