"""What goes into the report of a case."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from momkd_viewer.widgets.told_dialog import ToldDialog


class ReportDialog(ToldDialog):
    """What a report is to tell."""

    def __init__(
        self, *, masked: bool, has_components: bool, muted: str, parent: QWidget | None = None
    ) -> None:
        """``muted``: names of the components that are left out, '' where none is."""
        super().__init__(
            "Save report as PDF", masked=masked, has_components=has_components, parent=parent
        )
        without = f" It leaves out what is muted now: {muted}." if muted else ""
        self.lay_out(
            (self.verdicts, self.identities),
            "A4 pages for a meeting: the answer and how certain it is, affinity and attention over "
            f"the slide, caveats, components, the model's card.{without}",
        )
