"""Back and forward between the views of a slide."""

from __future__ import annotations

import math

from momkd_viewer.state.viewport import Viewport

_MOST = 100
#: Views count as one while their centres lie within this share of the window's shorter side ...
_NEAR = 0.2
#: ... and neither their magnification (ratio) nor their rotation (degrees) differs by more.
_LIKE_SCALE = 1.2
_LIKE_DEGREES = 3.0


def is_near(a: Viewport, b: Viewport) -> bool:
    """Whether two views of a slide show nearly the same."""
    scale = max(a.downsample, b.downsample) / min(a.downsample, b.downsample)
    turned = abs((a.rotation - b.rotation + 180.0) % 360.0 - 180.0)
    reach = _NEAR * min(a.width, a.height) * min(a.downsample, b.downsample)
    apart = math.hypot(a.centre_x - b.centre_x, a.centre_y - b.centre_y)
    return scale <= _LIKE_SCALE and turned <= _LIKE_DEGREES and apart <= reach


class ViewHistory:
    """The views at which the user rested, oldest first.

    A view near the current one is not added: the first of them stays, so that creeping along by small
    steps leaves a trace too.
    """

    def __init__(self) -> None:
        self._views: list[Viewport] = []
        self._at = -1

    def __len__(self) -> int:
        return len(self._views)

    def push(self, view: Viewport) -> None:
        """Adds a view after the current one; what was ahead is forgotten."""
        if self._views and is_near(self._views[self._at], view):
            return
        self._views = [*self._views[: self._at + 1], view][-_MOST:]
        self._at = len(self._views) - 1

    @property
    def can_go_back(self) -> bool:
        return self._at > 0

    @property
    def can_go_forward(self) -> bool:
        return self._at + 1 < len(self._views)

    def back(self) -> Viewport | None:
        """The view before, which becomes the current one; None at the first."""
        return self._step(-1) if self.can_go_back else None

    def forward(self) -> Viewport | None:
        """The view after, which becomes the current one; None at the last."""
        return self._step(1) if self.can_go_forward else None

    def _step(self, by: int) -> Viewport:
        self._at += by
        return self._views[self._at]
