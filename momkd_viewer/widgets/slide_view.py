"""The canvas: one slide under its overlay and layers, painted from a scene."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, QTimer
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QRegion
from PySide6.QtWidgets import QWidget

from momkd_viewer.state.tile_pyramid import TileKey, TilePyramid
from momkd_viewer.state.viewport import Rect, Viewport
from momkd_viewer.widgets.canvas_tool import Layer
from momkd_viewer.widgets.colours import colour
from momkd_viewer.widgets.handled_view import HandledView
from momkd_viewer.widgets.scene import RasterOverlay, Scene
from momkd_viewer.widgets.view_marks import Highlight, ScaleBar

# Tiles that come within this time are painted together; longer than a frame, so that a moving view
# paints them with its next one.
_ARRIVALS_MS = 18


class SlideView(HandledView):
    """Shows one slide: its tiles, the overlay, and the layers over it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.scene = Scene()
        self._highlight = Highlight()
        self._scale_bar = ScaleBar()
        self._layers: list[Layer] = [self._highlight]
        self._arrived = QRegion()
        self._arrivals = QTimer(self)
        self._arrivals.setSingleShot(True)
        self._arrivals.setInterval(_ARRIVALS_MS)
        self._arrivals.timeout.connect(self._show_arrivals)
        self.view_changed.connect(self._drop_arrivals)
        self.rested.connect(self._paint_well)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName("Slide")
        self.setMinimumSize(240, 200)

    # -- content ---------------------------------------------------------------------------------

    def show_slide(
        self,
        width: int,
        height: int,
        pyramid: TilePyramid,
        base: QImage,
        mpp: float | None,
        tile: Callable[[TileKey], QImage | None],
    ) -> None:
        """Shows a slide of level-0 size width x height.

        Args:
            base: the whole slide, coarse; painted where no tile has come yet.
            mpp: microns per pixel, or None where unknown (no scale bar then).
            tile: gives a tile's image if it is at hand.
        """
        self._mpp = self._scale_bar.mpp = mpp
        self.scene.show_slide(pyramid, base, tile)
        self.clear_overlay()
        self._set_view(Viewport.fitted(width, height, *self._device_size()))
        self._rest.stop()  # it did not move: the first picture is as good as any

    def show_base(self, base: QImage) -> None:
        """Another coarse picture of the same slide."""
        self.scene.show_base(base)
        self.update()

    def clear(self) -> None:
        self.kinetic.stop()
        self._rest.stop()
        self._arrivals.stop()
        if self._tool is not None:
            self._tool.cancel()
        self.view = None
        self.scene.show_slide(None, QImage(), lambda key: None)
        self.clear_overlay()
        self.update()

    def tile_arrived(self, key: TileKey) -> None:
        """Paints a tile's place anew."""
        place = self.scene.invalidate(key)
        if self.view is None or place.isEmpty():
            return
        self._arrived += place
        if not self._arrivals.isActive():
            self._arrivals.start()

    def _show_arrivals(self) -> None:
        """Repaints where tiles came since the last time."""
        arrived, self._arrived = self._arrived.boundingRect(), QRegion()
        if self.view is None or self.view.rotation:
            self.update()
            return
        ratio = self.devicePixelRatioF()
        place = QRectF(
            arrived.x() / ratio,
            arrived.y() / ratio,
            arrived.width() / ratio,
            arrived.height() / ratio,
        )
        self.update(place.toAlignedRect().adjusted(-1, -1, 1, 1))

    def _drop_arrivals(self) -> None:
        """Another view is painted whole."""
        self._arrivals.stop()
        self._arrived = QRegion()

    def tiles_changed(self) -> None:
        """Every tile may look different now."""
        self.scene.invalidate()
        self.update()

    def show_overlay(self, image: QImage, area: Rect, *, smooth: bool = False) -> None:
        """Shows an image over a level-0 area, one pixel a grid cell."""
        self.scene.set_overlay(RasterOverlay(image, area, smooth))
        self.update()

    def hide_overlay(self) -> None:
        """Takes the overlay away; what is highlighted stays."""
        self.scene.set_overlay(None)
        self.update()

    def clear_overlay(self) -> None:
        self._highlight.area = None
        self.hide_overlay()

    def set_opacity(self, opacity: float) -> None:
        self.scene.set_opacity(opacity)
        self.update()

    def highlight(self, area: Rect | None) -> None:
        """Frames a patch."""
        self._highlight.area = area
        self.update()

    def add_layer(self, layer: Layer) -> None:
        """Paints a layer over the slide from now on, above those added before."""
        self._layers.append(layer)
        self.update()

    # -- painting --------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        view = self.view
        if view is None:
            painter.fillRect(self.rect(), self.scene.surround)
            painter.end()
            return
        # Everything is placed in device pixels, exact at fractional scaling too.
        ratio = self.devicePixelRatioF()
        painter.scale(1.0 / ratio, 1.0 / ratio)
        self._paint_scene(painter, view)
        self.paint_layers(painter, view, ratio)
        painter.scale(ratio, ratio)
        self.paint_scale_bar(painter, view, ratio, QRectF(self.rect()))
        painter.end()

    def paint_layers(self, painter: QPainter, view: Viewport, ratio: float) -> None:
        """Paints what lies over the slide, in device pixels of any view of it."""
        for layer in self._layers:
            painter.save()
            layer.paint(painter, view, ratio)
            painter.restore()

    def paint_scale_bar(
        self, painter: QPainter, view: Viewport, ratio: float, place: QRectF
    ) -> None:
        """Paints the scale bar of any view into the bottom left corner of a place, logical pixels."""
        self._scale_bar.paint(painter, view, ratio, place)

    def _paint_scene(self, painter: QPainter, view: Viewport) -> None:
        picture = self.scene.picture(view, quick=self.is_moving)
        if view.rotation == 0:
            painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
            painter.drawImage(0, 0, picture)
            painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
            return
        painter.save()
        painter.translate(view.width / 2, view.height / 2)
        painter.rotate(view.rotation)
        painter.setRenderHint(
            QPainter.RenderHint.SmoothPixmapTransform,
            bool(view.rotation % 90) and not self.is_moving,
        )
        painter.drawImage(QPointF(-picture.width() / 2, -picture.height() / 2), picture)
        painter.restore()

    def _paint_well(self, view: Viewport) -> None:
        """A view at rest is worth the time."""
        if self.scene.is_quick or view.rotation % 90:
            self.update()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self.scene.surround = colour("surround")
            self.tiles_changed()
