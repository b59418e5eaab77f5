"""Which part of a slide is on screen, and how points map between the two.

Screen coordinates are device pixels, so that drawing is exact at any display scaling. Slide
coordinates are level-0 pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

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


@dataclass(frozen=True, slots=True)
class Viewport:
    """A view of a slide.

    Attributes:
        slide_width, slide_height: level-0 pixels.
        width, height: the window, device pixels.
        centre_x, centre_y: level-0 point in the middle of the window.
        downsample: level-0 pixels per device pixel.
    """

    slide_width: int
    slide_height: int
    width: int
    height: int
    centre_x: float
    centre_y: float
    downsample: float

    @classmethod
    def fitted(cls, slide_width: int, slide_height: int, width: int, height: int) -> Viewport:
        """The whole slide in the window."""
        view = cls(
            slide_width,
            slide_height,
            max(1, width),
            max(1, height),
            slide_width / 2,
            slide_height / 2,
            1.0,
        )
        return replace(view, downsample=view.fit_downsample)

    @property
    def fit_downsample(self) -> float:
        share = 1.0 - _FIT_MARGIN
        return max(
            self.slide_width / (self.width * share), self.slide_height / (self.height * share)
        )

    @property
    def is_fitted(self) -> bool:
        """Whether the whole slide is in view as :meth:`fitted` would show it."""
        return self.downsample >= self.fit_downsample * 0.999

    @property
    def visible(self) -> Rect:
        """What the window shows, in level-0 pixels; may reach beyond the slide."""
        half_x = self.width * self.downsample / 2
        half_y = self.height * self.downsample / 2
        return Rect(
            self.centre_x - half_x,
            self.centre_y - half_y,
            self.centre_x + half_x,
            self.centre_y + half_y,
        )

    def to_slide(self, x: float, y: float) -> tuple[float, float]:
        """Level-0 point under a device pixel."""
        return (
            self.centre_x + (x - self.width / 2) * self.downsample,
            self.centre_y + (y - self.height / 2) * self.downsample,
        )

    def to_view(self, x: float, y: float) -> tuple[float, float]:
        """Device pixel of a level-0 point."""
        return (
            (x - self.centre_x) / self.downsample + self.width / 2,
            (y - self.centre_y) / self.downsample + self.height / 2,
        )

    def panned(self, dx: float, dy: float) -> Viewport:
        """Moved by device pixels: positive dx shows what lies further right."""
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
        moved = replace(
            self,
            downsample=downsample,
            centre_x=slide_x - (x - self.width / 2) * downsample,
            centre_y=slide_y - (y - self.height / 2) * downsample,
        )
        return self._clamped(moved)

    def centred(self, x: float, y: float, downsample: float | None = None) -> Viewport:
        """With a level-0 point in the middle, at another downsample where one is given."""
        wanted = self.downsample if downsample is None else self._limited(downsample)
        return self._clamped(replace(self, centre_x=x, centre_y=y, downsample=wanted))

    def resized(self, width: int, height: int) -> Viewport:
        """For another window size: a fitted slide stays fitted, else the centre stays."""
        if self.is_fitted:
            return Viewport.fitted(self.slide_width, self.slide_height, width, height)
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
