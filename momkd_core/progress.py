"""Progress and cancellation of long work, without any knowledge of who is watching."""

from __future__ import annotations

import threading
from collections.abc import Callable

from momkd_core.errors import Cancelled

#: ``report(done, total, what)``: ``total`` is 0 while it is unknown.
Report = Callable[[int, int, str], None]


def silent(done: int, total: int, what: str) -> None:
    """The report of work that nobody watches."""


class CancelToken:
    """A flag that is set once, from any thread, and checked between two steps of work."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float) -> None:
        """Waits; raises :class:`~momkd_core.errors.Cancelled` as soon as :meth:`cancel` was called."""
        self._event.wait(seconds)
        self.raise_if_cancelled()

    def raise_if_cancelled(self) -> None:
        """Raises :class:`~momkd_core.errors.Cancelled` once :meth:`cancel` was called."""
        if self._event.is_set():
            raise Cancelled
