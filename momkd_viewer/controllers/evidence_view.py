"""What the window shows of the open slide, taken down for a bundle and put back from one."""

from __future__ import annotations

from PySide6.QtCore import QObject

from momkd_viewer.controllers.component_controller import ComponentController
from momkd_viewer.controllers.display_controller import DisplayController
from momkd_viewer.controllers.overlay_controller import OverlayController
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.state.view_state import SlidePart, ViewState
from momkd_viewer.widgets.canvas import Canvas


class EvidenceView(QObject):
    """The window's state of view, read and set."""

    def __init__(
        self,
        canvas: Canvas,
        slides: SlideController,
        overlay: OverlayController,
        display: DisplayController,
        components: ComponentController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._canvas, self._slides, self._overlay = canvas, slides, overlay
        self._display, self._components = display, components

    @property
    def state(self) -> ViewState | None:
        """What is shown; None without a slide."""
        view = self._canvas.slide_view.view
        if view is None:
            return None
        return ViewState(
            SlidePart.of(view),
            self._overlay.choice.picture,
            self._overlay.opacity,
            self._slides.rendition,
            () if self._components.dock.isHidden() else self._components.components,
        )

    def show(self, state: ViewState) -> None:
        """Shows that of the open slide; a window of another size shows at least as much."""
        view = self._canvas.slide_view.view
        if view is None:
            return
        # First what takes its place beside the slide: it changes the size of the view.
        self._components.compare(None)
        if not state.components:
            self._components.dock.hide()
        for position, component in enumerate(state.components[:2]):
            self._components.open(component, beside=position > 0)
        self._display.choose(state.rendition)
        self._overlay.set_choice(state.overlay)
        self._overlay.set_opacity(state.opacity)
        self._canvas.slide_view.show_view(state.place.in_window(view))
