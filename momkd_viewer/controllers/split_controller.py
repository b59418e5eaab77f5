"""Two views side by side: one slide under two overlays, or two slides that move together."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QSplitter

from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.overlay_controller import OverlayController
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.controllers.view_pair import ShownView, ViewPair
from momkd_viewer.jobs.runner import JobRunner
from momkd_viewer.state.name_mask import NameMask
from momkd_viewer.state.overlay_values import KINDS, OverlayKind
from momkd_viewer.state.view_link import ViewLink
from momkd_viewer.state.viewport import Viewport
from momkd_viewer.widgets.second_pane import SecondPane


class SplitController(QObject):
    """The second view. Its slide is the first one's until another is opened in it.

    Attributes:
        views: both views, and which of them is used.

    Signals:
        failed(str): its slide could not be opened, or not analysed.
        slide_wanted(): the user wants to choose another slide for it.
        changed(): it came, went, or shows another slide.
    """

    failed = Signal(str)
    slide_wanted = Signal()
    changed = Signal()

    def __init__(
        self,
        splitter: QSplitter,
        first: ShownView,
        overlay: OverlayController,
        jobs: JobRunner,
        analysis_jobs: JobRunner,
        mask: NameMask,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._splitter, self._mask = splitter, mask
        self._first, self._first_overlay = first, overlay
        self.pane = SecondPane(KINDS)
        self.slides = SlideController(self.pane.canvas, jobs, self)
        self.analysis = AnalysisController(
            self.slides, self.pane, self.pane.strip, analysis_jobs, jobs, self
        )
        self.analysis.starts_itself = False  # what it needs may be there in the first view
        self.overlay = OverlayController(self.pane.canvas, self.analysis, jobs, self)
        self.views = ViewPair(
            first, ShownView(self.pane, self.pane.canvas, self.slides, self.analysis), self
        )
        self._link: ViewLink | None = None
        self._moving = False
        self._follows = True  # the first view's slide
        self._opening_own = False  # another slide was asked for, and is not there yet
        splitter.addWidget(self.pane)
        self.pane.hide()
        self._connect()

    def _connect(self) -> None:
        first, second = self._first, self.views.second
        first.slide_view.view_changed.connect(lambda view: self._on_moved(view, first=True))
        second.slide_view.view_changed.connect(lambda view: self._on_moved(view, first=False))
        first.slides.opened.connect(self._on_first_opened)
        first.slides.closing.connect(self._on_first_closing)
        for slides in (first.slides, self.slides):
            slides.closing.connect(lambda: self.set_linked(False))  # it was for the slide that goes
        first.slides.rendition_changed.connect(self.slides.set_rendition)
        first.analysis.shown_changed.connect(self._share_results)
        self._first_overlay.opacity_changed.connect(self.overlay.set_opacity)
        self.slides.wanted.connect(self._mask.meet_slide)
        self.slides.opened.connect(self._on_opened)
        self.slides.not_opened.connect(self._on_not_opened)
        self.slides.closing.connect(self.pane.canvas.banner.hide)  # it spoke about this slide
        for source in (self.slides, self.analysis):
            source.failed.connect(self.failed)
        self.pane.kind_chosen.connect(self._choose_kind)
        self.pane.linked.connect(self.set_linked)
        self.pane.slide_wanted.connect(self.slide_wanted)
        self.pane.closed.connect(self.close)

    # -- the pane --------------------------------------------------------------------------------

    @property
    def shown(self) -> bool:
        return not self.pane.isHidden()

    @property
    def tiles_complete(self) -> bool:
        """Whether the second view has all it shows; where it is closed, too."""
        return not self.shown or self.slides.tiles_complete

    def shut_down(self) -> None:
        """At the end of the application: waits for readers, then closes the file."""
        self.slides.shut_down()

    def toggle(self) -> None:
        """Opens the second view beside the first, or closes it."""
        if self.shown:
            self.close()
        else:
            self._show_pane()
            self._follow_first()

    def close(self) -> None:
        self._link = None
        self._opening_own = False
        self.views.set_split(False)
        self.slides.close()
        self.pane.hide()
        self._first.slide_view.setFocus()
        self.changed.emit()

    def open(self, path: Path, mpp: float | None = None) -> None:
        """Shows another slide in the second view, from when it could be opened."""
        self._show_pane()
        self._opening_own = True
        self.slides.open(path, mpp)

    def _show_pane(self) -> None:
        if self.shown:
            return
        self._follows = True
        kind: OverlayKind = "affinity" if self._first_overlay.kind != "affinity" else "attention"
        self._choose_kind(kind)
        self.pane.show()
        half = self._splitter.width() // 2
        self._splitter.setSizes([half, half])
        self.views.set_split(True)
        self.overlay.set_opacity(self._first_overlay.opacity)
        self.slides.set_rendition(self._first.slides.rendition)

    def _choose_kind(self, kind: OverlayKind) -> None:
        self.overlay.set_kind(kind)
        self.pane.show_kind(kind)

    # -- which slide -----------------------------------------------------------------------------

    @property
    def follows(self) -> bool:
        """Whether the second view shows whatever the first one does."""
        return self._follows

    def _on_first_opened(self) -> None:
        if not self.shown or self._opening_own:
            return
        if self._follows:
            self._follow_first()
        else:
            self.set_linked(False)

    def _on_first_closing(self) -> None:
        if not self.shown or self._opening_own:
            return
        if self._follows:
            self.slides.close()
        elif self.same_slide:  # it has to be analysed here from now on
            self.analysis.adopt(self._first.analysis, with_results=False)

    def _follow_first(self) -> None:
        source = self._first.slides.source
        if source is not None:
            self.slides.open(source.path, source.mpp, source.features)

    def _on_opened(self) -> None:
        self._follows, self._opening_own = not self._opening_own, False
        self.show_names()
        self.set_linked(True, align=True)
        self._share_results()
        self.changed.emit()

    def _on_not_opened(self) -> None:
        """The slide that was asked for is none: all is as it was before."""
        if not self._opening_own:
            return
        self._opening_own = False
        if self._follows and not self.same_slide:  # the first went on meanwhile
            self.slides.close()
            self._follow_first()

    def show_names(self) -> None:
        """Says which slide it is, as names are shown now."""
        source = self.slides.source
        self.pane.show_name("" if source is None else self._mask.slide(source.path))

    @property
    def same_slide(self) -> bool:
        """Whether both views show one file at one resolution."""
        first, second = self._first.slides.source, self.slides.source
        return (
            first is not None
            and second is not None
            and (first.path, first.mpp) == (second.path, second.mpp)
        )

    # -- results ---------------------------------------------------------------------------------

    def _share_results(self) -> None:
        """The first view's models; of the same slide its results too, so nothing is computed twice."""
        if self.shown and self.slides.source is not None:
            self.analysis.adopt(self._first.analysis, with_results=self.same_slide)

    @property
    def _analysis_in_use(self) -> AnalysisController:
        """Where what the active view shows comes from."""
        return self._first.analysis if self.same_slide else self.views.active.analysis

    def run_again(self) -> None:
        """Runs the models again on what the active view shows."""
        self._analysis_in_use.run_again()

    def cancel(self) -> None:
        """Stops the running analysis of what the active view shows."""
        self._analysis_in_use.cancel()

    # -- moving together -------------------------------------------------------------------------

    @property
    def is_linked(self) -> bool:
        return self._link is not None

    def toggle_link(self) -> None:
        self.set_linked(not self.is_linked)

    def set_linked(self, linked: bool, *, align: bool = False) -> None:
        """Has both views move together from where they are now, or each for itself.

        Args:
            align: at the same microns per pixel and, of one slide, at the same place.
        """
        first, second = (view.slide_view.view for view in self.views.both)
        self._link = None
        if linked and first is not None and second is not None:
            mpp = [
                slides.known_mpp.mean if slides.known_mpp else None
                for slides in (view.slides for view in self.views.both)
            ]
            link = ViewLink.between(first, second, mpp[0], mpp[1], same_slide=self.same_slide)
            self._link = link.at_equal_zoom() if align else link
            if align:
                self._on_moved(first, first=True)
        self.pane.show_linked(self.is_linked)

    def _on_moved(self, view: Viewport, *, first: bool) -> None:
        mine, other = self._first.slide_view, self.views.second.slide_view
        if not first:
            mine, other = other, mine
        if self._link is None or self._moving or mine.view is None or other.view is None:
            return
        move = self._link.follow if first else self._link.lead
        self._moving = True
        try:
            other.show_view(move(view, other.view))
        finally:
            self._moving = False
