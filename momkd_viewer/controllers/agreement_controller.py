"""The agreement window: opened from the menu, kept at what the review says."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from momkd_viewer.controllers.review_keeper import ReviewKeeper
from momkd_viewer.state.agreement_table import agreement_table
from momkd_viewer.state.blinding import HIDDEN, blinded
from momkd_viewer.widgets.agreement_window import AgreementWindow


class AgreementController(QObject):
    """Attributes:
    window: once it was asked for.

    Args:
        named: how a case is called.
    """

    def __init__(self, parent: QWidget, keeper: ReviewKeeper, named: Callable[[str], str]) -> None:
        super().__init__(parent)
        self._parent, self._keeper, self._named = parent, keeper, named
        self.window: AgreementWindow | None = None
        keeper.changed.connect(self.refresh)

    def show(self) -> None:
        """Opens the window, or brings it to the front."""
        if self.window is None:
            self.window = AgreementWindow(self._parent)
        self.refresh()
        self.window.show()
        self.window.activateWindow()

    def refresh(self) -> None:
        """Shows what holds now; nothing of others while judging blinded."""
        window, found = self.window, self._keeper.comparison
        if window is None:
            return
        if blinded():
            window.show_reason(HIDDEN)
        elif self._keeper.rows is None:
            window.show_reason("Open a model: agreement is about the verdicts on one model.")
        elif found is None:
            window.show_reason(
                "Fewer than two reviewers have judged this model, so there is nothing to compare. "
                "Have another reviewer judge the same components, or name the team's review in "
                "Preferences."
            )
        else:
            window.show_tables(
                agreement_table(found.term, self._named),
                agreement_table(found.credible, self._named),
            )
