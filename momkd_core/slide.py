"""A whole-slide image: pyramid levels, resolution and pixels; one :class:`Slide` serves all threads."""

from __future__ import annotations

import ctypes
import hashlib
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import openslide
from numpy.typing import NDArray
from PIL import Image, ImageCms

from momkd_core.errors import SlideError
from momkd_core.geometry import Mpp
from momkd_core.progress import CancelToken
from momkd_core.slide_facts import SlideFacts
from momkd_core.slide_handle import COPY_AGAIN, READ_ERRORS, SlideHandle
from momkd_core.storage import ends_key

log = logging.getLogger(__name__)

RgbImage = NDArray[np.uint8]

#: File endings worth offering in a dialog; any file that OpenSlide accepts is opened.
SLIDE_SUFFIXES = (
    ".svs .tif .tiff .ndpi .vms .vmu .scn .mrxs .svslide .bif .czi .dcm .png .jpg .jpeg"
).split()

#: Threads that read patches of one slide.
DEFAULT_WORKERS = 2

_OPAQUE = 0xFF000000
#: Bytes of decoded tiles that are kept. Patches share tiles with those beside and below them; the
#: viewer asks for whole tiles, and keeps what it shows itself.
FOR_PATCHES = 192 * 1024 * 1024
FOR_VIEWING = 32 * 1024 * 1024
_NO_MPP_CURE = "State it with --slide-mpp (microns per pixel) or in the cohort's mpp column"


class Slide:
    """An open slide.

    Args:
        path: the file.
        mpp: microns per pixel at level 0, which overrides what the file says.
        cache: bytes of decoded tiles to keep, shared by all slides that ask for as many.

    Attributes:
        path: the file.
        levels, width, height, vendor, objective, background, tile_size, bounds_offset,
        associated_images, quickhash: what the file says of itself, see
            :class:`~momkd_core.slide_facts.SlideFacts`.

    Raises:
        SlideError: the file is missing or is no slide that can be read.
    """

    def __init__(
        self, path: str | Path, *, mpp: float | None = None, cache: int = FOR_PATCHES
    ) -> None:
        self.path = Path(path)
        self._handle = SlideHandle(self.path, cache)
        facts = self._handle.use(SlideFacts.of)
        self.levels = facts.levels
        self.width, self.height = facts.width, facts.height
        self.vendor, self.objective = facts.vendor, facts.objective
        self.file_mpp = facts.mpp
        self._mpp = Mpp(mpp, mpp) if mpp is not None else facts.mpp
        self.background = facts.background
        self.tile_size = facts.tile_size
        self.bounds_offset = facts.bounds_offset
        self.associated_images = facts.associated_images
        self.quickhash = facts.quickhash
        #: Stays the same when the file is moved, renamed or touched.
        self.identity = _identity(self.path, facts)

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
    def has_colour_profile(self) -> bool:
        return self._handle.use(lambda handle: handle.color_profile) is not None

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
        with self._naming_failure(x0, y0, level):
            pixels = self._handle.use(
                lambda handle: _read_packed(handle, x0, y0, level, width, height)
            )
        if pixels is None or int(pixels.min()) < _OPAQUE:  # seldom: see-through, or no such reader
            rgb = np.asarray(self.picture(x0, y0, level, width, height)).astype(np.uint32)
            weights = np.array([1 << 16, 1 << 8, 1], np.uint32)
            pixels = (rgb @ weights + np.uint32(_OPAQUE)).astype(np.uint32)
        return pixels

    def colour_transform(self) -> ImageCms.ImageCmsTransform | None:
        """From the scanner's colours to sRGB, for RGBA pictures; None where the file has no profile.

        One transform serves all threads. A profile that cannot be used is logged and left out.
        """
        profile = self._handle.use(lambda handle: handle.color_profile)
        if profile is None:
            return None
        try:
            return ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), "RGBA", "RGBA")
        except (ImageCms.PyCMSError, OSError) as error:
            log.warning("The colour profile of %s is not usable: %s", self.path.name, error)
            return None

    def associated_image(self, name: str) -> Image.Image:
        """A label, macro or thumbnail picture, RGB. Raises :class:`SlideError` where there is none."""
        try:
            picture = self._handle.use(lambda handle: handle.associated_images[name])
        except KeyError as error:
            raise SlideError(
                f"{self.path.name} has no {name} picture",
                f"It has: {', '.join(self.associated_images) or 'none'}",
            ) from error
        except READ_ERRORS as error:
            raise SlideError(
                f"The {name} picture of {self.path.name} cannot be read ({error})", COPY_AGAIN
            ) from error
        return picture.convert("RGB")

    def read_scaled(
        self, x0: float, y0: float, side0: float, pixels: int, *, filter_: Image.Resampling
    ) -> RgbImage:
        """A square of ``side0`` level-0 pixels as (pixels, pixels, 3) uint8, resampled."""
        downsample = side0 / pixels
        level = self.level_for_downsample(max(downsample, 1.0))
        side = max(1, round(side0 / self.levels[level].downsample))
        pixels_read = self.packed(round(x0), round(y0), level, side, side)
        return self.scaled(pixels_read, pixels, filter_)

    @staticmethod
    def scaled(packed: NDArray[np.uint32], pixels: int, filter_: Image.Resampling) -> RgbImage:
        """What :meth:`packed` gave of a square, as RGB (pixels, pixels, 3) uint8, resampled."""
        height, width = packed.shape
        if (width, height) == (pixels, pixels):
            return _channels(packed)
        order = "BGRX" if sys.byteorder == "little" else "XRGB"
        region = Image.frombuffer(
            "RGB", (width, height), np.ascontiguousarray(packed), "raw", order, 0, 1
        )
        return np.asarray(region.resize((pixels, pixels), filter_))

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
        with self._naming_failure(x0, y0, level):
            return self._flatten(
                self._handle.use(
                    lambda handle: handle.read_region((x0, y0), level, (width, height))
                )
            )

    @contextmanager
    def _naming_failure(self, x0: int, y0: int, level: int) -> Iterator[None]:
        """Says what a failed read means for the user, and where it failed."""
        try:
            yield
        except READ_ERRORS as error:
            raise SlideError(
                f"{self.path.name} cannot be read at level {level}, pixel ({x0}, {y0}): "
                f"{str(error).rstrip('. ')}",
                COPY_AGAIN,
            ) from error

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

    def close(self) -> None:
        """Closes the file once running reads have ended; later reads fail by name."""
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


def _channels(packed: NDArray[np.uint32]) -> RgbImage:
    """0xffRRGGBB as RGB (height, width, 3) uint8; twice as fast as by way of Pillow."""
    rgb = np.empty((*packed.shape, 3), np.uint8)
    first = sys.byteorder == "little"
    split = packed[..., np.newaxis].view(np.uint8)
    for channel, place in enumerate((2, 1, 0) if first else (1, 2, 3)):
        rgb[..., channel] = split[..., place]
    return rgb


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


def _identity(path: Path, facts: SlideFacts) -> str:
    """What OpenSlide tells slides apart by, else the file's size and both its ends.

    quickhash-1 is made of the slide's own data (of all files that it consists of), but not defined
    for every file. The ends alone would not do: formats of several files are opened by a small one.
    """
    try:
        known = facts.quickhash or ends_key(path)
    except OSError as error:
        raise SlideError(
            f"{path} cannot be read ({error.strerror})", "Check its permissions"
        ) from error
    return hashlib.sha256(f"{known}|{facts.width}|{facts.height}".encode()).hexdigest()[:32]
