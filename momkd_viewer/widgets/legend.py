"""The legend on the canvas: what the overlay's colours mean. A click folds it to its title."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPolygonF,
)
from PySide6.QtWidgets import QWidget

from momkd_viewer.state.legend import Category, LegendContent, Ramp
from momkd_viewer.widgets.colours import card, colour

_WIDTH = 232
_EDGE_X, _EDGE_Y = 12, 7
_BAR = 12
_SWATCH = 11
_ALIGNMENTS = (
    Qt.AlignmentFlag.AlignLeft,
    Qt.AlignmentFlag.AlignHCenter,
    Qt.AlignmentFlag.AlignRight,
)

#: Paints a part of the legend into its place.
_Part = Callable[[QPainter, QRectF], None]


class Legend(QWidget):
    """A colour bar with values, or a list of categories; notes below.

    Signals:
        size_changed(): it was folded, unfolded or shows something else.
    """

    size_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.content = LegendContent("")
        self.folded = False
        self._cramped = False
        self._wanted = False
        self._bar = QImage()
        self.setAccessibleName("Overlay legend")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip("Click to fold or unfold")
        self.hide()

    def show_content(self, content: LegendContent) -> None:
        if content is self.content and self._wanted:
            return
        self.content, self._wanted = content, True
        if content.ramp is not None:
            row = np.ascontiguousarray(content.ramp.colours[None])
            self._bar = QImage(
                row.tobytes(), row.shape[1], 1, row.shape[1] * 3, QImage.Format.Format_RGB888
            ).copy()
        self.setAccessibleDescription(content.text)
        self.show()
        self._fit()

    def clear(self) -> None:
        """Nothing to explain."""
        self._wanted = False
        self.hide()

    def set_folded(self, folded: bool) -> None:
        """Shows the title alone, or all."""
        self.folded = folded
        self._fit()
        self.size_changed.emit()

    def limit(self, height: int) -> None:
        """Folds it where it would be higher than there is room for; hides it without any room."""
        self._cramped = self._full_height() > height
        self.setVisible(self._wanted and self._title_height() <= height)
        self._fit()

    def _fit(self) -> None:
        title_alone = self.folded or self._cramped
        self.setFixedSize(_WIDTH, self._title_height() if title_alone else self._full_height())
        self.update()

    # -- parts -----------------------------------------------------------------------------------

    @property
    def _small(self) -> QFont:
        font = QFont(self.font())
        font.setPointSizeF(font.pointSizeF() * 0.85)
        return font

    def _title_height(self) -> int:
        return 2 * _EDGE_Y + QFontMetrics(self.font()).height()

    def _full_height(self) -> int:
        return self._title_height() + sum(height for height, _ in self._parts())

    def _parts(self) -> list[tuple[int, _Part]]:
        """What is below the title: heights, and how each is painted."""
        parts: list[tuple[int, _Part]] = []
        line = QFontMetrics(self._small).height()
        ramp = self.content.ramp
        if ramp is not None:
            captions = any(ramp.captions)
            height = _BAR + 6 + line * (2 if captions else 1)
            parts.append((height, lambda painter, place: self._paint_ramp(painter, place, ramp)))
        for category in self.content.categories:
            parts.append((line + 3, partial(_paint_category, category=category)))
        for note in self.content.notes:
            height = self._wrapped(note) + 2
            parts.append((height, partial(_paint_note, text=note)))
        return parts

    def _wrapped(self, text: str) -> int:
        room = QRect(0, 0, _WIDTH - 2 * _EDGE_X, 1000)
        return QFontMetrics(self._small).boundingRect(room, Qt.TextFlag.TextWordWrap, text).height()

    # -- painting --------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(card())
        painter.drawRoundedRect(QRectF(self.rect()), 6, 6)
        inner = QRectF(self.rect()).adjusted(_EDGE_X, _EDGE_Y, -_EDGE_X, -_EDGE_Y)
        folded = self.folded or self._cramped
        _paint_arrow(painter, QPointF(inner.right() - 5, inner.top() + 8), folded)
        painter.setPen(colour("card_text"))
        painter.drawText(inner, _ALIGNMENTS[0] | Qt.AlignmentFlag.AlignTop, self.content.title)
        if not folded:
            painter.setFont(self._small)
            top = inner.top() + QFontMetrics(self.font()).height()
            for height, paint in self._parts():
                paint(painter, QRectF(inner.left(), top, inner.width(), height))
                top += height
        painter.end()

    def _paint_ramp(self, painter: QPainter, place: QRectF, ramp: Ramp) -> None:
        bar = QRectF(place.left(), place.top() + 4, place.width(), _BAR)
        painter.drawImage(bar, self._bar)
        below = QRectF(place.left(), bar.bottom() + 1, place.width(), place.bottom() - bar.bottom())
        painter.setPen(colour("card_text"))
        for alignment, text in zip(_ALIGNMENTS, ramp.labels, strict=True):
            painter.drawText(below, alignment | Qt.AlignmentFlag.AlignTop, text)
        painter.setPen(colour("card_quiet"))
        captions = below.translated(0, QFontMetrics(self._small).height())
        for alignment, text in zip(_ALIGNMENTS[::2], ramp.captions, strict=True):
            painter.drawText(captions, alignment | Qt.AlignmentFlag.AlignTop, text)

    # -- mouse -----------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.set_folded(not (self.folded or self._cramped))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Not the slide's: no patch is hovered here."""

    def sizeHint(self) -> QSize:
        return self.size()


def _paint_arrow(painter: QPainter, at: QPointF, folded: bool) -> None:
    corners = ((-3, -4), (2, 0), (-3, 4)) if folded else ((-4, -3), (4, -3), (0, 2))
    painter.setBrush(colour("card_quiet"))
    painter.drawPolygon(QPolygonF([at + QPointF(x, y) for x, y in corners]))


def _paint_category(painter: QPainter, place: QRectF, category: Category) -> None:
    middle = place.center().y() + 1
    swatch = QRectF(place.left(), middle - _SWATCH / 2, _SWATCH, _SWATCH)
    painter.fillRect(swatch, QColor(*category.colour))
    text = QRectF(
        place.left() + _SWATCH + 7, place.top(), place.width() - _SWATCH - 7, place.height()
    )
    painter.setPen(colour("card_text"))
    vertical = Qt.AlignmentFlag.AlignVCenter
    painter.drawText(text, Qt.AlignmentFlag.AlignLeft | vertical, category.name)
    painter.setPen(colour("card_quiet"))
    share = f"{category.share:.1%}" if category.share >= 0.001 else "< 0.1%"
    painter.drawText(text, Qt.AlignmentFlag.AlignRight | vertical, share)


def _paint_note(painter: QPainter, place: QRectF, text: str) -> None:
    painter.setPen(colour("card_quiet"))
    painter.drawText(place.adjusted(0, 2, 0, 0), int(Qt.TextFlag.TextWordWrap), text)
