"""Reads small pictures of whole slides, and keeps them on disk: a cohort is scrolled more than once."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from PySide6.QtGui import QImage

from momkd_core.errors import MomkdError
from momkd_core.progress import CancelToken, Report
from momkd_core.slide import Slide
from momkd_core.storage import cache_folder, content_key, write_bytes
from momkd_viewer.jobs.runner import Work
from momkd_viewer.jobs.tile_source import opaque_to_qimage
from momkd_viewer.state.picture_queue import PictureQueue

log = logging.getLogger(__name__)

#: Kept at this size, whatever screen asks.
_SIDES = (192, 144)
_JPEG_QUALITY = 88
# A coarsest level beyond this would take seconds a slide.
_QUICK_PIXELS = 40_000_000


def read_thumbnails(
    queue: PictureQueue[Path],
    width: int,
    height: int,
    deliver: Callable[[Path, QImage], None],
) -> Work:
    """Reads what waits in the queue until it is empty.

    Args:
        width, height: room for a picture, pixels.
        deliver: gets each picture; a null one where there is none.
    """

    def work(report: Report, cancel: CancelToken) -> None:
        while (path := queue.take()) is not None:
            cancel.raise_if_cancelled()
            try:
                picture = thumbnail(path)
            except (MomkdError, OSError) as error:
                log.info("no thumbnail of %s: %s", path.name, error)
                picture = None
            cancel.raise_if_cancelled()
            if picture is None:
                deliver(path, QImage())
                continue
            picture.thumbnail((width, height), Image.Resampling.LANCZOS)
            deliver(path, opaque_to_qimage(picture.convert("RGBA")))

    return work


def thumbnail(path: Path) -> Image.Image | None:
    """A slide's picture, RGB, from the cache where it is there; None where it takes long to read.

    Raises:
        SlideError: it cannot be read.
        OSError: it is not there.
    """
    kept = cache_folder() / "thumbnails" / f"{content_key(path)}.jpg"
    try:
        with Image.open(kept) as picture:
            picture.load()
    except OSError:  # not kept yet, or not whole
        made = _made(path)
        if made is not None:
            _keep(made, kept)
        return made
    return picture


def _made(path: Path) -> Image.Image | None:
    with Slide(path, cache=0) as slide:
        coarsest = slide.levels[-1]
        if "thumbnail" in slide.associated_images:
            picture = slide.associated_image("thumbnail")
        elif coarsest.width * coarsest.height <= _QUICK_PIXELS:
            picture = Image.fromarray(slide.thumbnail(2 * max(_SIDES)))
        else:
            return None
    picture.thumbnail(_SIDES, Image.Resampling.LANCZOS)
    return picture


def _keep(picture: Image.Image, where: Path) -> None:
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=_JPEG_QUALITY)
    try:
        write_bytes(where, content.getvalue())
    except MomkdError as error:  # it is made again the next time
        log.warning("a thumbnail was not kept: %s", error)
