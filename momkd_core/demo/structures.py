"""Bounded structures: ducts, lobules, in-situ carcinoma, vessels. Each is a blob with layers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from momkd_core.demo.cells import Nucleus
from momkd_core.demo.fields import Field, Mask, Random, Real, noise, smoothstep
from momkd_core.demo.section import COARSE, Section, Tissue, Window


@dataclass(frozen=True)
class Blob:
    """A closed outline around a centre, in microns.

    Attributes:
        radius: mean radius.
        stretch: how much longer it is along ``angle`` than across.
        waves: (strength, phase) of the outline's harmonics 2, 3, …
    """

    x: float
    y: float
    radius: float
    stretch: float
    angle: float
    waves: tuple[tuple[float, float], ...]

    @classmethod
    def random(
        cls, random: Random, x: float, y: float, radius: float, wobble: float = 0.06
    ) -> Blob:
        waves = tuple(
            (float(random.normal(0, wobble / math.sqrt(k))), float(random.uniform(0, 2 * math.pi)))
            for k in range(2, 7)
        )
        stretch = float(random.uniform(1.0, 1.45))
        return cls(x, y, radius, stretch, float(random.uniform(0, math.pi)), waves)

    @property
    def reach(self) -> float:
        return self.radius * 1.6

    def outline(self, theta: Real) -> Real:
        scale = np.ones_like(theta)
        for k, (strength, phase) in enumerate(self.waves, start=2):
            scale += strength * np.cos(k * theta + phase)
        return self.radius * scale

    def depth(self, x: Real, y: Real) -> Real:
        """About how many microns a point lies inside the outline; negative outside."""
        dx, dy = x - self.x, y - self.y
        s = math.sqrt(self.stretch)
        u = (dx * math.cos(self.angle) + dy * math.sin(self.angle)) / s
        v = (-dx * math.sin(self.angle) + dy * math.cos(self.angle)) * s
        return np.asarray(self.outline(np.arctan2(v, u)) - np.hypot(u, v))

    def ring(
        self, random: Random, depth: float, spacing: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Points (n, 2) at a depth below the outline, and the angle of the outline there."""
        around = max(self.radius - depth, 1.0)
        count = max(3, int(2 * math.pi * around / spacing))
        theta = np.linspace(0, 2 * math.pi, count, endpoint=False)
        theta += random.normal(0, 0.22, count) * (2 * math.pi / count)
        distance = np.maximum(self.outline(theta) - depth + random.normal(0, 0.6, count), 1.0)
        s = math.sqrt(self.stretch)
        u, v = distance * np.cos(theta) * s, distance * np.sin(theta) / s
        tangent_u, tangent_v = -np.sin(theta) * s, np.cos(theta) / s
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        points = np.stack([self.x + u * cos - v * sin, self.y + u * sin + v * cos], axis=1)
        return points, np.arctan2(
            tangent_u * sin + tangent_v * cos, tangent_u * cos - tangent_v * sin
        )

    def window(self, section: Section, margin: float = 30) -> Window:
        """The part of the fine raster that it and a margin cover."""
        reach = self.reach + margin

        def span(centre: float, limit: int) -> slice:
            low = max(0, int(centre - reach) // COARSE * COARSE)
            high = min(limit, (int(centre + reach) // COARSE + 1) * COARSE)
            return slice(low, max(high, low))

        return Window(span(self.y, section.fine[0]), span(self.x, section.fine[1]))

    def depths(self, window: Window) -> Field:
        y, x = np.mgrid[window.rows, window.columns].astype(np.float32)
        return np.asarray(self.depth(x + 0.5, y + 0.5), np.float32)


def place(
    section: Section,
    random: Random,
    count: int,
    radius: tuple[float, float],
    allowed: Mask,
    gap: float,
) -> list[Blob]:
    """Up to ``count`` blobs inside ``allowed`` that keep ``gap`` microns from what is there.

    Takes their place in ``section.taken``.
    """
    blobs: list[Blob] = []
    rows, columns = np.nonzero(allowed & ~section.taken)
    for _ in range(count * 14):
        if len(blobs) == count or not len(rows):
            break
        pick = int(random.integers(len(rows)))
        blob = Blob.random(
            random,
            float(columns[pick] * COARSE),
            float(rows[pick] * COARSE),
            float(random.uniform(*radius)),
        )
        window = blob.window(section, gap)
        part = window.coarse
        inside = blob.depths(window)[::COARSE, ::COARSE] > -gap
        if not inside.any() or section.taken[part][inside].any() or not allowed[part][inside].all():
            continue
        section.taken[part] |= inside
        blobs.append(blob)
    return blobs


def _mark(section: Section, window: Window, where: Mask, kind: Tissue) -> None:
    section.kind[window.coarse][where[::COARSE, ::COARSE]] = kind


def draw_duct(section: Section, random: Random, duct: Blob, *, acinus: bool = False) -> None:
    """A normal duct or acinus: myoepithelium, columnar epithelium, lumen."""
    window = duct.window(section)
    depth = duct.depths(window)
    wall = 13.0 if acinus else 17.0
    collar = np.exp(-(((depth + 4) / 5) ** 2)) * (0.35 if acinus else 0.7)
    section.lay(collar, 0.55, 0.05, window)
    section.lay(smoothstep(depth, -0.8, 0.8), 0.34, 0.20, window)
    secretion = random.random() < 0.35
    lumen = smoothstep(depth, wall - 0.8, wall + 0.8)
    section.lay(lumen, 0.30 if secretion else 0.015, 0.03 if secretion else 0.01, window)
    _mark(section, window, depth > 0, Tissue.NORMAL)
    points, tangent = duct.ring(random, 2.3, 10.5)
    section.cells.add(random, Nucleus.MYOEPITHELIAL, points, tangent)
    points, tangent = duct.ring(random, wall - 6.5 if acinus else wall - 8.5, 6.6)
    section.cells.add(random, Nucleus.DUCTAL, points, tangent + math.pi / 2)


def draw_lobule(section: Section, random: Random, lobule: Blob) -> None:
    """Acini around a small duct, in loose stroma."""
    window = lobule.window(section)
    depth = lobule.depths(window)
    mottled = 0.20 + 0.05 * noise(random, depth.shape, 9, 2)
    section.lay(smoothstep(depth, -12, 14) * 0.85, mottled, 0.06, window)
    _mark(section, window, depth > 0, Tissue.NORMAL)
    centres: list[tuple[float, float, float]] = []
    for _ in range(500):
        radius = float(random.uniform(17, 27))
        x, y = (
            lobule.x + random.uniform(-1.5, 1.5) * lobule.radius,
            lobule.y + random.uniform(-1.5, 1.5) * lobule.radius,
        )
        if lobule.depth(np.array([x]), np.array([y]))[0] < radius + 2:
            continue
        if all(math.hypot(x - a, y - b) > radius + r + 7 for a, b, r in centres):
            centres.append((float(x), float(y), radius))
    for x, y, radius in centres:
        draw_duct(section, random, Blob.random(random, x, y, radius, 0.05), acinus=True)
    points = section.scatter(random, 26, 0.35, window)
    loose = lobule.depth(points[:, 0], points[:, 1]) > 4
    for x, y, radius in centres:
        loose &= np.hypot(points[:, 0] - x, points[:, 1] - y) > radius * 1.3 + 3
    points = points[loose]
    lymphoid = random.random(len(points)) < 0.3
    section.cells.add(random, Nucleus.LYMPHOCYTE, points[lymphoid])
    section.cells.add(random, Nucleus.FIBROBLAST, points[~lymphoid])


def draw_in_situ(section: Section, random: Random, duct: Blob, *, high: bool, comedo: bool) -> None:
    """A duct filled with carcinoma in situ: comedo, cribriform or solid."""
    window = duct.window(section)
    depth = duct.depths(window)
    section.lay(np.exp(-(((depth + 6) / 7) ** 2)) * 0.8, 0.58, 0.05, window)
    tone = 0.36 + 0.035 * noise(random, depth.shape, 14, 2)
    section.lay(smoothstep(depth, -0.8, 0.8), tone, 0.22, window)
    _mark(section, window, depth > 0, Tissue.IN_SITU)
    outer, tangent = duct.ring(random, 2.4, 15)
    section.cells.add(random, Nucleus.MYOEPITHELIAL, outer, tangent)
    spacing = 13.6 if high else 10.2
    points = section.scatter(random, spacing, 0.16, window)
    depths = duct.depth(points[:, 0], points[:, 1])
    keep = depths > (6.5 if high else 5)
    if comedo:
        rim = duct.radius * random.uniform(0.38, 0.5)
        ragged = depth + 5 * noise(random, depth.shape, 16)
        draw_necrosis(section, random, window, smoothstep(ragged, rim + 2, rim + 7))
        halo = np.exp(-(((ragged - rim) / 2.2) ** 2)) * smoothstep(
            noise(random, depth.shape, 40), -0.6, 1.4
        )
        section.lay(halo, 0.06, 0.02, window)
        keep &= depths < rim - 4
    elif not high or random.random() < 0.4:
        keep &= ~_punch_holes(section, random, duct, window, points)
    section.cells.add(random, Nucleus.TUMOUR_HIGH if high else Nucleus.TUMOUR_LOW, points[keep])


def _punch_holes(
    section: Section, random: Random, duct: Blob, window: Window, points: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Round lumens of the cribriform pattern; which of the points they swallow."""
    swallowed = np.zeros(len(points), bool)
    for x, y in section.scatter(random, 58, 0.16, window):
        radius = float(random.uniform(9, 20))
        if duct.depth(np.array([x]), np.array([y]))[0] < radius + 13:
            continue
        hole = Blob.random(random, float(x), float(y), radius, 0.04)
        inner = hole.window(section, 4)
        secretion = 0.22 if random.random() < 0.3 else 0.02
        section.lay(smoothstep(hole.depths(inner), -0.8, 0.8), secretion, 0.02, inner)
        swallowed |= hole.depth(points[:, 0], points[:, 1]) > -4.2
    return swallowed


def draw_necrosis(section: Section, random: Random, window: Window, cover: Field) -> None:
    """Pink granular debris with dark dust where ``cover`` is high."""
    shape = cover.shape
    grain = noise(random, shape, 3.0) * 0.06 + noise(random, shape, 11, 2) * 0.07
    section.lay(cover, np.clip(0.46 + grain, 0.05, 1), 0.10 + 0.3 * np.abs(grain), window)
    _mark(section, window, cover > 0.5, Tissue.NECROSIS)
    points = section.scatter(random, 9.5, 0.45, window)
    keep = (window.at(cover, points) > 0.6) & (random.random(len(points)) < 0.45)
    section.cells.add(random, Nucleus.DEBRIS, points[keep])


def draw_vessel(section: Section, random: Random, vessel: Blob) -> None:
    """A small artery, vein or capillary with blood in it."""
    window = vessel.window(section)
    depth = vessel.depths(window)
    artery = vessel.radius > 26 and random.random() < 0.6
    wall = vessel.radius * 0.42 if artery else 4.0
    layers = 0.52 + 0.07 * np.sin(depth / 2.1 + 1.6 * noise(random, depth.shape, 24))
    section.lay(smoothstep(depth, -1.5, 1.5), layers.astype(np.float32), 0.07, window)
    section.lay(smoothstep(depth, wall - 0.8, wall + 0.8), 0.015, 0.005, window)
    _mark(section, window, depth > 0, Tissue.VESSEL)
    points, tangent = vessel.ring(random, wall - 0.6, 12)
    section.cells.add(random, Nucleus.ENDOTHELIUM, points, tangent)
    for layer in np.arange(5, wall - 5, 6.5):
        points, tangent = vessel.ring(random, float(layer), 17)
        section.cells.add(random, Nucleus.ENDOTHELIUM, points, tangent)
    blood = section.scatter(random, 6.6, 0.2, window)
    filled = vessel.depth(blood[:, 0], blood[:, 1]) > wall + 3.2
    share = random.uniform(0.35, 0.95)
    clotted = smoothstep(
        noise(random, depth.shape, vessel.radius), 1 - 2.4 * share, 1.4 - 2.4 * share
    )
    filled &= window.at(clotted, blood) > 0.5
    section.cells.add(random, Nucleus.RED_CELL, blood[filled])
