"""Position, pixel size and magnification read-outs."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QLabel

from momkd_viewer.controllers.slide_controller import MAGNIFICATION_MICRONS, SlideController
from momkd_viewer.state.viewport import Viewport
from momkd_viewer.widgets.canvas import Canvas
from momkd_viewer.widgets.overlay_bar import MagnificationBox


class ReadoutController(QObject):
    """Keeps the status bar and the magnification box current."""

    def __init__(
        self,
        canvas: Canvas,
        slides: SlideController,
        position: QLabel,
        magnification: MagnificationBox,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._slides, self._position, self._magnification = slides, position, magnification
        self._resolution = ""
        canvas.slide_view.view_changed.connect(self._on_view)
        canvas.slide_view.hovered.connect(self._on_hover)
        slides.closing.connect(self._clear)
        self._clear()

    def _on_view(self, view: Viewport) -> None:
        known = self._slides.known_mpp
        if known is None:
            self._resolution = f"1 : {view.downsample:.3g}, resolution unknown"
            self._magnification.show_magnification(None)
        else:
            mpp = view.downsample * known.mean
            self._resolution = f"{mpp:.3g} µm/px"
            self._magnification.show_magnification(MAGNIFICATION_MICRONS / mpp)
        if view.rotation:
            self._resolution += f"   ·   turned {view.rotation:.4g}°"
        self._position.setText(self._resolution)

    def _on_hover(self, x: float, y: float) -> None:
        if self._slides.source is None:
            return
        known = self._slides.known_mpp
        text = f"x {x:,.0f}  y {y:,.0f} px"
        if known is not None:
            text = f"x {x * known.x:,.0f}  y {y * known.y:,.0f} µm   ({text})"
        self._position.setText(f"{text}   ·   {self._resolution}")

    def _clear(self) -> None:
        self._position.setText("")
        self._magnification.show_magnification(None)
