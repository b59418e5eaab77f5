"""Makes a picture of a view away from the screen, and writes it as a PNG that tells nothing else."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, PngImagePlugin
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QImage, QPainter

from momkd_core import __version__
from momkd_core.png import PACKING
from momkd_core.progress import CancelToken, Report
from momkd_core.storage import atomic_path
from momkd_viewer.jobs.runner import Work
from momkd_viewer.jobs.tile_source import TileSource
from momkd_viewer.state.tile_pyramid import TilePyramid
from momkd_viewer.state.viewport import Rect, Viewport

_METRE = 1e6  # microns
_INCH = 0.0254  # metres; Pillow takes dots an inch and writes dots a metre
_MAGNIFIED = 0.45  # as on screen: beyond two device pixels a slide pixel is a square


@dataclass(frozen=True)
class PictureRequest:
    """What is to be drawn.

    Attributes:
        view: its width and height are the picture's.
        surround, glass: colours beside and behind the slide, ``#rrggbb``.
        overlay: one pixel a grid cell, over the level-0 ``area``; None for none.
    """

    view: Viewport
    surround: str
    glass: str
    overlay: QImage | None = None
    area: Rect | None = None
    smooth: bool = False
    opacity: float = 1.0


def draw(source: TileSource, pyramid: TilePyramid, request: PictureRequest) -> Work:
    """The picture, every tile as sharp as the file has it.

    Raises:
        SlideError: a tile cannot be read.
    """

    def work(report: Report, cancel: CancelToken) -> QImage:
        view = request.view
        image = QImage(view.width, view.height, QImage.Format.Format_RGB32)
        image.fill(request.surround)
        painter = QPainter(image)
        try:
            # Drawn in the upright frame, turned as a whole: as the canvas does.
            painter.translate(view.width / 2, view.height / 2)
            painter.rotate(view.rotation)
            upright = view.upright
            painter.translate(-upright.width / 2, -upright.height / 2)
            painter.fillRect(
                _place(upright, Rect(0, 0, view.slide_width, view.slide_height)), request.glass
            )
            _draw_tiles(painter, source, pyramid, upright, report, cancel)
            if request.overlay is not None and request.area is not None:
                painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, request.smooth)
                painter.setOpacity(request.opacity)
                painter.drawImage(_place(upright, request.area), request.overlay)
        finally:
            painter.end()
        return image

    return work


def _draw_tiles(
    painter: QPainter,
    source: TileSource,
    pyramid: TilePyramid,
    view: Viewport,
    report: Report,
    cancel: CancelToken,
) -> None:
    level = pyramid.level_for(view.downsample)
    scale = view.downsample / pyramid.levels[level].downsample
    smooth = scale >= _MAGNIFIED and abs(scale - 1.0) > 1e-9
    keys = pyramid.covering(view.visible, level)
    for done, key in enumerate(keys):
        cancel.raise_if_cancelled()
        report(done, len(keys), "reading the picture")
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        painter.drawImage(_place(view, pyramid.area(key)), source.tile(key))


def _place(view: Viewport, area: Rect) -> QRectF:
    """On whole pixels, so that tiles leave no seam between them; halves go up, as on the canvas."""
    left, top = (math.floor(v + 0.500001) for v in view.to_view(area.left, area.top))
    right, bottom = (math.floor(v + 0.500001) for v in view.to_view(area.right, area.bottom))
    return QRectF(QPointF(left, top), QPointF(right, bottom))


def write_png(image: QImage, path: Path, mpp: float | None) -> Work:
    """Writes a picture with the program's name and its pixel size, and no other word.

    Args:
        mpp: microns a pixel of the picture; None where unknown.

    Raises:
        OutputError: it cannot be written.
    """

    def work(report: Report, cancel: CancelToken) -> Path:
        report(0, 0, "writing the picture")
        rgb = image.convertToFormat(QImage.Format.Format_RGB888)
        picture = Image.frombuffer(
            "RGB",
            (rgb.width(), rgb.height()),
            rgb.constBits(),  # type: ignore[arg-type]  # a memoryview serves too: no copy of it all
            "raw",
            "RGB",
            rgb.bytesPerLine(),
            1,
        )
        said = PngImagePlugin.PngInfo()
        said.add_text("Software", f"MoMKD Viewer {__version__}")
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            if mpp is None:
                picture.save(stream, "PNG", pnginfo=said, **PACKING)
            else:
                dots = _METRE / mpp * _INCH
                picture.save(stream, "PNG", pnginfo=said, dpi=(dots, dots), **PACKING)
        return path

    return work
