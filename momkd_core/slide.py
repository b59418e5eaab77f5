"""A whole-slide image: pyramid levels, resolution and pixels.

Reading goes through OpenSlide (https://openslide.org). Its handles are thread-safe and release the
interpreter lock, so one :class:`Slide` serves all threads; closing waits until no read is running.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import openslide
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError

from momkd_core.errors import SlideError
from momkd_core.geometry import Level, Mpp
from momkd_core.progress import CancelToken

log = logging.getLogger(__name__)

RgbImage = NDArray[np.uint8]

#: File endings worth offering in a dialog; any file that OpenSlide accepts is opened.
SLIDE_SUFFIXES = (
    ".svs .tif .tiff .ndpi .vms .vmu .scn .mrxs .svslide .bif .czi .dcm .png .jpg .jpeg"
).split()

#: Threads that read patches of one slide.
DEFAULT_WORKERS = 2

_OPAQUE = 0xFF000000
# Bytes of decoded tiles that are kept. Patches share tiles with those beside and below them; the viewer
# asks for whole tiles, and keeps what it shows itself.
_FOR_PATCHES = 192 * 1024 * 1024
FOR_VIEWING = 32 * 1024 * 1024
_NO_MPP_CURE = "State it with --slide-mpp (microns per pixel) or in the cohort's mpp column"


@cache
def _shared_cache(size: int) -> openslide.OpenSlideCache:
    """One tile cache for all slides: OpenSlide would give each a cache of its own."""
    return openslide.OpenSlideCache(size)


class Slide:
    """An open slide.

    Args:
        path: the file.
        mpp: microns per pixel at level 0, which overrides what the file says.
        cache: bytes of decoded tiles to keep, shared by all slides that ask for as many.

    Raises:
        SlideError: the file is missing or is no slide that can be read.
    """

    def __init__(
        self, path: str | Path, *, mpp: float | None = None, cache: int = _FOR_PATCHES
    ) -> None:
        self.path = Path(path)
        self._cache = cache
        self._handle = _open(self.path, cache)
        self._readers = 0
        self._idle = threading.Condition()
        self._closed = False
        properties = self._handle.properties
        self.levels = tuple(
            Level(width, height, float(downsample))
            for (width, height), downsample in zip(
                self._handle.level_dimensions, self._handle.level_downsamples, strict=True
            )
        )
        self.width, self.height = self._handle.dimensions
        self.vendor: str | None = properties.get(openslide.PROPERTY_NAME_VENDOR)
        self.objective = _number(properties.get(openslide.PROPERTY_NAME_OBJECTIVE_POWER))
        self.file_mpp = _file_mpp(properties)
        self._mpp = Mpp(mpp, mpp) if mpp is not None else self.file_mpp
        self.background = _background(properties)
        self.tile_size = _tile_size(properties)
        #: Level-0 corner of the scanned area, which QuPath takes as its origin (MRXS has one).
        self.bounds_offset = (
            int(_number(properties.get(openslide.PROPERTY_NAME_BOUNDS_X)) or 0),
            int(_number(properties.get(openslide.PROPERTY_NAME_BOUNDS_Y)) or 0),
        )

    # -- facts -----------------------------------------------------------------------------------

    @property
    def known_mpp(self) -> Mpp | None:
        """Microns per pixel at level 0, or None where neither file nor user states it."""
        return self._mpp

    @property
    def mpp(self) -> Mpp:
        """Microns per pixel at level 0. Raises :class:`SlideError` where it is unknown."""
        if self._mpp is None:
            raise SlideError(
                f"{self.path.name} does not state its resolution (µm/px)", _NO_MPP_CURE
            )
        return self._mpp

    @property
    def quickhash(self) -> str | None:
        """OpenSlide's hash of the content, which a copy or another name leaves as it is; or None."""
        found: str | None = self._handle.properties.get(openslide.PROPERTY_NAME_QUICKHASH1)
        return found

    @property
    def has_colour_profile(self) -> bool:
        return self._handle.color_profile is not None

    @property
    def associated_images(self) -> tuple[str, ...]:
        return tuple(sorted(self._handle.associated_images))

    def info(self) -> dict[str, Any]:
        """The facts of ``momkd info``, unknown ones as None."""
        known = self._mpp
        return {
            "path": str(self.path),
            "width": self.width,
            "height": self.height,
            "levels": [
                {"width": level.width, "height": level.height, "downsample": level.downsample}
                for level in self.levels
            ],
            "mpp_x": known.x if known else None,
            "mpp_y": known.y if known else None,
            "objective": self.objective,
            "vendor": self.vendor,
            "associated_images": list(self.associated_images),
        }

    def level_for_downsample(self, downsample: float) -> int:
        """The coarsest level that is at least as fine as ``downsample`` asks (tolerance 1 %)."""
        best = 0
        for index, level in enumerate(self.levels):
            if level.downsample <= downsample * 1.01:
                best = index
        return best

    # -- pixels ----------------------------------------------------------------------------------

    def read(self, x0: int, y0: int, level: int, width: int, height: int) -> RgbImage:
        """Pixels of a region, RGB (height, width, 3) uint8.

        Args:
            x0, y0: top-left corner in level-0 pixels.
            level: pyramid level to read from.
            width, height: size in that level's pixels.

        Areas outside the scan get the slide's background colour. Raises :class:`SlideError`.
        """
        return np.asarray(self.picture(x0, y0, level, width, height))

    def picture(self, x0: int, y0: int, level: int, width: int, height: int) -> Image.Image:
        """The same as an RGB picture; see :meth:`read`."""
        region = self._read_region(x0, y0, level, width, height)
        return region.convert("RGB") if region.mode != "RGB" else region

    def opaque(self, x0: int, y0: int, level: int, width: int, height: int) -> Image.Image:
        """The same as an RGBA picture without transparency, as OpenSlide gives it: one copy less."""
        region = self._read_region(x0, y0, level, width, height)
        return region if region.mode == "RGBA" else region.convert("RGBA")

    def packed(self, x0: int, y0: int, level: int, width: int, height: int) -> NDArray[np.uint32]:
        """The same as 0xffRRGGBB, (height, width) uint32: what OpenSlide itself writes, without copies.

        Areas outside the scan get the slide's background colour. Raises :class:`SlideError`.
        """
        with self._reading():
            handle = self._handle
            try:
                pixels = _read_packed(handle, x0, y0, level, width, height)
            except (openslide.OpenSlideError, OSError) as error:
                raise self._failed(handle, error, x0, y0, level) from error
        if pixels is None or int(pixels.min()) < _OPAQUE:  # seldom: see-through, or no such reader
            rgb = np.asarray(self.picture(x0, y0, level, width, height)).astype(np.uint32)
            weights = np.array([1 << 16, 1 << 8, 1], np.uint32)
            pixels = (rgb @ weights + np.uint32(_OPAQUE)).astype(np.uint32)
        return pixels

    def colour_transform(self) -> ImageCms.ImageCmsTransform | None:
        """From the scanner's colours to sRGB, for RGBA pictures; None where the file has no profile.

        One transform serves all threads. A profile that cannot be used is logged and left out.
        """
        profile = self._handle.color_profile
        if profile is None:
            return None
        try:
            return ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), "RGBA", "RGBA")
        except (ImageCms.PyCMSError, OSError) as error:
            log.warning("The colour profile of %s is not usable: %s", self.path.name, error)
            return None

    def associated_image(self, name: str) -> Image.Image:
        """A label, macro or thumbnail picture, RGB. Raises :class:`SlideError` where there is none."""
        with self._reading():
            try:
                picture = self._handle.associated_images[name]
            except KeyError as error:
                raise SlideError(
                    f"{self.path.name} has no {name} picture",
                    f"It has: {', '.join(self.associated_images) or 'none'}",
                ) from error
            except (openslide.OpenSlideError, OSError) as error:
                raise SlideError(
                    f"The {name} picture of {self.path.name} cannot be read ({error})", _COPY_AGAIN
                ) from error
        return picture.convert("RGB")

    def read_scaled(
        self, x0: float, y0: float, side0: float, pixels: int, *, filter_: Image.Resampling
    ) -> RgbImage:
        """A square of ``side0`` level-0 pixels as (pixels, pixels, 3) uint8, resampled."""
        downsample = side0 / pixels
        level = self.level_for_downsample(max(downsample, 1.0))
        side = max(1, round(side0 / self.levels[level].downsample))
        region = self.picture(round(x0), round(y0), level, side, side)
        if side != pixels:
            region = region.resize((pixels, pixels), filter_)
        return np.asarray(region)

    def thumbnail(self, longest_side: int, cancel: CancelToken | None = None) -> RgbImage:
        """The whole slide, at most ``longest_side`` pixels long, RGB uint8.

        Read in strips from the finest level that needs no more than a few times the result, so
        that a slide without a pyramid does not have to fit in memory at once.
        """
        scale = max(self.width, self.height) / longest_side
        if scale <= 1:
            return self.read(0, 0, 0, self.width, self.height)
        level_index = self.level_for_downsample(scale)
        level = self.levels[level_index]
        width = max(1, round(self.width / scale))
        height = max(1, round(self.height / scale))
        result = np.empty((height, width, 3), np.uint8)
        rows = max(1, int(16e6 / max(1, level.width * level.height / height)))
        for top in range(0, height, rows):
            if cancel is not None:
                cancel.raise_if_cancelled()
            bottom = min(height, top + rows)
            level_top = round(top * level.height / height)
            level_bottom = max(level_top + 1, round(bottom * level.height / height))
            strip = self.read(
                0,
                round(level_top * level.downsample),
                level_index,
                level.width,
                level_bottom - level_top,
            )
            image = Image.fromarray(strip)
            result[top:bottom] = np.asarray(
                image.resize((width, bottom - top), Image.Resampling.BOX)
            )
        return result

    def _read_region(self, x0: int, y0: int, level: int, width: int, height: int) -> Image.Image:
        with self._reading():
            handle = self._handle
            try:
                return self._flatten(handle.read_region((x0, y0), level, (width, height)))
            except (openslide.OpenSlideError, OSError) as error:
                raise self._failed(handle, error, x0, y0, level) from error

    def _failed(
        self, handle: openslide.AbstractSlide, error: Exception, x0: int, y0: int, level: int
    ) -> SlideError:
        """What a failed read means for the user; the file is opened anew for the next one."""
        self._replace(handle)
        return SlideError(
            f"{self.path.name} cannot be read at level {level}, pixel ({x0}, {y0}): "
            f"{str(error).rstrip('. ')}",
            _COPY_AGAIN,
        )

    def _replace(self, failed: openslide.AbstractSlide) -> None:
        """Opens the file anew: OpenSlide fails every read after the first one that failed.

        Readers that still use the failed handle keep it alive until they are done.
        """
        with self._idle:
            if self._handle is failed:
                with contextlib.suppress(SlideError):
                    self._handle = _open(self.path, self._cache)

    def _flatten(self, region: Image.Image) -> Image.Image:
        """On the slide's background colour: RGB, or RGBA as it is where it is opaque throughout."""
        if region.mode != "RGBA":
            return region.convert("RGB")
        alpha = region.getchannel("A")
        if alpha.getextrema()[0] == 255:
            return region
        canvas = Image.new("RGB", region.size, self.background)
        canvas.paste(region, mask=alpha)
        return canvas

    # -- life ------------------------------------------------------------------------------------

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._idle:
            if self._closed:
                raise SlideError(f"{self.path.name} was closed while it was read", "Open it again")
            self._readers += 1
        try:
            yield
        finally:
            with self._idle:
                self._readers -= 1
                self._idle.notify_all()

    def close(self) -> None:
        """Closes the file once running reads have ended; later reads fail by name."""
        with self._idle:
            if self._closed:
                return
            self._closed = True
            self._idle.wait_for(lambda: self._readers == 0)
        self._handle.close()

    def __enter__(self) -> Slide:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _read_packed(
    handle: openslide.AbstractSlide, x0: int, y0: int, level: int, width: int, height: int
) -> NDArray[np.uint32] | None:
    """Premultiplied ARGB as OpenSlide writes it; None where this version of its wrapper hides how.

    The wrapper's own ``read_region`` turns it into RGBA and the viewer turned that back, a sixth of a
    tile's time and most of what readers keep the interpreter for.
    """
    read = getattr(openslide.lowlevel, "_read_region", None)
    inner = getattr(handle, "_osr", None)
    if read is None or inner is None or width <= 0 or height <= 0:
        return None
    pixels = np.empty((height, width), np.uint32)
    buffer = (ctypes.c_uint32 * pixels.size).from_buffer(pixels.data)
    read(inner, buffer, x0, y0, level, width, height)
    return pixels


