"""Which part of a slide is on screen, and how points map between the two.

Screen coordinates are device pixels, so that drawing is exact at any display scaling. Slide
coordinates are level-0 pixels. A view may be rotated: its *upright frame* is the window turned back, in
which the slide's axes are horizontal and vertical; pictures are composed there and turned as a whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

#: Finest zoom: a level-0 pixel becomes this many device pixels.
MAX_MAGNIFIED = 16.0
#: Share of the window that a fitted slide leaves free.
_FIT_MARGIN = 0.04


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle in level-0 pixels."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def centre(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def contains(self, other: Rect) -> bool:
        """Whether another rectangle lies inside, to within a pixel in a thousand."""
        slack = 1e-3 * max(other.width, other.height)
        return (
            self.left <= other.left + slack
            and self.top <= other.top + slack
            and self.right >= other.right - slack
            and self.bottom >= other.bottom - slack
        )

    def intersects(self, other: Rect) -> bool:
        """Whether two rectangles share more than an edge."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


@dataclass(frozen=True)
class Viewport:
    """A view of a slide.

    Attributes:
        slide_width, slide_height: level-0 pixels.
        width, height: the window, device pixels.
        centre_x, centre_y: level-0 point in the middle of the window.
        downsample: level-0 pixels per device pixel.
        rotation: degrees by which the slide is turned clockwise on screen, 0 to 360.
    """

    slide_width: int
    slide_height: int
    width: int
    height: int
    centre_x: float
    centre_y: float
    downsample: float
    rotation: float = 0.0

    @classmethod
    def fitted(
        cls, slide_width: int, slide_height: int, width: int, height: int, rotation: float = 0.0
    ) -> Viewport:
        """The whole slide in the window."""
        view = cls(
            slide_width,
            slide_height,
            max(1, width),
            max(1, height),
            slide_width / 2,
            slide_height / 2,
            1.0,
            rotation % 360.0,
        )
        return replace(view, downsample=view.fit_downsample)

    @cached_property
    def _turn(self) -> tuple[float, float]:
        """Cosine and sine of the rotation, exact for quarter turns."""
        quarters = self.rotation / 90.0
        if quarters == int(quarters):
            return ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[int(quarters) % 4]
        angle = math.radians(self.rotation)
        return math.cos(angle), math.sin(angle)

    def _bounds(self, width: float, height: float) -> tuple[float, float]:
        """Size of the upright box around a turned rectangle."""
        cos, sin = (abs(part) for part in self._turn)
        return width * cos + height * sin, width * sin + height * cos

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height of the upright frame that covers the window, device pixels."""
        if self.rotation == 0:
            return self.width, self.height
        width, height = self._bounds(self.width, self.height)
        # Odd where the window is, so that a turn by a right angle lands on whole pixels.
        across = self.rotation % 180.0 == 90.0
        like = (self.height, self.width) if across else (self.width, self.height)
        return _even_or_odd(width, like[0]), _even_or_odd(height, like[1])

    @cached_property
    def upright(self) -> Viewport:
        """The same view without its rotation, wide enough to cover the window when turned."""
        if self.rotation == 0:
            return self
        width, height = self.upright_size
        return replace(self, width=width, height=height, rotation=0.0)

    @property
    def fit_downsample(self) -> float:
        share = 1.0 - _FIT_MARGIN
        width, height = self._bounds(self.slide_width, self.slide_height)
        return max(width / (self.width * share), height / (self.height * share))

    @property
    def is_fitted(self) -> bool:
        """Whether the whole slide is in view as :meth:`fitted` would show it."""
        return self.downsample >= self.fit_downsample * 0.999

    @property
    def visible(self) -> Rect:
        """The upright box around what the window shows, level-0 pixels; may reach beyond the slide."""
        width, height = self._bounds(self.width, self.height)
        half_x, half_y = width * self.downsample / 2, height * self.downsample / 2
        return Rect(
            self.centre_x - half_x,
            self.centre_y - half_y,
            self.centre_x + half_x,
            self.centre_y + half_y,
        )

    def to_slide(self, x: float, y: float) -> tuple[float, float]:
        """Level-0 point under a device pixel."""
        dx, dy = self._turned_back(x - self.width / 2, y - self.height / 2)
        return self.centre_x + dx * self.downsample, self.centre_y + dy * self.downsample

    def to_view(self, x: float, y: float) -> tuple[float, float]:
        """Device pixel of a level-0 point."""
        cos, sin = self._turn
        dx, dy = (x - self.centre_x) / self.downsample, (y - self.centre_y) / self.downsample
        return dx * cos - dy * sin + self.width / 2, dx * sin + dy * cos + self.height / 2

    def _turned_back(self, dx: float, dy: float) -> tuple[float, float]:
        """A screen vector along the slide's axes."""
        cos, sin = self._turn
        return dx * cos + dy * sin, dy * cos - dx * sin

    def panned(self, dx: float, dy: float) -> Viewport:
        """Moved by device pixels: positive dx shows what lies further right on screen."""
        dx, dy = self._turned_back(dx, dy)
        return self._clamped(
            replace(
                self,
                centre_x=self.centre_x + dx * self.downsample,
                centre_y=self.centre_y + dy * self.downsample,
            )
        )

    def zoomed(self, factor: float, x: float, y: float) -> Viewport:
        """Magnified by ``factor`` with the point under device pixel (x, y) kept in place."""
        slide_x, slide_y = self.to_slide(x, y)
        downsample = self._limited(self.downsample / factor)
        dx, dy = self._turned_back(x - self.width / 2, y - self.height / 2)
        moved = replace(
            self,
            downsample=downsample,
            centre_x=slide_x - dx * downsample,
            centre_y=slide_y - dy * downsample,
        )
        return self._clamped(moved)

    def rotated(self, degrees: float) -> Viewport:
        """Turned to ``degrees`` clockwise, the middle kept in place; a fitted slide stays fitted."""
        turned = replace(self, rotation=degrees % 360.0)
        if self.is_fitted:
            return Viewport.fitted(
                self.slide_width, self.slide_height, self.width, self.height, turned.rotation
            )
        return replace(turned, downsample=turned._limited(turned.downsample))

    def centred(self, x: float, y: float, downsample: float | None = None) -> Viewport:
        """With a level-0 point in the middle, at another downsample where one is given."""
        wanted = self.downsample if downsample is None else self._limited(downsample)
        return self._clamped(replace(self, centre_x=x, centre_y=y, downsample=wanted))

    def resized(self, width: int, height: int) -> Viewport:
        """For another window size: a fitted slide stays fitted, else the centre stays."""
        if self.is_fitted:
            return Viewport.fitted(
                self.slide_width, self.slide_height, width, height, self.rotation
            )
        resized = replace(self, width=max(1, width), height=max(1, height))
        return self._clamped(replace(resized, downsample=resized._limited(resized.downsample)))

    def _limited(self, downsample: float) -> float:
        # A slide smaller than the window may still be shown pixel by pixel.
        coarsest = max(self.fit_downsample, 1.0)
        return min(max(downsample, 1.0 / MAX_MAGNIFIED), coarsest)

    @staticmethod
    def _clamped(view: Viewport) -> Viewport:
        """The centre stays on the slide, so that the slide is never lost from sight."""
        return replace(
            view,
            centre_x=min(max(view.centre_x, 0.0), float(view.slide_width)),
            centre_y=min(max(view.centre_y, 0.0), float(view.slide_height)),
        )


def _even_or_odd(length: float, like: int) -> int:
    """``length`` rounded up to an integer that is odd or even as ``like`` is."""
    whole = math.ceil(length - 1e-6)
    return whole + (whole - like) % 2
