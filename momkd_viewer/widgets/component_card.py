"""A component as a card: name, verdict, prevalence, attention, top patches, Map and Mute."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QEnterEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from momkd_viewer.state.blinding import blinded, memory_text
from momkd_viewer.state.components import ComponentView, VerdictMark
from momkd_viewer.widgets.colours import colour

THUMBNAIL_SIDE = 72


class PatchThumbnail(QWidget):
    """One patch; filled in when its picture arrives.

    Signals:
        chosen(int), entered(int), left(): position of the patch in the result.
    """

    chosen = Signal(int)
    entered = Signal(int)
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.patch = -1
        self._image = QImage()
        self._hot = self._marked = False
        self.setFixedSize(QSize(THUMBNAIL_SIDE, THUMBNAIL_SIDE))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def show_patch(self, patch: int, description: str) -> None:
        """Stands for another patch; its picture comes later."""
        if patch != self.patch:
            self.patch, self._image, self._marked = patch, QImage(), False
        self.setToolTip(f"{description}\nClick: show it on the slide")
        self.setAccessibleName(description)
        self.update()

    @property
    def has_image(self) -> bool:
        return not self._image.isNull()

    def set_image(self, image: QImage) -> None:
        self._image = image
        self.update()

    def mark(self, marked: bool) -> None:
        """Frames it: the cursor is over this patch on the slide."""
        if marked != self._marked:
            self._marked = marked
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._image.isNull():
            painter.fillRect(self.rect(), colour("track"))
        else:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(self.rect(), self._image)
        if self._hot or self._marked or self.hasFocus():
            pen = painter.pen()
            pen.setColor(colour("slide_mark"))
            pen.setWidth(4)
            painter.setPen(pen)
            painter.drawRect(self.rect())
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.chosen.emit(self.patch)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Space):
            self.chosen.emit(self.patch)
        else:
            super().keyPressEvent(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        self._hot = True
        self.update()
        self.entered.emit(self.patch)

    def leaveEvent(self, event: QEvent) -> None:
        self._hot = False
        self.update()
        self.left.emit()


class ShareBars(QWidget):
    """Attention as a bar, prevalence as a thinner one below it, both from 0 to 1."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._attention: float | None = 0.0
        self._share = 0.0
        self._memory = "positive"
        self.setFixedHeight(9)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_shares(self, attention: float | None, share: float, memory: str) -> None:
        """Both bars, or prevalence alone where the attention must not be told."""
        self._attention, self._share, self._memory = attention, share, memory
        prevalence = f"prevalence, {share:.1%} of the patches have it as their best component of "
        prevalence += memory_text(memory)
        upper = "" if attention is None else f"Upper bar: {attention:.1%} of the attention. "
        self.setToolTip(f"{upper}Lower bar: {prevalence}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        full = self.rect()
        for top, height, value, token in (
            (0, 5, self._attention, self._memory),
            (6, 3, self._share, "edge_hot"),
        ):
            if value is None:
                continue
            painter.fillRect(0, top, full.width(), height, colour("track"))
            painter.fillRect(0, top, round(full.width() * value), height, colour(token))
        painter.end()


class VerdictChip(QLabel):
    """An expert's verdict in a few words; hidden where there is none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("verdictChip")
        self.hide()

    def show_verdict(self, mark: VerdictMark | None) -> None:
        self.setVisible(mark is not None)
        if mark is None:
            self.setText("")
            return
        sign = {"yes": "✓ ", "no": "✗ ", "unsure": "? "}.get(mark.credible or "", "")
        self.setText(sign + mark.text)
        believed = {"yes": "credible", "no": "not credible", "unsure": "perhaps credible"}
        words = (
            f"Verdict: {mark.text}, {believed.get(mark.credible or '', 'no word on credibility')}"
        )
        self.setToolTip(words)
        self.setAccessibleName(words)
        if self.property("credible") != (mark.credible or ""):
            self.setProperty("credible", mark.credible or "")
            self.style().unpolish(self)
            self.style().polish(self)


def mute_button() -> QToolButton:
    """A switch that :func:`show_mute` words."""
    button = QToolButton()
    button.setObjectName("mute")
    button.setAccessibleName("Mute")
    button.setCheckable(True)
    return button


def show_mute(button: QToolButton, name: str, muted: bool) -> None:
    """Sets a mute switch to what holds, without telling anyone."""
    blocked = button.blockSignals(True)
    button.setChecked(muted)
    button.blockSignals(blocked)
    button.setText("Muted" if muted else "Mute")
    button.setToolTip(
        "Take it back into the prediction"
        if muted
        else "Leave this component out and see what the prediction becomes; nothing is retrained"
    )
    button.setAccessibleName(f"Mute {name}")


def map_button() -> QToolButton:
    """A switch that :func:`show_map` words."""
    button = QToolButton()
    button.setObjectName("showComponent")
    button.setCheckable(True)
    button.setText("Map")
    return button


def show_map(button: QToolButton, name: str, *, enabled: bool, shown: bool) -> None:
    """Sets a Map switch to what holds, without telling anyone."""
    blocked = button.blockSignals(True)
    button.setEnabled(enabled)
    button.setChecked(shown)
    button.blockSignals(blocked)
    button.setToolTip(f"Show on slide: how similar each patch is to {name}. Click again to go back")
    button.setAccessibleName(f"Show {name} on slide")


class ComponentCard(QFrame):
    """One card, which may come to show another component.

    Signals:
        opened(bool): wanted in the detail pane; True: beside the one that is there.
        muted(bool), mapped(bool): a switch was turned.
        patch_chosen(int), patch_entered(int), patch_left(): as :class:`PatchThumbnail`.
    """

    opened = Signal(bool)
    muted = Signal(bool)
    mapped = Signal(bool)
    patch_chosen = Signal(int)
    patch_entered = Signal(int)
    patch_left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("componentCard")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.view: ComponentView | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 8)
        layout.setSpacing(5)
        title = QHBoxLayout()
        title.setSpacing(4)
        self._name = QLabel()
        self._chip = VerdictChip()
        self.show_button, self.mute_button = map_button(), mute_button()
        self.show_button.toggled.connect(self.mapped)
        self.mute_button.toggled.connect(self.muted)
        title.addWidget(self._name)
        title.addWidget(self._chip)
        title.addStretch()
        title.addWidget(self.show_button)
        title.addWidget(self.mute_button)
        layout.addLayout(title)
        self._facts = QLabel()
        self._facts.setObjectName("quiet")
        layout.addWidget(self._facts)
        self._bars = ShareBars()
        layout.addWidget(self._bars)
        self._row = QHBoxLayout()
        self._row.setSpacing(4)
        self._row.addStretch()
        layout.addLayout(self._row)
        layout.addStretch()
        self.thumbnails: list[PatchThumbnail] = []

    def show_view(self, view: ComponentView, *, mapped: bool, chosen: bool) -> None:
        """Shows a component; what stays the same is not touched."""
        self.view = view
        self._name.setText(f"<s>{view.name}</s>" if view.muted else f"<b>{view.name}</b>")
        hidden = blinded()
        spoken = view.name if hidden else f"{view.memory} component {view.index}"
        self._name.setAccessibleName(spoken)
        self._facts.setText(view.facts)
        self._chip.show_verdict(view.verdict)
        self._bars.show_shares(None if hidden else view.attention, view.share, view.memory)
        show_mute(self.mute_button, view.name, view.muted)
        self.show_mapped(mapped)
        self.show_chosen(chosen)
        verdict = f", {self._chip.accessibleName()}" if view.verdict else ""
        self.setAccessibleName(f"Component {view.name}: {self._facts.text()}{verdict}")
        self.setToolTip("Click for details, Ctrl+click to compare")
        if not view.muted:  # a muted one keeps those by which it was known
            self._show_patches(view)

    def _show_patches(self, view: ComponentView) -> None:
        while len(self.thumbnails) < len(view.patches):
            self._add_thumbnail()
        for rank, thumbnail in enumerate(self.thumbnails):
            shown = rank < len(view.patches)
            thumbnail.setVisible(shown)
            if shown:
                similarity = view.similarities[rank]
                description = f"{view.name}, patch {rank + 1}, similarity {similarity:.3f}"
                thumbnail.show_patch(view.patches[rank], description)

    def show_mapped(self, mapped: bool) -> None:
        """Whether the overlay shows its similarity."""
        assert self.view is not None
        show_map(self.show_button, self.view.name, enabled=not self.view.muted, shown=mapped)

    def show_chosen(self, chosen: bool) -> None:
        """Whether the detail pane shows it."""
        if self.property("chosen") != chosen:
            self.setProperty("chosen", chosen)
            self.style().unpolish(self)
            self.style().polish(self)

    def _add_thumbnail(self) -> None:
        thumbnail = PatchThumbnail()
        thumbnail.chosen.connect(self.patch_chosen)
        thumbnail.entered.connect(self.patch_entered)
        thumbnail.left.connect(self.patch_left)
        self._row.insertWidget(len(self.thumbnails), thumbnail)
        self.thumbnails.append(thumbnail)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.opened.emit(bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        beside = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.opened.emit(beside)
        else:
            super().keyPressEvent(event)
