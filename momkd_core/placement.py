"""Where a bag's patches fit the tissue of a slide best: as they are, offset, scaled or moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from momkd_core.features import FeatureBag
from momkd_core.slide import Slide
from momkd_core.tissue import TissueMask

SCALES = (0.25, 0.5, 2.0, 4.0)
#: Another place must be better by this much, in precision and in overlap, or the file is believed.
_BETTER = 0.06
_SEARCH_SIDE = 512  # the search for a shift works on masks of at most this side


@dataclass(frozen=True)
class Placement:
    """The best of the tried places.

    Attributes:
        kind: what has to be done to the coordinates; ``as_is`` where they fit.
        scale: coordinates are multiplied by it.
        offset: then it is added, level-0 pixels.
        fit, fit_as_is: overlap of patches and tissue (Dice, 0 to 1), best and as they are.
        outside: share of patch centres beside the slide, as they are.
    """

    kind: Literal["as_is", "bounds", "scale", "moved"]
    scale: float
    offset: tuple[float, float]
    fit: float
    fit_as_is: float
    outside: float


@dataclass(frozen=True)
class _Fit:
    precision: float
    dice: float

    def beats(self, other: _Fit) -> bool:
        """Patches hold more tissue, and more of the tissue is held."""
        return self.precision > other.precision + _BETTER and self.dice > other.dice + _BETTER


def patches_on_tissue(mask: TissueMask, coords: NDArray[np.int64], size: int) -> float:
    """Share of patch centres that lie on tissue; those beside the slide do not."""
    height, width = mask.mask.shape
    x = np.floor((coords[:, 0] + size / 2) / mask.scale_x).astype(np.int64)
    y = np.floor((coords[:, 1] + size / 2) / mask.scale_y).astype(np.int64)
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    found = np.zeros(len(coords), bool)
    found[inside] = mask.mask[y[inside], x[inside]]
    return float(found.mean())


def find_placement(slide: Slide, bag: FeatureBag, mask: TissueMask) -> Placement:
    """Tries the slide's bounds, scales, and a shift, in this order of trust.

    Scales are tried only where the file does not say how large its slide was.
    """
    coords, size = bag.coords.astype(np.float64), float(bag.size_level0)
    centres = coords + size / 2
    beyond = (centres < 0) | (centres >= (slide.width, slide.height))
    outside = float(beyond.any(axis=1).mean())
    as_is = _fit(mask, coords, size)
    best, best_fit = Placement("as_is", 1.0, (0.0, 0.0), as_is.dice, as_is.dice, outside), as_is

    def consider(kind: Literal["bounds", "scale", "moved"], scale: float, at: tuple[float, float],
                 beaten: float) -> None:  # fmt: skip
        nonlocal best, best_fit
        fit = _fit(mask, coords * scale + at, size * scale)
        if fit.beats(as_is) and fit.dice > best_fit.dice + beaten:
            best = Placement(kind, scale, at, fit.dice, as_is.dice, outside)
            best_fit = fit

    for x, y in _bounds(slide, bag):
        consider("bounds", 1.0, (x, y), 0.0)
    if "level0_width" not in bag.attributes:
        for scale in SCALES:
            consider("scale", scale, (0.0, 0.0), 0.0)
    # A free shift fits by its freedom: it must do better than the named causes.
    consider("moved", 1.0, _best_shift(mask, coords, size), 0.0 if best_fit is as_is else _BETTER)
    return best


def _bounds(slide: Slide, bag: FeatureBag) -> list[tuple[float, float]]:
    """Offsets that a confusion of origins would cause."""
    stated = tuple(float(bag.attributes.get(f"bounds_{axis}", 0) or 0) for axis in "xy")
    found = {tuple(float(v) for v in slide.bounds_offset), stated} - {(0.0, 0.0)}
    return [(sign * x, sign * y) for x, y in sorted(found) for sign in (1.0, -1.0)]


def _fit(mask: TissueMask, corners: NDArray[np.float64], size: float) -> _Fit:
    covered, squares = _covered(mask, corners, size)
    shared = float((covered & mask.mask).sum())
    # Squares beside the slide hold no tissue, and count.
    area = max(float(covered.sum()), 1.0) / max(1.0 - squares, 1e-3)
    return _Fit(shared / area, 2 * shared / max(area + float(mask.mask.sum()), 1.0))


def _covered(
    mask: TissueMask, corners: NDArray[np.float64], size: float
) -> tuple[NDArray[np.bool_], float]:
    """(h, w) where patches lie, at the mask's resolution; and the share of their area beside it."""
    height, width = mask.mask.shape
    edges, kept = [], np.ones(len(corners))
    for axis, (scale, length) in enumerate(((mask.scale_x, width), (mask.scale_y, height))):
        first, last = corners[:, axis] / scale, (corners[:, axis] + size) / scale
        inside = np.clip(last, 0, length) - np.clip(first, 0, length)
        kept *= inside / (size / scale)
        start = np.clip(np.round(first), 0, length).astype(np.int64)
        edges.append((start, np.clip(np.round(last), start, length).astype(np.int64)))
    (left, right), (top, bottom) = edges
    steps = np.zeros((height + 1, width + 1), np.int32)
    for row, column, sign in (
        (top, left, 1),
        (bottom, right, 1),
        (top, right, -1),
        (bottom, left, -1),
    ):
        np.add.at(steps, (row, column), sign)
    covered: NDArray[np.bool_] = np.cumsum(np.cumsum(steps, 0), 1)[:-1, :-1] > 0
    return covered, float(1.0 - kept.mean())


def _best_shift(mask: TissueMask, corners: NDArray[np.float64], size: float) -> tuple[float, float]:
    """The shift, level-0 pixels, that lays most of the patches on tissue (a correlation)."""
    step = max(1, -(-max(mask.mask.shape) // _SEARCH_SIDE))
    tissue = mask.mask[::step, ::step].astype(np.float32)
    # Patches are placed as a whole: a part of them may lie beside the slide.
    scale = np.array([mask.scale_x, mask.scale_y]) * step
    low = corners.min(axis=0)
    extent = np.ceil((corners.max(axis=0) + size - low) / scale).astype(int) + 1
    if (extent > 4 * _SEARCH_SIDE).any():
        return 0.0, 0.0
    whole = TissueMask(np.zeros((extent[1], extent[0]), bool), float(scale[0]), float(scale[1]))
    patches, _ = _covered(whole, corners - low, size)
    shared = fftconvolve(tissue, patches[::-1, ::-1].astype(np.float32))
    row, column = np.unravel_index(int(shared.argmax()), shared.shape)
    place = np.array([column - (extent[0] - 1), row - (extent[1] - 1)]) * scale
    x, y = place - low
    return float(x), float(y)
