"""From patch-memory similarity to affinity, attention and the pooled slide (eq. 6 to 8).

Training and inference share these functions; nothing else in the engine computes attention.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from momkd_core.component_names import MEMORIES
from momkd_core.errors import SettingsError

#: Which components are left out of max and argmax: ``{"positive": [3], "negative": [0, 7]}``.
Muted = Mapping[str, Sequence[int]]


class MemoryReading(NamedTuple):
    """What a slide's patches find in the memories; I patches, n components each.

    Attributes:
        affinity: (I,) eq. 6, best positive minus best negative similarity.
        attention: (I,) eq. 7, sums to 1.
        positive_similarity, negative_similarity: (I, n) inner products; muted ones are -inf.
    """

    affinity: Tensor
    attention: Tensor
    positive_similarity: Tensor
    negative_similarity: Tensor


def read_memory(
    patches: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    temperature: float | Tensor = 0.2,
    muted: Muted | None = None,
    weights: Tensor | None = None,
) -> MemoryReading:
    """Eq. 6 and 7, verbatim: nothing is normalised here.

    Args:
        patches: (I, D_N) patch projections F_P-wsi.
        positive, negative: (n, D_N) memories C+ and C-.
        temperature: τ of eq. 7.
        muted: components to leave out, by memory.
        weights: (I,) what each patch counts for, at least one above 0: attention becomes
            w_i exp(s_i / τ) / Σ w exp(s / τ). None: all alike, as in the paper.

    Raises:
        SettingsError: a muted index does not exist, or a whole memory is muted.
    """
    similarities = []
    for name, memory in zip(MEMORIES, (positive, negative), strict=True):
        similarity = patches @ memory.T
        indices = check_muted(muted, name, len(memory))
        if indices:
            similarity = similarity.index_fill(
                1, torch.tensor(indices, device=similarity.device), float("-inf")
            )
        similarities.append(similarity)
    best = [similarity.amax(dim=1) for similarity in similarities]
    affinity = best[0] - best[1]
    attention = torch.softmax(attention_logits(affinity, temperature, weights), dim=0)
    return MemoryReading(affinity, attention, similarities[0], similarities[1])


def attention_logits(
    affinity: Tensor, temperature: float | Tensor, weights: Tensor | None
) -> Tensor:
    """(I,) what eq. 7 takes the softmax of; -inf where a patch counts for nothing."""
    logits = affinity / temperature
    return logits if weights is None else logits + weights.log()


def memory_attention(
    patches: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    temperature: float | Tensor = 0.2,
    muted: Muted | None = None,
) -> tuple[Tensor, Tensor]:
    """Affinity (I,) and attention (I,) of patches; arguments and errors of :func:`read_memory`."""
    reading = read_memory(patches, positive, negative, temperature=temperature, muted=muted)
    return reading.affinity, reading.attention


def pool(attention: Tensor, encoded: Tensor) -> Tensor:
    """Eq. 8: the slide (D,) as the attention-weighted sum of encoded patches (I, D)."""
    return attention @ encoded


def check_muted(muted: Muted | None, memory: str, components: int) -> list[int]:
    """The valid, sorted indices muted in one memory. Raises :class:`SettingsError`."""
    if not muted:
        return []
    unknown = set(muted) - set(MEMORIES)
    if unknown:
        raise SettingsError(
            f"There is no memory {sorted(unknown)[0]!r}", "Mute 'positive' or 'negative' components"
        )
    indices = sorted(set(muted.get(memory, ())))
    for index in indices:
        if not 0 <= index < components:
            raise SettingsError(
                f"The {memory} memory has no component {index}",
                f"Its components are numbered 0 to {components - 1}",
            )
    if len(indices) == components:
        raise SettingsError(
            f"All {components} components of the {memory} memory are muted",
            "Leave at least one: without it there is no affinity",
        )
    return indices
