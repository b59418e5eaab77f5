"""The colours of both themes, by what they are for. One template makes both style sheets from them.

What lies around the slide is neutral grey in both (equal red, green and blue): the eye judges a
stain's hue against what surrounds it, and a bluish frame would make eosin look warmer than it is. What
floats on the slide (legend, scale bar, read-outs) is dark in both, because the slide below is bright.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Template

THEMES = ("dark", "light")
THEME_CHOICES = (*THEMES, "system")

#: token -> (dark, light)
_TABLE = {
    "surround": ("#262626", "#b4b4b4"),  # around the slide
    "glass": ("#ffffff", "#ffffff"),  # where the slide holds nothing
    "window": ("#24272c", "#f2f3f5"),
    "panel": ("#2c3036", "#e7e9ec"),
    "raised": ("#343a43", "#ffffff"),  # fields, lists on top, the tour's card
    "line": ("#1a1c20", "#c9ced5"),  # between panels
    "control": ("#3a3f47", "#fafbfc"),
    "control_hot": ("#454b55", "#d9dee4"),
    "track": ("#3a3f47", "#ccd2d9"),  # of bars and sliders
    "knob": ("#e4e6e9", "#59626d"),
    "edge": ("#4a515c", "#aab2bc"),
    "edge_hot": ("#5a626e", "#7d8793"),
    "text": ("#e4e6e9", "#1c2025"),
    "strong": ("#ffffff", "#000000"),
    "quiet": ("#aab0b8", "#535b66"),
    "disabled": ("#6f7680", "#98a0aa"),
    "accent": ("#7db7f0", "#1766ae"),
    "chosen": ("#47638a", "#b9d5f3"),
    "mark": ("#ffd24a", "#8f6400"),  # what is to be seen first, on panels
    "slide_mark": ("#ffd24a", "#ffd24a"),  # the same, on the slide
    "halo": ("#141414", "#141414"),  # behind what is drawn on the slide
    "handle": ("#ffffff", "#ffffff"),  # corners to drag, on the slide
    "ink": ("#14161a", "#14161a"),  # their outlines, and text behind names
    "grid": ("#30343b", "#30343b"),  # around patches
    "tissue_edge": ("#00e5b0", "#00e5b0"),  # a hue that no stain has
    "caution": ("#e8c66a", "#785a00"),
    "failure": ("#ffb38a", "#a83200"),
    "banner": ("#5b3a1e", "#ffe4c7"),
    "banner_edge": ("#8a5a2e", "#dda765"),
    "banner_text": ("#ffe9d2", "#4f2b00"),
    "muted": ("#8a5a2e", "#f7cfa2"),
    "positive": ("#f5962a", "#f5962a"),  # as the overlay has them
    "negative": ("#3f8fd9", "#3f8fd9"),
    "series": ("#f2f3f5", "#2b3037"),  # a line in a chart
    "curve_1": ("#6cb8f0", "#0a62a8"),  # lines of one chart, to be told apart (after Okabe and Ito)
    "curve_2": ("#f0a92e", "#a86200"),
    "curve_3": ("#2fc79c", "#00785a"),
    "curve_4": ("#e58fbd", "#a5407e"),
    "curve_5": ("#f07a4a", "#b83e00"),
    "curve_6": ("#e9e06a", "#6d6400"),
    "card": ("#1e2126", "#1e2126"),  # what floats on the slide
    "card_text": ("#f2f3f5", "#f2f3f5"),
    "card_quiet": ("#aab0b8", "#aab0b8"),
}

Palette = Mapping[str, str]
PALETTES: dict[str, Palette] = {
    theme: {token: colours[column] for token, colours in _TABLE.items()}
    for column, theme in enumerate(THEMES)
}


def style_sheet(template: str, theme: str, icons: str) -> str:
    """The template with a theme's colours for its ``$tokens``, and the folder of icons for ``$icons``.

    Raises KeyError for an unknown token.
    """
    return Template(template).substitute(PALETTES[theme], icons=icons)


def contrast(a: str, b: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2, relative luminance)."""
    lighter, darker = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
