"""Position under the cursor, and pixel size and magnification of the active view."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QLabel

from momkd_viewer.controllers.slide_controller import MAGNIFICATION_MICRONS
from momkd_viewer.controllers.view_pair import ShownView, ViewPair
from momkd_viewer.widgets.overlay_bar import MagnificationBox


class ReadoutController(QObject):
    """Keeps the status bar and the magnification box current."""

    def __init__(
        self,
        views: ViewPair,
        position: QLabel,
        magnification: MagnificationBox,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._views, self._position, self._magnification = views, position, magnification
        for view in views.both:
            view.slide_view.view_changed.connect(lambda _, v=view: self._on_view(v))
            view.slide_view.hovered.connect(lambda x, y, v=view: self._on_hover(v, x, y))
            view.slides.closing.connect(lambda v=view: self._on_closing(v))
        views.changed.connect(self._show)
        self._clear()

    def _on_view(self, view: ShownView) -> None:
        if view is self._views.active:
            self._show()

    def _show(self) -> None:
        """What the active view shows now."""
        view = self._views.active
        now, known = view.slide_view.view, view.slides.known_mpp
        if now is None:
            self._clear()
            return
        self._magnification.show_magnification(
            None if known is None else MAGNIFICATION_MICRONS / (now.downsample * known.mean)
        )
        self._position.setText(_resolution(view))

    def _on_hover(self, view: ShownView, x: float, y: float) -> None:
        known = view.slides.known_mpp
        text = f"x {x:,.0f}  y {y:,.0f} px"
        if known is not None:
            text = f"x {x * known.x:,.0f}  y {y * known.y:,.0f} µm   ({text})"
        self._position.setText(f"{text}   ·   {_resolution(view)}")

    def _on_closing(self, view: ShownView) -> None:
        if view is self._views.active:
            self._clear()

    def _clear(self) -> None:
        self._position.setText("")
        self._magnification.show_magnification(None)


def _resolution(view: ShownView) -> str:
    """Size of a screen pixel, and how far the slide is turned."""
    now, known = view.slide_view.view, view.slides.known_mpp
    if now is None:
        return ""
    text = (
        f"1 : {now.downsample:.3g}, resolution unknown"
        if known is None
        else f"{now.downsample * known.mean:.3g} µm/px"
    )
    return f"{text}   ·   turned {now.rotation:.4g}°" if now.rotation else text
