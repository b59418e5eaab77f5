"""Bulk RNA counts of drawn cases: what their tissue is made of, their subtype, and noise.

A gene follows one program of ``genes.txt``. A case's program levels come from the tissue that was drawn
and from its true biomarkers, which the pixels show only in part: expression knows more than the slide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from momkd_core.demo.fields import Random
from momkd_core.demo.section import Tissue

_LIBRARY = 1.6e6  # counts a case
_DISPERSION = 0.10  # of the negative binomial: variance = mean + dispersion x mean squared


@cache
def programs() -> Mapping[str, tuple[str, ...]]:
    """Gene symbols by program, in the order of the table's columns."""
    text = resources.files("momkd_core.demo").joinpath("genes.txt").read_text(encoding="utf-8")
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if heading := re.fullmatch(r"\[(\w+)\]", line):
            name = heading.group(1)
        elif not line.startswith("#"):
            found.setdefault(name, []).extend(line.split())
    return {name: tuple(genes) for name, genes in found.items()}


@cache
def gene_names() -> tuple[str, ...]:
    return tuple(gene for genes in programs().values() for gene in genes)


def levels(
    random: Random, shares: Mapping[Tissue, float], *, her2: bool, pr: bool, activity: float
) -> dict[str, float]:
    """Level of each program, about 0 to 3.

    Args:
        shares: of the tissue (not the glass) by type, adding up to 1.
        her2, pr: the case's true biomarkers.
        activity: proliferation, 0 to 1.
    """

    def of(*kinds: Tissue) -> float:
        return sum(shares.get(kind, 0.0) for kind in kinds)

    tumour = of(Tissue.TUMOUR, Tissue.IN_SITU)
    purity = 0.35 + tumour
    jitter = dict(zip(programs(), random.normal(0, 0.12, len(programs())), strict=True))
    level = {
        "her2": purity * (2.1 if her2 else 0.55),
        "hormone": purity * (1.9 if pr else 0.6),
        "basal": purity * (0.4 if pr else 1.0 if her2 else 1.7),
        "proliferation": purity * (0.3 + 1.4 * activity),
        "epithelium": 0.3 + 1.6 * (tumour + of(Tissue.NORMAL)),
        "normal_duct": 0.15 + 6.0 * of(Tissue.NORMAL),
        "in_situ_high": 0.2 + 5.0 * of(Tissue.IN_SITU) * (1.5 if her2 else 0.7),
        "stroma": 0.25 + 1.7 * of(Tissue.STROMA),
        "endothelium": 0.35 + 9.0 * of(Tissue.VESSEL),
        "blood": 0.1 + 14.0 * of(Tissue.VESSEL) * random.uniform(0.3, 1.7),
        "fat": 0.1 + 3.0 * of(Tissue.FAT),
        "lymphocyte": 0.2 + 7.0 * of(Tissue.LYMPHOCYTES),
        "macrophage": 0.35 + 3.0 * of(Tissue.LYMPHOCYTES) + 4.0 * of(Tissue.NECROSIS),
        "hypoxia": 0.4 + 10.0 * of(Tissue.NECROSIS) + 0.3 * tumour,
        "housekeeping": 1.0,
    }
    return {name: max(0.02, value * (1 + jitter[name])) for name, value in level.items()}


def counts(random: Random, level: Mapping[str, float], site: int) -> NDArray[np.int64]:
    """Counts of all genes, (G,), in the order of :func:`gene_names`."""
    abundance, response, batch = _gene_traits()
    follows = np.concatenate(
        [np.full(len(genes), level[name]) for name, genes in programs().items()]
    )
    mean = abundance * follows**response * np.exp(batch[site % len(batch)])
    depth = _LIBRARY * random.lognormal(0, 0.18)
    mean = mean / (abundance.sum()) * depth
    shape = 1 / _DISPERSION
    return np.asarray(random.poisson(random.gamma(shape, mean / shape)), np.int64)


@cache
def _gene_traits() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Of every gene: abundance, how strongly it follows its program, and shifts of four sites."""
    random = np.random.default_rng(20260224)
    genes = len(gene_names())
    abundance = random.lognormal(0, 1.1, genes)
    response = np.clip(random.normal(0.75, 0.35, genes), 0.05, 1.4)
    return abundance, response, random.normal(0, 0.10, (4, genes))


def tissue_shares(kinds: Sequence[NDArray[np.uint8]]) -> dict[Tissue, float]:
    """Shares of a case's tissue by type over its slides, ink and folds left out."""
    total = np.zeros(len(Tissue), np.int64)
    for kind in kinds:
        total += np.bincount(kind.ravel(), minlength=len(Tissue))
    for absent in (Tissue.GLASS, Tissue.PEN, Tissue.FOLD):
        total[absent] = 0
    whole = max(1, int(total.sum()))
    return {tissue: float(total[tissue]) / whole for tissue in Tissue if total[tissue]}
