"""What is known of one component beside its patches: distribution, training, genes, neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from momkd_core.component_names import MEMORIES
from momkd_core.result import SlideResult
from momkd_viewer.state.overlay_values import ComponentName, Floats

if TYPE_CHECKING:  # it comes with torch
    from momkd_core.model_card import ModelCard

_BINS = 48


@dataclass(frozen=True)
class Histogram:
    """Similarities of a slide's patches to a component.

    Attributes:
        edges: (bins + 1,).
        positive, negative: (bins,) share of all patches, by the memory that wins the patch.
        won: (bins,) share of all patches that the component itself wins in its memory.
    """

    edges: NDArray[np.float64]
    positive: NDArray[np.float64]
    negative: NDArray[np.float64]
    won: NDArray[np.float64]


@dataclass(frozen=True)
class Gene:
    """An association of the component's share with a gene's expression over training cases.

    Attributes:
        rho: Spearman's rank correlation.
        q: false discovery rate (Benjamini-Hochberg).
        n: cases.
    """

    name: str
    rho: float
    q: float
    n: int


@dataclass(frozen=True)
class Neighbour:
    """Another component, and the cosine of its vector with this one's."""

    component: ComponentName
    cosine: float


@dataclass(frozen=True)
class TrainingProfile:
    """What a model file says of a component's training; empty where it says nothing.

    Attributes:
        activity: per epoch, share of patches that it won, up to the kept epoch.
        drift: per epoch, how far it moved.
        cases: training cases; None where the file has no profile.
        expression: whether they had expression, so that genes could be found.
    """

    activity: tuple[float, ...] = ()
    drift: tuple[float, ...] = ()
    genes: tuple[Gene, ...] = ()
    cases: int | None = None
    expression: bool = False


@dataclass(frozen=True)
class Portrait:
    """One component, as the detail pane shows it.

    Attributes:
        histogram: None where nothing is matched with it on this slide.
        neighbours: nearest first, of both memories.
    """

    component: ComponentName
    histogram: Histogram | None
    training: TrainingProfile
    neighbours: tuple[Neighbour, ...]


def histogram(result: SlideResult, name: ComponentName) -> Histogram | None:
    """The distribution of one component's similarities; None where it is muted."""
    assert result.match is not None and result.affinity is not None, result.no_components
    values = result.match.of(name.memory)[:, name.index].astype(float)
    if not np.isfinite(values).all():
        return None
    low, high = float(values.min()), float(values.max())
    if high <= low:
        high = low + 1e-3
    edges = np.linspace(low, high, _BINS + 1)
    positive = result.affinity > 0
    won = result.winners(name.memory) == name.index

    def share(of: NDArray[np.bool_]) -> NDArray[np.float64]:
        counted: NDArray[np.float64] = np.histogram(values[of], edges)[0] / len(values)
        return counted

    return Histogram(edges, share(positive), share(~positive), share(won))


def neighbours(
    vectors: dict[str, Floats], name: ComponentName, count: int = 8
) -> tuple[Neighbour, ...]:
    """The components nearest to one of them.

    Args:
        vectors: memory -> (n, width), each of length 1.
    """
    own = vectors[name.memory][name.index]
    found = [
        Neighbour(ComponentName(memory, index), float(cosine))
        for memory in MEMORIES
        for index, cosine in enumerate(vectors[memory] @ own)
        if (memory, index) != (name.memory, name.index)
    ]
    return tuple(sorted(found, key=lambda one: -one.cosine)[:count])


def training_profile(card: ModelCard, name: ComponentName) -> TrainingProfile:
    """What a model card says of a component's training; empty for files of older versions."""
    known = card.profile_of(name.memory, name.index)
    if known is None:
        return TrainingProfile()
    return TrainingProfile(
        known.activity,
        known.drift,
        tuple(Gene(gene.gene, gene.rho, gene.q, gene.n) for gene in known.genes),
        known.cases,
        expression=bool(card.genes),
    )


def mean_drifts(card: ModelCard) -> dict[ComponentName, float]:
    """How far each component moved in an epoch, on average; without those whose file does not say."""
    return {
        ComponentName(one.memory, one.index): float(np.mean(one.drift))
        for one in card.profiles
        if one.drift
    }
