"""From stain amounts to pixels: the stains of a site, its scanner, and what lies on the glass.

Light is absorbed as the Beer-Lambert law says; the stains' absorption per channel follows Ruifrok and
Johnston, "Quantification of histochemical staining by color deconvolution", 2001.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from momkd_core.demo.cells import MPP, Nucleus, stamps
from momkd_core.demo.fields import Field, Random, noise, smoothstep
from momkd_core.demo.section import COARSE, Section, Tissue

#: Pixels a micron, at level 0.
SCALE = round(1 / MPP)
#: Side of a block that is drawn at once, in pixels; a multiple of the file's tile.
BLOCK = 1024

_HAEMATOXYLIN = (0.650, 0.704, 0.286)
_EOSIN = (0.115, 0.880, 0.430)
_RED_CELL = (0.10, 1.15, 0.95)
_MOST = 1.25  # stain amount at the end of the table
_MARGIN = 56  # pixels beyond a block from where nuclei reach into it: half the longest stamp

PENS = {"black": (1.9, 1.8, 1.6), "blue": (1.9, 1.25, 0.25), "green": (1.7, 0.45, 1.25)}


@dataclass(frozen=True)
class Site:
    """How a laboratory stains and scans.

    Attributes:
        haematoxylin, eosin: strength of the stains.
        turn: shift of haematoxylin from blue (-) to purple (+).
        pink: shift of eosin from orange (-) to magenta (+).
        glass: colour of empty glass.
        gamma: of the scanner.
        quality: of its JPEG compression.
    """

    name: str
    haematoxylin: float
    eosin: float
    turn: float
    pink: float
    glass: tuple[int, int, int]
    gamma: float
    quality: int

    def table(self) -> NDArray[np.uint8]:
        """RGB for every pair of stain amounts, (65536, 3): haematoxylin x 256 + eosin."""
        amounts = np.linspace(0, _MOST, 256)
        blue = np.array(_HAEMATOXYLIN) + np.array([-0.10, 0.06, 0.02]) * self.turn
        pink = np.array(_EOSIN) + np.array([0.03, 0.0, -0.16]) * self.pink
        absorbed = (
            2.15 * self.haematoxylin * amounts[:, None, None] * blue
            + 1.02 * self.eosin * amounts[None, :, None] * pink
        )
        light = np.exp(-absorbed) ** self.gamma * np.array(self.glass)
        return np.asarray(np.clip(np.rint(light), 0, 255), np.uint8).reshape(-1, 3)


SITES = (
    Site("Northgate", 1.00, 1.00, 0.0, 0.0, (244, 243, 245), 1.00, 76),
    Site("Riverside", 0.86, 1.22, 0.9, 0.6, (246, 242, 246), 0.96, 74),
    Site("Lakeview", 1.20, 0.84, -0.9, -0.3, (240, 243, 241), 1.05, 78),
    Site("Hillcrest", 0.94, 1.05, 0.4, -1.0, (245, 241, 236), 1.02, 72),
)


@dataclass
class Overlays:
    """What lies over the tissue.

    Attributes:
        pen: opacity of ink, coarse, with its colour, or None.
        fold: how much thicker the tissue is, coarse (1 is flat), or None.
        dust: (x, y, radius, darkness) in microns.
    """

    pen: tuple[Field, str] | None = None
    fold: Field | None = None
    dust: list[tuple[float, float, float, float]] = field(default_factory=list)


def draw_pen(section: Section, random: Random, *, cover: bool) -> tuple[Field, str]:
    """Ink strokes: around the tissue, or with ``cover`` right over it."""
    rows, columns = section.coarse
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    colour = str(random.choice(sorted(PENS)))
    wave = noise(random, section.coarse, 700 / COARSE)
    cloudy = noise(random, section.coarse, 180 / COARSE)
    hairs = noise(random, (1, 512), 7, 2)[0]  # the bristles of the tip, across the stroke
    opacity = np.zeros(section.coarse, np.float32)
    strokes = 7 if cover else 1
    for stroke in range(strokes):
        if cover:
            at = columns * (0.12 + 0.76 * (stroke + random.uniform(0.2, 0.8)) / strokes)
            across = x - at + (y - rows / 2) * random.uniform(-0.25, 0.25) + 16 * wave
            past = np.abs(y - rows / 2) - rows * random.uniform(0.34, 0.45)
        else:
            side = random.choice([-1, 1])
            across = y - rows * (0.5 + 0.40 * side) + 16 * wave + (x - columns / 2) * 0.05
            past = np.abs(x - columns * random.uniform(0.3, 0.7)) - columns * 0.2
        width = random.uniform(95, 150) / COARSE
        away = np.hypot(across, np.maximum(past + width, 0))
        bristle = hairs[np.clip(across + 256, 0, 511).astype(np.intp)]
        edge = smoothstep(width - away + 1.2 * cloudy, 0, 5)
        ink = np.clip(0.72 + 0.07 * cloudy + 0.08 * bristle, 0.3, 1)
        opacity = np.maximum(opacity, edge * ink).astype(np.float32)
    section.kind[opacity > 0.4] = Tissue.PEN
    return opacity, colour


def draw_fold(section: Section, random: Random) -> Field:
    """A band where the tissue lies double."""
    rows, columns = section.coarse
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    angle = random.uniform(0.2, math.pi - 0.2)
    away = (x - columns * random.uniform(0.35, 0.65)) * math.sin(angle)
    away = away - (y - rows * random.uniform(0.4, 0.6)) * math.cos(angle)
    away += 14 * noise(random, section.coarse, 600 / COARSE, 2)
    along = (x - columns / 2) * math.cos(angle) + (y - rows / 2) * math.sin(angle)
    half = random.uniform(22, 42) / COARSE * smoothstep(rows * 0.42 - np.abs(along), 0, rows * 0.2)
    inside = smoothstep(half - np.abs(away), -0.5, 1.5) * (half > 2)
    section.kind[(inside > 0.5) & (section.kind != Tissue.GLASS)] = Tissue.FOLD
    return np.asarray(1 + 0.95 * inside, np.float32)


def draw_dust(section: Section, random: Random) -> list[tuple[float, float, float, float]]:
    """Specks anywhere on the glass."""
    count = int(random.integers(12, 40))
    return [
        (
            float(random.uniform(0, section.fine[1])),
            float(random.uniform(0, section.fine[0])),
            float(random.gamma(2.0, 1.6)),
            float(random.uniform(0.3, 1.4)),
        )
        for _ in range(count)
    ]


@lru_cache(maxsize=1)
def _grain() -> Field:
    """Fine texture that repeats unnoticed: grains of cytoplasm and collagen, 1 on average."""
    random = np.random.default_rng(20260222)
    side = 2 * BLOCK
    texture = noise(random, (side, side), 2.6) * 0.5 + noise(random, (side, side), 7.0) * 0.5
    return np.asarray(1 + 0.11 * texture, np.float32)


@lru_cache(maxsize=8)
def _glass(colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    """A block of empty glass."""
    random = np.random.default_rng(20260223)
    speckle = np.rint(random.normal(0, 0.8, (BLOCK, BLOCK, 1)))
    return np.asarray(np.clip(np.array(colour) + speckle, 0, 255), np.uint8)


class Camera:
    """Photographs a section block by block at :data:`~momkd_core.demo.cells.MPP`."""

    def __init__(self, section: Section, site: Site, overlays: Overlays) -> None:
        self._section, self._site, self._overlays = section, site, overlays
        self._table = site.table()
        self.height, self.width = (side * SCALE for side in section.fine)
        x, y, kind, variant = section.cells.arrays()
        order = np.lexsort((x, y // (BLOCK // SCALE)))
        self._x, self._y = x[order] * SCALE, y[order] * SCALE
        self._kind, self._variant = kind[order], variant[order]
        self._empty = section.eosin + section.haematoxylin < 0.004

    def strips(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """(first row, pixels) of strips over the whole width, :data:`BLOCK` rows each."""
        for top in range(0, self.height, BLOCK):
            height = min(BLOCK, self.height - top)
            strip = np.empty((height, self.width, 3), np.uint8)
            for left in range(0, self.width, BLOCK):
                width = min(BLOCK, self.width - left)
                strip[:, left : left + width] = self._block(top, left, height, width)
            yield top, strip

    def _block(self, top: int, left: int, height: int, width: int) -> NDArray[np.uint8]:
        fine = (
            slice(top // SCALE, (top + height) // SCALE),
            slice(left // SCALE, (left + width) // SCALE),
        )
        if self._empty[fine].all():
            pixels = _glass(self._site.glass)[:height, :width]
        else:
            pixels = self._tissue(top, left, height, width)
        marks = self._marks(top, left, height, width)
        return pixels if marks is None else np.rint(pixels * marks).astype(np.uint8)

    def _tissue(self, top: int, left: int, height: int, width: int) -> NDArray[np.uint8]:
        box = (left / SCALE, top / SCALE, (left + width) / SCALE, (top + height) / SCALE)
        size = (width, height)
        eosin = _enlarged(self._section.eosin, box, size)
        blue = _enlarged(self._section.haematoxylin, box, size)
        side = len(_grain())
        rows, columns = top % side, left % side
        grain = _grain()[rows : rows + height, columns : columns + width]
        eosin *= grain
        blue *= grain
        red = self._stamp(eosin, blue, top, left)
        if self._overlays.fold is not None:
            coarse = tuple(v / COARSE for v in box)
            thicker = _enlarged(self._overlays.fold, coarse, size)  # type: ignore[arg-type]
            eosin *= thicker
            blue *= thicker
        index = _bytes(blue).astype(np.uint16) << 8
        index |= _bytes(eosin)
        pixels: NDArray[np.uint8] = self._table[index]
        if red is not None:
            light = np.exp(-red[..., None] * np.array(_RED_CELL, np.float32))
            pixels = np.rint(pixels * light).astype(np.uint8)
        return pixels

    def _stamp(self, eosin: Field, blue: Field, top: int, left: int) -> Field | None:
        """Stamps the nuclei onto a block; returns the amount of blood where there is any."""
        height, width = eosin.shape
        red: Field | None = None
        near = (self._y > top - _MARGIN) & (self._y < top + height + _MARGIN)
        near &= (self._x > left - _MARGIN) & (self._x < left + width + _MARGIN)
        for i in np.flatnonzero(near):
            kind = Nucleus(int(self._kind[i]))
            stamp = stamps(kind)[self._variant[i]]
            half = stamp.alpha.shape[0] // 2
            y0, x0 = int(self._y[i]) - top - half, int(self._x[i]) - left - half
            y1, x1 = y0 + 2 * half + 1, x0 + 2 * half + 1
            part = (slice(max(y0, 0), min(y1, height)), slice(max(x0, 0), min(x1, width)))
            if part[0].stop <= part[0].start or part[1].stop <= part[1].start:
                continue
            cut = (
                slice(part[0].start - y0, part[0].stop - y0),
                slice(part[1].start - x0, part[1].stop - x0),
            )
            alpha, shade = stamp.alpha[cut], stamp.haematoxylin[cut]
            if kind is Nucleus.RED_CELL:
                if red is None:
                    red = np.zeros(eosin.shape, np.float32)
                np.maximum(red[part], shade, out=red[part])
                continue
            blue[part] += shade - alpha * blue[part]
            eosin[part] -= (0.5 * alpha) * eosin[part]
        return red

    def _marks(self, top: int, left: int, height: int, width: int) -> Field | None:
        """Light that ink and dust let through, (height, width, 3), or None where there is none."""
        light: Field | None = None
        box = tuple(v / SCALE / COARSE for v in (left, top, left + width, top + height))
        if self._overlays.pen is not None:
            opacity, colour = self._overlays.pen
            ink = opacity[int(box[1]) : int(box[3]) + 1, int(box[0]) : int(box[2]) + 1]
            if ink.any():
                amount = _enlarged(opacity, box, (width, height))  # type: ignore[arg-type]
                light = np.exp(
                    -np.maximum(amount, 0)[..., None] * np.array(PENS[colour], np.float32)
                )
        for x, y, radius, darkness in self._overlays.dust:
            cx, cy, reach = x * SCALE - left, y * SCALE - top, radius * SCALE * 2.5
            if not (-reach < cx < width + reach and -reach < cy < height + reach):
                continue
            if light is None:
                light = np.ones((height, width, 3), np.float32)
            rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
            away = np.hypot((columns - cx) * 0.8, rows - cy) / (radius * SCALE)
            light *= np.exp(-darkness * np.exp(-(away**4)))[..., None]
        return light


def _enlarged(
    raster: Field, box: tuple[float, float, float, float], size: tuple[int, int]
) -> Field:
    """A box (left, top, right, bottom) of a raster at ``size`` (width, height), writable."""
    left, top = max(0, math.floor(box[0]) - 4), max(0, math.floor(box[1]) - 4)
    part = raster[top : math.ceil(box[3]) + 4, left : math.ceil(box[2]) + 4]
    local = (box[0] - left, box[1] - top, box[2] - left, box[3] - top)
    local = (local[0], local[1], min(local[2], part.shape[1]), min(local[3], part.shape[0]))
    image = Image.fromarray(np.ascontiguousarray(part))
    return np.array(image.resize(size, Image.Resampling.BICUBIC, box=local))


def _bytes(amount: Field) -> NDArray[np.uint8]:
    return np.asarray(np.clip(amount * (255 / _MOST), 0, 255), np.uint8)
