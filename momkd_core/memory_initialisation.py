"""The memory's first components: clusters of what the untrained encoder makes of each label's patches.

The paper names k-means on patches drawn at random (section 3.3.1); the authors' code takes whole slides
until it has enough, and clusters on the unit sphere. Both are settings.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from momkd_core.errors import TrainingError
from momkd_core.ledger import Ledger
from momkd_core.model.network import MoMKD
from momkd_core.processor import one_openmp_thread
from momkd_core.progress import CancelToken
from momkd_core.settings import TrainingSettings
from momkd_core.training_slides import SlideStore, TrainingSlide

_SPHERICAL_ROUNDS = 20  # of the authors' code


@torch.no_grad()
def initialise_memory(
    network: MoMKD,
    train: list[TrainingSlide],
    store: SlideStore,
    settings: TrainingSettings,
    seed: int,
    cancel: CancelToken,
    ledger: Ledger,
) -> None:
    """Clusters patch projections of the untrained encoder, each label's for its own memory.

    Raises:
        TrainingError: fewer distinct patches of a label than components.
        LeakageError: of the ledger, which is told whose patches are taken.
        Cancelled: on request, between two slides.
    """
    network.eval()
    device = network.log_temperature.device
    random = np.random.default_rng(seed)
    memories = []
    for label in (1, 0):
        slides = [slide for slide in train if slide.label == label]
        if settings.initial_sampling == "whole-slides":
            # With replacement, as their weighted sampler draws; until there are enough patches.
            slides = [slides[i] for i in random.integers(0, len(slides), len(slides))]
            counts = [store.patches(slide.features) for slide in slides]
            needed = int(np.searchsorted(np.cumsum(counts), settings.initial_patches)) + 1
            slides, quotas = slides[:needed], counts[:needed]
        else:
            counts = [store.patches(slide.features) for slide in slides]
            quotas = _quotas(counts, settings.initial_patches)
        found: list[NDArray[np.float32]] = []
        weights: list[NDArray[np.float32]] = []
        for slide, quota in zip(slides, quotas, strict=True):
            cancel.raise_if_cancelled()
            ledger.note("memory initialisation", [slide.case_id])
            graph = store[slide.features]
            patches = network.encode_patches(*graph.on(device))
            order = random.permutation(len(patches.projected))
            if graph.weights is not None:
                order = order[graph.weights.numpy()[order] > 0]
                weights.append(graph.weights.numpy()[order[:quota]])
            found.append(patches.projected.cpu().numpy()[order[:quota]])
        spherical = settings.initial_clustering == "spherical"
        memories.append(
            initial_components(
                np.concatenate(found),
                network.settings.components,
                seed,
                spherical=spherical,
                weights=np.concatenate(weights) if weights else None,
            )
        )
    network.memory.set_components(memories[0].to(device), memories[1].to(device))


def initial_components(
    projections: NDArray[np.float32],
    components: int,
    seed: int,
    *,
    spherical: bool = False,
    weights: NDArray[np.float32] | None = None,
) -> Tensor:
    """Cluster centres of patch projections, on the unit sphere.

    Args:
        projections: (P, D_N) of one label's patches.
        components: n.
        spherical: cluster by cosine (Dhillon & Modha 2001) rather than by distance.
        weights: (P,) above 0, of the patches in the clusters' means; None: all alike.

    Returns:
        (n, D_N).

    Raises:
        TrainingError: fewer distinct patches than components.
    """
    distinct = len(np.unique(projections, axis=0)) if len(projections) < 4 * components else None
    if len(projections) < components or (distinct is not None and distinct < components):
        raise TrainingError(
            f"{distinct if distinct is not None else len(projections)} distinct training patches of "
            f"one label cannot initialise {components} components",
            "Use fewer --set components=… or more cases",
        )
    if spherical:
        return _spherical(projections, components, seed, weights)
    # Imported here: scikit-learn takes a second, and only training needs it.
    from sklearn.cluster import KMeans

    with one_openmp_thread():  # the same seed, the same bits
        means = KMeans(components, n_init=4, random_state=seed).fit(
            projections, sample_weight=weights
        )
    return F.normalize(torch.from_numpy(means.cluster_centers_.astype(np.float32)), dim=1)


def _spherical(
    projections: NDArray[np.float32],
    components: int,
    seed: int,
    weights: NDArray[np.float32] | None,
) -> Tensor:
    """Spherical k-means from random patches; a cluster that loses all its patches stays."""
    points = F.normalize(torch.from_numpy(projections), dim=1)
    chosen = np.random.default_rng(seed).choice(len(points), components, replace=False)
    centres = points[torch.from_numpy(chosen)]
    weighted = points if weights is None else points * torch.from_numpy(weights)[:, None]
    for _ in range(_SPHERICAL_ROUNDS):
        nearest = (points @ centres.T).argmax(dim=1)
        sums = torch.zeros_like(centres).index_add_(0, nearest, weighted)
        empty = torch.bincount(nearest, minlength=components)[:, None] == 0
        centres = torch.where(empty, centres, F.normalize(sums, dim=1))
    return centres


def _quotas(counts: list[int], total: int) -> list[int]:
    """How many patches each slide gives: as even as their sizes allow, ``total`` together."""
    quotas = [0] * len(counts)
    left = min(total, sum(counts))
    # From the smallest slide on: what it cannot give, the larger ones share.
    order = sorted(range(len(counts)), key=lambda index: counts[index])
    for position, index in enumerate(order):
        quotas[index] = min(counts[index], math.ceil(left / (len(order) - position)))
        left -= quotas[index]
    return quotas
