"""Values to colours.

Affinity is signed, so its map diverges around zero: blue towards the negative memory, orange towards
the positive one, a hue pair that colour-blind readers keep apart and that haematoxylin and eosin do
not contain. What only grows has a map that runs from dark to bright in one direction. Both are
interpolated in CIE Lab between a few anchors, so that equal steps look equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

_DIVERGING = ("#0b3c8c", "#3f8fd9", "#eceae4", "#f5962a", "#a83a00")
_SEQUENTIAL = ("#1b0c42", "#6a1b7c", "#c9405c", "#f78c2e", "#fbf08a")


def rgb(colour: str) -> tuple[int, int, int]:
    """``#rrggbb`` as three bytes."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return red, green, blue


@dataclass(frozen=True)
class Scale:
    """How values become colours.

    Attributes:
        low, high: values at the ends of the map; values beyond take the end's colour.
        colours: (256, 3) uint8.
        unit: for the legend.
    """

    low: float
    high: float
    colours: NDArray[np.uint8]
    unit: str

    def apply(self, values: NDArray[np.float32]) -> NDArray[np.uint8]:
        """(N,) values as (N, 3) colours."""
        span = max(self.high - self.low, 1e-12)
        position = np.clip((values - self.low) / span, 0.0, 1.0)
        chosen: NDArray[np.uint8] = self.colours[np.round(position * 255).astype(np.intp)]
        return chosen


@cache
def _map(anchors: tuple[str, ...]) -> NDArray[np.uint8]:
    from skimage import color  # with the first overlay, not with the window

    lab = color.rgb2lab(np.array([rgb(anchor) for anchor in anchors])[None] / 255.0)[0]
    at = np.linspace(0, len(anchors) - 1, 256)
    channels = [np.interp(at, np.arange(len(anchors)), lab[:, c]) for c in range(3)]
    smooth = color.lab2rgb(np.stack(channels, axis=1)[None])[0]
    result: NDArray[np.uint8] = np.round(np.clip(smooth, 0, 1) * 255).astype(np.uint8)
    return result


def affinity_scale(affinity: NDArray[np.float32]) -> Scale:
    """Symmetric around zero, so that white means "neither memory"."""
    bound = float(np.abs(affinity).max()) if len(affinity) else 1.0
    bound = bound if bound > 0 else 1.0
    return Scale(-bound, bound, _map(_DIVERGING), "similarity difference")


def attention_scale(attention: NDArray[np.float32]) -> Scale:
    """Relative to even attention: 1 is the share a patch has if all count the same."""
    high = float(attention.max()) * len(attention) if len(attention) else 1.0
    return Scale(0.0, high if high > 0 else 1.0, _map(_SEQUENTIAL), "× even share")


def sequential_scale(low: float, high: float, unit: str) -> Scale:
    """From dark (low) to bright (high)."""
    return Scale(low, high if high > low else low + 1.0, _map(_SEQUENTIAL), unit)
