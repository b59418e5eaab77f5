"""Opens and closes slides, or features alone, and keeps the canvas supplied with tiles."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from PIL.Image import Image
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from momkd_core.errors import MomkdError
from momkd_core.geometry import Level, Mpp
from momkd_core.slide import Slide
from momkd_viewer.controllers.slides_put_away import SlidesPutAway
from momkd_viewer.jobs.runner import Job, JobRunner
from momkd_viewer.jobs.slide_work import (
    OpenedSlide,
    find_ground,
    open_slide,
    read_overview,
    render,
)
from momkd_viewer.jobs.tile_reader import Tile, TileReader
from momkd_viewer.jobs.tile_source import TileSource
from momkd_viewer.state.patch_ground import PatchGround
from momkd_viewer.state.rendition import Rendition
from momkd_viewer.state.source import Source
from momkd_viewer.state.tile_cache import TileCache
from momkd_viewer.state.tile_pyramid import TileKey, TilePyramid
from momkd_viewer.state.viewport import Viewport
from momkd_viewer.widgets.canvas import Canvas

log = logging.getLogger(__name__)

#: The objective at which a pixel measures one micron times this: 40x is 0.25 µm/px by convention.
MAGNIFICATION_MICRONS = 10.0


class SlideController(QObject):
    """One slide at a time, or the features of one.

    Attributes:
        source: the files of what is shown; None while nothing is.
        slide: None where features alone are shown, too.
        known_mpp: resolution at level 0, or None where neither file nor user states it.

    Signals:
        wanted(Path): a slide is going to be opened.
        opened(): a slide is shown, or features alone.
        closing(): what is shown goes away.
        not_opened(): a slide could not be opened; what was shown before stays.
        failed(str): a slide could not be opened or read.
        busy(str): what is being opened, '' when done.
        rendition_changed(Rendition): pixels are shown in another way.
    """

    busy = Signal(str)

    wanted = Signal(Path)
    opened = Signal()
    closing = Signal()
    not_opened = Signal()
    failed = Signal(str)
    rendition_changed = Signal(object)

    def __init__(self, canvas: Canvas, jobs: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._canvas = canvas
        self._jobs = jobs
        self.source: Source | None = None
        self.slide: Slide | None = None
        self.known_mpp: Mpp | None = None
        self._opening: Job | None = None
        self._old = SlidesPutAway(jobs)
        self._reader: TileReader | None = None
        self._cache: TileCache[TileKey, Tile] = TileCache()
        self._pyramid: TilePyramid | None = None
        self._overview: Image | None = None
        self._rendering: Job | None = None
        self.rendition = Rendition()
        self.readers = 0  # threads of the next slide; 0: one a core
        self._unreadable: set[TileKey] = set()
        self._backdrop: frozenset[TileKey] = frozenset()
        canvas.slide_view.view_changed.connect(self._on_view)
        canvas.overview.point_chosen.connect(canvas.slide_view.centre_on)

    # -- opening and closing ---------------------------------------------------------------------

    def open(self, path: Path, mpp: float | None = None, features: Path | None = None) -> None:
        """Opens a slide, or a feature file, in the background; what is shown stays until it is there.

        Args:
            mpp: overrides the file's resolution.
            features: a feature file to be analysed in place of the pixels.
        """
        if self._opening is not None:
            self._opening.cancel()
        self.wanted.emit(path)
        source = Source.of(path, mpp, features)

        def done(opened: OpenedSlide | PatchGround | None) -> None:
            self._put_away()
            self.source = source
            if isinstance(opened, OpenedSlide):
                self._show(opened)
            else:
                self._show_ground(opened)
            self.opened.emit()

        def failed(error: MomkdError) -> None:
            self.failed.emit(str(error))
            self.not_opened.emit()

        self._opening = self._jobs.start(
            find_ground(path, mpp) if source.slide is None else open_slide(path, mpp),
            done=done,
            failed=failed,
            progress=lambda at, total, what: self.busy.emit(what),
            finally_=lambda: self.busy.emit(""),
        )

    def _show(self, opened: OpenedSlide) -> None:
        slide = opened.slide
        self.slide, self.known_mpp, self._pyramid = slide, slide.known_mpp, opened.pyramid
        self._backdrop = (
            frozenset() if opened.source.is_slow else frozenset(opened.pyramid.backdrop())
        )
        opened.source.rendition = self.rendition
        self._reader = TileReader(
            opened.source, workers=self.readers or os.cpu_count() or 2, parent=self
        )
        self._reader.tile_ready.connect(self._on_tile)
        self._reader.tile_failed.connect(self._on_tile_failed)
        self._overview = opened.overview
        base = QImage() if opened.overview is None else opened.source.rendered(opened.overview)
        self._canvas.overview.set_slide(base, slide.width, slide.height)
        self._canvas.place()
        self._canvas.show_slide(True)
        self._canvas.slide_view.show_slide(
            slide.width,
            slide.height,
            opened.pyramid,
            base,
            slide.known_mpp.mean if slide.known_mpp else None,
            self._image_of,
        )
        if opened.overview is None:
            self._read_overview()

    def _show_ground(self, ground: PatchGround | None) -> None:
        """Of features alone: an empty area for the overlay; none where their places say nothing."""
        self.known_mpp = ground.mpp if ground is not None else None
        self._canvas.show_slide(True)
        if ground is None:
            self._canvas.note.say("No slide: features alone, which do not say where they lie")
        else:
            self._canvas.note.say("No slide: features alone")
            self._canvas.slide_view.show_slide(
                ground.width,
                ground.height,
                TilePyramid.of((Level(ground.width, ground.height, 1.0),), 512),
                QImage(),
                ground.mpp.mean if ground.mpp else None,
                lambda key: None,
            )
        self._canvas.place()

    def _image_of(self, key: TileKey) -> QImage | None:
        tile = self._cache.get(key)
        return None if tile is None else tile.image

    def _read_overview(self) -> None:
        """For a slide without small levels: tiles come first, the whole picture when it is read."""
        reader = self._reader
        assert reader is not None

        def done(picture: Image) -> None:
            if self._reader is reader:
                self._overview = picture
                self._render_overview()

        self._rendering = self._jobs.start(
            read_overview(reader.source),
            done=done,
            failed=lambda error: self.failed.emit(str(error)),
            progress=lambda at, total, what: self.busy.emit(what),
            finally_=lambda: self.busy.emit(""),
        )

    def set_cache_budget(self, bytes_: int) -> None:
        """Memory for tiles, from now on."""
        self._cache.set_budget(bytes_)

    @property
    def drawing(self) -> tuple[TileSource, TilePyramid] | None:
        """What the open slide is drawn from; None without a slide."""
        if self._reader is None or self._pyramid is None:
            return None
        return self._reader.source, self._pyramid

    # -- rendition -------------------------------------------------------------------------------

    @property
    def has_profile(self) -> bool:
        """Whether the open slide carries a colour profile."""
        return self._reader is not None and self._reader.source.has_profile

    def set_rendition(self, rendition: Rendition) -> None:
        """How pixels are shown from now on; what is on screen is replaced tile by tile."""
        self.rendition = rendition
        self.rendition_changed.emit(rendition)
        if self._reader is None:
            return
        self._reader.source.rendition = rendition
        self._render_overview()
        view = self._canvas.slide_view.view
        if view is not None:
            self._want_tiles(view)

    def _render_overview(self) -> None:
        reader = self._reader
        if reader is None or self._overview is None:
            return

        def done(image: QImage) -> None:
            if self._reader is reader and self.slide is not None:
                self._canvas.slide_view.show_base(image)
                self._canvas.overview.set_slide(image, self.slide.width, self.slide.height)
                self._canvas.place()

        if self._rendering is not None:
            self._rendering.cancel()
        self._rendering = self._jobs.start(
            render(reader.source, self._overview), done=done, failed=_log_failure
        )

    def close(self) -> None:
        """Closes the shown slide, and gives up one that is being opened."""
        if self._opening is not None:
            self._opening.cancel()
        self._put_away()

    def _put_away(self) -> None:
        """Takes down what is shown; running reads end in the background."""
        if self.source is None:
            return
        self.closing.emit()
        slide, reader = self.slide, self._reader
        self.source = self.slide = self.known_mpp = None
        self._reader = self._pyramid = self._overview = None
        self._canvas.slide_view.clear()
        self._canvas.overview.clear()
        self._canvas.note.say("")
        self._canvas.show_slide(False)
        if slide is None or reader is None:
            return
        if self._rendering is not None:
            self._rendering.cancel()
        reader.tile_ready.disconnect(self._on_tile)
        reader.tile_failed.disconnect(self._on_tile_failed)
        reader.queue.close()
        self._cache.clear()
        self._unreadable.clear()
        self._old.add(reader, slide)

    def shut_down(self) -> None:
        """At the end of the application: waits for readers, then closes the file."""
        if self._reader is not None and self.slide is not None:
            self._reader.close()
            self.slide.close()
        self._old.shut_down()

    # -- tiles -----------------------------------------------------------------------------------

    def _on_view(self, view: Viewport) -> None:
        self._canvas.overview.set_view(view)
        self._want_tiles(view)

    def _want_tiles(self, view: Viewport) -> None:
        if self._reader is None or self._pyramid is None:
            return
        visible = self._pyramid.visible(view, self._canvas.slide_view.nearest)
        wanted = [*visible, *self._backdrop, *self._pyramid.ring(view)]
        self._reader.queue.replace([key for key in wanted if not self._has(key)])

    def _has(self, key: TileKey) -> bool:
        """Whether a tile is at hand as it is to be shown, or cannot be."""
        if key in self._unreadable:
            return True
        tile = self._cache.peek(key)
        return tile is not None and tile.rendition == self.rendition

    def _on_tile(self, key: TileKey, tile: Tile) -> None:
        if self._reader is None or self.sender() is not self._reader:
            return  # of a slide that was closed meanwhile
        pinned = key in self._backdrop
        self._cache.put(key, tile, tile.image.sizeInBytes(), pinned=pinned)
        self._canvas.slide_view.tile_arrived(key)
        view = self._canvas.slide_view.view
        if tile.rendition != self.rendition and view is not None:
            self._want_tiles(view)  # it was being read when the rendition changed

    def _on_tile_failed(self, key: TileKey, error: MomkdError) -> None:
        if self._reader is None or self.sender() is not self._reader:
            return
        first = not self._unreadable
        self._unreadable.add(key)
        log.warning("%s", error)
        if first:
            self.failed.emit(str(error))

    @property
    def tiles_complete(self) -> bool:
        """Whether every tile in view is there (or known to be unreadable)."""
        view = self._canvas.slide_view.view
        if self._pyramid is None or view is None:
            return True
        return all(self._has(key) for key in self._pyramid.visible(view))

    # -- magnification ---------------------------------------------------------------------------

    def set_magnification(self, magnification: float) -> None:
        """Shows the slide as under an objective: 40 is 0.25 microns a device pixel."""
        self._canvas.slide_view.set_microns_per_pixel(MAGNIFICATION_MICRONS / magnification)


def _log_failure(error: MomkdError) -> None:
    log.warning("%s", error)
