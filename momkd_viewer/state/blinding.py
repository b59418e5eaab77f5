"""Blinded judging: while it lasts, nothing that is shown tells which memory a component belongs to.

Components get neutral names in an order that their hashes decide: the same for every reviewer of a
model, others for another model, and without a trace of the memory. One application is blinded or not,
as it has one theme; whatever words or colours a component asks here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from momkd_core.component_names import MEMORIES, component_name

#: What a reader finds in place of what would give polarity away.
HIDDEN = "Not shown while you judge blinded."


@dataclass
class _Blinding:
    on: bool = False
    ranks: dict[tuple[str, int], int] = field(default_factory=dict)


_now = _Blinding()


def blinded() -> bool:
    """Whether polarity is hidden."""
    return _now.on


def set_blinded(on: bool) -> None:
    """Hides polarity from now on, or shows it."""
    _now.on = on


def meet_components(model_sha256: str, components: int) -> None:
    """Gives the components of a model their neutral names.

    Args:
        components: of each memory; 0 for the mean of several folds.
    """
    every = [(memory, index) for memory in MEMORIES for index in range(components)]
    every.sort(key=lambda name: _digest(model_sha256, *name))
    _now.ranks = {name: rank for rank, name in enumerate(every)}


def component_text(memory: str, index: int) -> str:
    """``C⁺3``, or ``A7`` while blinded."""
    if _now.on:
        return f"A{_now.ranks.get((memory, index), -1) + 1}"
    return component_name(memory, index)


def component_texts(muted: Mapping[str, Sequence[int]]) -> str:
    """``C⁺3, C⁻0``; while blinded ``A2, A7``, in an order that tells no memory; '' for nothing."""
    names = [(memory, index) for memory, found in muted.items() for index in found]
    names.sort(key=lambda name: component_order(*name))
    return ", ".join(component_text(*name) for name in names)


def component_order(memory: str, index: int) -> tuple[int, int]:
    """Sorts components as the model numbers them, or by their neutral names while blinded."""
    if _now.on:
        return 0, _now.ranks.get((memory, index), -1)
    return MEMORIES.index(memory), index


def memory_text(memory: str) -> str:
    """``the positive memory``, or ``its memory`` while blinded."""
    return "its memory" if _now.on else f"the {memory} memory"


def _digest(model_sha256: str, memory: str, index: int) -> bytes:
    return hashlib.sha256(f"{model_sha256} {memory} {index}".encode()).digest()
