"""The slide view with what floats on it: overview, legend, hover card, note; or the welcome page."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QLabel, QStackedLayout, QVBoxLayout, QWidget

from momkd_viewer.widgets.banner import Banner
from momkd_viewer.widgets.hover_card import HoverCard
from momkd_viewer.widgets.legend import Legend
from momkd_viewer.widgets.overview import Overview
from momkd_viewer.widgets.slide_view import SlideView
from momkd_viewer.widgets.welcome import Welcome

_GAP = 12
_SCALE_BAR = 58  # height that the scale bar takes, with a gap
_MARK = 2  # height of the line over the active view


class CanvasNote(QLabel):
    """A quiet line on the canvas, for as long as what it says holds."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("canvasNote")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def say(self, text: str) -> None:
        """Shows a line; '' hides it."""
        self.setText(text)
        self.setVisible(bool(text))


class _Floating(SlideView):
    """A slide view that keeps its floating widgets in their corners."""

    def __init__(self) -> None:
        super().__init__()
        self.overview = Overview(self)
        self.legend = Legend(self)
        self.legend.size_changed.connect(self.place)
        self.hover_card = HoverCard(self)
        self.note = CanvasNote(self)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.place()

    def place(self) -> None:
        self.overview.move(self.width() - self.overview.width() - _GAP, _GAP)
        self._place_legend()
        self.hover_card.move(
            self.width() - self.hover_card.width() - _GAP,
            self.height() - self.hover_card.height() - _GAP,
        )
        self.note.adjustSize()
        # In the middle where there is nothing else to look at.
        top = self.height() - self.note.height() - _GAP if self.view else self.height() // 2
        self.note.move((self.width() - self.note.width()) // 2, top)

    def _place_legend(self) -> None:
        """Top left; below the overview where both do not fit side by side; never on the scale bar."""
        taken = self.overview.width() if self.overview.isVisibleTo(self) else 0
        beside = self.legend.width() + taken + 3 * _GAP <= self.width()
        top = _GAP if beside else 2 * _GAP + self.overview.height()
        self.legend.limit(self.height() - top - _SCALE_BAR)
        self.legend.move(_GAP, top)


class Canvas(QWidget):
    """Attributes: banner, welcome, slide_view, overview, legend, hover_card, note."""

    def __init__(self, parent: QWidget | None = None, *, welcomes: bool = True) -> None:
        super().__init__(parent)
        self.banner = Banner()
        self.welcome = Welcome()
        self.welcome.setParent(self)
        self.welcome.setVisible(welcomes)
        self._floating = _Floating()
        self.slide_view: SlideView = self._floating
        self.overview = self._floating.overview
        self.legend = self._floating.legend
        self.hover_card = self._floating.hover_card
        self.note = self._floating.note
        self._mark = QFrame()
        self._mark.setObjectName("activeMark")
        self._mark.setFixedHeight(_MARK)
        self._mark.hide()
        self._pages = QStackedLayout()
        self._empty = self.welcome if welcomes else QWidget()
        self._pages.addWidget(self._empty)
        self._pages.addWidget(self.slide_view)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.banner)
        layout.addWidget(self._mark)
        layout.addLayout(self._pages, 1)

    def show_slide(self, shown: bool) -> None:
        self._pages.setCurrentWidget(self.slide_view if shown else self._empty)

    def show_active(self, active: bool | None) -> None:
        """Whether keys and menus are for this view; None where there is no other."""
        self._mark.setVisible(active is not None)
        self._mark.setProperty("active", bool(active))
        self._mark.style().polish(self._mark)
        self.slide_view.setAccessibleDescription("Keys and menus are for it" if active else "")

    def place(self) -> None:
        """After a floating widget changed its size."""
        self._floating.place()
