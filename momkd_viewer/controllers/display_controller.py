"""Brightness, contrast, gamma, stain and colour profile of what is shown."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.state.rendition import Rendition
from momkd_viewer.widgets.canvas import Canvas
from momkd_viewer.widgets.display_panel import DisplayPanel, RenditionChip, in_words


class DisplayController(QObject):
    """Attributes:
    chip: says on the canvas what differs from the plain picture.
    panel: the sliders, once they were asked for.
    """

    def __init__(
        self,
        window: QWidget,
        canvas: Canvas,
        slides: SlideController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._window, self._slides = window, slides
        self._managed = True
        self.panel: DisplayPanel | None = None
        self.chip = RenditionChip(canvas.slide_view)
        self.chip.clicked.connect(self.reset)
        slides.opened.connect(self._show)

    def set_profile_default(self, managed: bool) -> None:
        """Whether colour profiles are applied unless the user says otherwise for now."""
        self._managed = managed
        if self._slides.rendition.colour_managed != managed:
            self.choose(replace(self._slides.rendition, colour_managed=managed))

    def show_panel(self) -> None:
        """Opens the sliders, or closes them where they are open."""
        if self.panel is None:
            self.panel = DisplayPanel(self._window)
            self.panel.rendition_chosen.connect(self.choose)
            self.panel.reset_wanted.connect(self.reset)
        self._show()
        self.panel.setVisible(not self.panel.isVisible())

    def choose(self, rendition: Rendition) -> None:
        """Shows the slide so from now on."""
        if rendition != self._slides.rendition:
            self._slides.set_rendition(rendition)
        self._show()

    def reset(self) -> None:
        """Shows the slide as it is."""
        self.choose(Rendition(colour_managed=self._managed))

    def _show(self) -> None:
        now, has_profile = self._slides.rendition, self._slides.has_profile
        words = in_words(now)
        if has_profile and now.colour_managed != self._managed:
            profile = "colour profile " + ("on" if now.colour_managed else "off")
            words = f"{words}, {profile}" if words else profile
        self.chip.show_text(words)
        # A slider that is being dragged is ahead of what is shown.
        if self.panel is not None and not self.panel.is_dragging:
            self.panel.show_rendition(now, has_profile=has_profile)
