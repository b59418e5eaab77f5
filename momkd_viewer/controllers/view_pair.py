"""The window's two views: which of them is used, and what they share."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QWidget

from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.state.tile_cache import DEFAULT_BYTES
from momkd_viewer.widgets.canvas import Canvas
from momkd_viewer.widgets.slide_view import SlideView


@dataclass(frozen=True, eq=False)
class ShownView:
    """A view with all that belongs to it.

    Attributes:
        area: the part of the window that is this view's: focus in it makes the view active.
        canvas: where its slide is shown.
        slides: which slide that is.
        analysis: what the models say of it.
    """

    area: QWidget
    canvas: Canvas
    slides: SlideController
    analysis: AnalysisController

    @property
    def slide_view(self) -> SlideView:
        return self.canvas.slide_view


class ViewPair(QObject):
    """Attributes:
    active: the view that was used last: keys and menus are for it.

    Signals:
        changed(): another view is the active one.
    """

    changed = Signal()

    def __init__(self, first: ShownView, second: ShownView, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.first, self.second = first, second
        self.active = first
        self._split = False
        self._budget = DEFAULT_BYTES
        for view in self.both:
            view.slide_view.pressed.connect(lambda v=view: self.choose(v))
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._on_focus)

    @property
    def both(self) -> tuple[ShownView, ShownView]:
        return self.first, self.second

    def choose(self, view: ShownView) -> None:
        """Makes a view the active one; only the first can be while it is alone."""
        if view is self.active or (view is self.second and not self._split):
            return
        self.active = view
        self._show_active()
        self.changed.emit()

    def set_split(self, split: bool) -> None:
        """The second view came, or went."""
        self._split = split
        if not split:
            self.choose(self.first)
        self._show_active()
        self._share_budget()

    def _show_active(self) -> None:
        for view in self.both:
            view.canvas.show_active(view is self.active if self._split else None)

    def _on_focus(self, before: QWidget | None, now: QWidget | None) -> None:
        for view in self.both:
            if now is not None and view.area.isAncestorOf(now):
                self.choose(view)

    # -- what they share -------------------------------------------------------------------------

    def set_cache_budget(self, bytes_: int) -> None:
        """Memory for the tiles of both views together, from now on."""
        self._budget = bytes_
        self._share_budget()

    def _share_budget(self) -> None:
        """Half each, as they halve the window: neither's tiles push out what the other shows."""
        part = self._budget // 2 if self._split else self._budget
        for view in self.both:
            view.slides.set_cache_budget(part)

    def set_readers(self, readers: int) -> None:
        """Threads that read the next slide of each view; 0: one a core."""
        for view in self.both:
            view.slides.readers = readers
