"""Small pictures of nuclei and blood cells, stamped into the slide at full resolution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from momkd_core.demo.fields import Field, Random, Real, smoothstep

#: Microns per pixel of the drawn slides: a 40x scan.
MPP = 0.25


class Nucleus(IntEnum):
    """What kind of nucleus a stamp shows."""

    TUMOUR_LOW = 0
    TUMOUR_HIGH = 1
    DUCTAL = 2
    MYOEPITHELIAL = 3
    LYMPHOCYTE = 4
    PLASMA = 5
    FIBROBLAST = 6
    ENDOTHELIUM = 7
    DEBRIS = 8
    MITOSIS = 9
    RED_CELL = 10


@dataclass(frozen=True)
class Stamp:
    """A drawn cell: opacity, and haematoxylin times opacity; square float32 rasters."""

    alpha: Field
    haematoxylin: Field


@dataclass(frozen=True)
class _Look:
    """How a kind of nucleus looks. Lengths in microns.

    Attributes:
        length, width: range of the diameters.
        irregular: how much the outline departs from an ellipse.
        darkness: haematoxylin of the chromatin, 0 to 1.
        clumps: strength of the chromatin's texture.
        membrane: how much darker the rim is.
        nucleoli: most nucleoli.
        blur: softness of the outline.
    """

    length: tuple[float, float]
    width: tuple[float, float]
    irregular: float
    darkness: tuple[float, float]
    clumps: float
    membrane: float
    nucleoli: int = 0
    blur: float = 0.3
    variants: int = 64


_LOOKS = {
    Nucleus.TUMOUR_LOW: _Look((7.2, 9.2), (6.2, 7.8), 0.035, (0.42, 0.58), 0.22, 0.14, 1),
    Nucleus.TUMOUR_HIGH: _Look((10, 16), (8.5, 12), 0.07, (0.34, 0.62), 0.34, 0.26, 3),
    Nucleus.DUCTAL: _Look((7.0, 8.6), (5.0, 6.2), 0.03, (0.48, 0.62), 0.18, 0.12),
    Nucleus.MYOEPITHELIAL: _Look((6.5, 9.0), (2.6, 3.6), 0.05, (0.58, 0.74), 0.15, 0.05),
    Nucleus.LYMPHOCYTE: _Look((5.6, 6.8), (5.2, 6.2), 0.04, (0.72, 0.92), 0.22, 0.04),
    Nucleus.PLASMA: _Look((6.0, 7.2), (5.2, 6.2), 0.03, (0.66, 0.82), 0.34, 0.10),
    Nucleus.FIBROBLAST: _Look((11, 20), (1.9, 3.4), 0.08, (0.36, 0.60), 0.16, 0.06, variants=288),
    Nucleus.ENDOTHELIUM: _Look((8, 13), (2.0, 2.9), 0.06, (0.58, 0.76), 0.12, 0.04, variants=144),
    Nucleus.DEBRIS: _Look((1.6, 4.0), (1.3, 3.2), 0.15, (0.55, 0.95), 0.10, 0.0),
    Nucleus.MITOSIS: _Look((8.0, 11.0), (2.6, 4.4), 0.22, (0.92, 1.0), 0.12, 0.0),
    Nucleus.RED_CELL: _Look((6.2, 7.2), (5.4, 6.8), 0.06, (0.75, 0.95), 0.05, 0.15),
}

#: Kinds whose variants are ordered by angle, so that a cell can follow the tissue around it.
DIRECTED = frozenset(
    {
        Nucleus.FIBROBLAST,
        Nucleus.ENDOTHELIUM,
        Nucleus.MYOEPITHELIAL,
        Nucleus.DUCTAL,
    }
)


@cache
def stamps(kind: Nucleus) -> tuple[Stamp, ...]:
    """All variants of a kind: always the same ones."""
    random = np.random.default_rng([20260221, int(kind)])
    look = _LOOKS[kind]
    angles = [math.pi * v / look.variants for v in range(look.variants)]
    if kind not in DIRECTED:
        random.shuffle(angles)
    return tuple(_draw(random, look, kind, angle) for angle in angles)


def variants_at(kind: Nucleus, angles: Real, random: Random) -> NDArray[np.intp]:
    """For each angle (radians) a variant that points there, or any where the kind is round."""
    count = _LOOKS[kind].variants
    if kind not in DIRECTED:
        return random.integers(0, count, len(angles))
    turned = angles / math.pi + random.normal(0, 0.03, len(angles))
    return np.asarray(np.floor(turned * count) % count, np.intp)


def _draw(random: Random, look: _Look, kind: Nucleus, angle: float) -> Stamp:
    length, width = random.uniform(*look.length), random.uniform(*look.width)
    width = min(width, length)
    half = math.ceil((length * (1 + 3 * look.irregular) / 2 + 1.0) / MPP)
    y, x = (np.mgrid[-half : half + 1, -half : half + 1] * MPP).astype(np.float32)
    u = x * math.cos(angle) + y * math.sin(angle)
    v = -x * math.sin(angle) + y * math.cos(angle)
    if length > 2.2 * width:
        # Spindles bend, and taper towards their ends.
        v = v + np.float32(random.normal(0, 0.012)) * u**2
    radius = np.hypot(u / (length / 2), v / (width / 2))
    theta = np.arctan2(v / width, u / length)
    outline = np.ones_like(radius)
    for wave in (2, 3, 4, 5):
        strength = random.normal(0, look.irregular / math.sqrt(wave))
        outline += np.float32(strength) * np.cos(wave * theta + random.uniform(0, 2 * math.pi))
    inside = ((outline - radius) * width / 2).astype(np.float32)
    alpha = smoothstep(inside, -look.blur, look.blur)
    chromatin = _chromatin(random, inside.shape, look)
    rim = np.exp(-((inside - 0.4) ** 2) / 0.25)
    level = random.uniform(*look.darkness)
    shade = level * (1 + look.clumps * chromatin) + look.membrane * rim
    if look.nucleoli:
        shade = _with_nucleoli(random, shade, (u, v), (length, width), look.nucleoli)
    if kind is Nucleus.RED_CELL:
        shade = level * (0.75 + 0.25 * np.clip(radius, 0, 1))
    shade = np.clip(shade, 0.05, 1.0).astype(np.float32)
    return Stamp(alpha, shade * alpha)


def _chromatin(random: Random, shape: tuple[int, ...], look: _Look) -> Field:
    """Fine grains and coarser clumps, of unit strength."""
    grains = ndimage.gaussian_filter(random.standard_normal(shape), 1.1)
    clumps = ndimage.gaussian_filter(random.standard_normal(shape), 2.6)
    mixed = 0.6 * grains / (grains.std() + 1e-6) + 0.8 * clumps / (clumps.std() + 1e-6)
    return np.asarray(mixed, np.float32)


def _with_nucleoli(
    random: Random,
    shade: Field,
    axes: tuple[Field, Field],
    size: tuple[float, float],
    most: int,
) -> Field:
    for _ in range(int(random.integers(0, most + 1))):
        u0 = random.uniform(-0.22, 0.22) * size[0]
        v0 = random.uniform(-0.22, 0.22) * size[1]
        radius = random.uniform(0.5, 0.75) if most == 1 else random.uniform(0.75, 1.35)
        blob = np.exp(-((((axes[0] - u0) ** 2 + (axes[1] - v0) ** 2) / radius**2) ** 2))
        shade = shade + np.float32(0.38) * blob.astype(np.float32)
    return shade
