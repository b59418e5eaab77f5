"""Cards of the components of both memories, each with its top patches."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QEnterEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from momkd_viewer.widgets.colours import colour

THUMBNAIL_SIDE = 72
MEMORY_TITLES = {"positive": "Positive C⁺", "negative": "Negative C⁻"}


@dataclass(frozen=True)
class ComponentView:
    """What a card shows.

    Attributes:
        share, attention: of the slide, 0 to 1 within the memory.
        patches: positions of the top patches in the result, best first.
        similarities: of these patches.
        muted: left out by the user.
    """

    memory: str
    index: int
    share: float
    attention: float
    patches: tuple[int, ...]
    similarities: tuple[float, ...]
    muted: bool = False

    @property
    def name(self) -> str:
        return f"C{'⁺' if self.memory == 'positive' else '⁻'}{self.index}"


class PatchThumbnail(QWidget):
    """One patch; filled in when its picture arrives.

    Signals:
        chosen(int), entered(int), left(): position of the patch in the result.
    """

    chosen = Signal(int)
    entered = Signal(int)
    left = Signal()

    def __init__(self, patch: int, description: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.patch = patch
        self._image = QImage()
        self._hot = False
        self.setFixedSize(QSize(THUMBNAIL_SIDE, THUMBNAIL_SIDE))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setToolTip(f"{description}\nClick: show it on the slide")
        self.setAccessibleName(description)

    def set_image(self, image: QImage) -> None:
        self._image = image
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._image.isNull():
            painter.fillRect(self.rect(), colour("track"))
        else:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(self.rect(), self._image)
        if self._hot or self.hasFocus():
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


class _Bar(QWidget):
    """A share from 0 to 1."""

    def __init__(self, share: float, memory: str) -> None:
        super().__init__()
        self._share, self._memory = share, memory
        self.setFixedHeight(5)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), colour("track"))
        filled = self.rect()
        filled.setWidth(round(filled.width() * self._share))
        painter.fillRect(filled, colour(self._memory))
        painter.end()


class _ComponentCard(QFrame):
    """A component: name, prevalence, attention, top patches."""

    def __init__(self, view: ComponentView, browser: MemoryBrowser) -> None:
        super().__init__()
        self.setObjectName("componentCard")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 8)
        layout.setSpacing(5)
        title = QHBoxLayout()
        name = QLabel(f"<s>{view.name}</s>" if view.muted else f"<b>{view.name}</b>")
        name.setAccessibleName(f"{view.memory} component {view.index}")
        used = f"{view.share:.1%} of patches · {view.attention:.1%} of attention"
        facts = QLabel("left out" if view.muted else used)
        facts.setObjectName("quiet")
        self.show_button = _show_button(view, browser)
        title.addWidget(name)
        title.addStretch()
        title.addWidget(self.show_button)
        title.addWidget(_mute_button(view, browser))
        layout.addLayout(title)
        layout.addWidget(facts)
        layout.addWidget(_Bar(view.attention, view.memory))
        row = QHBoxLayout()
        row.setSpacing(4)
        self.thumbnails: list[PatchThumbnail] = []
        pairs = zip(view.patches, view.similarities, strict=True)
        for rank, (patch, similarity) in enumerate(pairs, start=1):
            thumbnail = PatchThumbnail(
                patch, f"{view.name}, patch {rank}, similarity {similarity:.3f}"
            )
            thumbnail.chosen.connect(browser.patch_chosen)
            thumbnail.entered.connect(browser.patch_entered)
            thumbnail.left.connect(browser.patch_left)
            row.addWidget(thumbnail)
            self.thumbnails.append(thumbnail)
        row.addStretch()
        layout.addLayout(row)


def _mute_button(view: ComponentView, browser: MemoryBrowser) -> QToolButton:
    button = QToolButton()
    button.setObjectName("mute")
    button.setCheckable(True)
    button.setChecked(view.muted)
    button.setText("Muted" if view.muted else "Mute")
    button.setToolTip(
        "Take it back into the prediction"
        if view.muted
        else "Leave this component out and see what the prediction becomes; nothing is retrained"
    )
    button.setAccessibleName(f"Mute {view.name}")
    button.toggled.connect(
        lambda checked: browser.mute_toggled.emit(view.memory, view.index, checked)
    )
    return button


def _show_button(view: ComponentView, browser: MemoryBrowser) -> QToolButton:
    button = QToolButton()
    button.setObjectName("showComponent")
    button.setCheckable(True)
    button.setEnabled(not view.muted)
    button.setText("Map")
    button.setToolTip(
        f"Show on slide: how similar each patch is to {view.name}. Click again to go back"
    )
    button.setAccessibleName(f"Show {view.name} on slide")
    button.toggled.connect(
        lambda checked: browser.show_toggled.emit(view.memory, view.index, checked)
    )
    return button


class MemoryBrowser(QTabWidget):
    """Both memories, a tab each.

    Signals:
        show_toggled(str, int, bool): memory, component, whether its similarity is to be shown.
        mute_toggled(str, int, bool): memory, component, whether it is to be left out.
        patch_chosen(int): a patch was clicked; its position in the result.
        patch_entered(int), patch_left(): the cursor is over a patch, or no more.
    """

    patch_chosen = Signal(int)
    patch_entered = Signal(int)
    patch_left = Signal()
    mute_toggled = Signal(str, int, bool)
    show_toggled = Signal(str, int, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDocumentMode(True)
        self.tabBar().setDrawBase(False)
        self.setAccessibleName("Memory browser")
        self._areas: dict[str, QScrollArea] = {}
        self._thumbnails: list[PatchThumbnail] = []
        self._mapped: tuple[str, int] | None = None
        self._show_buttons: dict[tuple[str, int], QToolButton] = {}
        for memory, title in MEMORY_TITLES.items():
            area = QScrollArea()
            area.setAccessibleName(f"Components of the {memory} memory")
            area.setWidgetResizable(True)
            area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            area.setFrameShape(QFrame.Shape.NoFrame)
            self._areas[memory] = area
            self.addTab(area, title)
        self.show_message("Open a slide and a model to see the components of its memory.")

    def show_message(self, text: str) -> None:
        """Says, in place of cards, why there are none."""
        self._thumbnails, self._show_buttons = [], {}
        for area in self._areas.values():
            label = QLabel(text)
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setAlignment(Qt.AlignmentFlag.AlignTop)
            label.setObjectName("hint")
            area.setWidget(label)

    def show_components(self, components: list[ComponentView]) -> list[PatchThumbnail]:
        """Shows cards in the given order; returns the thumbnails to fill, as they are seen.

        Where the list was scrolled to, and which button has the focus, stays.
        """
        focused = self.focusWidget()
        name = focused.accessibleName() if isinstance(focused, QToolButton) else ""
        self._thumbnails, self._show_buttons = [], {}
        for memory, area in self._areas.items():
            scrolled = area.verticalScrollBar().value()
            page = QWidget()
            layout = QVBoxLayout(page)
            layout.setContentsMargins(6, 6, 6, 6)
            layout.setSpacing(6)
            chosen = [c for c in components if c.memory == memory]
            used = sum(c.share > 0 for c in chosen)
            note = QLabel(f"{used} of {len(chosen)} components are the best match of a patch here.")
            note.setObjectName("quiet")
            layout.addWidget(note)
            for view in chosen:
                card = _ComponentCard(view, self)
                layout.addWidget(card)
                self._thumbnails += card.thumbnails
                self._show_buttons[(memory, view.index)] = card.show_button
            layout.addStretch()
            area.setWidget(page)
            layout.activate()
            page.adjustSize()
            area.verticalScrollBar().setValue(scrolled)
        for button in self.findChildren(QToolButton) if name else ():
            if button.accessibleName() == name:
                button.setFocus()
        self.mark_shown(self._mapped)
        return self._thumbnails

    def mark_shown(self, component: tuple[str, int] | None) -> None:
        """Marks the component (memory, index) whose similarity the overlay shows."""
        self._mapped = component
        for name, button in self._show_buttons.items():
            button.blockSignals(True)
            button.setChecked(name == component)
            button.blockSignals(False)
