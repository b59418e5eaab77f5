"""The colours that widgets paint with: those of the theme in use."""

from __future__ import annotations

from PySide6.QtGui import QColor

from momkd_viewer.state.blinding import blinded
from momkd_viewer.state.theme import PALETTES

_theme = "dark"

#: How much of what floats on the slide lets the slide through, 0 to 255.
CARD_ALPHA = 228


def use_theme(theme: str) -> None:
    """Has widgets paint with a theme's colours from now on; they repaint with the new style sheet."""
    global _theme  # noqa: PLW0603 - one application has one theme
    _theme = theme


def theme() -> str:
    return _theme


def colour(token: str, alpha: int = 255) -> QColor:
    """A colour by what it is for, see :mod:`momkd_viewer.state.theme`.

    Both memories have one while the reader judges blinded.
    """
    if blinded() and token in ("positive", "negative"):
        token = "quiet"
    found = QColor(PALETTES[_theme][token])
    found.setAlpha(alpha)
    return found


def card() -> QColor:
    """What floats on the slide."""
    return colour("card", CARD_ALPHA)
