"""A transparent picture over a view that pans along: only what comes into sight is painted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QRect
from PySide6.QtGui import QImage, QPainter, QRegion

from momkd_viewer.state.viewport import Rect, Viewport

#: Paints what lies in a level-0 rectangle, device pixels; the painter is clipped to it.
Paint = Callable[[QPainter, Rect], None]


class MovingPicture:
    """Keeps a picture for as long as its content and the zoom stay the same."""

    def __init__(self) -> None:
        self._image = QImage()
        self._view: Viewport | None = None
        self._content: object = None

    def of(self, view: Viewport, content: object, paint: Paint) -> tuple[QImage, bool]:
        """The picture of a view.

        Args:
            content: what the picture shows; anything unequal to the last one is painted anew.

        Returns:
            The picture, and whether all of it was painted now.
        """
        whole = QRect(0, 0, view.width, view.height)
        shift = self._shift(view) if content == self._content else None
        image = QImage(view.width, view.height, QImage.Format.Format_ARGB32_Premultiplied)
        dirty = QRegion(whole)
        if shift is not None:
            if shift == (0, 0):
                return self._image, False
            dirty -= QRegion(whole.translated(*shift))
        image.fill(0)
        painter = QPainter(image)
        if shift is not None:
            painter.drawImage(*shift, self._image)
        for part in dirty:  # type: ignore[attr-defined]  # it has one, though not in its stub
            painter.save()
            painter.setClipRect(part)
            paint(painter, _on_slide(view, part))
            painter.restore()
        painter.end()
        self._image, self._view, self._content = image, view, content
        return image, shift is None

    def forget(self) -> None:
        """Everything is painted anew the next time."""
        self._view = self._content = None

    def _shift(self, view: Viewport) -> tuple[int, int] | None:
        """By how many whole pixels the view panned; None where it changed in another way."""
        old = self._view
        if old is None or old != replace(view, centre_x=old.centre_x, centre_y=old.centre_y):
            return None
        x, y = view.to_view(old.centre_x, old.centre_y)
        dx, dy = x - view.width / 2, y - view.height / 2
        near = round(dx), round(dy)
        exact = max(abs(dx - near[0]), abs(dy - near[1])) < 1e-3
        return near if exact and abs(dx) < view.width and abs(dy) < view.height else None


def _on_slide(view: Viewport, part: QRect) -> Rect:
    """The upright level-0 box around a rectangle of device pixels."""
    right, bottom = part.x() + part.width(), part.y() + part.height()
    corners = [view.to_slide(x, y) for x in (part.x(), right) for y in (part.y(), bottom)]
    xs, ys = [c[0] for c in corners], [c[1] for c in corners]
    return Rect(min(xs), min(ys), max(xs), max(ys))
