"""Tissue masks: what is tissue, what is not, and how much of it a square holds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from synthetic import EOSIN, GLASS, NUCLEUS, tissue_image

from momkd_core.tissue import TissueMask, tissue_mask

SIDE = 400


def overview(**changes: float) -> np.ndarray:
    """A slide as its overview shows it: smooth, eight microns a pixel."""
    image = tissue_image(SIDE * 4, SIDE * 4, **changes)
    return image.reshape(SIDE, 4, SIDE, 4, 3).mean(axis=(1, 3)).astype(np.uint8)


def ellipse(margin: float = 0.12) -> np.ndarray:
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    radius = SIDE * (0.5 - margin)
    return ((x - SIDE / 2) / radius) ** 2 + ((y - SIDE / 2) / radius) ** 2 < 1


def overlap(found: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union."""
    return float((found & truth).sum() / (found | truth).sum())


def test_finds_the_tissue() -> None:
    assert overlap(tissue_mask(overview()), ellipse()) > 0.95


def test_pale_stain() -> None:
    image = overview()
    pale = (np.array(GLASS) + (image.astype(float) - GLASS) * 0.35).astype(np.uint8)
    assert overlap(tissue_mask(pale), ellipse()) > 0.9


def test_grey_glass_moves_nothing() -> None:
    grey = (overview().astype(float) * 0.88).astype(np.uint8)
    assert overlap(tissue_mask(grey), ellipse()) > 0.95


def test_tissue_without_glass() -> None:
    image = overview(margin=-0.5)
    assert tissue_mask(image).mean() > 0.97


@pytest.mark.parametrize("colour", [GLASS, (255, 255, 255), (0, 0, 0), (128, 128, 128)])
def test_an_even_slide_has_no_tissue(colour: tuple[int, int, int]) -> None:
    image = np.full((SIDE, SIDE, 3), colour, np.uint8)
    assert not tissue_mask(image).any()


def test_noisy_glass_has_no_tissue() -> None:
    noise = np.random.default_rng(0).normal(0, 3, (SIDE, SIDE, 3))
    assert tissue_mask((np.array(GLASS) + noise).clip(0, 255).astype(np.uint8)).mean() < 0.001


@pytest.mark.parametrize(
    "ink",
    [(20, 120, 60), (30, 60, 190), (25, 25, 28), (0, 140, 150)],
    ids="green blue black cyan".split(),
)
def test_pen_is_not_tissue(ink: tuple[int, int, int]) -> None:
    image = overview()
    image[10:30, 40:360] = ink
    mask = tissue_mask(image)
    assert mask[5:35, 30:370].mean() < 0.05
    assert overlap(mask[60:], ellipse()[60:]) > 0.95


def test_black_border_and_white_padding() -> None:
    image = overview()
    image[:25] = 0
    image[:, :25] = 0
    image[-25:] = 255
    mask = tissue_mask(image)
    assert not mask[:20].any() and not mask[:, :20].any() and not mask[-20:].any()
    assert overlap(mask[60:340, 60:340], ellipse()[60:340, 60:340]) > 0.95


def test_dye_on_the_glass_is_not_tissue() -> None:
    """A smooth pink haze, as eosin leaves it that ran over the slide."""
    image = overview(margin=0.3).astype(float)
    haze = np.zeros((SIDE, SIDE))
    haze[40:200, 250:390] = 1
    haze = ndimage.gaussian_filter(haze, 25)[..., None]
    hazy = (image + haze * (np.array(EOSIN) - GLASS) * 0.28).clip(0, 255).astype(np.uint8)
    assert tissue_mask(hazy)[40:110, 300:390].mean() < 0.02


def test_dust_is_not_tissue() -> None:
    image = np.full((SIDE, SIDE, 3), GLASS, np.uint8)
    for at in range(20, 380, 40):
        image[at : at + 3, at : at + 3] = NUCLEUS
    assert not tissue_mask(image).any()


def test_fractions_are_exact_areas() -> None:
    mask = np.zeros((10, 20), bool)
    mask[:, :10] = True
    tissue = TissueMask(mask, scale_x=100.0, scale_y=100.0)
    corners = np.array([[0, 0], [950, 0], [975, 10], [1000, 0], [-50, 0]])
    np.testing.assert_allclose(tissue.fractions(corners, 100), [1, 0.5, 0.25, 0, 0.5], atol=1e-6)
