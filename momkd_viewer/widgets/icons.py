"""Icons in the colours of the theme: one drawing each, coloured when it is loaded."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from momkd_viewer.resource_files import resource
from momkd_viewer.widgets.colours import colour, theme

_DRAWN_IN = "currentColor"  # in resources/icons
_SIDES = (20, 40, 60)  # of a toolbar at 1, 2 and 3 times


def themed_icon(name: str) -> QIcon:
    """The icon ``resources/icons/<name>.svg`` for the theme in use.

    Whoever shows it asks again on ``QEvent.StyleChange``.
    """
    return _drawn(name, theme())


@lru_cache(maxsize=64)
def _drawn(name: str, _: str) -> QIcon:
    drawing = resource(f"icons/{name}.svg").read_text(encoding="utf-8")
    icon = QIcon()
    for mode, token in ((QIcon.Mode.Normal, "text"), (QIcon.Mode.Disabled, "disabled")):
        coloured = drawing.replace(_DRAWN_IN, colour(token).name())
        renderer = QSvgRenderer(QByteArray(coloured.encode()))
        for side in _SIDES:
            picture = QPixmap(QSize(side, side))
            picture.fill(Qt.GlobalColor.transparent)
            painter = QPainter(picture)
            renderer.render(painter)
            painter.end()
            icon.addPixmap(picture, mode)
    return icon
