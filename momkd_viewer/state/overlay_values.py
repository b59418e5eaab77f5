"""Which overlays there are, and the value of each patch in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from momkd_core.component_names import MEMORIES
from momkd_core.result import SlideResult, no_attention
from momkd_viewer.state.blinding import HIDDEN, blinded, component_order, component_text

OverlayKind = Literal[
    "affinity", "attention", "positive_winner", "negative_winner", "similarity", "tissue", "none"
]
#: Every kind in the order of menus, with its name.
KINDS: tuple[tuple[OverlayKind, str], ...] = (
    ("affinity", "Affinity"),
    ("attention", "Attention"),
    ("positive_winner", "Winning C⁺"),
    ("negative_winner", "Winning C⁻"),
    ("similarity", "Similarity to"),
    ("tissue", "Tissue fraction"),
    ("none", "No overlay"),
)
#: What tells which memory wins a patch; attention grows with affinity (eq. 7).
POLAR: tuple[OverlayKind, ...] = ("affinity", "attention", "positive_winner", "negative_winner")
WINNERS: dict[str, str] = {"positive_winner": "positive", "negative_winner": "negative"}
ScaleKind = Literal["raw", "rank"]
Floats = NDArray[np.float32]


def kinds() -> tuple[tuple[OverlayKind, str], ...]:
    """The kinds that can be shown now, as :data:`KINDS`: fewer to a reader who judges blinded."""
    return tuple(one for one in KINDS if not (blinded() and one[0] in POLAR))


@dataclass(frozen=True)
class ComponentName:
    """One component of a memory (``positive`` or ``negative``), zero-based."""

    memory: str
    index: int

    @property
    def text(self) -> str:
        """As it is called now: without its memory while the reader judges blinded."""
        return component_text(self.memory, self.index)

    @property
    def order(self) -> tuple[int, int]:
        """Sorts components as the model numbers them, or by their neutral names."""
        return component_order(self.memory, self.index)


def every_component(count: int) -> list[ComponentName]:
    """Those of a model with ``count`` a memory, as they are listed now."""
    names = [ComponentName(memory, index) for memory in MEMORIES for index in range(count)]
    return sorted(names, key=lambda name: name.order)


@dataclass(frozen=True)
class OverlayChoice:
    """What the user wants to see over the slide.

    Attributes:
        component: of kind ``similarity``.
        low, high: patches whose value lies outside are transparent; None: no limit. In the units of
            :func:`shown_values`: with ranks, from 0 to 1; of a winner, its similarity.
        scale: values as they are, or their ranks among the slide's patches.
        smooth: whether colours run into each other between patches.
        peek: the overlay is hidden for as long as a key is held.
    """

    kind: OverlayKind = "affinity"
    component: ComponentName = ComponentName("positive", 0)
    low: float | None = None
    high: float | None = None
    scale: ScaleKind = "raw"
    smooth: bool = False
    peek: bool = False

    def of_kind(self, kind: OverlayKind) -> OverlayChoice:
        """Another kind; a range in other units would mean nothing."""
        if kind == self.kind:
            return self
        return replace(self, kind=kind, low=None, high=None)

    def of_component(self, component: ComponentName) -> OverlayChoice:
        """The similarity to a component."""
        return replace(self.of_kind("similarity"), component=component)

    def scaled(self, scale: ScaleKind) -> OverlayChoice:
        """Raw or ranked, without a range, whose units change."""
        return self if scale == self.scale else replace(self, scale=scale, low=None, high=None)

    @property
    def is_categorical(self) -> bool:
        return self.kind in WINNERS

    @property
    def is_ranked(self) -> bool:
        """Whether ranks are shown: categories have none."""
        return self.scale == "rank" and not self.is_categorical

    @property
    def is_smooth(self) -> bool:
        """Whether colours are blended: between categories a blend would be another category."""
        return self.smooth and not self.is_categorical

    @property
    def has_range(self) -> bool:
        return self.low is not None or self.high is not None

    @property
    def picture(self) -> OverlayChoice:
        """The choice as far as the picture depends on it."""
        return replace(self, peek=False)


def missing(result: SlideResult, choice: OverlayChoice) -> str | None:
    """Why a result cannot be shown in this way, as a sentence; None where it can."""
    if blinded() and choice.kind in POLAR:
        return HIDDEN
    if choice.kind == "tissue" and result.tissue_fraction is None:
        return "The feature file does not say how much tissue its patches hold."
    if choice.kind == "attention" and result.attention is None:
        return f"There is nothing to show: {no_attention(result.method)}."
    if choice.kind == "affinity" and result.affinity is None:
        return f"A model of {result.method} has no memory and no affinity: choose another overlay."
    if choice.is_categorical and result.match is None:
        return result.no_components
    if choice.kind == "similarity":
        if result.match is None:
            return result.no_components
        name = choice.component
        if name.index >= result.match.of(name.memory).shape[1]:
            return f"This model has no component {name.text}."
        if name.index in result.muted.get(name.memory, ()):
            return f"{name.text} is muted: nothing is compared with it."
    return None


def raw_values(result: SlideResult, choice: OverlayChoice) -> Floats:
    """(N,) value of each patch: attention as multiples of the even share, winners by similarity.

    The choice must not be :func:`missing`, nor none.
    """
    if choice.kind == "affinity":
        assert result.affinity is not None
        return result.affinity
    if choice.kind == "attention":
        assert result.attention is not None
        return (result.attention * len(result)).astype(np.float32)
    if choice.kind == "tissue":
        assert result.tissue_fraction is not None
        return result.tissue_fraction
    if choice.kind == "similarity":
        assert result.match is not None
        return result.match.of(choice.component.memory)[:, choice.component.index]
    return result.best_similarity(WINNERS[choice.kind])


def shown_values(result: SlideResult, choice: OverlayChoice) -> Floats:
    """(N,) what range and colours refer to: raw values, or ranks from 0 to 1."""
    values = raw_values(result, choice)
    return ranks(values) if choice.is_ranked else values


def ranks(values: Floats) -> Floats:
    """(N,) from 0 (lowest) to 1 (highest); equal values share their mean rank."""
    if len(values) < 2:
        return np.full(len(values), 0.5, np.float32)
    # Imported here: it takes a second and 100 MiB, and ranks are seldom asked for.
    from scipy.stats import rankdata

    ranked: Floats = ((rankdata(values) - 1) / (len(values) - 1)).astype(np.float32)
    return ranked


def within(values: Floats, choice: OverlayChoice) -> NDArray[np.bool_]:
    """(N,) whether a patch's value lies in the chosen range; all do without one."""
    inside = np.isfinite(values)
    if choice.low is not None:
        inside &= values >= np.float32(choice.low)
    if choice.high is not None:
        inside &= values <= np.float32(choice.high)
    return inside


def number(value: float, choice: OverlayChoice) -> str:
    """A shown value as text, with its unit."""
    if choice.is_ranked:
        return f"{value:.0%}"
    if choice.kind == "affinity":
        return f"{value:+.3f}" if value else "0"
    if choice.kind == "attention":
        return f"{value:.2f}×"
    if choice.kind == "tissue":
        return f"{value:.0%}"
    return f"{value:.3f}"
