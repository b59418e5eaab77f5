"""A round length that fits a given space."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScaleBar:
    """A bar of ``pixels`` device pixels with its length in words."""

    pixels: float
    text: str


def scale_bar(microns_per_device_pixel: float, longest: float) -> ScaleBar:
    """The longest bar of 1, 2 or 5 times a power of ten microns within ``longest`` pixels."""
    room = microns_per_device_pixel * longest
    power = 10.0 ** math.floor(math.log10(room))
    length = max(step * power for step in (1, 2, 5) if step * power <= room * (1 + 1e-9))
    text = f"{length / 1000:g} mm" if length >= 1000 else f"{length:g} µm"
    return ScaleBar(length / microns_per_device_pixel, text)
