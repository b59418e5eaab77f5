"""Which pictures are read next: those that are seen now, in their order, and no others."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

Place = TypeVar("Place", bound=Hashable)


class PictureQueue(Generic[Place]):
    """Places (patches, or files) that views want pictures of, shared by the GUI thread and one reader.

    Every view says what it sees; what scrolled away before it was read is never read.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_view: dict[int, list[Place]] = {}
        self._waiting: deque[Place] = deque()
        self._reading: Place | None = None

    def want(self, view: int, places: list[Place]) -> None:
        """Replaces what a view (by any number of its own) waits for, most urgent first."""
        with self._lock:
            self._by_view[view] = places
            merged = dict.fromkeys(place for wanted in self._by_view.values() for place in wanted)
            self._waiting = deque(place for place in merged if place != self._reading)

    def take(self) -> Place | None:
        """The next place to read; None where nothing waits."""
        with self._lock:
            self._reading = self._waiting.popleft() if self._waiting else None
            return self._reading

    def clear(self) -> None:
        """Nothing is wanted any more."""
        with self._lock:
            self._by_view.clear()
            self._waiting.clear()

    @property
    def waiting(self) -> int:
        """How many places wait to be read."""
        return len(self._waiting)
