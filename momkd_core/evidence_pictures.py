"""Pictures of an evidence bundle: the slide with its overlay, scale bar and legend.

Drawn from the file's own pixels, as models read them. PNG files carry pixels and nothing else.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from momkd_core.colour_scale import Scale, affinity_scale, attention_scale
from momkd_core.png import PACKING
from momkd_core.progress import CancelToken
from momkd_core.result import Floats, SlideResult
from momkd_core.scale_bar import scale_bar
from momkd_core.slide import RgbImage, Slide

LONGEST_SIDE = 1600

_OPACITY = 0.55
_NARROWEST = 800  # pixels that legend and scale bar need side by side
_FOOTER = 96
_GAP = 16
_RAMP = (460, 18)
_INK, _PAPER, _SURROUND = (32, 34, 38), (255, 255, 255), (236, 236, 236)


@dataclass(frozen=True)
class Tint:
    """An overlay: values of patches, their colours, and the words of its legend.

    Attributes:
        values: (N,) in the unit of the scale.
        ends: words below both ends of the ramp.
    """

    title: str
    values: Floats
    scale: Scale
    ends: tuple[str, str]

    @property
    def limits(self) -> tuple[str, str]:
        """The values at both ends, for people."""
        return f"{self.scale.low:.3g}".replace("-", "−"), f"{self.scale.high:.3g}"


def affinity_tint(result: SlideResult, negative: str, positive: str) -> Tint | None:
    """Eq. 6, around zero; None for a comparison system."""
    if result.affinity is None:
        return None
    return Tint(
        "Memory affinity", result.affinity, affinity_scale(result.affinity),
        (f"towards {negative}", f"towards {positive}"),
    )  # fmt: skip


def attention_tint(result: SlideResult) -> Tint | None:
    """Eq. 7, as multiples of even attention; None where the method has none."""
    if result.attention is None:
        return None
    even = (result.attention * len(result)).astype(np.float32)
    scale = attention_scale(result.attention)
    return Tint("Attention", even, scale, ("none", "most"))


def tinted_slide(
    thumbnail: RgbImage, slide: Slide, result: SlideResult, tint: Tint | None
) -> RgbImage:
    """A picture of the whole slide with an overlay and nothing beside it.

    Args:
        thumbnail: of :func:`slide_thumbnail`.
        tint: None for the slide alone.
    """
    if tint is None:
        return thumbnail
    return np.asarray(_tinted(Image.fromarray(thumbnail), slide, result, tint))


def with_legend(tinted: RgbImage, slide: Slide, tint: Tint | None) -> RgbImage:
    """A picture of :func:`tinted_slide` with legend and scale bar below it."""
    picture = Image.fromarray(tinted)
    width = max(_NARROWEST, picture.width)
    canvas = Image.new("RGB", (width, picture.height + _FOOTER), _SURROUND)
    canvas.paste(picture, ((width - picture.width) // 2, 0))
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((0, picture.height, width, canvas.height), fill=_PAPER)
    if tint is not None:
        _draw_legend(canvas, draw, tint, _GAP, picture.height + 10)
    _draw_bar(draw, slide, slide.width / picture.width, width, picture.height)
    return np.asarray(canvas)


def slide_thumbnail(slide: Slide, cancel: CancelToken | None = None) -> RgbImage:
    """The whole slide, at most :data:`LONGEST_SIDE` pixels. Raises SlideError."""
    return slide.thumbnail(LONGEST_SIDE, cancel)


def _tinted(picture: Image.Image, slide: Slide, result: SlideResult, tint: Tint) -> Image.Image:
    scale = np.array([picture.width / slide.width, picture.height / slide.height])
    first = np.round(result.coords * scale).astype(int)
    # Up to where the next patch starts, so that neighbours neither overlap nor leave a seam.
    last = np.round((result.coords + result.size_level0) * scale).astype(int)
    last = np.maximum(last, first + 1)
    colours = tint.scale.apply(tint.values)
    pixels = np.array(picture)
    covered = np.zeros(pixels.shape[:2], bool)
    layer = np.zeros_like(pixels)
    boxes = np.clip(np.hstack([first, last]), 0, None)
    for (x0, y0, x1, y1), colour in zip(boxes, colours, strict=True):
        layer[y0:y1, x0:x1] = colour
        covered[y0:y1, x0:x1] = True
    mixed = pixels[covered] * (1 - _OPACITY) + layer[covered].astype(float) * _OPACITY
    pixels[covered] = np.round(mixed).astype(np.uint8)
    return Image.fromarray(pixels)


def _draw_legend(
    canvas: Image.Image, draw: ImageDraw.ImageDraw, tint: Tint, left: int, top: int
) -> None:
    width, height = _RAMP
    draw.text((left, top), f"{tint.title} ({tint.scale.unit})", _INK, font=_font(17))
    ramp = Image.fromarray(tint.scale.colours[None]).resize(_RAMP, Image.Resampling.BILINEAR)
    canvas.paste(ramp, (left, top + 24))
    draw.rectangle((left, top + 24, left + width - 1, top + 23 + height), outline=_INK)
    small, below = _font(15), top + 28 + height
    low, high = tint.limits
    start = _shortened(draw, f"{low}  {tint.ends[0]}", width / 2 - 8)
    draw.text((left, below), start, _INK, font=small)
    end = _shortened(draw, tint.ends[1], width / 2 - 8 - draw.textlength(f"  {high}", small))
    end = f"{end}  {high}"
    draw.text((left + width - draw.textlength(end, small), below), end, _INK, font=small)


def _shortened(draw: ImageDraw.ImageDraw, text: str, room: float) -> str:
    """What of a text there is room for: a class may have a long name."""
    if draw.textlength(text, _font(15)) <= room:
        return text
    while text and draw.textlength(f"{text}…", _font(15)) > room:
        text = text[:-1]
    return f"{text}…"


def _draw_bar(
    draw: ImageDraw.ImageDraw, slide: Slide, downsample: float, width: int, top: int
) -> None:
    right, small = width - _GAP, _font(15)
    if slide.known_mpp is None:
        text = "resolution unknown: no scale bar"
        draw.text((right - draw.textlength(text, small), top + 30), text, _INK, font=small)
        return
    bar = scale_bar(slide.known_mpp.x * downsample, 240)
    left = right - round(bar.pixels)
    middle = left + bar.pixels / 2 - draw.textlength(bar.text, _font(17)) / 2
    draw.text((middle, top + 16), bar.text, _INK, font=_font(17))
    draw.rectangle((left, top + 44, right, top + 49), fill=_INK)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(font_file("DejaVuSans")), size)


def font_file(name: str) -> Path:
    """A font of the DejaVu family, which matplotlib brings: Pillow's and PDF's own lack letters."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"


def png(image: RgbImage) -> bytes:
    """A PNG file of (h, w, 3) uint8, with no word in it."""
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(stream, "PNG", **PACKING)
    return stream.getvalue()
