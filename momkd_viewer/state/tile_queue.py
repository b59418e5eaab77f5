"""Which tile is read next. A new view makes the old view's unread requests void."""

from __future__ import annotations

import threading
from collections import deque

from momkd_viewer.state.tile_pyramid import TileKey


class TileQueue:
    """Requests of the current view in order, shared by reader threads.

    A tile is handed out once: one that is being read is not queued again by the next view.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._waiting: deque[TileKey] = deque()
        self._reading: set[TileKey] = set()
        self._closed = False

    def replace(self, wanted: list[TileKey]) -> None:
        """Drops what has not been started and queues ``wanted``, most urgent first."""
        with self._condition:
            self._waiting = deque(key for key in wanted if key not in self._reading)
            self._condition.notify_all()

    def take(self) -> TileKey | None:
        """The next tile to read, waiting for one; None once the queue is closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return None
            key = self._waiting.popleft()
            self._reading.add(key)
            return key

    def done(self, key: TileKey) -> None:
        """Says that a tile taken before was read, or failed."""
        with self._condition:
            self._reading.discard(key)

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Wakes and ends all readers; nothing is handed out any more."""
        with self._condition:
            self._closed = True
            self._waiting.clear()
            self._condition.notify_all()
