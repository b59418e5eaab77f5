"""Joins the overlay with what chooses it: toolbar, menu, keys, range, memory browser, legend."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.overlay_controller import OPACITY_STEP, OverlayController
from momkd_viewer.state.overlay_values import KINDS, WINNERS, OverlayChoice, missing, shown_values
from momkd_viewer.widgets.held_key import HeldKey
from momkd_viewer.widgets.legend import Legend
from momkd_viewer.widgets.memory_browser import MemoryBrowser
from momkd_viewer.widgets.overlay_bar import OverlayBar
from momkd_viewer.widgets.range_popover import RangePopover

_CHECKED = ("toggle_overlay", "rank_scale", "smooth_overlay", "fold_legend")


class OverlayPanelController(QObject):
    """Keeps every control at what is shown, whoever chose it."""

    def __init__(
        self,
        window: QWidget,
        overlay: OverlayController,
        analysis: AnalysisController,
        bar: OverlayBar,
        browser: MemoryBrowser,
        legend: Legend,
    ) -> None:
        super().__init__(window)
        self._window, self._overlay, self._analysis = window, overlay, analysis
        self._bar, self._browser, self._legend = bar, browser, legend
        self._actions: Mapping[str, QAction] = {}
        self.popover = RangePopover(window)
        bar.kind_chosen.connect(overlay.set_kind)
        bar.component_chosen.connect(overlay.show_component)
        bar.opacity_chosen.connect(overlay.set_opacity)
        bar.range_wanted.connect(self.choose_range)
        bar.peeked.connect(overlay.set_peek)
        browser.show_toggled.connect(self._on_component)
        self.popover.range_chosen.connect(overlay.set_range)
        legend.size_changed.connect(self._refresh)
        overlay.opacity_changed.connect(bar.show_opacity)
        overlay.choice_changed.connect(lambda _: self._refresh())
        analysis.shown_changed.connect(self._refresh)
        bar.show_opacity(overlay.opacity)
        self._refresh()

    def slots(self) -> dict[str, Callable[[], object]]:
        """What the overlay's menu entries do, by their names in the table of actions."""
        overlay = self._overlay
        kinds = {
            f"overlay_{kind}": lambda k=kind: overlay.set_kind(k)
            for kind, _ in KINDS
            if kind != "none"
        }
        return {
            **kinds,
            "toggle_overlay": overlay.toggle,
            "peek": lambda: overlay.set_peek(not overlay.choice.peek),
            "rank_scale": self._toggle_ranks,
            "smooth_overlay": lambda: overlay.set_smooth(not overlay.choice.smooth),
            "overlay_range": self.choose_range,
            "fold_legend": lambda: self._legend.set_folded(not self._legend.folded),
            "opacity_up": lambda: overlay.set_opacity(overlay.opacity + OPACITY_STEP),
            "opacity_down": lambda: overlay.set_opacity(overlay.opacity - OPACITY_STEP),
        }

    def attach(self, actions: Mapping[str, QAction]) -> None:
        """Keeps the menu entries at what is shown, from now on."""
        self._actions = {name: actions[name] for name in _CHECKED}
        for action in self._actions.values():
            action.setCheckable(True)
        held = HeldKey(self._window, actions["peek"])
        held.released.connect(lambda: self._overlay.set_peek(False))
        self._refresh()

    def _toggle_ranks(self) -> None:
        self._overlay.set_scale("raw" if self._overlay.choice.scale == "rank" else "rank")

    def choose_range(self) -> None:
        """Opens the range below its button, for the values of the shown result."""
        self._refresh()
        result, choice = self._analysis.result, self._overlay.choice
        if result is None or choice.kind == "none" or missing(result, choice) is not None:
            return
        values = shown_values(result, choice)
        values = values[np.isfinite(values)]
        percent = choice.is_ranked or choice.kind == "tissue"
        bounds = (0.0, 1.0) if percent else (float(values.min()), float(values.max()))
        title = _range_title(choice)
        self.popover.show_range(title, bounds, choice.low, choice.high, percent=percent)
        self.popover.open_below(self._bar.range_button)

    def _on_component(self, memory: str, index: int, shown: bool) -> None:
        if shown:
            self._overlay.show_component(memory, index)
        else:
            self._overlay.hide_component()

    def _refresh(self) -> None:
        choice, shown = self._overlay.choice, self._analysis.analysis.shown
        alone = shown is not None and not shown.model.no_components
        components = shown.model.card.model.components if shown is not None and alone else 0
        self._bar.show_choice(choice, components)
        mapped = (choice.component.memory, choice.component.index)
        self._browser.mark_shown(mapped if choice.kind == "similarity" else None)
        holds = (choice.kind != "none", choice.scale == "rank", choice.smooth, self._legend.folded)
        for name, checked in zip(_CHECKED, holds, strict=True):
            if name in self._actions:
                self._actions[name].setChecked(checked)


def _range_title(choice: OverlayChoice) -> str:
    if choice.kind in WINNERS:
        return "Similarity to the winning component"
    names = {
        "affinity": "Affinity C⁺ − C⁻",
        "attention": "Attention, × even share",
        "similarity": f"Similarity to {choice.component.text}",
        "tissue": "Tissue fraction",
    }
    name = names[choice.kind]
    return f"{name}: rank among the slide's patches" if choice.is_ranked else name
