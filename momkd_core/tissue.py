"""Where the tissue is: a mask on a thumbnail, and the tissue fraction of any square.

The mask measures how far each pixel's colour lies from this slide's own glass, in CIE Lab, so that
a grey scanner background or a pale stain shifts nothing. Pen, black borders and scanner padding are
taken out by colour. Ground truth for "is this glass?" in triage is this fraction, so the mask errs
towards fine structure: holes are kept, only dust is removed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import color, filters, morphology

from momkd_core.slide import RgbImage, Slide

#: Side of a mask pixel aimed at, in microns: a nucleus is about as large.
MASK_MICRONS = 8.0
MAX_MASK_SIDE = 4096
MIN_MASK_SIDE = 512

_SMOOTHING_PX = 1.0
# Lab distances from glass: below the first nothing is tissue, above the second everything is,
# whatever Otsu's threshold says (a slide without glass, or without tissue, has no two classes).
_THRESHOLD_RANGE = (5.5, 14.0)
# Colour much paler than this slide's own tissue may be dye that ran over the glass: it is smooth,
# where pale tissue has texture.
_PALE_SHARE = 0.6
_PALE_DISTANCE = 24.0
_PALE_TEXTURE = 2.2
_TEXTURE_WINDOW = 7
_SMALLEST_PIECE_UM2 = 2_000.0
_DEFAULT_GLASS_LAB = (96.0, 0.0, 0.0)


@dataclass(frozen=True)
class TissueMask:
    """A tissue mask over a whole slide.

    Attributes:
        mask: (h, w) bool, True on tissue.
        scale_x, scale_y: level-0 pixels per mask pixel.
    """

    mask: NDArray[np.bool_]
    scale_x: float
    scale_y: float

    def fractions(self, corners: NDArray[np.int64], side: int) -> NDArray[np.float32]:
        """Tissue fraction of squares.

        Args:
            corners: (N, 2) level-0 top-left corners.
            side: side of each square in level-0 pixels.

        Returns:
            (N,) in [0, 1], exact in area: mask pixels on an edge count in part. Area outside the
            slide counts as glass.
        """
        height, width = self.mask.shape
        integral = np.zeros((height + 1, width + 1))
        np.cumsum(np.cumsum(self.mask, axis=0, dtype=np.float64), axis=1, out=integral[1:, 1:])
        left, right = (np.clip((corners[:, 0] + d) / self.scale_x, 0, width) for d in (0, side))
        top, bottom = (np.clip((corners[:, 1] + d) / self.scale_y, 0, height) for d in (0, side))

        def up_to(y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
            # The integral of a piecewise constant mask is bilinear between its grid points.
            result: NDArray[np.float64] = ndimage.map_coordinates(integral, [y, x], order=1)
            return result

        tissue = up_to(bottom, right) - up_to(top, right) - up_to(bottom, left) + up_to(top, left)
        area = (side / self.scale_x) * (side / self.scale_y)
        return np.clip(tissue / area, 0.0, 1.0).astype(np.float32)


def find_tissue(slide: Slide) -> TissueMask:
    """The tissue mask of a slide. Raises :class:`~momkd_core.errors.SlideError` on unread pixels.

    A slide without known resolution gets a mask of a fixed size; the cohort's ``min_tissue`` and
    the patch grid need the resolution, the mask does not.
    """
    longest = max(slide.width, slide.height)
    known = slide.known_mpp
    wanted = round(longest * known.mean / MASK_MICRONS) if known else MAX_MASK_SIDE // 2
    side = min(longest, MAX_MASK_SIDE, max(MIN_MASK_SIDE, wanted))
    thumbnail = slide.thumbnail(side)
    height, width = thumbnail.shape[:2]
    scale_x, scale_y = slide.width / width, slide.height / height
    micron_area = scale_x * scale_y * known.mean**2 if known else MASK_MICRONS**2
    return TissueMask(tissue_mask(thumbnail, pixel_area_um2=micron_area), scale_x, scale_y)


def tissue_mask(image: RgbImage, *, pixel_area_um2: float = MASK_MICRONS**2) -> NDArray[np.bool_]:
    """Tissue pixels of an overview image.

    Args:
        image: (h, w, 3) uint8 RGB.
        pixel_area_um2: area of one pixel in square microns, to tell dust from tissue.

    Returns:
        (h, w) bool.
    """
    lab = color.rgb2lab(image.astype(np.float32) / 255.0)  # stays float32: half the time
    texture = _local_deviation(lab[..., 0])
    lab = ndimage.gaussian_filter(lab, sigma=(_SMOOTHING_PX, _SMOOTHING_PX, 0))
    lightness, a, b = lab[..., 0], lab[..., 1], lab[..., 2]
    padding = _padding(image)
    glass = _glass_colour(lab, ~padding)
    chroma_distance = np.hypot(a - glass[1], b - glass[2])
    # Shadows and dirt change lightness alone, stain changes chroma: lightness counts for less.
    distance = np.hypot(chroma_distance, 0.5 * np.maximum(glass[0] - lightness, 0.0))
    counted = distance[~padding]
    # An even image is a blank, whatever its colour.
    if counted.size == 0 or np.ptp(counted) <= _THRESHOLD_RANGE[0]:
        return np.zeros(image.shape[:2], dtype=bool)
    otsu = filters.threshold_otsu(counted)
    threshold = float(np.clip(otsu * 0.6, *_THRESHOLD_RANGE))
    pale = min(_PALE_DISTANCE, _PALE_SHARE * float(np.median(counted[counted > otsu])))
    tissue = (distance > threshold) & ((distance > pale) | (texture > _PALE_TEXTURE))
    tissue = tissue & ~padding & ~_artefact(lab, glass)
    tissue = morphology.opening(tissue, morphology.disk(1))
    smallest = max(4, round(_SMALLEST_PIECE_UM2 / pixel_area_um2))
    cleaned: NDArray[np.bool_] = morphology.remove_small_objects(tissue, max_size=smallest)
    return cleaned


def _local_deviation(lightness: NDArray[np.float32]) -> NDArray[np.float32]:
    """Standard deviation of lightness in a small window around each pixel."""
    mean = ndimage.uniform_filter(lightness, _TEXTURE_WINDOW)
    square = ndimage.uniform_filter(lightness * lightness, _TEXTURE_WINDOW)
    deviation: NDArray[np.float32] = np.sqrt(np.maximum(square - mean * mean, 0.0))
    return deviation


def _padding(image: RgbImage) -> NDArray[np.bool_]:
    """Scanner padding: areas of one exact colour, black or pure white, that no camera produced."""
    darkest, brightest = image.min(axis=2), image.max(axis=2)
    black = brightest <= 12
    white = darkest >= 254
    # A few saturated pixels are ordinary glass; padding comes in solid blocks.
    solid = morphology.opening(black | white, np.ones((5, 5), dtype=bool))
    padding: NDArray[np.bool_] = black | (solid & white)
    return padding


def _glass_colour(
    lab: NDArray[np.float32], counted: NDArray[np.bool_]
) -> tuple[float, float, float]:
    """This slide's glass in Lab: the median of its bright, colourless pixels, if it has any."""
    bright = counted & (lab[..., 0] > 82) & (np.hypot(lab[..., 1], lab[..., 2]) < 8)
    if bright.sum() < max(50, 0.002 * counted.sum()):
        return _DEFAULT_GLASS_LAB
    lightness, a, b = np.median(lab[bright], axis=0)
    return (float(lightness), float(a), float(b))


