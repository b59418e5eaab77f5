"""The cards of one memory below each other; cards are made when they are about to be seen."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QWidget

from momkd_viewer.state.blinding import memory_text
from momkd_viewer.state.components import ComponentView
from momkd_viewer.state.overlay_values import ComponentName
from momkd_viewer.widgets.component_card import ComponentCard, PatchThumbnail

_GAP = 6
# Cards are made for what is seen and this much above and below it, logical pixels: so much can be
# scrolled, or reached with the Tab key, before the next are made.
_AHEAD = 900
# How often pictures are asked for while the list scrolls.
_SETTLE_MS = 12
_WISHED = QSize(340, 300)


class ComponentList(QScrollArea):
    """Cards of equal height, each made once and kept.

    Signals:
        opened(ComponentName, bool): to be shown in the detail pane; True: beside another.
        muted(ComponentName, bool), mapped(ComponentName, bool): a switch was turned.
        patch_chosen(int), patch_entered(int), patch_left(): of a thumbnail.
        seen(): thumbnails came that want pictures.
    """

    opened = Signal(object, bool)
    muted = Signal(object, bool)
    mapped = Signal(object, bool)
    patch_chosen = Signal(int)
    patch_entered = Signal(int)
    patch_left = Signal()
    seen = Signal()

    def __init__(self, memory: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.memory = memory
        self.show_words()
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self._page = QWidget()
        self.setWidget(self._page)
        self._message = QLabel(self._page)
        self._message.setWordWrap(True)
        self._message.setTextFormat(Qt.TextFormat.PlainText)
        self._message.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._message.setObjectName("hint")
        self._views: list[ComponentView] = []
        self._cards: dict[ComponentName, ComponentCard] = {}
        self._height = 0
        self._pictured = False  # whether a card with pictures has been measured
        self._mapped: ComponentName | None = None
        self._chosen: tuple[ComponentName, ...] = ()
        self._look = QTimer(self)
        self._look.setSingleShot(True)
        self._look.setInterval(_SETTLE_MS)
        self._look.timeout.connect(self.seen)
        self.verticalScrollBar().valueChanged.connect(self._make_cards)

    def show_words(self) -> None:
        """Names the list as the reader may know it."""
        self.setAccessibleName(f"Components of {memory_text(self.memory)}")

    def sizeHint(self) -> QSize:
        return _WISHED  # cards take the width that there is; their own wish would widen the side

    # -- content ---------------------------------------------------------------------------------

    def show_message(self, text: str) -> None:
        """Says, in place of cards, why there are none."""
        self.show_views([])
        self._message.setText(text)
        self._place()

    def show_views(self, views: list[ComponentView]) -> None:
        """Shows cards in the given order; scrolling and focus stay."""
        self._message.setText("")
        self._views = views
        shown = {view.component: view for view in views}
        for name, card in self._cards.items():
            if name in shown:
                self._fill(card, shown[name])
            card.setVisible(name in shown)
        self._place()
        self._make_cards()

    def forget(self) -> None:
        """Other components come: cards of these are of no use any more."""
        for card in self._cards.values():
            card.hide()
            card.setParent(None)
            card.deleteLater()
        self._cards, self._views, self._height, self._pictured = {}, [], 0, False

    def show_mapped(self, component: ComponentName | None) -> None:
        """Marks the component whose similarity the overlay shows."""
        self._mapped = component
        for name, card in self._cards.items():
            card.show_mapped(name == component)

    def show_chosen(self, components: tuple[ComponentName, ...]) -> None:
        """Marks the components that the detail pane shows."""
        self._chosen = components
        for name, card in self._cards.items():
            card.show_chosen(name in components)

    def reveal(self, component: ComponentName) -> None:
        """Scrolls to a card."""
        for position, view in enumerate(self._views):
            if view.component == component:
                self._make(view)
                area = self._slot(position)
                self.ensureVisible(area.left(), area.center().y(), 0, area.height() // 2 + _GAP)

    @property
    def thumbnails(self) -> list[PatchThumbnail]:
        """Those that are seen or will be soon, from the middle of what is seen outwards."""
        made = [self._cards.get(view.component) for view in self._near]
        middle = self.verticalScrollBar().value() + self.viewport().height() // 2
        shown = sorted(
            (card for card in made if card is not None),
            key=lambda card: abs(card.geometry().center().y() - middle),
        )
        return [t for card in shown for t in card.thumbnails if not t.isHidden()]

    @property
    def every_thumbnail(self) -> list[PatchThumbnail]:
        """Those of all cards that were made."""
        return [thumbnail for card in self._cards.values() for thumbnail in card.thumbnails]

    # -- cards -----------------------------------------------------------------------------------

    def _slot(self, position: int) -> QRect:
        width = self._page.width() - 2 * _GAP
        return QRect(_GAP, _GAP + position * (self._height + _GAP), width, self._height)

    @property
    def _near(self) -> list[ComponentView]:
        """Of the cards that are seen or will be soon."""
        if not self._height:
            return []
        top = self.verticalScrollBar().value() - _AHEAD
        bottom = self.verticalScrollBar().value() + self.viewport().height() + _AHEAD
        step = self._height + _GAP
        return self._views[max(0, top // step) : bottom // step + 1]

    def _make_cards(self) -> None:
        """Makes what is seen or will be soon."""
        if not self._views:
            return
        self._measure()
        missing = [view for view in self._near if view.component not in self._cards]
        for view in missing:
            self._make(view)
        if missing:
            self._place()
        if not self._look.isActive():
            self._look.start()

    def _measure(self) -> None:
        """All cards are as high as one with pictures, if there is any."""
        fullest = max(self._views, key=lambda view: len(view.patches))
        if self._height and not (fullest.patches and not self._pictured):
            return
        self._pictured = bool(fullest.patches)
        self._make(fullest)
        self._height = self._cards[fullest.component].sizeHint().height()
        self._place()

    def _make(self, view: ComponentView) -> None:
        name = view.component
        if name in self._cards:
            return
        card = ComponentCard(self._page)
        self._cards[name] = card
        self._fill(card, view)
        card.opened.connect(lambda beside: self.opened.emit(name, beside))
        card.muted.connect(lambda muted: self.muted.emit(name, muted))
        card.mapped.connect(lambda mapped: self.mapped.emit(name, mapped))
        card.patch_chosen.connect(self.patch_chosen)
        card.patch_entered.connect(self.patch_entered)
        card.patch_left.connect(self.patch_left)
        card.show()

    def _fill(self, card: ComponentCard, view: ComponentView) -> None:
        name = view.component
        card.show_view(view, mapped=name == self._mapped, chosen=name in self._chosen)

    def _place(self) -> None:
        """Puts every card into its slot; the Tab key goes from top to bottom."""
        width = self.viewport().width()
        if not self._views:
            height = self._message.heightForWidth(width) if self._message.text() else 0
            self._page.resize(width, max(height, self.viewport().height()))
            self._message.setGeometry(0, 0, width, max(height, 1))
            self._message.setVisible(bool(self._message.text()))
            return
        self._message.hide()
        self._page.resize(width, _GAP + len(self._views) * (self._height + _GAP))
        above: QWidget | None = None
        for position, view in enumerate(self._views):
            card = self._cards.get(view.component)
            if card is None:
                continue
            card.setGeometry(self._slot(position))
            for one in (card, card.show_button, card.mute_button, *card.thumbnails):
                if above is not None:
                    QWidget.setTabOrder(above, one)
                above = one

    # -- events ----------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()
        self._make_cards()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.FontChange) and self._cards:
            self._height = max(card.sizeHint().height() for card in self._cards.values())
            self._place()
