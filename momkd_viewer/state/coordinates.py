"""Places as they are typed."""

from __future__ import annotations

import re

from momkd_core.errors import MomkdError


class CoordinateError(MomkdError):
    """What was typed is no place on the slide."""


_NUMBER = re.compile(r"[-+]?(?:\d+(?:[.,]\d+)?|[.,]\d+)")


def parse_point(text: str) -> tuple[float, float]:
    """Two numbers: ``12345 6789``, ``12345, 6789`` or ``x 123.4  y 567.8``.

    A comma between two digits is a decimal comma, unless there would be one number then.

    Raises:
        CoordinateError: there are not just two numbers.
    """
    if len(_NUMBER.findall(text)) == 1:
        text = text.replace(",", " ")
    left = _NUMBER.sub(" ", text)
    found = _NUMBER.findall(text)
    if len(found) != 2 or re.sub(r"(?i)[xy;:=,\s]|px|µm|um", "", left):
        raise CoordinateError(f"{text.strip()!r} is no place", "Type two numbers, such as 1200 850")
    x, y = (float(number.replace(",", ".")) for number in found)
    return x, y


def level0_point(
    text: str, unit: str, mpp: tuple[float, float] | None, width: int, height: int
) -> tuple[float, float]:
    """A typed place in level-0 pixels.

    Args:
        unit: ``µm`` or ``px``.
        mpp: microns per level-0 pixel along x and y, None where unknown.
        width, height: of the slide, level-0 pixels.

    Raises:
        CoordinateError: no place, outside the slide, or microns without a known resolution.
    """
    x, y = parse_point(text)
    scale = (1.0, 1.0)
    if unit != "px":
        if mpp is None:
            raise CoordinateError("The slide does not state its resolution", "Type pixels")
        scale = mpp
    x0, y0 = x / scale[0], y / scale[1]
    if not (0 <= x0 <= width and 0 <= y0 <= height):
        raise CoordinateError(
            f"{x:g}, {y:g} {unit} lies beside the slide",
            f"It reaches from 0, 0 to {width * scale[0]:.0f}, {height * scale[1]:.0f} {unit}",
        )
    return x0, y0
