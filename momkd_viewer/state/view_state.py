"""What the window shows of a slide, so that an evidence bundle opens to the same."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from momkd_core.component_names import MEMORIES
from momkd_core.errors import BundleError
from momkd_viewer.state.overlay_values import ComponentName, OverlayChoice
from momkd_viewer.state.rendition import Rendition
from momkd_viewer.state.viewport import Viewport

_VERSION = 1


@dataclass(frozen=True)
class SlidePart:
    """A part of a slide in a window.

    Attributes:
        x, y: level-0 point in the middle.
        downsample: level-0 pixels per device pixel.
        rotation: degrees clockwise.
        width, height: of the window, device pixels.
    """

    x: float
    y: float
    downsample: float
    rotation: float
    width: int
    height: int

    def __post_init__(self) -> None:
        numbers = (self.x, self.y, self.downsample, self.rotation)
        if not all(math.isfinite(number) for number in numbers) or self.downsample <= 0:
            raise ValueError("a place or magnification is impossible")
        if self.width < 1 or self.height < 1:
            raise ValueError("the window has no size")

    @classmethod
    def of(cls, view: Viewport) -> SlidePart:
        return cls(
            view.centre_x, view.centre_y, view.downsample, view.rotation, view.width, view.height
        )

    def in_window(self, view: Viewport) -> Viewport:
        """The same part of the slide, in a window that may have another size."""
        enlarged = max(self.width / view.width, self.height / view.height)
        return replace(
            view,
            centre_x=min(max(self.x, 0.0), float(view.slide_width)),
            centre_y=min(max(self.y, 0.0), float(view.slide_height)),
            downsample=self.downsample * enlarged,
            rotation=self.rotation % 360.0,
        )


@dataclass(frozen=True)
class ViewState:
    """What is shown, apart from what the model says and what is muted.

    Attributes:
        components: those in the detail pane.
        slide, features: paths from the bundle's folder; None where they are not to be told.
    """

    place: SlidePart
    overlay: OverlayChoice
    opacity: float
    rendition: Rendition
    components: tuple[ComponentName, ...] = ()
    slide: str | None = None
    features: str | None = None

    def __post_init__(self) -> None:
        shown, ends = self.rendition, (self.overlay.low, self.overlay.high)
        for what, value, (low, high) in (
            ("opacity", self.opacity, (0.0, 1.0)),
            ("brightness", shown.brightness, (-1.0, 1.0)),
            ("contrast", shown.contrast, (0.2, 5.0)),
            ("gamma", shown.gamma, (0.2, 5.0)),
        ):
            if not low <= value <= high:
                raise ValueError(f"the {what} is not between {low:g} and {high:g}")
        named = (self.overlay.component, *self.components)
        if any(one.memory not in MEMORIES or one.index < 0 for one in named):
            raise ValueError("a component is none")
        if not all(end is None or math.isfinite(end) for end in ends):
            raise ValueError("the overlay's range has no ends")

    def as_json(self) -> dict[str, Any]:
        """For :meth:`from_json`; nothing of it names the slide unless its path is told."""
        return {"version": _VERSION, **asdict(replace(self, overlay=self.overlay.picture))}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> ViewState | None:
        """What a bundle kept; None where the window did not write it.

        Raises:
            BundleError: it cannot be understood.
        """
        if not kept:
            return None
        # Imported here: it takes a quarter of a second, and bundles are seldom opened.
        from pydantic import TypeAdapter, ValidationError

        try:
            if int(kept.get("version", 0)) != _VERSION:
                raise ValueError(f"version {kept.get('version')!r}")
            return TypeAdapter(cls).validate_python(dict(kept))
        except (ValidationError, ValueError, TypeError) as error:
            said = " ".join(str(error).split("\n")[:2])
            raise BundleError(
                f"The view that the bundle kept cannot be understood ({said})",
                "Its result is shown all the same; update the program where the bundle is newer",
            ) from error
