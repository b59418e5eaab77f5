"""Fills the memory browser and joins it with the slide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from momkd_core.result import SlideResult
from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.patch_pictures import PatchPictures
from momkd_viewer.controllers.slide_controller import MAGNIFICATION_MICRONS, SlideController
from momkd_viewer.jobs.runner import JobRunner
from momkd_viewer.state.blinding import blinded
from momkd_viewer.state.component_patches import PatchPlace
from momkd_viewer.state.components import (
    Arrangement,
    CardOrder,
    ComponentView,
    VerdictMark,
    component_views,
)
from momkd_viewer.state.overlay_values import ComponentName
from momkd_viewer.state.viewport import Rect
from momkd_viewer.widgets.canvas import Canvas
from momkd_viewer.widgets.component_card import PatchThumbnail
from momkd_viewer.widgets.distribution import Distribution
from momkd_viewer.widgets.memory_browser import MemoryBrowser

_JUMP_MAGNIFICATION = 20.0


class MemoryController(QObject):
    """Cards for the chosen result; a click on a patch centres the slide on it.

    Attributes:
        pictures: of patches, for everything that shows some.
        views: every component of the shown result, as the model numbers them.
        open_place: opens the slide of a patch that lies on another one.

    Signals:
        cards_changed(): :attr:`views` are others now.
        patch_pointed(object): the patch under the cursor on the slide, as a position in the result;
            None where there is none.
    """

    patch_pointed = Signal(object)
    cards_changed = Signal()

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
        self._distribution, self._analysis = distribution, analysis
        self.pictures = PatchPictures(slides, jobs, browser.devicePixelRatioF, self)
        self._shown: SlideResult | None = None
        self._shown_for: object = None  # the encoded slide that the cards stand for
        self.views: list[ComponentView] = []
        self._waiting: dict[PatchPlace, list[PatchThumbnail]] = {}
        self._cards = CardOrder()
        self._verdicts: Mapping[ComponentName, VerdictMark] = {}
        self._chosen: int | None = None
        self._pointed: int | None = None
        self.open_place: Callable[[PatchPlace], None] = lambda place: slides.open(
            place.slide, place.mpp
        )
        self._going: PatchPlace | None = None  # where to, once its slide is open
        self.pictures.arrived.connect(self._on_picture)
        self.pictures.failed.connect(analysis.failed)
        analysis.shown_changed.connect(self.refresh)
        analysis.muting_refused.connect(self.show_again)
        slides.opened.connect(self._arrive)
        browser.mute_toggled.connect(analysis.set_muted)
        browser.arranged.connect(self._arrange)
        browser.seen.connect(self._want_pictures)
        browser.patch_chosen.connect(self.go_to_patch)
        browser.patch_entered.connect(self.highlight)
        browser.patch_left.connect(self.highlight_chosen)
        canvas.slide_view.hovered.connect(self._on_hover)
        canvas.slide_view.left.connect(lambda: self._point(None))

    # -- cards -----------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Shows the chosen result's components, or says why there are none."""
        result = self._analysis.result
        if result is not None and result is self._shown:
            return
        self._shown = result
        outcome = self._analysis.outcome
        if outcome is None or outcome.encoded is not self._shown_for:
            self._shown_for = None if outcome is None else outcome.encoded
            self._cards.forget()
            self._waiting = {}
            self._browser.forget()
            self._chosen = self._pointed = None
            self._canvas.slide_view.highlight(None)
        if result is None:
            self._distribution.clear()
            self._show_none(self._reason())
            return
        if result.affinity is None or result.attention is None:
            self._distribution.clear()
        else:
            self._distribution.show_values(result.affinity, result.attention)
        if result.match is None:
            self._show_none(result.no_components)
            return
        self._show_cards()

    def _show_none(self, reason: str) -> None:
        self.views = []
        self._browser.show_message(reason)
        self.cards_changed.emit()

    def _show_cards(self) -> None:
        outcome, shown = self._analysis.outcome, self._analysis.analysis.shown
        if outcome is None or shown is None or outcome.result.match is None:
            return
        self.views = component_views(outcome, self._verdicts, shown.drifts)
        cards = self._cards.of(self.views)
        self._browser.show_components(self.views, cards, self._cards.arrangement)
        self._want_pictures()
        self.cards_changed.emit()

    def set_verdicts(self, verdicts: Mapping[ComponentName, VerdictMark]) -> None:
        """Chips of the chosen model's components from now on."""
        self._verdicts = verdicts
        self._show_cards()

    def _arrange(self, arrangement: Arrangement) -> None:
        self._cards.arrange(arrangement)
        self._show_cards()

    def show_blinded(self) -> None:
        """The reader judges blinded from now on, or no more."""
        arrangement = self._cards.arrangement
        self._cards.forget()
        self._cards.arrange(replace(arrangement, sort="name" if blinded() else "attention"))
        self._browser.show_blinded()
        self._canvas.slide_view.highlight(None)
        self._chosen = None
        self.show_again()

    def show_again(self) -> None:
        """Sets the cards to what holds."""
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

    # -- pictures --------------------------------------------------------------------------------

    def place(self, patch: int) -> PatchPlace | None:
        """Where a patch of the shown result lies; None without one."""
        result, source = self._analysis.result, self._slides.source
        if result is None or source is None:
            return None
        x, y = (int(v) for v in result.coords[patch])
        return PatchPlace(source.path, x, y, result.size_level0)

    def _want_pictures(self) -> None:
        """Fills the thumbnails that are seen, or will be soon, as far as their pictures are there."""
        self._waiting = {}
        for thumbnail in self._browser.thumbnails:
            place = None if thumbnail.has_image else self.place(thumbnail.patch)
            if place is None:
                continue
            picture = self.pictures.picture(place)
            if picture is not None:
                thumbnail.set_image(picture)
            else:
                self._waiting.setdefault(place, []).append(thumbnail)
        self.pictures.want(self, list(self._waiting))

    def _on_picture(self, place: PatchPlace) -> None:
        picture = self.pictures.picture(place)
        if picture is None:
            return
        for thumbnail in self._waiting.pop(place, ()):
            thumbnail.set_image(picture)

    # -- slide and patches -----------------------------------------------------------------------

    def go_to_patch(self, patch: int) -> None:
        """Centres the slide on a patch at 20x, or so that it fills the window."""
        place = self.place(patch)
        if place is not None:
            self._centre_on(place)
            self.choose_patch(patch)

    def choose_patch(self, patch: int) -> None:
        """Frames a patch until another is chosen, wherever the cursor goes."""
        self._chosen = patch
        self.highlight(patch)

    def go_to_place(self, place: PatchPlace) -> None:
        """The same for a patch of any slide: another one is opened for it."""
        if self.is_shown(place):
            self._centre_on(place)
            self._frame(place)
        else:
            self._going = place
            self.open_place(place)

    def is_shown(self, place: PatchPlace) -> bool:
        """Whether a patch lies on what is open."""
        source = self._slides.source
        return source is not None and source.path == place.slide

    def _arrive(self) -> None:
        going, self._going = self._going, None
        if going is not None and self.is_shown(going):
            self.go_to_place(going)

    def _centre_on(self, place: PatchPlace) -> None:
        known, half = self._slides.known_mpp, place.size / 2
        if self._slides.slide is None:  # there is nothing to magnify, but surroundings to be seen
            self._canvas.slide_view.centre_on(place.x + half, place.y + half)
            return
        downsample = (
            MAGNIFICATION_MICRONS / _JUMP_MAGNIFICATION / known.mean if known else place.size / 256
        )
        self._canvas.slide_view.centre_on(place.x + half, place.y + half, downsample)

    def highlight_chosen(self) -> None:
        """Back to the patch that was clicked, once the cursor is over no other."""
        if self._chosen is None:
            self._canvas.slide_view.highlight(None)
        else:
            self.highlight(self._chosen)

    def highlight(self, patch: int) -> None:
        """Frames a patch on the slide."""
        place = self.place(patch)
        if place is not None:
            self._frame(place)

    def _frame(self, place: PatchPlace) -> None:
        x, y, size = place.x, place.y, place.size
        self._canvas.slide_view.highlight(Rect(x, y, x + size, y + size))

    def patch_at(self, x: float, y: float) -> int | None:
        """The patch of the shown result at a level-0 point."""
        outcome = self._analysis.outcome
        return None if outcome is None else outcome.raster.patch_at(x, y)

    def _on_hover(self, x: float, y: float) -> None:
        self._point(self.patch_at(x, y))

    def _point(self, patch: int | None) -> None:
        if patch != self._pointed:
            self._pointed = patch
            self._browser.mark_patch(patch)
            self.patch_pointed.emit(patch)
