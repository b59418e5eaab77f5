"""A pan that goes on for a moment after the mouse lets go, as on a phone."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable

from PySide6.QtCore import QObject, QPointF, QTimer

_FRAME_MS = 16
_REMEMBERED_S = 0.09  # of the hand's movement, for its speed
_HALF_LIFE_S = 0.12
_SLOWEST = 40.0  # device pixels a second
_FASTEST = 6000.0


class KineticPan(QObject):
    """Follows a dragging hand, and carries on with its speed.

    Args:
        pan: moves the view by device pixels.
    """

    def __init__(self, pan: Callable[[float, float], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pan = pan
        self._points: deque[tuple[float, QPointF]] = deque()
        self._velocity = QPointF()
        self._timer = QTimer(self)
        self._timer.setInterval(_FRAME_MS)
        self._timer.timeout.connect(self._step)
        self._last = 0.0

    @property
    def running(self) -> bool:
        return self._timer.isActive()

    def stop(self) -> None:
        self._timer.stop()
        self._points.clear()

    def follow(self, moved: QPointF) -> None:
        """The hand moved the slide by device pixels just now."""
        now = time.monotonic()
        self._points.append((now, moved))
        while now - self._points[0][0] > _REMEMBERED_S:
            self._points.popleft()

    def let_go(self) -> None:
        now = time.monotonic()
        recent = [(at, moved) for at, moved in self._points if now - at <= _REMEMBERED_S]
        self._points.clear()
        if len(recent) < 2:
            return  # the hand rested, or only tapped
        span = max(now - recent[0][0], 1e-3)
        total = QPointF(sum(m.x() for _, m in recent), sum(m.y() for _, m in recent))
        velocity = total / span
        speed = math.hypot(velocity.x(), velocity.y())
        if speed < _SLOWEST:
            return
        self._velocity = velocity * min(1.0, _FASTEST / speed)
        self._last = now
        self._timer.start()

    def _step(self) -> None:
        now = time.monotonic()
        elapsed, self._last = min(now - self._last, 0.1), now
        self._pan(self._velocity.x() * elapsed, self._velocity.y() * elapsed)
        self._velocity *= 0.5 ** (elapsed / _HALF_LIFE_S)
        if math.hypot(self._velocity.x(), self._velocity.y()) < _SLOWEST:
            self._timer.stop()
