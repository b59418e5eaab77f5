"""Patches as pictures in rows; pictures are asked for only where they are seen."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QHideEvent, QImage, QPainter, QPen, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from momkd_viewer.state.component_patches import GalleryPatch, PatchPlace
from momkd_viewer.widgets.colours import colour

#: Side of the pictures, logical pixels.
GALLERY_SIDE = 96
_GAP = 6
# How often pictures are asked for while the gallery scrolls.
_SETTLE_MS = 12

_Index = QModelIndex | QPersistentModelIndex
Pictures = Callable[[PatchPlace | None], QImage | None]


class _Patches(QAbstractListModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.patches: tuple[GalleryPatch, ...] = ()
        self.reason: Callable[[PatchPlace | None], str] = lambda place: ""
        self.worded: Callable[[str], str] = str  # how texts are shown: names may be masked

    def show_patches(self, patches: tuple[GalleryPatch, ...]) -> None:
        self.beginResetModel()
        self.patches = patches
        self.endResetModel()

    def rowCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.patches)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if role not in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            return None
        patch = self.patches[index.row()]
        words = [f"Patch {index.row() + 1} of {len(self.patches)}", *self.captions(patch)]
        if patch.case:
            words.append(f"case {patch.case}")
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self.worded(", ".join(words))
        after = self.reason(patch.place) or "Click: show it on the slide"
        return self.worded("\n".join([*words, after]))

    def captions(self, patch: GalleryPatch) -> list[str]:
        """Similarity; of a counter-example also who won it, and by how much."""
        lines = [f"similarity {patch.similarity:.3f}"]
        if patch.rival is not None:
            rival = patch.rival
            lines.append(f"won by {rival.component.text} with {rival.similarity:.3f}")
            lines.append(f"margin {rival.margin:.3f}")
        return lines


class _Painter(QStyledItemDelegate):
    """A picture with its numbers below it: of a counter-example both similarities and who won."""

    def __init__(self, gallery: PatchGallery) -> None:
        super().__init__(gallery)
        self._gallery = gallery

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return self._gallery.cell

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        gallery = self._gallery
        patch = gallery.patches[index.row()]
        area: QRect = option.rect
        place = QRect(area.left() + _GAP // 2, area.top() + _GAP // 2, GALLERY_SIDE, GALLERY_SIDE)
        picture = gallery.pictures(patch.place)
        painter.save()
        if picture is None or picture.isNull():
            painter.fillRect(place, colour("track"))
        else:
            painter.drawImage(place, picture)
        if picture is not None and picture.isNull():
            painter.setPen(colour("quiet"))
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, "no picture")
        state = option.state
        hot = bool(state & QStyle.StateFlag.State_MouseOver) or gallery.is_marked(patch)
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        if hot or chosen:
            painter.setPen(QPen(colour("slide_mark" if hot else "accent"), 3))
            painter.drawRect(place.adjusted(1, 1, -2, -2))
        self._paint_captions(painter, patch, place)
        painter.restore()

    def _paint_captions(self, painter: QPainter, patch: GalleryPatch, place: QRect) -> None:
        line = painter.fontMetrics().height()
        below = QRect(place.left(), place.bottom() + 2, place.width(), line)
        middle, rival = Qt.AlignmentFlag.AlignCenter, patch.rival
        painter.setPen(colour("quiet"))
        if rival is None:
            painter.drawText(below, middle, f"{patch.similarity:.3f}")
            return
        painter.drawText(below, middle, f"{patch.similarity:.3f} < {rival.similarity:.3f}")
        painter.setPen(colour("text"))
        winner = f"{rival.component.text} by {rival.margin:.3f}"
        painter.drawText(below.translated(0, line), middle, winner)


class PatchGallery(QListView):
    """Patches in rows, as many as you like: only those that are seen cost anything.

    Attributes:
        pictures: gives a picture at hand, None before it has come, a null one where there is none.

    Signals:
        chosen(GalleryPatch): clicked, or Enter.
        entered_patch(GalleryPatch), left_patch(): the cursor is over one, or over none any more.
        seen(list[PatchPlace]): whose pictures are wanted now, most urgent first.
    """

    chosen = Signal(object)
    entered_patch = Signal(object)
    left_patch = Signal()
    seen = Signal(list)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("gallery")
        self.setAccessibleName(name)
        self.pictures: Pictures = lambda place: None
        self._patches = _Patches(self)
        self._marked: int | None = None
        self._hot = -1
        self._seen: dict[PatchPlace, int] = {}
        self.cell = QSize()
        self.setModel(self._patches)
        self.setItemDelegate(_Painter(self))
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self._look = QTimer(self)
        self._look.setSingleShot(True)
        self._look.setInterval(_SETTLE_MS)
        self._look.timeout.connect(self._tell_seen)
        self.verticalScrollBar().valueChanged.connect(self._look_soon)
        self.clicked.connect(lambda index: self.chosen.emit(self.patches[index.row()]))
        self.activated.connect(lambda index: self.chosen.emit(self.patches[index.row()]))
        self.entered.connect(self._on_entered)
        self.viewportEntered.connect(self._on_left)
        self._measure(False)

    # -- content ---------------------------------------------------------------------------------

    @property
    def patches(self) -> tuple[GalleryPatch, ...]:
        return self._patches.patches

    def show_patches(self, patches: tuple[GalleryPatch, ...]) -> None:
        """Shows other patches, from the first one on."""
        if patches == self.patches:
            return
        self._measure(any(patch.rival is not None for patch in patches[:1]))
        self._hot = -1
        self._patches.show_patches(patches)
        self.scrollToTop()
        self._look_soon()

    def explain(self, reason: Callable[[PatchPlace | None], str]) -> None:
        """Says where tooltips learn why a picture is missing."""
        self._patches.reason = reason

    def word(self, worded: Callable[[str], str]) -> None:
        """How texts are shown from now on: names may be masked."""
        self._patches.worded = worded

    def picture_arrived(self, place: PatchPlace) -> None:
        """Paints a picture's place anew, if it is seen."""
        row = self._seen.get(place)
        if row is not None:
            self.update(self._patches.index(row))

    def mark(self, patch: int | None) -> None:
        """Frames a patch of the open slide: the cursor is over it there."""
        if patch != self._marked:
            self._marked = patch
            self.viewport().update()

    def is_marked(self, patch: GalleryPatch) -> bool:
        return self._marked is not None and patch.position == self._marked

    def _measure(self, with_rivals: bool) -> None:
        lines = 2 if with_rivals else 1
        height = GALLERY_SIDE + _GAP + lines * self.fontMetrics().height() + 2
        self.cell = QSize(GALLERY_SIDE + _GAP, height)
        self.setGridSize(self.cell)

    # -- what is seen ----------------------------------------------------------------------------

    def _rows(self) -> range:
        """The rows that are seen."""
        count = len(self.patches)
        columns = max(1, self.viewport().width() // self.cell.width())
        top = self.verticalScrollBar().value()
        first = top // self.cell.height() * columns
        last = (top + self.viewport().height()) // self.cell.height() + 1
        return range(min(first, count), min(last * columns, count))

    def _look_soon(self) -> None:
        if not self._look.isActive():
            self._look.start()

    def _tell_seen(self) -> None:
        """Asks for the pictures that are seen, then for a screen below."""
        rows = self._rows() if self.isVisible() else range(0)
        beyond = range(rows.stop, min(rows.stop + len(rows), len(self.patches)))
        self._seen = {
            place: row for row in (*rows, *beyond) if (place := self.patches[row].place) is not None
        }
        self.seen.emit(list(self._seen))

    # -- events ----------------------------------------------------------------------------------

    def _on_entered(self, index: QModelIndex) -> None:
        if index.row() != self._hot:
            self._hot = index.row()
            self.entered_patch.emit(self.patches[index.row()])

    def _on_left(self) -> None:
        if self._hot >= 0:
            self._hot = -1
            self.left_patch.emit()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._on_left()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._look_soon()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._look_soon()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.seen.emit([])

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if (
            event.type() in (QEvent.Type.StyleChange, QEvent.Type.FontChange)
            and self.cell.isValid()
        ):
            self._measure(any(patch.rival is not None for patch in self.patches[:1]))
