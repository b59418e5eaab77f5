"""The overlay as a picture of one pixel a patch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtGui import QImage

from momkd_core.progress import CancelToken, Report
from momkd_core.result import SlideResult
from momkd_viewer.jobs.runner import Work
from momkd_viewer.state.overlay import Classes, PatchColours, colour_patches
from momkd_viewer.state.overlay_colours import PatchRaster
from momkd_viewer.state.overlay_values import OverlayChoice
from momkd_viewer.state.viewport import Rect

#: More than this takes longer than a frame and is done in the background.
_QUICK_PATCHES = 20_000
_QUICK_CELLS = 400_000


@dataclass(frozen=True)
class OverlayRequest:
    """What is to be drawn."""

    result: SlideResult
    raster: PatchRaster
    choice: OverlayChoice
    classes: Classes

    @property
    def is_quick(self) -> bool:
        """Whether drawing takes less than a frame."""
        return len(self.result) <= _QUICK_PATCHES and self.raster.index.size <= _QUICK_CELLS


@dataclass(frozen=True)
class DrawnOverlay:
    """A picture of an overlay.

    Attributes:
        image: one pixel a cell of the raster; None where there is nothing to show.
        area: what it covers, level-0 pixels.
    """

    request: OverlayRequest
    colours: PatchColours
    image: QImage | None
    area: Rect


def draw(request: OverlayRequest) -> DrawnOverlay:
    """Colours, legend and picture of a choice."""
    colours = colour_patches(request.result, request.choice, request.classes)
    raster = request.raster
    area = Rect(raster.left, raster.top, raster.right, raster.bottom)
    if colours.rgba is None:
        return DrawnOverlay(request, colours, None, area)
    pixels = raster.image(colours.rgba)
    if request.choice.is_smooth:
        # Patches at the border fade into nothing as all others do.
        pixels, cell = np.pad(pixels, 1), raster.cell
        area = Rect(area.left - cell, area.top - cell, area.right + cell, area.bottom + cell)
    height, width = pixels.shape
    image = QImage(
        pixels.data, width, height, 4 * width, QImage.Format.Format_ARGB32_Premultiplied
    ).copy()
    return DrawnOverlay(request, colours, image, area)


def draw_overlay(request: OverlayRequest) -> Work:
    """:func:`draw` as a job."""

    def work(report: Report, cancel: CancelToken) -> DrawnOverlay:
        return draw(request)

    return work
