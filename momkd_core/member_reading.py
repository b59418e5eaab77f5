"""What one model file says of a slide, before folds are averaged: from a memory, or by a score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from momkd_core.checkpoint import FoldModel
from momkd_core.comparators.comparator import Comparator, Scored
from momkd_core.features import FeatureBag
from momkd_core.graph import slide_edges
from momkd_core.model.attention import Muted
from momkd_core.model.neighbourhood import patch_graph
from momkd_core.model.network import EncodedPatches, MoMKD
from momkd_core.patch_weights import patch_weights
from momkd_core.result import Floats, MemoryMatch


@dataclass(frozen=True)
class MemberReading:
    """One model's answer for N patches.

    Attributes:
        probability: of the positive class.
        affinity, attention: (N,); None where the method has none.
        match: similarities to its components; None without components.
    """

    probability: float
    affinity: Floats | None
    attention: Floats | None
    match: MemoryMatch | None


class EncodedMember(Protocol):
    """A slide as one model keeps it, so that another muting is cheap."""

    def reading(self, muted: Muted) -> MemberReading: ...

    @property
    def projected(self) -> Floats:
        """(N, D_N) what is matched with the memory."""

    @property
    def bytes_held(self) -> int: ...


def encoded_member(member: FoldModel, bag: FeatureBag, name: str) -> EncodedMember:
    """A slide after everything that no muting changes.

    Raises:
        FeatureError, TissueError: the features do not fit, or there are fewer than two patches.
    """
    features = torch.from_numpy(bag.stored).float()
    if isinstance(member.network, Comparator):
        scored = member.network.score(features)
        attention = None if scored.attention is None else scored.attention.float()
        return ScoredSlide(Scored(scored.logits.float(), attention))
    edges = slide_edges(name, bag, member.card.model)
    graph = patch_graph(edges, len(features))
    patches = member.network.encode_patches(features, graph)
    weights = patch_weights(bag, member.card.model, name)
    patches = EncodedPatches(patches.encoded.float(), patches.projected.float(), weights)
    return MemorySlide(member.network, patches)


@dataclass(frozen=True)
class MemorySlide:
    """After MoMKD's graph encoder."""

    network: MoMKD
    patches: EncodedPatches

    def reading(self, muted: Muted) -> MemberReading:
        found = self.network.read(self.patches, muted)
        _, logits = self.network.classify(found.attention, self.patches.encoded)
        return MemberReading(
            _probability(logits),
            found.affinity.numpy(),
            found.attention.numpy(),
            MemoryMatch(found.positive_similarity.numpy(), found.negative_similarity.numpy()),
        )

    @property
    def projected(self) -> Floats:
        projected: Floats = self.patches.projected.numpy()
        return projected

    @property
    def bytes_held(self) -> int:
        return self.patches.encoded.nbytes + self.patches.projected.nbytes


@dataclass(frozen=True)
class ScoredSlide:
    """By a comparison system, which has nothing to mute: it is its answer."""

    scored: Scored

    def reading(self, muted: Muted) -> MemberReading:
        attention = self.scored.attention
        return MemberReading(
            _probability(self.scored.logits),
            None,
            None if attention is None else attention.numpy(),
            None,
        )

    @property
    def projected(self) -> Floats:
        raise AssertionError("a comparison system has no memory to project into")

    @property
    def bytes_held(self) -> int:
        return 0 if self.scored.attention is None else self.scored.attention.nbytes


def _probability(logits: Tensor) -> float:
    return float(torch.softmax(logits.double(), dim=0)[1])
