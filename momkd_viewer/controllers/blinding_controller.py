"""Blinded mode: switched in the menu, kept for the next start, told to all who show something."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QObject, QSettings, Signal
from PySide6.QtGui import QAction

from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.state.blinding import blinded, meet_components, set_blinded

_KEPT = "blinded"
#: Menu entries that would give polarity away; a second view has results of its own.
_HIDDEN = (
    "overlay_affinity",
    "overlay_attention",
    "overlay_positive_winner",
    "overlay_negative_winner",
    "split_view",
    "open_second",
    "link_views",
    "agreement",
    "muting_changes",
    "save_curated",
    "export_evidence",
    "save_report",
    "try_cures",
    "try_cures_here",
    "open_evidence",
    "tour",
)


class BlindingController(QObject):
    """Made before whoever shows results, so that components have their names in time.

    Signals:
        changed(): the reader judges blinded from now on, or no more.
    """

    changed = Signal()

    def __init__(
        self, analysis: AnalysisController, settings: QSettings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._analysis, self._settings = analysis, settings
        self._actions: Mapping[str, QAction] = {}
        set_blinded(str(settings.value(_KEPT, "false")).lower() == "true")
        self._meet()
        analysis.shown_changed.connect(self._meet)

    def attach(self, actions: Mapping[str, QAction]) -> None:
        """Has the menu follow, from now on."""
        self._actions = actions
        self._show()

    def toggle(self) -> None:
        """Blinds the reader, or no more."""
        set_blinded(not blinded())
        self._settings.setValue(_KEPT, blinded())
        self._show()
        self.changed.emit()

    def _meet(self) -> None:
        shown = self._analysis.analysis.shown
        if shown is not None:
            model = shown.model
            components = 0 if model.no_components else model.card.model.components
            meet_components(model.origin_sha256, components)

    def _show(self) -> None:
        for name in _HIDDEN:
            self._actions[name].setVisible(not blinded())
        self._actions["blinded"].setChecked(blinded())
