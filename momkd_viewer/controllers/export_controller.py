"""Pictures of the view, and of the whole slide with its overlay, as PNG files.

A job draws tiles and overlay; scale bar, legend and layers belong to the window and are painted over
that on its thread; another job writes the file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, QPoint, QRectF, QSettings, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QRegion
from PySide6.QtWidgets import QFileDialog, QWidget

from momkd_core.errors import MomkdError
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.jobs.picture_work import PictureRequest, draw, write_png
from momkd_viewer.jobs.runner import Job, JobRunner
from momkd_viewer.state.name_mask import NameMask
from momkd_viewer.state.viewport import Viewport
from momkd_viewer.widgets.canvas import Canvas
from momkd_viewer.widgets.colours import colour
from momkd_viewer.widgets.export_dialog import ExportDialog
from momkd_viewer.widgets.progress_strip import ProgressStrip

_STILL_EXPORTING = (
    "A picture is still being exported. Wait for it, or cancel it, then export again."
)
_GAP = 12  # logical pixels, as on the canvas
_FOOTER = 98
#: Logical pixels that a whole slide's longest side stands for: legend and bar stay readable.
_LOGICAL_SIDE = 1100


class ExportController(QObject):
    """Signals:
    failed(str): a picture could not be drawn or written.
    exported(Path): a file was written.
    """

    failed = Signal(str)
    exported = Signal(Path)

    def __init__(
        self,
        window: QWidget,
        canvas: Canvas,
        slides: SlideController,
        strip: ProgressStrip,
        jobs: JobRunner,
        settings: QSettings,
        mask: NameMask,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._window, self._canvas, self._slides = window, canvas, slides
        self._strip, self._jobs, self._settings, self._mask = strip, jobs, settings, mask
        self._running: Job | None = None
        strip.cancelled.connect(self._cancel)
        slides.closing.connect(self._cancel)

    # -- asking ----------------------------------------------------------------------------------

    def ask_for_view(self) -> ExportDialog | None:
        """Asks for the resolution and a file, then exports the view; None without a slide."""
        view = self._canvas.slide_view.view
        if view is None:
            return None
        scales = [
            (f"{word} ({view.width * scale:,} × {view.height * scale:,} px)", scale)
            for word, scale in (("As on screen", 1), ("Twice as fine", 2))
        ]
        return self._ask(ExportDialog(scales, self._window), "view", self.export_view)

    def ask_for_overlay(self) -> ExportDialog | None:
        """Asks for the size and a file, then exports the whole slide; None without a slide."""
        if self._canvas.slide_view.view is None:
            return None
        return self._ask(ExportDialog(None, self._window), "overlay", self.export_overlay)

    def _ask(
        self, dialog: ExportDialog, what: str, then: Callable[[Path, int], None]
    ) -> ExportDialog:
        dialog.size_chosen.connect(lambda size: self._ask_for_file(what, size, then))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        return dialog

    def _ask_for_file(self, what: str, size: int, then: Callable[[Path, int], None]) -> None:
        slide = self._slides.slide
        if slide is None:
            return
        folder = str(self._settings.value("export_folder", ""))
        dialog = QFileDialog(self._window, f"Export {what}", folder, "PNG pictures (*.png)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("png")
        dialog.selectFile(f"{self._mask.slide(slide.path, suffix=False)} {what}.png")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

        def chosen(name: str) -> None:
            self._settings.setValue("export_folder", str(Path(name).parent))
            then(Path(name), size)

        dialog.fileSelected.connect(chosen)
        dialog.open()

    # -- exporting -------------------------------------------------------------------------------

    def export_view(self, path: Path, scale: int) -> None:
        """Writes what the canvas shows, ``scale`` times as fine as the screen; tiles are sharp."""
        shown = self._canvas.slide_view.view
        if shown is None:
            return
        view = replace(
            shown,
            width=shown.width * scale,
            height=shown.height * scale,
            downsample=shown.downsample / scale,
        )
        ratio = self._canvas.slide_view.devicePixelRatioF() * scale

        def finish(image: QImage) -> QImage:
            painter = QPainter(image)
            self._canvas.slide_view.paint_layers(painter, view, ratio)
            painter.scale(ratio, ratio)
            size = QRectF(0, 0, view.width / ratio, view.height / ratio)
            self._canvas.slide_view.paint_scale_bar(painter, view, ratio, size)
            self._paint_legend(painter, QPoint(_GAP, _GAP))
            painter.end()
            return image

        self._export(view, path, finish)

    def export_overlay(self, path: Path, longest_side: int) -> None:
        """Writes the whole slide with its overlay, upright; legend and scale bar lie below it."""
        shown = self._canvas.slide_view.view
        if shown is None:
            return
        width0, height0 = shown.slide_width, shown.slide_height
        downsample = max(width0, height0) / longest_side
        view = Viewport(
            width0,
            height0,
            max(1, round(width0 / downsample)),
            max(1, round(height0 / downsample)),
            width0 / 2,
            height0 / 2,
            downsample,
        )
        ratio = longest_side / _LOGICAL_SIDE
        self._export(view, path, lambda image: self._with_footer(image, view, ratio))

    def _with_footer(self, image: QImage, view: Viewport, ratio: float) -> QImage:
        """A strip below the slide, so that neither legend nor bar hides tissue."""
        strip = round(_FOOTER * ratio)
        whole = QImage(image.width(), image.height() + strip, QImage.Format.Format_RGB32)
        whole.fill(colour("surround"))
        painter = QPainter(whole)
        painter.drawImage(0, 0, image)
        painter.setClipRect(image.rect())
        self._canvas.slide_view.paint_layers(painter, view, ratio)
        painter.setClipping(False)
        painter.scale(ratio, ratio)
        size = QRectF(0, 0, whole.width() / ratio, whole.height() / ratio)
        self._paint_legend(painter, QPoint(_GAP, round(image.height() / ratio) + _GAP))
        beside = size.adjusted(self._canvas.legend.width() + _GAP, 0, 0, -_GAP)
        self._canvas.slide_view.paint_scale_bar(painter, view, ratio, beside)
        painter.end()
        return whole

    def _paint_legend(self, painter: QPainter, at: QPoint) -> None:
        """The canvas' own legend, in logical pixels, where it is shown."""
        legend = self._canvas.legend
        if legend.isHidden():
            return
        painter.save()
        painter.translate(at)
        legend.render(painter, QPoint(), QRegion(), QWidget.RenderFlag.DrawChildren)
        painter.restore()

    def _export(self, view: Viewport, path: Path, finish: Callable[[QImage], QImage]) -> None:
        source, slide = self._slides.drawing, self._slides.slide
        if source is None or slide is None:
            return
        if self._running is not None:
            self.failed.emit(_STILL_EXPORTING)
            return
        self._mask.meet_file(path)  # a failure names it
        overlay, opacity = self._canvas.slide_view.scene.overlay
        request = PictureRequest(
            view, colour("surround").name(), colour("glass").name(), opacity=opacity
        )
        if overlay is not None:
            request = replace(
                request, overlay=overlay.image, area=overlay.area, smooth=overlay.smooth
            )
        mpp = slide.known_mpp.mean * view.downsample if slide.known_mpp else None

        def drawn(image: QImage) -> None:
            self._start(write_png(finish(image), path, mpp), self.exported.emit)

        self._start(draw(*source, request), drawn)

    def _start(self, work: Callable[..., object], done: Callable[..., None]) -> None:
        def ended() -> None:
            if self._running is job:  # nothing followed
                self._running = None
                self._strip.finish()

        job = self._jobs.start(
            work, done=done, failed=self._fail, progress=self._strip.show_progress, finally_=ended
        )
        self._running = job

    def _fail(self, error: MomkdError) -> None:
        self.failed.emit(str(error))

    def _cancel(self) -> None:
        if self._running is not None:
            self._running.cancel()
