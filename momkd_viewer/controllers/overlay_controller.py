"""Colours the slide by affinity or attention, with legend and hover values."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from momkd_core.result import SlideResult
from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.state.overlay_colours import (
    OverlayKind,
    PatchRaster,
    Scale,
    affinity_scale,
    attention_scale,
)
from momkd_viewer.state.viewport import Rect
from momkd_viewer.widgets.canvas import Canvas

OPACITY_STEP = 0.1


class OverlayController(QObject):
    """Signals:
    opacity_changed(float): 0 to 1, whoever changed it.
    """

    opacity_changed = Signal(float)

    def __init__(
        self, canvas: Canvas, analysis: AnalysisController, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._canvas, self._analysis = canvas, analysis
        self.kind: OverlayKind = "affinity"
        self.opacity = 0.5
        self._drawn: tuple[SlideResult, OverlayKind] | None = None
        self._raster: PatchRaster | None = None
        analysis.shown_changed.connect(self.refresh)
        canvas.slide_view.hovered.connect(self._on_hover)
        canvas.slide_view.left.connect(canvas.hover_card.hide)
        canvas.slide_view.opacity_stepped.connect(
            lambda step: self.set_opacity(self.opacity + step * OPACITY_STEP)
        )

    def set_kind(self, kind: OverlayKind) -> None:
        self.kind = kind
        self.refresh()

    def set_opacity(self, opacity: float) -> None:
        self.opacity = min(1.0, max(0.0, opacity))
        self._canvas.slide_view.set_opacity(self.opacity)
        self.opacity_changed.emit(self.opacity)

    def refresh(self) -> None:
        """Draws the chosen result's overlay, if that changed."""
        result = self._analysis.result
        if result is None:
            self._drawn = self._raster = None
            self._canvas.slide_view.clear_overlay()
            self._canvas.legend.hide()
            self._canvas.hover_card.hide()
            return
        if self._drawn is not None and self._drawn[0] is result and self._drawn[1] == self.kind:
            return
        if self._drawn is None or self._drawn[0] is not result:
            self._canvas.hover_card.hide()  # it spoke for another model or slide
            outcome = self._analysis.outcome
            assert outcome is not None
            self._raster = outcome.raster
        self._drawn = (result, self.kind)
        if self.kind == "none":
            self._canvas.slide_view.hide_overlay()
            self._canvas.legend.hide()
            return
        self._draw(result)

    def _draw(self, result: SlideResult) -> None:
        raster = self._raster
        assert raster is not None
        if self.kind == "affinity":
            values, scale = result.affinity, affinity_scale(result.affinity)
        else:
            scale = attention_scale(result.attention)
            values = (result.attention * len(result)).astype(np.float32)
        pixels = raster.image(values, scale)
        image = QImage(
            pixels.tobytes(),
            pixels.shape[1],
            pixels.shape[0],
            pixels.shape[1] * 4,
            QImage.Format.Format_RGBA8888,
        ).convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
        area = Rect(raster.left, raster.top, raster.right, raster.bottom)
        self._canvas.slide_view.show_overlay(image, area)
        self._canvas.slide_view.set_opacity(self.opacity)
        self._show_legend(scale)

    def _show_legend(self, scale: Scale) -> None:
        middle = (scale.low + scale.high) / 2
        shown = self._analysis.analysis.shown
        assert shown is not None
        card = shown.model.card
        signed = self.kind == "affinity"
        number = (lambda v: f"{v:+.3f}" if v else "0") if signed else (lambda v: f"{v:.2f}")
        title = "Affinity C⁺ − C⁻, this slide's range" if signed else f"Attention ({scale.unit})"
        captions = (card.negative, card.positive) if signed else ("less", "more")
        self._canvas.legend.show_scale(
            title, scale.colours, (number(scale.low), number(middle), number(scale.high)), captions
        )

    # -- hover -----------------------------------------------------------------------------------

    def _on_hover(self, x: float, y: float) -> None:
        result = self._analysis.result
        patch = self._raster.patch_at(x, y) if self._raster is not None else None
        if result is None or patch is None:
            self._canvas.hover_card.hide()
            return
        self._canvas.hover_card.show_rows(patch_rows(result, patch))
        self._canvas.place()


def patch_rows(result: SlideResult, patch: int) -> list[tuple[str, str]]:
    """Name and value of everything known about a patch."""
    rows = [
        ("affinity", f"{result.affinity[patch]:+.3f}"),
        ("attention", f"{result.attention[patch] * len(result):.2f} × even"),
    ]
    if result.match is not None:
        for memory, sign in (("positive", "⁺"), ("negative", "⁻")):
            similarities = result.match.of(memory)[patch]
            winner = int(similarities.argmax())
            rows.append((f"best C{sign}", f"C{sign}{winner}  {similarities[winner]:.3f}"))
    if result.tissue_fraction is not None:
        rows.append(("tissue", f"{result.tissue_fraction[patch]:.0%}"))
    return rows
