"""What is this patch? Its picture and numbers, its similarity to every component, and its like."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from momkd_viewer.state.component_patches import GalleryPatch
from momkd_viewer.state.patch_inspection import Inspection
from momkd_viewer.widgets.colours import colour
from momkd_viewer.widgets.patch_gallery import PatchGallery
from momkd_viewer.widgets.similarity_list import SimilarityList

_SIDE = 96


class _Picture(QWidget):
    """The patch itself."""

    def __init__(self) -> None:
        super().__init__()
        self.image = QImage()
        self.setFixedSize(_SIDE, _SIDE)
        self.setAccessibleName("The patch")

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self.image.isNull():
            painter.fillRect(self.rect(), colour("track"))
        else:
            painter.drawImage(QRectF(self.rect()), self.image)
        painter.end()


class PatchInspector(QWidget):
    """Attributes:
    inspection: what is shown; None before the first.
    nearest: patches of the cohort that are like it.
    similarities: to every component.

    Signals:
    closed(): it is not wanted any more.
    """

    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("What is this patch")
        self.inspection: Inspection | None = None
        self._picture = _Picture()
        self._facts = QLabel()
        self._facts.setTextFormat(Qt.TextFormat.RichText)
        self._facts.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self.similarities = SimilarityList()
        self._muted = QLabel()
        self._muted.setObjectName("quiet")
        self.nearest = PatchGallery("Nearest patches in the cohort")
        self._title = QLabel()
        self._title.setObjectName("quiet")
        self._title.setWordWrap(True)
        self._title.setAlignment(Qt.AlignmentFlag.AlignTop)
        close = QToolButton()
        close.setText("✕")
        close.setToolTip("Close this pane")
        close.setAccessibleName("Close the patch pane")
        close.clicked.connect(self.closed)
        left, middle, right, head = QVBoxLayout(), QVBoxLayout(), QVBoxLayout(), QHBoxLayout()
        left.addWidget(self._picture)
        left.addWidget(self._facts)
        left.addStretch()
        middle.addWidget(self.similarities, 1)
        middle.addWidget(self._muted)
        head.addWidget(self._title, 1)
        head.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        right.addLayout(head)
        right.addWidget(self.nearest, 1)
        right.addStretch(0)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 6, 6, 4)
        layout.setSpacing(12)
        layout.addLayout(left)
        layout.addLayout(middle, 2)
        layout.addLayout(right, 3)
        self.clear()

    def clear(self) -> None:
        """No patch is asked about."""
        self.inspection = None
        self._picture.image = QImage()
        self._picture.update()
        self._facts.setText("")
        self._muted.hide()
        self.similarities.show_rows(())
        self.nearest.show_patches(())
        self.nearest.hide()
        self._title.setText("Shift+click a patch on the slide to see what it is to the model.")

    def show_inspection(
        self, inspection: Inspection, nearest: tuple[GalleryPatch, ...] | None
    ) -> None:
        """Shows a patch.

        Args:
            nearest: of the cohort; None where none has been read.
        """
        if self.inspection is None or self.inspection.place != inspection.place:
            self._picture.image = QImage()
        self.inspection = inspection
        lines = "".join(
            f"<tr><td style='color:{colour('quiet').name()};padding-right:8px'>"
            f"{escape(fact.name)}</td><td align='right'>{escape(fact.value)}</td></tr>"
            for fact in inspection.facts
        )
        self._facts.setText(f"<table cellspacing='0'>{lines}</table>")
        self.similarities.show_rows(inspection.rows)
        self._muted.setText(f"{inspection.muted} muted" if inspection.muted else "")
        self._muted.setVisible(bool(inspection.muted))
        self.nearest.show_patches(nearest or ())
        self.nearest.setVisible(bool(nearest))
        if nearest is None:
            self._title.setText(
                "The nearest patches in the cohort are shown here once the cohort has been read."
            )
        else:
            count = len({patch.patient for patch in nearest})
            self._title.setText(
                f"Nearest in the cohort: {len(nearest)} patches of {count} patients"
                if nearest
                else "No patch of the cohort is known."
            )

    def show_picture(self, image: QImage) -> None:
        """The patch's own picture has come."""
        self._picture.image = image
        self._picture.update()
