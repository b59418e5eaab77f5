"""What a review needs, put together: verdicts, where they are kept, agreement, blinded mode."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

from momkd_viewer.controllers.agreement_controller import AgreementController
from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.blinding_controller import BlindingController
from momkd_viewer.controllers.case_controller import CaseController
from momkd_viewer.controllers.component_controller import ComponentController
from momkd_viewer.controllers.inspection_controller import InspectionController
from momkd_viewer.controllers.memory_controller import MemoryController
from momkd_viewer.controllers.overlay_controller import OverlayController
from momkd_viewer.controllers.preferences_controller import PreferencesController
from momkd_viewer.controllers.review_keeper import ReviewKeeper
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.controllers.split_controller import SplitController
from momkd_viewer.controllers.verdict_controller import VerdictController
from momkd_viewer.jobs.runner import JobRunner
from momkd_viewer.state.blinding import blinded
from momkd_viewer.state.name_mask import NameMask
from momkd_viewer.widgets.case_list import CaseList
from momkd_viewer.widgets.case_verdict import CaseVerdict


class ReviewTools(QObject):
    """Attributes: keeper, verdicts, agreement.

    Signals:
        failed(str): a verdict cannot be given, or not be saved yet.
        recovered(str): what was told then holds no more.
    """

    failed = Signal(str)
    recovered = Signal(str)

    def __init__(
        self,
        window: QWidget,
        case_verdict: CaseVerdict,
        case_list: CaseList,
        blinding: BlindingController,
        slides: SlideController,
        analysis: AnalysisController,
        overlay: OverlayController,
        split: SplitController,
        memory: MemoryController,
        components: ComponentController,
        inspection: InspectionController,
        cases: CaseController,
        preferences: PreferencesController,
        names: NameMask,
        jobs: JobRunner,
    ) -> None:
        super().__init__(window)
        self._blinding, self._split = blinding, split
        self.keeper = ReviewKeeper(window, jobs)
        self.keeper.failed.connect(self.failed)
        self.keeper.recovered.connect(self.recovered)
        self.verdicts = VerdictController(
            window,
            case_verdict,
            self.keeper,
            slides,
            analysis,
            memory,
            components,
            cases,
            preferences,
        )
        self.verdicts.failed.connect(self.failed)
        self.agreement = AgreementController(window, self.keeper, names.case_alone)
        # Cards first: what lies beside them follows them.
        self._shown_again = (
            memory.show_blinded,
            overlay.show_again,
            components.show_again,
            inspection.show_again,
            analysis.show_again,
            case_list.show_blinded,
            self.verdicts.refresh,
            self.agreement.refresh,
        )
        blinding.changed.connect(self._show_blinded)

    def slots(self) -> dict[str, Callable[[], object]]:
        """What the menu entries of the review do."""
        return {
            **self.verdicts.slots(),
            "blinded": self._blinding.toggle,
            "agreement": self.agreement.show,
        }

    def attach(self, actions: Mapping[str, QAction]) -> None:
        """Takes over the menu entries, once they are made."""
        self._blinding.attach(actions)
        if blinded():
            self._show_blinded()

    def flush(self) -> str | None:
        """At the end of the application: saves what is not saved; why that failed, or None."""
        self.verdicts.finish_notes()
        return self.keeper.flush()

    def _show_blinded(self) -> None:
        if blinded() and self._split.shown:
            self._split.close()
        for show in self._shown_again:
            show()
