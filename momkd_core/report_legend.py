"""Legend and scale bar below a picture of a slide, in letters of one size however large it is."""

from __future__ import annotations

from reportlab.graphics.shapes import Drawing, Line, Rect, String
from reportlab.lib.colors import Color, HexColor
from reportlab.pdfbase.pdfmetrics import stringWidth

from momkd_core.evidence_pictures import Tint
from momkd_core.scale_bar import scale_bar

_HEIGHT, _SIZE = 34.0, 7.0
_SHORTEST, _LONGEST = 170.0, 240.0  # of the ramp
_THICK, _STEPS = 8.0, 64
_LONGEST_BAR = 60.0
_BESIDE = _LONGEST_BAR + 10.0
_INK = HexColor("#202226")


def legend(
    tint: Tint | None, picture_width: float, microns_across: float | None, font: str
) -> Drawing:
    """A drawing as wide as the picture, or as wide as it needs.

    Args:
        tint: what lies over the slide; None where nothing does.
        picture_width: in points.
        microns_across: how wide the slide is; None where unknown.
        font: a registered one.
    """
    width = max(picture_width, _SHORTEST + _BESIDE)
    drawing = Drawing(width, _HEIGHT)
    if tint is not None:
        _add_ramp(drawing, tint, min(width - _BESIDE, _LONGEST), font)
    if microns_across is None:
        drawing.add(_text(width, 14, "resolution unknown: no scale bar", font, "end"))
    else:
        bar = scale_bar(microns_across / picture_width, _LONGEST_BAR)
        left = width - bar.pixels
        drawing.add(Line(left, 11, width, 11, strokeColor=_INK, strokeWidth=2))
        drawing.add(_text(left + bar.pixels / 2, 15, bar.text, font, "middle"))
    return drawing


def _add_ramp(drawing: Drawing, tint: Tint, width: float, font: str) -> None:
    drawing.add(_text(0, 24, f"{tint.title} ({tint.scale.unit})", font, "start"))
    step = width / _STEPS
    for at in range(_STEPS):
        red, green, blue = (int(part) / 255 for part in tint.scale.colours[at * 256 // _STEPS])
        # A little wider than a step, or the gaps between would show.
        box = Rect(at * step, 12, min(step * 1.5, width - at * step), _THICK, strokeColor=None)
        box.fillColor = Color(red, green, blue)
        drawing.add(box)
    low, high = tint.limits
    start, end = (
        _short(words, width / 2 - 3 - stringWidth(f"{limit}  ", font, _SIZE), font)
        for words, limit in zip(tint.ends, tint.limits, strict=True)
    )
    drawing.add(_text(0, 3, f"{low}  {start}", font, "start"))
    drawing.add(_text(width, 3, f"{end}  {high}", font, "end"))


def _short(end: str, room: float, font: str) -> str:
    """What of the words at an end there is room for: a class may have a long name."""
    if stringWidth(end, font, _SIZE) <= room:
        return end
    while end and stringWidth(f"{end}…", font, _SIZE) > room:
        end = end[:-1]
    return f"{end}…"


def _text(x: float, y: float, said: str, font: str, anchor: str) -> String:
    return String(x, y, said, fontName=font, fontSize=_SIZE, fillColor=_INK, textAnchor=anchor)