_PICTURE_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff")
_TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_COPY_AGAIN = "The file may be truncated or corrupt: copy it again from its source"


def _open(path: Path, cache: int) -> openslide.AbstractSlide:
    """Opens a slide with OpenSlide; PNG and JPEG pictures, which have no pyramid, with Pillow.

    Pillow is not tried on anything else: it would read a truncated slide without its pyramid and
    resolution, as if nothing were missing.
    """
    if not path.exists():
        raise SlideError(f"{path} does not exist", "Check the path")
    if path.is_dir():
        raise SlideError(f"{path} is a folder, not a slide", "Name the slide file")
    try:
        with path.open("rb") as stream:
            signature = stream.read(4)
    except OSError as error:
        raise SlideError(
            f"{path} cannot be read ({error.strerror})", "Check its permissions"
        ) from error
    if not signature:
        raise SlideError(f"{path.name} is empty", _COPY_AGAIN)
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
            f"{path.name} cannot be opened: {str(error).rstrip('. ')}", _COPY_AGAIN
        ) from error
    handle.set_cache(_shared_cache(cache))
    return handle


def _open_picture(path: Path) -> openslide.ImageSlide:
    try:
        with Image.open(path) as image:
            return openslide.ImageSlide(image.convert("RGB"))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError) as error:
        raise SlideError(
            f"{path.name} cannot be read as a picture ({error})", _COPY_AGAIN
        ) from error


def _number(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if np.isfinite(value) and value > 0 else None


def _file_mpp(properties: Any) -> Mpp | None:
    x = _number(properties.get(openslide.PROPERTY_NAME_MPP_X))
    y = _number(properties.get(openslide.PROPERTY_NAME_MPP_Y))
    if x is None and y is None:
        return None
    return Mpp(x or y or 0.0, y or x or 0.0)


def _background(properties: Any) -> tuple[int, int, int]:
    text = properties.get(openslide.PROPERTY_NAME_BACKGROUND_COLOR) or "FFFFFF"
    try:
        return (int(text[0:2], 16), int(text[2:4], 16), int(text[4:6], 16))
    except ValueError:
        return (255, 255, 255)


def _tile_size(properties: Any) -> int:
    """The file's native tile side: reads aligned to it decode each tile once."""
    side = _number(properties.get("openslide.level[0].tile-width"))
    return int(side) if side is not None and 64 <= side <= 2048 else 256
