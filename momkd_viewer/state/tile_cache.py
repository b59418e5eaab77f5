"""A least-recently-used cache bounded by bytes, with entries that may be pinned."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

DEFAULT_BYTES = 256 * 1024 * 1024


class TileCache(Generic[K, V]):
    """Values with their sizes; the least recently used go first, pinned ones never."""

    def __init__(self, budget: int = DEFAULT_BYTES) -> None:
        self.budget = budget
        self.bytes = 0
        self._held: OrderedDict[K, tuple[V, int, bool]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, key: K) -> bool:
        return key in self._held

    def get(self, key: K) -> V | None:
        """The value, which becomes the most recently used; None where it is not held."""
        entry = self._held.get(key)
        if entry is None:
            return None
        self._held.move_to_end(key)
        return entry[0]

    def peek(self, key: K) -> V | None:
        """The value as :meth:`get`, but nothing becomes more recent by it."""
        entry = self._held.get(key)
        return None if entry is None else entry[0]

    def put(self, key: K, value: V, size: int, *, pinned: bool = False) -> None:
        """Adds a value of ``size`` bytes and lets go of others beyond the budget."""
        self.discard(key)
        self._held[key] = (value, size, pinned)
        self.bytes += size
        self._trim(key)

    def set_budget(self, budget: int) -> None:
        """Another budget in bytes; what is beyond it goes at once."""
        self.budget = budget
        self._trim(None)

    def _trim(self, latest: K | None) -> None:
        if self.bytes <= self.budget:
            return
        for candidate in list(self._held):
            if self.bytes <= self.budget:
                return
            if candidate != latest and not self._held[candidate][2]:
                self.discard(candidate)

    def discard(self, key: K) -> None:
        entry = self._held.pop(key, None)
        if entry is not None:
            self.bytes -= entry[1]

    def clear(self) -> None:
        self._held.clear()
        self.bytes = 0
