"""Both memories, a tab of cards each; further tabs are added by the window."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from momkd_viewer.state.blinding import blinded
from momkd_viewer.state.components import Arrangement, ComponentView
from momkd_viewer.state.overlay_values import ComponentName
from momkd_viewer.widgets.component_card import PatchThumbnail
from momkd_viewer.widgets.component_filter import ComponentFilter
from momkd_viewer.widgets.component_list import ComponentList

MEMORY_TITLES = {"positive": "Positive C⁺", "negative": "Negative C⁻"}
_BLIND_TITLE = "Components"


class MemoryBrowser(QTabWidget):
    """Both memories, a tab each.

    Signals:
        show_toggled(str, int, bool): memory, component, whether its similarity is to be shown.
        mute_toggled(str, int, bool): memory, component, whether it is to be left out.
        opened(ComponentName, bool): to be shown in the detail pane; True: beside another.
        arranged(Arrangement): another order or filter is wanted.
        patch_chosen(int): a patch was clicked; its position in the result.
        patch_entered(int), patch_left(): the cursor is over a patch, or no more.
        seen(): thumbnails came that want pictures.
    """

    patch_chosen = Signal(int)
    patch_entered = Signal(int)
    patch_left = Signal()
    mute_toggled = Signal(str, int, bool)
    show_toggled = Signal(str, int, bool)
    opened = Signal(object, bool)
    arranged = Signal(object)
    seen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDocumentMode(True)
        self.tabBar().setDrawBase(False)
        self.setAccessibleName("Memory browser")
        self.lists: dict[str, ComponentList] = {}
        self._filters: dict[str, ComponentFilter] = {}
        for memory, title in MEMORY_TITLES.items():
            self.addTab(self._made_page(memory), title)
        self.currentChanged.connect(lambda _: self.seen.emit())
        self.show_message("Open a slide and a model to see the components of its memory.")

    def hasHeightForWidth(self) -> bool:
        """Never: it scrolls. Else a layout takes the height of its lines of text for its least one, and
        squeezes whoever is above."""
        return False

    def _made_page(self, memory: str) -> QWidget:
        cards, bar, page = ComponentList(memory), ComponentFilter(memory), QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(bar)
        column.addWidget(cards, 1)
        bar.arranged.connect(self.arranged)
        cards.opened.connect(self.opened)
        cards.muted.connect(lambda name, on: self.mute_toggled.emit(name.memory, name.index, on))
        cards.mapped.connect(lambda name, on: self.show_toggled.emit(name.memory, name.index, on))
        cards.patch_chosen.connect(self.patch_chosen)
        cards.patch_entered.connect(self.patch_entered)
        cards.patch_left.connect(self.patch_left)
        cards.seen.connect(self.seen)
        self.lists[memory], self._filters[memory] = cards, bar
        return page

    def show_blinded(self) -> None:
        """Both memories mixed in one tab while the reader judges blinded, and no other tab."""
        first, *others = range(self.count())
        self.setTabText(first, _BLIND_TITLE if blinded() else next(iter(MEMORY_TITLES.values())))
        self.setCurrentIndex(first)
        for tab in others:
            self.setTabVisible(tab, not blinded())
        for memory, cards in self.lists.items():
            cards.forget()
            cards.show_words()
            self._filters[memory].show_words()

    def _tab_of(self, memory: str) -> str:
        """Which memory's tab shows a component of ``memory``."""
        return next(iter(MEMORY_TITLES)) if blinded() else memory

    def show_message(self, text: str) -> None:
        """Says, in place of cards, why there are none."""
        for memory, cards in self.lists.items():
            cards.forget()
            cards.show_message(text)
            self._filters[memory].hide()

    def forget(self) -> None:
        """Cards of another model or slide come."""
        for cards in self.lists.values():
            cards.forget()

    def show_components(
        self, every: list[ComponentView], shown: list[ComponentView], arrangement: Arrangement
    ) -> None:
        """Shows cards in the given order.

        Args:
            every: all components, to say how many there are.
            shown: those that the arrangement shows, in its order.
        """
        for memory, cards in self.lists.items():
            of_memory = [view for view in every if self._tab_of(view.memory) == memory]
            chosen = [view for view in shown if self._tab_of(view.memory) == memory]
            bar = self._filters[memory]
            bar.show()
            bar.show_arrangement(arrangement)
            used = sum(view.share > 0 for view in of_memory)
            note = f"{used} of {len(of_memory)} components are the best match of a patch here."
            if arrangement.filters:
                note += f" {len(chosen)} shown."
            bar.show_note(note)
            if chosen:
                cards.show_views(chosen)
            else:
                cards.show_message("No component is left with this filter.")

    @property
    def thumbnails(self) -> list[PatchThumbnail]:
        """Those that are seen or will be soon, of the tab that is shown first."""
        names = sorted(self.lists, key=lambda memory: not self.lists[memory].isVisible())
        return [one for memory in names for one in self.lists[memory].thumbnails]

    def mark_shown(self, component: tuple[str, int] | None) -> None:
        """Marks the component (memory, index) whose similarity the overlay shows."""
        name = None if component is None else ComponentName(*component)
        for cards in self.lists.values():
            cards.show_mapped(name)

    def mark_open(self, components: tuple[ComponentName, ...]) -> None:
        """Marks the components that the detail pane shows."""
        for cards in self.lists.values():
            cards.show_chosen(components)

    def mark_patch(self, patch: int | None) -> None:
        """Frames the thumbnails of a patch: the cursor is over it on the slide."""
        every = (t for cards in self.lists.values() for t in cards.every_thumbnail)
        for thumbnail in every:
            thumbnail.mark(patch is not None and thumbnail.patch == patch)

    def reveal(self, component: ComponentName) -> None:
        """Shows a component's card."""
        memory = self._tab_of(component.memory)
        cards = self.lists[memory]
        self.setCurrentIndex(list(self.lists).index(memory))
        cards.reveal(component)
