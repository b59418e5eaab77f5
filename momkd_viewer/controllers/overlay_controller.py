"""Colours the slide as chosen, with legend and hover card."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from momkd_core.result import SlideResult
from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.jobs.overlay_work import DrawnOverlay, OverlayRequest, draw, draw_overlay
from momkd_viewer.jobs.runner import Job, JobRunner
from momkd_viewer.state.blinding import blinded
from momkd_viewer.state.overlay_values import (
    POLAR,
    ComponentName,
    OverlayChoice,
    OverlayKind,
    ScaleKind,
)
from momkd_viewer.state.patch_facts import patch_facts
from momkd_viewer.widgets.canvas import Canvas

OPACITY_STEP = 0.1


class OverlayController(QObject):
    """Signals:
    opacity_changed(float): 0 to 1, whoever changed it.
    choice_changed(OverlayChoice): whoever changed it.
    drawn(): an overlay, or none, is shown now.
    """

    opacity_changed = Signal(float)
    choice_changed = Signal(object)
    drawn = Signal()

    def __init__(
        self,
        canvas: Canvas,
        analysis: AnalysisController,
        jobs: JobRunner,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._canvas, self._analysis, self._jobs = canvas, analysis, jobs
        self.choice = OverlayChoice()
        self.opacity = 0.5
        self._before: OverlayChoice | None = None  # a component was asked for, or nothing
        self._wanted: tuple[SlideResult, OverlayChoice] | None = None
        self._drawing: Job | None = None
        self._peeked = False  # as it is on the canvas
        self.shown: DrawnOverlay | None = None
        analysis.shown_changed.connect(self.refresh)
        canvas.slide_view.hovered.connect(self._on_hover)
        canvas.slide_view.left.connect(canvas.hover_card.hide)
        canvas.slide_view.opacity_stepped.connect(
            lambda step: self.set_opacity(self.opacity + step * OPACITY_STEP)
        )

    # -- choosing --------------------------------------------------------------------------------

    @property
    def kind(self) -> OverlayKind:
        return self.choice.kind

    def set_choice(self, choice: OverlayChoice) -> None:
        if choice == self.choice:
            return
        self.choice = choice
        self.choice_changed.emit(choice)
        self.refresh()

    def set_kind(self, kind: OverlayKind) -> None:
        self._before = None
        self.set_choice(replace(self.choice.of_kind(kind), peek=False))

    def toggle(self) -> None:
        """No overlay, or the one before."""
        if self.kind == "none":
            self._return("affinity")
        else:
            self._before = self.choice
            self.set_choice(replace(self.choice.of_kind("none"), peek=False))

    def show_component(self, memory: str, index: int) -> None:
        """The similarity to a component."""
        if self.kind != "similarity":
            self._before = self.choice
        self.set_choice(self.choice.of_component(ComponentName(memory, index)))

    def hide_component(self) -> None:
        """Back to what was shown before a component was asked for."""
        self._return("affinity")

    def _return(self, otherwise: OverlayKind) -> None:
        before, self._before = self._before, None
        if before is None or before.kind == self.kind:
            self.set_kind(otherwise)
        else:
            self.set_choice(replace(before, peek=False))

    def set_range(self, low: float | None, high: float | None) -> None:
        """Patches outside become transparent; None: no limit."""
        self.set_choice(replace(self.choice, low=low, high=high))

    def set_scale(self, scale: ScaleKind) -> None:
        self.set_choice(self.choice.scaled(scale))

    def set_smooth(self, smooth: bool) -> None:
        self.set_choice(replace(self.choice, smooth=smooth))

    def set_peek(self, peek: bool) -> None:
        """Hides the overlay for a look at the slide; nothing is drawn anew."""
        self.set_choice(replace(self.choice, peek=peek))

    def set_opacity(self, opacity: float) -> None:
        self.opacity = min(1.0, max(0.0, opacity))
        self._canvas.slide_view.set_opacity(self.opacity)
        self.opacity_changed.emit(self.opacity)

    # -- drawing ---------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Draws the chosen result's overlay, if that changed."""
        outcome, shown = self._analysis.outcome, self._analysis.analysis.shown
        if outcome is None or shown is None:
            self._forget()
            return
        if self._wanted is None or self._wanted[0] is not outcome.result:
            self._canvas.hover_card.hide()  # it spoke for another model or slide
        wanted = (outcome.result, self.choice.picture)
        before = self._wanted
        if before is not None and before[0] is wanted[0] and before[1] == wanted[1]:
            if self._peeked != self.choice.peek:
                self._show()
            return
        self._wanted = wanted
        self._stop_drawing()
        if self.kind == "none":
            self.shown = None
            self._show()
            return
        card = shown.model.card
        request = OverlayRequest(
            outcome.result, outcome.raster, self.choice.picture, (card.negative, card.positive)
        )
        if request.is_quick:
            self._on_drawn(draw(request))
            return
        self._drawing = self._jobs.start(
            draw_overlay(request),
            done=self._on_drawn,
            failed=lambda error: self._analysis.failed.emit(str(error)),
        )

    def show_again(self) -> None:
        """Draws what is shown anew: it is worded or coloured in another way from now on."""
        if blinded() and self.kind in POLAR:
            self._before = None
            self.set_kind("none")
        self._wanted = None
        self.refresh()
        self.choice_changed.emit(self.choice)

    def _on_drawn(self, drawn: DrawnOverlay) -> None:
        self.shown = drawn
        self._show()

    def _show(self) -> None:
        """Puts on the canvas what was drawn."""
        drawn, view = self.shown, self._canvas.slide_view
        self._peeked = self.choice.peek
        if drawn is None or drawn.image is None or self.choice.peek:
            view.hide_overlay()
        else:
            view.show_overlay(drawn.image, drawn.area, smooth=drawn.request.choice.is_smooth)
            view.set_opacity(self.opacity)
        if drawn is None:
            self._canvas.legend.clear()
        else:
            self._canvas.legend.show_content(drawn.colours.legend)
        self._canvas.place()
        nearest = view.nearest
        if nearest is not None and self._canvas.hover_card.isVisible():
            self._on_hover(*nearest)  # the value that is shown is another one
        self.drawn.emit()

    def _stop_drawing(self) -> None:
        if self._drawing is not None:
            self._drawing.cancel()
            self._drawing = None

    def _forget(self) -> None:
        self._stop_drawing()
        self._wanted = self.shown = None
        self._canvas.slide_view.clear_overlay()
        self._canvas.legend.clear()
        self._canvas.hover_card.hide()
        self.drawn.emit()

    # -- hover -----------------------------------------------------------------------------------

    def _on_hover(self, x: float, y: float) -> None:
        outcome = self._analysis.outcome
        patch = outcome.raster.patch_at(x, y) if outcome is not None else None
        if outcome is None or patch is None:
            self._canvas.hover_card.hide()
            return
        drawn = self.shown
        current = drawn is not None and drawn.request.result is outcome.result
        choice = drawn.request.choice if drawn is not None and current else OverlayChoice("none")
        values = drawn.colours.values if drawn is not None and current else None
        facts = patch_facts(outcome.result, patch, choice, values)
        self._canvas.hover_card.show_facts(facts)
        self._canvas.place()
