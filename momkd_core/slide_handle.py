"""An open slide file that many threads read at once, and that outlives a failed read.

Reading goes through OpenSlide (https://openslide.org). Its handles are thread-safe and release the
interpreter lock, but one that failed a read fails every read after it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TypeVar

import openslide
from PIL import Image, UnidentifiedImageError

from momkd_core.errors import SlideError

_Read = TypeVar("_Read")

#: What a failed read of a slide is raised as; see :meth:`SlideHandle.use`.
READ_ERRORS = (openslide.OpenSlideError, OSError)
#: The cure of nearly all of them.
COPY_AGAIN = "The file may be truncated or corrupt: copy it again from its source"

_PLACES, _PLACE_BYTES = 8, 4096
_PICTURE_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff")
_TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


class SlideHandle:
    """Serves all threads; closing waits until no read is running.

    Args:
        path: the file.
        cache: bytes of decoded tiles to keep, shared by all files that ask for as many.

    Raises:
        SlideError: the file is missing or is no slide that can be read.
    """

    def __init__(self, path: Path, cache: int) -> None:
        self._path, self._cache = path, cache
        self._shared = _open(path, cache)
        self._readers = 0
        self._idle = threading.Condition()
        self._closed = False

    def use(self, read: Callable[[openslide.AbstractSlide], _Read]) -> _Read:
        """What ``read`` finds in the file, tried again where the first try failed.

        A read that fails may be sound itself, beside one that is not. So the handle is replaced for the
        reads to come, and this one is tried again on a handle of its own, where no other can spoil it.
        A share that went away may be back by the time its files are looked at, hence the third try.

        Raises:
            OpenSlideError, OSError: all tries failed.
            SlideError: the file was closed, or is gone.
        """
        with self._reading():
            shared = self._shared
            try:
                return read(shared)
            except READ_ERRORS:
                self._replace(shared)
            try:
                return self._read_alone(read)
            except openslide.OpenSlideError:
                _raise_system_failure(self._path)
            return self._read_alone(read)

    def close(self) -> None:
        """Closes the file once running reads have ended; later reads fail by name."""
        with self._idle:
            if self._closed:
                return
            self._closed = True
            self._idle.wait_for(lambda: self._readers == 0)
        self._shared.close()

    def _read_alone(self, read: Callable[[openslide.AbstractSlide], _Read]) -> _Read:
        with _open(self._path, self._cache) as own:
            return read(own)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._idle:
            if self._closed:
                raise SlideError(f"{self._path.name} was closed while it was read", "Open it again")
            self._readers += 1
        try:
            yield
        finally:
            with self._idle:
                self._readers -= 1
                self._idle.notify_all()

    def _replace(self, failed: openslide.AbstractSlide) -> None:
        """Opens the file anew, once for all threads that met the same failure.

        Readers that still use the failed handle keep it alive until they are done.
        """
        with self._idle:
            if self._shared is failed:
                self._shared = _open(self._path, self._cache)


def _raise_system_failure(path: Path) -> None:
    """Raises OSError where a file of the slide cannot be read at all, in a few places of it.

    OpenSlide does not say why a read was short: a share that went away looks like a truncated file.
    """
    for file in (path, *_beside(path)):
        with file.open("rb", buffering=0) as stream:
            size = os.fstat(stream.fileno()).st_size
            for part in range(_PLACES):
                stream.seek(part * size // _PLACES)
                stream.read(_PLACE_BYTES)


def _beside(path: Path) -> list[Path]:
    """Other files that hold pixels of a slide, or may: those in the folder of an MRXS, DICOM beside.

    As OpenSlide finds them: https://openslide.org/formats/mirax/, https://openslide.org/formats/dicom/.
    """
    kind = path.suffix.lower()
    files: Iterable[Path] = ()
    if kind == ".mrxs":
        files = path.with_suffix("").iterdir()
    elif kind == ".dcm":
        files = path.parent.glob(f"*{path.suffix}")
    return [file for file in files if file != path and not file.is_dir()]


@cache
def _tile_cache(size: int) -> openslide.OpenSlideCache:
    """One for all slides: OpenSlide would give each a cache of its own."""
    return openslide.OpenSlideCache(size)


def _open(path: Path, cache: int) -> openslide.AbstractSlide:
    """Opens a slide with OpenSlide; PNG and JPEG pictures, which have no pyramid, with Pillow.

    Pillow is not tried on anything else: it would read a truncated slide without its pyramid and
    resolution, as if nothing were missing.
    """
    try:
        if path.is_dir():
            raise SlideError(f"{path} is a folder, not a slide", "Name the slide file")
        with path.open("rb") as stream:
            signature = stream.read(4)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SlideError(f"{path} does not exist", "Check the path") from error
    except OSError as error:
        raise SlideError(
            f"{path} cannot be read ({error.strerror})", "Check its permissions"
        ) from error
    if not signature:
        raise SlideError(f"{path.name} is empty", COPY_AGAIN)
    if signature.startswith(_PICTURE_SIGNATURES):
        return _open_picture(path)
    try:
        handle = openslide.OpenSlide(path)
    except openslide.OpenSlideUnsupportedFormatError as error:
        if signature in _TIFF_SIGNATURES:
            raise SlideError(
                f"{path.name} is a TIFF file that cannot be read as a slide",
                "If it comes from a scanner it is truncated or corrupt: copy it again from its "
                "source. An ordinary picture has to be converted to a tiled TIFF",
            ) from error
        raise SlideError(
            f"{path.name} is not a slide format that can be read",
            "Open a format that OpenSlide supports (SVS, NDPI, MRXS, SCN, BIF, DICOM, tiled TIFF)",
        ) from error
    except openslide.OpenSlideError as error:
        raise SlideError(
            f"{path.name} cannot be opened: {str(error).rstrip('. ')}", COPY_AGAIN
        ) from error
    handle.set_cache(_tile_cache(cache))
    return handle


def _open_picture(path: Path) -> openslide.ImageSlide:
    try:
        with Image.open(path) as image:
            return openslide.ImageSlide(image.convert("RGB"))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError) as error:
        raise SlideError(
            f"{path.name} cannot be read as a picture ({error})", COPY_AGAIN
        ) from error
