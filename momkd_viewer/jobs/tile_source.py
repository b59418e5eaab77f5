"""From a tile's key to its image: read, reduced, colour-managed, in the format that Qt draws fastest.

Levels that the file lacks are made here. Up to four source pixels across, a tile is read and reduced at
once; beyond that it is put together from the four tiles below it, and kept on disk, since it cost the
reading of a large part of the slide.
"""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PySide6.QtGui import QImage

from momkd_core.errors import Cancelled, OutputError
from momkd_core.progress import CancelToken
from momkd_core.slide import RgbImage, Slide
from momkd_core.storage import cache_folder, content_key, write_bytes
from momkd_viewer.state.rendition import Rendition
from momkd_viewer.state.tile_pyramid import TileKey, TilePyramid

log = logging.getLogger(__name__)

#: Source pixels per pixel up to which a made tile is read in one piece.
_READ_AT_ONCE = 4
_JPEG_QUALITY = 92
#: Longest side of the picture of the whole slide.
_OVERVIEW_SIDE = 1600
_QUICK_PIXELS = 40_000_000


def to_qimage(pixels: RgbImage) -> QImage:
    """RGB (h, w, 3) as an image in the format that QPainter draws fastest; owns its bytes."""
    height, width = pixels.shape[:2]
    wrapped = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    return wrapped.convertToFormat(QImage.Format.Format_RGB32)


def opaque_to_qimage(picture: Image.Image) -> QImage:
    """The same from an RGBA picture without transparency; owns its bytes."""
    width, height = picture.size
    data = picture.tobytes("raw", "BGRA")
    return QImage(data, width, height, 4 * width, QImage.Format.Format_RGB32).copy()


def packed_to_qimage(pixels: NDArray[np.uint32]) -> QImage:
    """The same from 0xffRRGGBB (h, w); owns its bytes."""
    height, width = pixels.shape
    return QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGB32).copy()


