"""Lays out a tissue section: outline, territories, stroma, fat, invasive carcinoma, structures."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.special import ndtri

from momkd_core.demo.cells import Nucleus
from momkd_core.demo.fields import Field, Mask, Random, noise, signed_distance, smear, smoothstep
from momkd_core.demo.section import COARSE, Morphology, Section, Tissue
from momkd_core.demo.structures import (
    Blob,
    draw_duct,
    draw_in_situ,
    draw_lobule,
    draw_necrosis,
    draw_vessel,
    place,
)
from momkd_core.progress import CancelToken

_ADIPOCYTE = 64.0


def draw_section(
    morphology: Morphology, random: Random, cancel: CancelToken | None = None
) -> Section:
    """Draws the tissue that a morphology describes; the same generator state gives the same.

    Raises:
        Cancelled: between two steps.
    """
    go_on = (cancel or CancelToken()).raise_if_cancelled
    section = Section(morphology)
    edge = signed_distance(_outline(section, random), COARSE)
    tumour, fat = _territories(section, random, edge)
    inner = edge > 45
    near = ndimage.binary_dilation(tumour, iterations=60)
    stroma = inner & ~fat
    in_situ = place(section, random, morphology.in_situ, (75, 165), stroma & near, 26)
    lobules = place(section, random, morphology.lobules, (85, 150), stroma & ~tumour, 24)
    ducts = place(section, random, 1 + morphology.lobules, (34, 70), stroma & ~tumour, 24)
    vessels = place(section, random, morphology.vessels, (11, 46), inner & ~tumour, 10)
    vessels += place(section, random, morphology.vessels // 2, (8, 22), inner & tumour, 8)
    nests = _nests(section, random, tumour & (edge > 12))
    aggregates = _aggregates(section, random, edge, tumour, nests)
    structures = section.taken | (nests > 0)
    go_on()
    section.flow = _flow(section, random, structures)

    section.kind[edge > 0] = Tissue.STROMA
    _draw_stroma(section, random, edge, nests, aggregates, fat)
    go_on()
    _draw_fat(section, random, fat & (nests < -20), edge)
    go_on()
    _draw_nests(section, random, nests)
    go_on()
    for duct in in_situ:
        high = random.random() < morphology.grade
        draw_in_situ(section, random, duct, high=high, comedo=random.random() < morphology.comedo)
    for lobule in lobules:
        draw_lobule(section, random, lobule)
    for duct in ducts:
        draw_duct(section, random, duct)
    for vessel in vessels:
        draw_vessel(section, random, vessel)
    _trim(section, edge)
    return section


# -- where things are ------------------------------------------------------------------------------


def _outline(section: Section, random: Random) -> Mask:
    """Where there is tissue, coarse."""
    rows, columns = section.coarse
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    form = section.morphology
    ragged = 14 / COARSE * noise(random, section.coarse, 90 / COARSE, 3)
    if form.form == "cores":
        mask = np.zeros(section.coarse, bool)
        count = 2
        for core in range(count):
            middle = rows * (core + 0.5 + random.uniform(-0.08, 0.08)) / count
            bend = random.uniform(-0.06, 0.06) * rows * np.sin(x / columns * math.pi * 1.3 + core)
            tilt = random.uniform(-0.05, 0.05) * (x - columns / 2)
            thick = random.uniform(0.75, 1.0) * form.extent * 0.22 * rows
            thickness = thick * (1 + 0.09 * noise(random, (1, columns), 420 / COARSE))
            inside = np.abs(y - middle - bend - tilt) + ragged < thickness
            ends = columns * random.uniform(0.05, 0.1, 2)
            inside &= (x + ragged > ends[0]) & (x - ragged < columns - ends[1])
            # Cores break while they are handled.
            gap = columns * random.uniform(0.25, 0.75)
            inside &= np.abs(x - gap + 0.4 * (y - middle)) + 1.5 * ragged > 14 / COARSE
            mask |= inside
    elif form.form == "fragments":
        lumps = noise(random, section.coarse, 420 / COARSE, 2)
        middle = np.hypot((x / columns - 0.5) * 2, (y / rows - 0.5) * 2) / form.extent
        mask = lumps - 1.6 * middle + 0.04 * ragged > -0.45
    else:
        u, v = (x / columns - 0.5) * 2 / form.extent, (y / rows - 0.5) * 2 / form.extent
        power = random.uniform(2.0, 3.4)
        radius = (np.abs(u) ** power + np.abs(v) ** power) ** (1 / power)
        wobble = 0.10 * noise(random, section.coarse, 900 / COARSE, 2)
        border = np.minimum.reduce([x, y, columns - 1 - x, rows - 1 - y]) * COARSE
        wall = 0.5 * (1 - smoothstep(border, 20, 240))  # no tissue hangs over the slide's edge
        mask = radius + wobble + wall + ragged / min(rows, columns) * 2 < 0.93
    mask[:5] = mask[-5:] = False
    mask[:, :5] = mask[:, -5:] = False
    labels, count = ndimage.label(mask)
    if count > 1:
        sizes = np.bincount(labels.ravel())[1:]
        mask &= np.isin(labels, 1 + np.flatnonzero(sizes > 0.04 * sizes.max()))
    return np.asarray(ndimage.binary_fill_holes(mask))


def _territories(section: Section, random: Random, edge: Field) -> tuple[Mask, Mask]:
    """(tumour, fat): which parts of the tissue they occupy, by the shares that were asked for."""
    form = section.morphology
    tissue = edge > 0
    lie = noise(random, section.coarse, 1300 / COARSE, 3) + 0.9 * smoothstep(edge, 0, 350)
    tumour = tissue & (lie > _quantile(lie[tissue], 1 - form.tumour))
    rest = tissue & ~ndimage.binary_dilation(tumour, iterations=40 // COARSE)
    soft = noise(random, section.coarse, 700 / COARSE, 3) - 0.5 * smoothstep(edge, 60, 400)
    share = form.fat * tissue.sum() / max(1, rest.sum())
    fat = rest & (soft > _quantile(soft[rest], 1 - min(share, 0.95)))
    return tumour, fat


def _quantile(values: Field, share: float) -> float:
    return float(np.quantile(values, share)) if len(values) else 0.0


def _nests(section: Section, random: Random, territory: Mask) -> Field:
    """Signed depth in microns inside nests of invasive carcinoma, coarse."""
    width = section.morphology.nest / COARSE
    lumps = noise(random, section.coarse, 2.3 * width, 2)
    lumps += 0.35 * noise(random, section.coarse, 0.8 * width)
    patchy = 0.35 * noise(random, section.coarse, 500 / COARSE)
    room = signed_distance(territory & ~section.taken, COARSE)
    nests = (lumps + patchy > 0.12) & (room > 8)
    labels, count = ndimage.label(nests)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    small = sizes < 260 / COARSE**2
    small[0] = True
    nests &= ~small[labels]
    return signed_distance(nests, COARSE)


def _aggregates(section: Section, random: Random, edge: Field, tumour: Mask, nests: Field) -> Field:
    """Density of lymphocytes, 0 to 1, coarse: around the tumour, and in clusters within it."""
    level = section.morphology.lymphocytes
    front = np.exp(-((signed_distance(tumour, COARSE) / 130) ** 2))
    clusters = noise(random, section.coarse, 190 / COARSE, 2)
    density = smoothstep(clusters + 1.1 * front + 2.1 * level, 2.35, 3.1)
    density *= (nests < -3) & (edge > 15) & ~section.taken
    return np.asarray(density, np.float32)


def _flow(section: Section, random: Random, structures: Mask) -> tuple[Field, Field]:
    """Unit vectors along the collagen: around structures, and in slow waves elsewhere."""
    distance = np.maximum(-signed_distance(structures, COARSE), -40)
    down, right = np.gradient(ndimage.gaussian_filter(distance, 3))
    around = np.arctan2(right, -down)
    waves = 0.9 * noise(random, section.coarse, 800 / COARSE, 2)
    waves += 0.30 * noise(random, section.coarse, 70 / COARSE, 2)
    course = random.uniform(0, math.pi) + waves
    # Fibres have no head or tail: mixing twice the angles keeps opposite ones from cancelling.
    near = np.exp(-np.maximum(distance, 0) / 38)
    twice = near * np.exp(2j * around) + (1 - near) * np.exp(2j * course)
    angle = np.angle(twice) / 2 + 0.12 * noise(random, section.coarse, 40 / COARSE)
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


# -- what it looks like ----------------------------------------------------------------------------


def _draw_stroma(
    section: Section,
    random: Random,
    edge: Field,
    nests: Field,
    lymphocytes: Field,
    fat: Mask,
) -> None:
    """Collagen in bundles with clefts, fibroblasts, lymphocytes."""
    there = (edge > -2) & (nests < 4) & ~fat
    threads = smear(noise(random, section.fine, 1.9), section.flow, _doubled(there), 20)
    bundles = smear(noise(random, section.coarse, 7.0 / COARSE), section.flow, there, 48 / COARSE)
    bundles = section.refine(ndimage.gaussian_filter(bundles, 0.7))
    where = section.refine(edge) > -2
    dense = section.refine(noise(random, section.coarse, 260 / COARSE, 2))
    crowd = section.refine(lymphocytes)
    eosin = 0.42 + 0.05 * dense + 0.075 * bundles + 0.05 * threads
    # Clefts open between the bundles, more of them where the stroma is loose.
    eosin *= 0.15 + 0.85 * smoothstep(bundles + 0.4 * threads + 0.5 * dense, -2.3, -1.5)
    eosin = eosin * (1 - 0.5 * crowd)
    pale = 0.045 + 0.012 * dense + 0.06 * crowd
    section.lay(where.astype(np.float32), np.clip(eosin, 0.02, 1), pale, section.whole())

    points = section.scatter(random, 19, 0.36)
    activity = 0.42 + 0.25 * section.at(smoothstep(nests, -60, -5), points)
    keep = (section.at(section.kind, points) == Tissue.STROMA) & ~section.at(section.taken, points)
    keep &= (section.at(nests, points) < -4) & (section.at(edge, points) > 5)
    points = points[keep & (random.random(len(points)) < activity)]
    along = np.arctan2(section.at(section.flow[1], points), section.at(section.flow[0], points))
    section.cells.add(random, Nucleus.FIBROBLAST, points, along)
    _add_lymphocytes(section, random, edge, nests, lymphocytes)


def _add_lymphocytes(
    section: Section, random: Random, edge: Field, nests: Field, density: Field
) -> None:
    points = section.scatter(random, 7.4, 0.24)
    scattered = 0.012 + 0.05 * section.morphology.lymphocytes
    chance = 0.88 * section.at(density, points) + scattered * (section.at(nests, points) < -2)
    keep = (random.random(len(points)) < chance) & (section.at(edge, points) > 6)
    keep &= ~section.at(section.taken, points)
    points = points[keep]
    plasma = random.random(len(points)) < 0.16
    section.cells.add(random, Nucleus.LYMPHOCYTE, points[~plasma])
    section.cells.add(random, Nucleus.PLASMA, points[plasma])
    section.kind[(density > 0.45) & (section.kind == Tissue.STROMA)] = Tissue.LYMPHOCYTES


def _doubled(mask: Mask) -> Mask:
    """A coarse mask at one pixel a micron."""
    return np.asarray(np.repeat(np.repeat(mask, COARSE, 0), COARSE, 1))


def _draw_fat(section: Section, random: Random, fat: Mask, edge: Field) -> None:
    """Adipocytes: empty round cells with thin walls."""
    if not fat.any():
        return
    seeds = section.scatter(random, _ADIPOCYTE, 0.2)
    where = ndimage.binary_dilation(fat, iterations=30) & (edge > -4)
    wall, corner, owner = _cells_of(section, seeds, where)
    # Whole adipocytes only: a lobule of fat does not cut through them.
    fat = where & section.at(fat, seeds)[owner] & ~section.taken
    # Three cells leave a corner between them, which rounds them off.
    depth = section.refine(wall - 5.0 * np.exp(-corner / 7.0))
    cover = smoothstep(section.refine(signed_distance(fat, COARSE)), -3, 2)
    line = np.exp(-((np.maximum(depth, 0) / 1.25) ** 2))
    section.lay(cover, 0.012 + 0.34 * line, 0.008 + 0.03 * line, section.whole())
    section.kind[fat & (edge > 0)] = Tissue.FAT
    section.cells.keep_out_of(lambda points: section.at(fat, points))
    rows, columns = np.nonzero(fat & (wall < 2.2))
    few = random.random(len(rows)) < 0.004
    between = np.stack([columns[few], rows[few]], axis=1) * float(COARSE)
    section.cells.add(random, Nucleus.ENDOTHELIUM, between)


def _cells_of(
    section: Section, seeds: NDArray[np.float32], where: Mask
) -> tuple[Field, Field, NDArray[np.intp]]:
    """The cells around seeds (n, 2): distance to the wall, to the corner, and which cell, coarse.

    Distances are in microns, and large where ``where`` is not set.
    """
    wall = np.full(section.coarse, 1e3, np.float32)
    corner, owner = wall.copy(), np.zeros(section.coarse, np.intp)
    rows, columns = np.nonzero(where)
    if len(seeds) < 3 or not len(rows):
        return wall, corner, owner
    here = np.stack([columns, rows], axis=1).astype(np.float32) * COARSE
    distance, cell = (np.asarray(found) for found in cKDTree(seeds).query(here, k=3))
    apart = np.hypot(*(seeds[cell[:, 0]] - seeds[cell[:, 1]]).T)
    # The bisector of two seeds is nearer than half the difference of the distances.
    wall[rows, columns] = (distance[:, 1] ** 2 - distance[:, 0] ** 2) / (2 * apart)
    corner[rows, columns] = distance[:, 2] - distance[:, 0]
    owner[rows, columns] = cell[:, 0]
    return wall, corner, owner


def _draw_nests(section: Section, random: Random, nests: Field) -> None:
    """Invasive carcinoma: cytoplasm, retraction clefts, lumens, necrosis, nuclei."""
    form = section.morphology
    depth = section.refine(nests)
    cleft = smoothstep(section.refine(noise(random, section.coarse, 130 / COARSE)), 0.5, 1.3)
    section.lay(np.exp(-(((depth + 2.6) / 2.0) ** 2)) * cleft, 0.03, 0.01, section.whole())
    section.lay(smoothstep(depth, -0.8, 0.8), 0.34, 0.15, section.whole())
    section.kind[nests > 0] = Tissue.TUMOUR

    high = noise(random, section.coarse, 240 / COARSE) < _normal_quantile(form.grade)
    dead = _draw_tumour_necrosis(section, random, nests)
    spots = section.scatter(random, 46, 0.2)
    roomy = (section.at(nests, spots) > 15) & (random.random(len(spots)) < 1.3 * form.tubules)
    lumens = _Lumens(section, random, spots[roomy & ~section.at(dead, spots)])
    alive = (nests > 0) & ~dead
    for kind, wanted, spacing, room in (
        (Nucleus.TUMOUR_LOW, False, 10.3, 4.4),
        (Nucleus.TUMOUR_HIGH, True, 15.0, 6.6),
    ):
        points = section.scatter(random, spacing, 0.14)
        ring = lumens.lining(random, 4.6 if wanted else 3.6, spacing * 0.8)
        points = np.concatenate([points[~lumens.near(points, spacing * 0.95)], ring])
        keep = (section.at(nests, points) > room) & (section.at(high, points) == wanted)
        points = points[keep & ~section.at(dead, points)]
        _draw_cytoplasm(section, random, points, alive & (high == wanted), depth)
        dividing = random.random(len(points)) < form.mitoses * (1.0 if wanted else 0.3)
        section.cells.add(random, kind, points[~dividing])
        section.cells.add(random, Nucleus.MITOSIS, points[dividing])
    lumens.draw(section, random)


def _draw_cytoplasm(
    section: Section, random: Random, points: NDArray[np.float32], where: Mask, depth: Field
) -> None:
    """Each cell a tone of its own, with a border towards its neighbours."""
    if len(points) < 3:
        return
    wall, _, owner = _cells_of(section, points, where)
    tones = random.normal(0, 0.035, len(points)).astype(np.float32)
    tone = section.refine(ndimage.gaussian_filter(tones[owner], 0.8))
    tone += 0.04 * section.refine(noise(random, section.coarse, 90 / COARSE, 2))
    border = section.refine(wall)
    line = np.exp(-((border / 0.9) ** 2))
    cover = smoothstep(depth, -0.8, 0.8) * (border < 900)
    section.lay(cover, 0.33 + tone + 0.07 * line, 0.15 + 0.4 * tone, section.whole())


class _Lumens:
    """Small lumens of tubule-forming carcinoma."""

    def __init__(self, section: Section, random: Random, centres: NDArray[np.float32]) -> None:
        self._blobs = [
            Blob.random(random, float(x), float(y), float(random.uniform(5, 11)), 0.05)
            for x, y in centres
        ]
        self._tree = cKDTree(centres) if len(centres) else None

    def near(self, points: NDArray[np.float32], margin: float) -> NDArray[np.bool_]:
        """Which points lie in a lumen or less than ``margin`` microns from it."""
        if self._tree is None:
            return np.zeros(len(points), bool)
        away, which = (np.asarray(found) for found in self._tree.query(points))
        radii = np.array([blob.radius for blob in self._blobs])
        return np.asarray(away < radii[which] * 1.1 + margin)

    def lining(self, random: Random, distance: float, spacing: float) -> NDArray[np.float32]:
        """Points (n, 2) of nuclei around the lumens."""
        rings = [blob.ring(random, -distance, spacing)[0] for blob in self._blobs]
        return np.concatenate([np.zeros((0, 2)), *rings]).astype(np.float32)

    def draw(self, section: Section, random: Random) -> None:
        for blob in self._blobs:
            window = blob.window(section, 4)
            amount = 0.22 if random.random() < 0.2 else 0.02
            section.lay(smoothstep(blob.depths(window), -0.8, 0.8), amount, 0.01, window)


def _draw_tumour_necrosis(section: Section, random: Random, nests: Field) -> Mask:
    """Necrosis in the middle of large nests; returns where."""
    share = section.morphology.necrosis
    if share <= 0:
        return np.zeros(section.coarse, bool)
    wish = noise(random, section.coarse, 210 / COARSE, 2) + 1.1 * smoothstep(nests, 8, 45)
    inside = nests > 16
    dead = inside & (wish > _quantile(wish[inside], 1 - share))
    depth = section.refine(signed_distance(dead, COARSE))
    draw_necrosis(section, random, section.whole(), smoothstep(depth, -3, 3))
    return dead


def _normal_quantile(share: float) -> float:
    """Below which value a field of mean 0 and deviation 1 lies on about this share."""
    return float(ndtri(np.clip(share, 1e-3, 1 - 1e-3)))


def _trim(section: Section, edge: Field) -> None:
    """Ends the tissue at its outline, whose rim is a little darker."""
    depth = section.refine(edge)
    inside = smoothstep(depth, 0, 3)
    rim = 1 + 0.25 * np.exp(-((depth / 14) ** 2))
    section.eosin *= inside * rim
    section.haematoxylin *= inside * rim
    section.kind[edge <= 0] = Tissue.GLASS
