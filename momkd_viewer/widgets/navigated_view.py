"""A widget that looks at a slide through a viewport: it is moved, goes on by itself, comes to rest."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QEvent, QPointF, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from momkd_viewer.state.viewport import Viewport
from momkd_viewer.widgets.kinetic_pan import KineticPan

# After this long without a change a view rests, and is painted as well as possible.
_REST_MS = 50


class NavigatedView(QWidget):
    """Keeps a viewport in step with the widget's size and with who moves it.

    Attributes:
        view: what is looked at, or None without a slide.
        kinetic: follows a hand that drags, and carries on with its speed.

    Signals:
        view_changed(Viewport): after every pan, zoom, turn or resize; tiles may be missing.
        rested(Viewport): the view has not changed for a moment.
    """

    view_changed = Signal(object)
    rested = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view: Viewport | None = None
        self.kinetic = KineticPan(lambda dx, dy: self.pan(-dx, -dy), self)
        self._mpp: float | None = None
        self._remainder = (0.0, 0.0)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._on_rest)

    @property
    def is_moving(self) -> bool:
        """Whether the view changed just now, or goes on by itself."""
        return self._rest.isActive() or self.kinetic.running

    def show_view(self, view: Viewport) -> None:
        """Shows what another view showed, in this window's size."""
        if self.view is not None:
            self.kinetic.stop()
            self._set_view(
                replace(
                    self.view,
                    centre_x=view.centre_x,
                    centre_y=view.centre_y,
                    downsample=view.downsample,
                    rotation=view.rotation,
                )
            )

    def fit(self) -> None:
        if self.view is not None:
            v = self.view
            self._set_view(
                Viewport.fitted(v.slide_width, v.slide_height, v.width, v.height, v.rotation)
            )

    def zoom(self, factor: float, at: QPointF | None = None) -> None:
        """Magnifies around a widget point (default: the middle)."""
        if self.view is None:
            return
        ratio = self.devicePixelRatioF()
        x = at.x() * ratio if at is not None else self.view.width / 2
        y = at.y() * ratio if at is not None else self.view.height / 2
        self._set_view(self.view.zoomed(factor, x, y))

    def pan(self, dx: float, dy: float) -> None:
        """Shows what lies further right (dx) and below (dy), device pixels.

        Whole ones are moved by and the rest is kept for the next time: what was painted can be shifted.
        """
        if self.view is None:
            return
        x, y = self._remainder[0] + dx, self._remainder[1] + dy
        whole_x, whole_y = round(x), round(y)
        self._remainder = (x - whole_x, y - whole_y)
        if whole_x or whole_y:
            self._set_view(self.view.panned(whole_x, whole_y))

    def rotate_to(self, degrees: float) -> None:
        """Turns the slide, clockwise from upright."""
        if self.view is not None:
            self._set_view(self.view.rotated(degrees))

    def centre_on(self, x: float, y: float, downsample: float | None = None) -> None:
        """Moves a level-0 point into the middle; downsample is level-0 per device pixel."""
        if self.view is not None:
            self.kinetic.stop()
            self._set_view(self.view.centred(x, y, downsample))

    def set_microns_per_pixel(self, mpp: float) -> None:
        """Zooms so that a device pixel covers ``mpp`` microns; needs a known resolution."""
        if self.view is not None and self._mpp is not None:
            self.zoom(self.view.downsample / (mpp / self._mpp))

    def _set_view(self, view: Viewport) -> None:
        if view == self.view:
            return
        self.view = view
        self._rest.start()
        self.update()
        self.view_changed.emit(view)

    def _on_rest(self) -> None:
        if self.kinetic.running:
            self._rest.start()
            return
        if self.view is not None:
            self.rested.emit(self.view)

    def _device_size(self) -> tuple[int, int]:
        ratio = self.devicePixelRatioF()
        return max(1, round(self.width() * ratio)), max(1, round(self.height() * ratio))

    def resizeEvent(self, event: QResizeEvent) -> None:
        if self.view is not None:
            self._set_view(self.view.resized(*self._device_size()))

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.DevicePixelRatioChange and self.view is not None:
            # Moved to another screen: as many logical pixels, but more or fewer of the device's.
            self._set_view(self.view.resized(*self._device_size()))
        return super().event(event)