class TileSource:
    """Makes the tiles of one slide; may be called from several threads.

    Attributes:
        rendition: how tiles are shown from now on.
    """

    def __init__(self, slide: Slide, pyramid: TilePyramid) -> None:
        self._slide, self._pyramid = slide, pyramid
        self._transform: ImageCms.ImageCmsTransform | None = slide.colour_transform()
        self._folder = made_levels_folder(slide.path)
        self._making = _Locks()
        self.rendition = Rendition()

    @property
    def has_profile(self) -> bool:
        """Whether the file carries a usable colour profile."""
        return self._transform is not None

    def tile(self, key: TileKey, is_stale: Callable[[], bool] = lambda: False) -> QImage:
        """One tile's image.

        Raises:
            SlideError: it cannot be read.
            Cancelled: nobody wants it any more.
        """
        rendition = self.rendition
        managed = rendition.colour_managed and self._transform is not None
        level = self._pyramid.levels[key.level]
        if level.reduction == 1 and rendition.is_plain and not managed and not is_stale():
            size = self._pyramid.size(key)
            return packed_to_qimage(
                self._slide.packed(*self._pyramid.origin(key), level.source, *size)
            )
        return self._rendered(self._picture(key, is_stale), rendition)

    def overview(self, cancel: CancelToken) -> Image.Image:
        """The whole slide, coarse, RGBA.

        Raises:
            SlideError: it cannot be read.
            Cancelled: on request.
        """
        for index, level in enumerate(self._slide.levels):
            if max(level.width, level.height) <= _OVERVIEW_SIDE:
                return self._slide.opaque(0, 0, index, level.width, level.height)
        # From the tiles of the coarsest level, which the view will want too.
        side = self._pyramid.tile_size
        last = len(self._pyramid.levels) - 1
        whole = Image.new(
            "RGBA", (self._pyramid.levels[last].width, self._pyramid.levels[last].height)
        )
        for key in self._pyramid.backdrop():
            picture = self._picture(key, lambda: cancel.cancelled)
            whole.paste(picture, (key.column * side, key.row * side))
        return whole

    @property
    def is_slow(self) -> bool:
        """Whether the file has no level small enough for a quick look at the whole."""
        smallest = self._slide.levels[-1]
        return smallest.width * smallest.height > _QUICK_PIXELS

    def rendered(self, picture: Image.Image) -> QImage:
        """An RGBA picture of this slide as its tiles are shown; ``picture`` stays as it is."""
        return self._rendered(picture.copy(), self.rendition)

    def _rendered(self, picture: Image.Image, rendition: Rendition) -> QImage:
        if rendition.colour_managed and self._transform is not None:
            ImageCms.applyTransform(picture, self._transform, inPlace=True)
        if rendition.is_plain:
            return opaque_to_qimage(picture)
        return to_qimage(rendition.apply(np.asarray(picture.convert("RGB"))))

    def _picture(self, key: TileKey, is_stale: Callable[[], bool]) -> Image.Image:
        """RGBA pixels of a tile as the file has them, without transparency."""
        if is_stale():
            raise Cancelled
        level = self._pyramid.levels[key.level]
        if level.reduction == 1:
            return self._slide.opaque(
                *self._pyramid.origin(key), level.source, *self._pyramid.size(key)
            )
        if level.reduction <= _READ_AT_ONCE:
            return self._reduced(key)
        kept = self._kept(key)
        with self._making.of(key):  # two threads that want it make it once
            found = _open_kept(kept)
            if found is None:
                found = self._put_together(key, is_stale)
                self._keep(kept, found)
        return found

    def _reduced(self, key: TileKey) -> Image.Image:
        """A made tile from one read of the file's next finer level."""
        level = self._pyramid.levels[key.level]
        source = self._slide.levels[level.source]
        side, factor = self._pyramid.tile_size, level.reduction
        left, top = key.column * side * factor, key.row * side * factor
        width = min(side * factor, source.width - left)
        height = min(side * factor, source.height - top)
        picture = self._slide.opaque(*self._pyramid.origin(key), level.source, width, height)
        return picture.reduce(factor)

    def _put_together(self, key: TileKey, is_stale: Callable[[], bool]) -> Image.Image:
        """A made tile from the four tiles of the level below."""
        side, finer = self._pyramid.tile_size, self._pyramid.levels[key.level - 1]
        width = min(2 * side, finer.width - 2 * key.column * side)
        height = min(2 * side, finer.height - 2 * key.row * side)
        whole = Image.new("RGBA", (width, height))
        for child in self._pyramid.children(key):
            at = ((child.column - 2 * key.column) * side, (child.row - 2 * key.row) * side)
            whole.paste(self._picture(child, is_stale), at)
        return whole.reduce(2)

    # -- what was made before --------------------------------------------------------------------

    def _kept(self, key: TileKey) -> Path:
        reduction = self._pyramid.levels[key.level].reduction
        source = self._pyramid.levels[key.level].source
        return self._folder / f"{source}-{reduction}" / f"{key.column}-{key.row}.jpg"

    def _keep(self, path: Path, picture: Image.Image) -> None:
        content = io.BytesIO()
        picture.convert("RGB").save(content, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
        try:
            write_bytes(path, content.getvalue())
        except OutputError as error:  # a full disk costs the time of making it again
            log.warning("A made level is not kept: %s", error)


class _Locks:
    """A lock for each tile that is being made."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held: dict[TileKey, tuple[threading.Lock, int]] = {}

    @contextmanager
    def of(self, key: TileKey) -> Iterator[None]:
        with self._guard:
            lock, users = self._held.get(key, (threading.Lock(), 0))
            self._held[key] = (lock, users + 1)
        try:
            with lock:
                yield
        finally:
            with self._guard:
                users = self._held[key][1] - 1
                if users:
                    self._held[key] = (lock, users)
                else:
                    del self._held[key]


def made_levels_folder(slide: Path) -> Path:
    """Where made tiles of a slide are kept, in the user's cache."""
    return cache_folder() / "levels" / content_key(slide)


def _open_kept(path: Path) -> Image.Image | None:
    try:
        with Image.open(path) as picture:
            return picture.convert("RGBA")
    except FileNotFoundError:
        return None
    except (OSError, SyntaxError) as error:
        log.warning("A made level is made again: %s", error)
        return None
