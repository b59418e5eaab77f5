"""Two views that move together: what one shows, the other shows beside it.

Views are joined by their tissue, not by their pixels: distances are in microns where both slides state
their resolution, else in level-0 pixels. The offset between two slides is what it was when they were
joined, so that a user aligns them once and then looks at both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from momkd_viewer.state.viewport import Viewport


@dataclass(frozen=True)
class ViewLink:
    """How the second view follows the first.

    Attributes:
        scale: level-0 pixels of the second slide per level-0 pixel of the first.
        zoom: downsample of the second view, in the first's pixels, per downsample of the first.
        turn: degrees that the second view is turned further than the first.
        first, second: level-0 points that lie over each other.
    """

    scale: float
    zoom: float
    turn: float
    first: tuple[float, float]
    second: tuple[float, float]

    @classmethod
    def between(
        cls,
        first: Viewport,
        second: Viewport,
        first_mpp: float | None,
        second_mpp: float | None,
        *,
        same_slide: bool,
    ) -> ViewLink:
        """Joins two views as they are; of one slide: place by place."""
        if same_slide:
            return cls(1.0, 1.0, 0.0, (0.0, 0.0), (0.0, 0.0))
        scale = first_mpp / second_mpp if first_mpp and second_mpp else 1.0
        return cls(
            scale,
            second.downsample / scale / first.downsample,
            second.rotation - first.rotation,
            (first.centre_x, first.centre_y),
            (second.centre_x, second.centre_y),
        )

    def at_equal_zoom(self) -> ViewLink:
        """The same, at equal microns per pixel and equally turned."""
        return replace(self, zoom=1.0, turn=0.0)

    def follow(self, moved: Viewport, other: Viewport) -> Viewport:
        """The second view for a first one that moved."""
        dx, dy = moved.centre_x - self.first[0], moved.centre_y - self.first[1]
        return _placed(
            other,
            *_turned(dx * self.scale, dy * self.scale, -self.turn, self.second),
            moved.downsample * self.scale * self.zoom,
            moved.rotation + self.turn,
        )

    def lead(self, moved: Viewport, other: Viewport) -> Viewport:
        """The first view for a second one that moved."""
        dx, dy = moved.centre_x - self.second[0], moved.centre_y - self.second[1]
        return _placed(
            other,
            *_turned(dx / self.scale, dy / self.scale, self.turn, self.first),
            moved.downsample / self.scale / self.zoom,
            moved.rotation - self.turn,
        )


def _turned(
    dx: float, dy: float, degrees: float, origin: tuple[float, float]
) -> tuple[float, float]:
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    return origin[0] + dx * cos - dy * sin, origin[1] + dx * sin + dy * cos


def _placed(view: Viewport, x: float, y: float, downsample: float, rotation: float) -> Viewport:
    return replace(view, centre_x=x, centre_y=y, downsample=downsample, rotation=rotation % 360.0)
