"""The same patches read in two ways, and how far one lies from the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage.color import rgb2gray
from skimage.registration import phase_cross_correlation

from momkd_core.features import FeatureBag
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.slide import RgbImage, Slide

#: Reads a square: level-0 corner x, y, its side in level-0 pixels, and the pixels wanted a side.
Reader = Callable[[float, float, float, int], RgbImage]

_UPSAMPLING = 20  # registration to a twentieth of a pixel
_LEAST_CONTRAST = 0.015  # standard deviation of grey, 0 to 1: less is glass
_PIXELS = 256


@dataclass(frozen=True)
class PatchPair:
    """One patch both ways.

    Attributes:
        patch: its position in the bag.
        read: as extraction reads it, (p, p, 3).
        drawn: as the viewer draws it, (p, p, 3).
        step: level-0 pixels per pixel of both.
        shift: displacement (x, y) of what is drawn, level-0 pixels; None where the patch has too
            little structure to tell.
        agreement: correlation of both once the shift is undone, -1 to 1.
    """

    patch: int
    read: RgbImage
    drawn: RgbImage
    step: float
    shift: tuple[float, float] | None
    agreement: float


def spread_patches(bag: FeatureBag, count: int, width: int, height: int) -> NDArray[np.int64]:
    """Positions of up to ``count`` patches all over the tissue, those with most tissue of each place.

    Only patches that lie on the slide (width x height) are taken.
    """
    coords, size = bag.coords, bag.size_level0
    on_slide = (coords >= 0).all(axis=1) & (coords[:, 0] + size <= width)
    candidates = np.flatnonzero(on_slide & (coords[:, 1] + size <= height))
    if len(candidates) <= count:
        return candidates
    chosen = coords[candidates]
    tissue = np.ones(len(coords)) if bag.tissue_fraction is None else bag.tissue_fraction
    side = int(np.ceil(np.sqrt(count * 2)))
    low, extent = chosen.min(axis=0), np.maximum(np.ptp(chosen, axis=0), 1)
    cell = np.minimum((chosen - low) * side // extent, side - 1)
    place = cell[:, 1] * side + cell[:, 0]
    order = np.lexsort((candidates, -tissue[candidates], place))
    first = order[np.r_[True, np.diff(place[order]) > 0]]
    picked = first[np.linspace(0, len(first) - 1, min(count, len(first))).round().astype(int)]
    return np.sort(candidates[picked])


def compare_patches(
    slide: Slide,
    bag: FeatureBag,
    patches: NDArray[np.int64],
    draw: Reader,
    *,
    report: Report = silent,
    cancel: CancelToken | None = None,
) -> tuple[PatchPair, ...]:
    """Reads patches both ways and registers each pair. Raises SlideError or Cancelled."""
    pixels = min(bag.patch_size or _PIXELS, 2 * _PIXELS)
    pairs = []
    for done, patch in enumerate(patches):
        if cancel is not None:
            cancel.raise_if_cancelled()
        report(done, len(patches), "comparing patches")
        x, y = (int(v) for v in bag.coords[patch])
        read = slide.read_scaled(x, y, bag.size_level0, pixels, filter_=Image.Resampling.BILINEAR)
        drawn = draw(x, y, bag.size_level0, pixels)
        step = bag.size_level0 / pixels
        shift, agreement = displacement(read, drawn)
        in_level0 = None if shift is None else (shift[0] * step, shift[1] * step)
        pairs.append(PatchPair(int(patch), read, drawn, step, in_level0, agreement))
    return tuple(pairs)


def displacement(read: RgbImage, drawn: RgbImage) -> tuple[tuple[float, float] | None, float]:
    """By how many pixels (x, y) ``drawn`` lies right of and below ``read``, and how alike they are.

    Phase correlation of grey pictures (scikit-image) within a window that hides their edges.
    """
    first, second = (rgb2gray(picture) for picture in (read, drawn))
    if min(first.std(), second.std()) < _LEAST_CONTRAST:
        return None, 0.0
    window = np.hanning(len(first) + 2)[1:-1]
    faded = [(grey - grey.mean()) * np.outer(window, window) for grey in (first, second)]
    # Without normalisation: levels differ in sharpness, and noise would count as much as nuclei.
    needed, _, _ = phase_cross_correlation(*faded, upsample_factor=_UPSAMPLING, normalization=None)
    moved = ndimage.shift(second, needed, order=1, mode="nearest")
    dy, dx = (int(np.ceil(abs(v))) for v in needed)
    inner = (slice(dy, len(first) - dy), slice(dx, len(first) - dx))
    compared = first[inner], moved[inner]
    if min(part.size for part in compared) < 64 or min(part.std() for part in compared) < 1e-6:
        return None, 0.0
    agreement = float(np.corrcoef(compared[0].ravel(), compared[1].ravel())[0, 1])
    return (-float(needed[1]), -float(needed[0])), agreement
