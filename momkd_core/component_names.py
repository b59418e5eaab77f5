"""The two memories, and what their components are called for people.

``C⁺3`` is number 3, from 0, of the positive memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

Memory = Literal["positive", "negative"]
#: In the order in which components are numbered through, positive ones first.
MEMORIES: tuple[Memory, Memory] = ("positive", "negative")
_SIGNS = {"positive": "⁺", "negative": "⁻"}


def other_memory(memory: str) -> Memory:
    """The opposite one."""
    return "negative" if memory == "positive" else "positive"


def component_name(memory: str, index: int) -> str:
    """For instance ``C⁺3``."""
    return f"C{_SIGNS[memory]}{index}"


def component_names(muted: Mapping[str, Sequence[int]]) -> str:
    """``C⁺3, C⁻0``; '' where nothing is muted."""
    return ", ".join(
        component_name(memory, index)
        for memory in MEMORIES
        for index in sorted(muted.get(memory, ()))
    )