def _artefact(lab: NDArray[np.float32], glass: tuple[float, float, float]) -> NDArray[np.bool_]:
    """Pen and black edges, by colours that haematoxylin and eosin do not make.

    Hue angle in the a-b plane: eosin and haematoxylin lie between blue-violet (about -75°) and
    pink-red (about +25°). Green and cyan ink lie outside at any darkness; blue ink is purer than
    haematoxylin; black is dark without colour.
    """
    lightness = lab[..., 0]
    a, b = lab[..., 1] - glass[1], lab[..., 2] - glass[2]
    chroma = np.hypot(a, b)
    hue = np.degrees(np.arctan2(b, a))
    green_to_cyan = (chroma > 12) & ((hue > 100) | (hue < -110))
    blue_ink = (chroma > 58) & (hue > -110) & (hue < -45)
    red_ink = (chroma > 62) & (hue > 20) & (hue < 60)
    black = (lightness < 32) & (chroma < 12)
    artefact: NDArray[np.bool_] = green_to_cyan | blue_ink | red_ink | black
    # Ink fades at its rim; the fade has tissue-like chroma.
    solid = morphology.opening(artefact, np.ones((3, 3), bool))
    grown: NDArray[np.bool_] = morphology.dilation(solid, morphology.disk(2))
    return grown
