"""Fills the memory browser and joins it with the slide."""

from __future__ import annotations

import itertools

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from momkd_core.result import SlideResult
from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.slide_controller import MAGNIFICATION_MICRONS, SlideController
from momkd_viewer.jobs.runner import Job, JobRunner
from momkd_viewer.jobs.slide_work import read_patch_images
from momkd_viewer.state.analysis import Outcome
from momkd_viewer.state.viewport import Rect
from momkd_viewer.widgets.canvas import Canvas
from momkd_viewer.widgets.distribution import Distribution
from momkd_viewer.widgets.memory_browser import (
    THUMBNAIL_SIDE,
    ComponentView,
    MemoryBrowser,
    PatchThumbnail,
)

_JUMP_MAGNIFICATION = 20.0


class MemoryController(QObject):
    """Cards for the chosen result; a click on a patch centres the slide on it."""

    _picture_ready = Signal(int, int, QImage)

    def __init__(
        self,
        canvas: Canvas,
        browser: MemoryBrowser,
        distribution: Distribution,
        slides: SlideController,
        analysis: AnalysisController,
        jobs: JobRunner,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._canvas, self._browser, self._slides = canvas, browser, slides
        self._distribution = distribution
        self._analysis, self._jobs = analysis, jobs
        self._generations = itertools.count(1)
        self._generation = 0
        self._loading: Job | None = None
        self._shown: SlideResult | None = None
        self._thumbnails: list[PatchThumbnail] = []
        self._chosen: int | None = None
        self._shown_for: object = None  # the encoded slide that the cards stand for
        self._order: list[tuple[str, int]] = []
        self._pictures: dict[int, QImage] = {}
        self._picture_ready.connect(self._on_picture)
        analysis.shown_changed.connect(self.refresh)
        analysis.muting_refused.connect(self._show_again)
        browser.mute_toggled.connect(analysis.set_muted)
        browser.patch_chosen.connect(self.go_to_patch)
        browser.patch_entered.connect(self._highlight)
        browser.patch_left.connect(self._highlight_chosen)

    def refresh(self) -> None:
        """Shows the chosen result's components, or says why there are none."""
        result = self._analysis.result
        if result is not None and result is self._shown:
            return
        self._shown = result
        outcome = self._analysis.outcome
        if outcome is None or outcome.encoded is not self._shown_for:
            self._shown_for = None if outcome is None else outcome.encoded
            self._order, self._pictures, self._chosen = [], {}, None
            self._canvas.slide_view.highlight(None)
        self._generation = next(self._generations)
        if self._loading is not None:
            self._loading.cancel()
            self._loading = None
        if result is None:
            self._distribution.clear()
            self._browser.show_message(self._reason())
            return
        self._distribution.show_values(result.affinity, result.attention)
        if result.match is None:
            self._browser.show_message(
                "This is the mean of several folds, whose memories have nothing to do with each "
                "other. Open one fold's model file to browse its components."
            )
            return
        assert outcome is not None
        views = _views(outcome)
        if not self._order:
            # The ones with most attention first. Muting changes that, but cards stay in their places.
            ranked = sorted(views, key=lambda c: (-c.attention, -c.share, c.index))
            self._order = [(view.memory, view.index) for view in ranked]
        views.sort(key=lambda view: self._order.index((view.memory, view.index)))
        self._thumbnails = self._browser.show_components(views)
        self._load_pictures(result)

    def _show_again(self) -> None:
        """Sets the cards back to what holds."""
        self._shown = None
        self.refresh()

    def _reason(self) -> str:
        shown = self._analysis.analysis.shown
        if shown is None:
            return "Open a model to see the components of its memory."
        if shown.failure is not None:
            return f"There is no result to browse. {shown.failure}"
        if self._slides.source is None:
            return "Open a slide to see which patches each component stands for."
        return "The components appear when the analysis is done."

    def _load_pictures(self, result: SlideResult) -> None:
        slide = self._slides.slide
        if slide is None:
            return
        generation = self._generation
        for thumbnail in self._thumbnails:
            if thumbnail.patch in self._pictures:
                thumbnail.set_image(self._pictures[thumbnail.patch])
        missing = [t for t in self._thumbnails if t.patch not in self._pictures]
        positions = [self._thumbnails.index(thumbnail) for thumbnail in missing]
        patches = [
            (*(int(v) for v in result.coords[thumbnail.patch]), result.size_level0)
            for thumbnail in missing
        ]
        ratio = self._browser.devicePixelRatioF()
        self._loading = self._jobs.start(
            read_patch_images(
                slide,
                [(x, y, side) for x, y, side in patches],
                round(THUMBNAIL_SIDE * ratio),
                lambda at, image: self._picture_ready.emit(generation, positions[at], image),
            ),
            done=lambda _: None,
            failed=lambda error: self._analysis.failed.emit(str(error)),
        )

    def _on_picture(self, generation: int, position: int, image: QImage) -> None:
        if generation == self._generation:
            thumbnail = self._thumbnails[position]
            self._pictures[thumbnail.patch] = image
            thumbnail.set_image(image)

    def go_to_patch(self, patch: int) -> None:
        """Centres the slide on a patch at 20x, or so that it fills the window."""
        result = self._analysis.result
        if result is None:
            return
        size = result.size_level0
        x, y = (int(v) for v in result.coords[patch])
        known = self._slides.known_mpp
        downsample = (
            MAGNIFICATION_MICRONS / _JUMP_MAGNIFICATION / known.mean if known else size / 256
        )
        self._canvas.slide_view.centre_on(x + size / 2, y + size / 2, downsample)
        self._chosen = patch
        self._highlight(patch)

    def _highlight_chosen(self) -> None:
        """Back to the patch that was clicked, once the cursor is over no other."""
        if self._chosen is None:
            self._canvas.slide_view.highlight(None)
        else:
            self._highlight(self._chosen)

    def _highlight(self, patch: int) -> None:
        result = self._analysis.result
        if result is None:
            return
        x, y = (int(v) for v in result.coords[patch])
        size = result.size_level0
        self._canvas.slide_view.highlight(Rect(x, y, x + size, y + size))


def _views(outcome: Outcome) -> list[ComponentView]:
    return [
        ComponentView(
            summary.use.memory,
            summary.use.index,
            summary.use.share,
            summary.use.attention,
            summary.patches,
            summary.similarities,
            muted=summary.use.index in outcome.result.muted.get(summary.use.memory, ()),
        )
        for summary in outcome.components
    ]
