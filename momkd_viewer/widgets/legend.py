"""The colour bar on the canvas: what the overlay's colours mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from momkd_viewer.widgets.colours import card, colour


class Legend(QWidget):
    """A titled horizontal colour bar with values at its ends and middle."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bar = QImage()
        self._title = ""
        self._labels: tuple[str, str, str] = ("", "", "")
        self._captions: tuple[str, str] = ("", "")
        self.setFixedSize(232, 74)
        self.setAccessibleName("Overlay legend")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def show_scale(
        self,
        title: str,
        colours: NDArray[np.uint8],
        labels: tuple[str, str, str],
        captions: tuple[str, str],
    ) -> None:
        """Shows a (256, 3) map with values at low, middle and high, and words at the ends."""
        row = np.ascontiguousarray(colours[None])
        self._bar = QImage(
            row.tobytes(), row.shape[1], 1, row.shape[1] * 3, QImage.Format.Format_RGB888
        ).copy()
        self._title, self._labels, self._captions = title, labels, captions
        self.setAccessibleDescription(f"{title}, from {labels[0]} to {labels[2]}")
        self.show()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(card())
        painter.drawRoundedRect(QRectF(self.rect()), 6, 6)
        inner = QRectF(self.rect()).adjusted(12, 7, -12, -7)
        painter.setPen(colour("card_text"))
        painter.drawText(inner, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, self._title)
        bar = QRectF(inner.left(), inner.top() + 19, inner.width(), 12)
        painter.drawImage(bar, self._bar)
        below = QRectF(inner.left(), bar.bottom() + 2, inner.width(), 14)
        small = painter.font()
        small.setPointSizeF(small.pointSizeF() * 0.85)
        painter.setFont(small)
        alignments = (
            Qt.AlignmentFlag.AlignLeft,
            Qt.AlignmentFlag.AlignHCenter,
            Qt.AlignmentFlag.AlignRight,
        )
        for alignment, text in zip(alignments, self._labels, strict=True):
            painter.drawText(below, alignment | Qt.AlignmentFlag.AlignTop, text)
        painter.setPen(colour("card_quiet"))
        captions = below.translated(0, 13)
        for alignment, text in zip(alignments[::2], self._captions, strict=True):
            painter.drawText(captions, alignment | Qt.AlignmentFlag.AlignTop, text)
        painter.end()
