"""What a model says about one slide, patch by patch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from momkd_core.component_names import MEMORIES
from momkd_core.settings import MOMKD

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]


def no_components(method: str) -> str:
    """Why a model has none, a sentence for people: it is another method's, or the mean of folds."""
    if method != MOMKD:
        return f"A model of {method} has no memory and no components: open one of {MOMKD}."
    return "The mean of several folds has no components: open one fold's model."


def no_attention(method: str) -> str:
    """Why a model's patches have no attention."""
    return f"{method} gives its patches no attention"


@dataclass(frozen=True)
class ComponentUse:
    """How much of a slide one component explains.

    Attributes:
        memory: ``positive`` or ``negative``.
        index: zero-based.
        share: fraction of patches whose winner in that memory this is.
        attention: attention mass on those patches. Both sum to 1 within a memory.
    """

    memory: str
    index: int
    share: float
    attention: float


@dataclass(frozen=True)
class MemoryMatch:
    """Similarities of N patches to the n components of each memory; muted ones are -inf."""

    positive: Floats
    negative: Floats

    def of(self, memory: str) -> Floats:
        """(N, n) similarities to one memory."""
        return self.positive if memory == "positive" else self.negative


@dataclass(frozen=True)
class SlideResult:
    """A prediction with everything that explains it; N patches.

    Attributes:
        slide_name: file stem.
        probability: of the positive class.
        predicted: the class value.
        threshold: at or above it the positive class is predicted.
        coords: (N, 2) int64 level-0 corners; ``size_level0`` their side.
        step_level0: between neighbouring patches; None where the features do not say.
        affinity, attention: (N,) eq. 6 and 7; of a comparison system no affinity, and attention in its
            own sense, or None.
        match: similarities to every component; None for the mean of several folds, whose
            components have nothing to do with each other, and for a comparison system.
        method: of the model.
        tissue_fraction: (N,) or None where unknown.
        tissue_reason: why they could not be taken from the slide; '' where that was not tried.
        strangeness: how far its patches lie from those of training, in units of the limit that the
            validation slides set; None where the model does not say.
        muted: components left out, by memory.
        bounds_offset: level-0 corner that QuPath takes as its origin.
        region: name of the area that it was restricted to; None for the whole slide.
        patches_of_slide: how many there are, inside the region or not; None where unknown.
        member_probabilities: of each fold's model, in their order, where the model is a run.
    """

    slide_name: str
    probability: float
    predicted: str
    threshold: float
    coords: Indices
    size_level0: int
    affinity: Floats | None
    attention: Floats | None
    match: MemoryMatch | None
    tissue_fraction: Floats | None
    model_sha256: str
    encoder: str | None
    method: str = MOMKD
    strangeness: float | None = None
    muted: dict[str, list[int]] = field(default_factory=dict)
    bounds_offset: tuple[int, int] = (0, 0)
    region: str | None = None
    patches_of_slide: int | None = None
    member_probabilities: tuple[float, ...] = ()
    tissue_reason: str = ""
    step_level0: float | None = None

    def __len__(self) -> int:
        return len(self.coords)

    @property
    def background_focus(self) -> float | None:
        """Σ α_i (1 - tissue fraction_i), unclipped; None without tissue fractions."""
        if self.tissue_fraction is None or self.attention is None:
            return None
        return float((self.attention.astype(float) * (1.0 - self.tissue_fraction)).sum())

    @property
    def background_focus_reason(self) -> str:
        """Why it is None; '' where it is known."""
        if self.attention is None:
            return no_attention(self.method)
        if self.tissue_fraction is not None:
            return ""
        return self.tissue_reason or "the features hold no tissue fractions, and no slide is named"

    @property
    def effective_patches(self) -> float | None:
        """1 / Σ α_i²: how many patches the attention is spread over; None without attention."""
        if self.attention is None:
            return None
        return float(1.0 / (self.attention.astype(float) ** 2).sum())

    @property
    def no_components(self) -> str:
        """Why it has none and what to open, a sentence for people; '' where it has components."""
        return no_components(self.method) if self.match is None else ""

    @property
    def outside(self) -> bool | None:
        """Whether the slide is outside what the model knows; None where unknown."""
        return None if self.strangeness is None else self.strangeness > 1.0

    def winners(self, memory: str) -> Indices:
        """(N,) the best component of each patch in one memory."""
        assert self.match is not None, self.no_components
        winners: Indices = self.match.of(memory).argmax(axis=1)
        return winners

    def best_similarity(self, memory: str) -> Floats:
        """(N,) similarity of each patch to its best component."""
        assert self.match is not None, self.no_components
        best: Floats = self.match.of(memory).max(axis=1)
        return best

    def components(self) -> list[ComponentUse]:
        """Use of every component, positive ones first; empty where there is none."""
        if self.match is None or self.attention is None:
            return []
        found = []
        for memory in MEMORIES:
            winners = self.winners(memory)
            count = self.match.of(memory).shape[1]
            share = np.bincount(winners, minlength=count) / len(winners)
            mass = np.bincount(winners, weights=self.attention.astype(float), minlength=count)
            mass = mass / mass.sum()
            found += [
                ComponentUse(memory, j, float(share[j]), float(mass[j])) for j in range(count)
            ]
        return found

    def top_patches(self, memory: str, component: int, count: int) -> Indices:
        """The patches most similar to a component, best first (ties: lower index)."""
        assert self.match is not None, self.no_components
        similarity = np.ascontiguousarray(self.match.of(memory)[:, component])
        patches = np.flatnonzero(np.isfinite(similarity))
        if 0 < count < len(patches):
            # Only what can be among the best is sorted: a window shows four of 20,000 patches.
            least = np.partition(similarity, len(similarity) - count)[len(similarity) - count]
            patches = patches[similarity[patches] >= least]
        order = np.argsort(-similarity[patches], kind="stable")
        return patches[order][:count]

    def as_json(self, case_id: str) -> dict[str, Any]:
        """The object that ``momkd predict --json`` prints."""
        return {
            "case_id": case_id,
            "probability": self.probability,
            "predicted": self.predicted,
            "threshold": self.threshold,
            "patches": len(self),
            "region": self.region,
            "background_focus": self.background_focus,
            "background_focus_reason": self.background_focus_reason or None,
            "effective_patches": self.effective_patches,
            "strangeness": self.strangeness,
            "outside": self.outside,
            "muted": self.muted,
            "model_sha256": self.model_sha256,
            "encoder": self.encoder,
            "components": [
                {
                    "memory": use.memory,
                    "index": use.index,
                    "share": use.share,
                    "attention": use.attention,
                }
                for use in self.components()
            ],
        }
