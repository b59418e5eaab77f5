"""Which tile is read next. A new view makes the old view's unread requests void.

Every view is a generation. Readers take the most urgent tile of the newest one: what is visible, then
what lies around it. A tile made of many others asks between them whether it is still wanted.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

from momkd_viewer.state.tile_pyramid import TileKey


class TileRequest(NamedTuple):
    """A tile and the view that asked for it."""

    key: TileKey
    generation: int


class TileQueue:
    """Requests of the current view in order, shared by reader threads.

    A tile is handed out once: one that is being read is not queued again by the next view.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._waiting: deque[TileKey] = deque()
        self._reading: set[TileKey] = set()
        self._wanted: frozenset[TileKey] = frozenset()
        self._generation = 0
        self._closed = False

    def replace(self, wanted: list[TileKey]) -> int:
        """Drops what has not been started and queues ``wanted``, most urgent first.

        Returns:
            The number of the new generation.
        """
        with self._condition:
            self._generation += 1
            self._wanted = frozenset(wanted)
            self._waiting = deque(key for key in wanted if key not in self._reading)
            self._condition.notify_all()
            return self._generation

    def take(self) -> TileRequest | None:
        """The next tile to read, waiting for one; None once the queue is closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return None
            key = self._waiting.popleft()
            self._reading.add(key)
            return TileRequest(key, self._generation)

    def is_stale(self, request: TileRequest) -> bool:
        """Whether a tile that is being read is wanted by nobody any more."""
        return self._closed or (
            request.generation != self._generation and request.key not in self._wanted
        )

    def done(self, request: TileRequest) -> None:
        """Says that a tile taken before was read, or failed."""
        with self._condition:
            self._reading.discard(request.key)

    def give_up(self, request: TileRequest) -> None:
        """Says that a stale tile was not read; a view that wants it again meanwhile gets it."""
        with self._condition:
            self._reading.discard(request.key)
            if request.key in self._wanted and not self._closed:
                self._waiting.appendleft(request.key)
                self._condition.notify()

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Wakes and ends all readers; nothing is handed out any more."""
        with self._condition:
            self._closed = True
            self._waiting.clear()
            self._condition.notify_all()
