"""What changes a model's answers without training, put together: muting, curated models, cures."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QSettings, Signal
from PySide6.QtWidgets import QMainWindow

from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.blinding_controller import BlindingController
from momkd_viewer.controllers.case_controller import CaseController
from momkd_viewer.controllers.component_controller import ComponentController
from momkd_viewer.controllers.curation_controller import CurationController
from momkd_viewer.controllers.cure_controller import CureController
from momkd_viewer.controllers.preferences_controller import PreferencesController
from momkd_viewer.controllers.rescore_controller import RescoreController
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.jobs.cohort_slides import CohortSlides
from momkd_viewer.jobs.runner import JobRunner
from momkd_viewer.state.name_mask import NameMask


class MutingTools(QObject):
    """Attributes: rescoring, curation, cures.

    Signals:
        failed(str): a curated model cannot be saved.
        busy(str): what is being saved, '' when done.
    """

    failed = Signal(str)
    busy = Signal(str)

    def __init__(
        self,
        window: QMainWindow,
        components: ComponentController,
        slides: SlideController,
        analysis: AnalysisController,
        cases: CaseController,
        preferences: PreferencesController,
        blinding: BlindingController,
        names: NameMask,
        kept: CohortSlides,
        jobs: JobRunner,
        cohort_jobs: JobRunner,
        settings: QSettings,
    ) -> None:
        super().__init__(window)
        self.rescoring = RescoreController(
            window, components.dock, analysis, cases, names, kept, cohort_jobs
        )
        self.curation = CurationController(window, analysis, preferences, jobs, settings)
        self.rescoring.panel.save_wanted.connect(self.curation.ask)
        self.curation.failed.connect(self.failed)
        self.curation.busy.connect(self.busy)
        self.cures = CureController(window, slides, analysis, cases, names, cohort_jobs)
        blinding.changed.connect(self.rescoring.refresh)
        blinding.changed.connect(self.cures.refresh)

    def slots(self) -> dict[str, Callable[[], object]]:
        """What the menu entries do, by their names in the table of actions."""
        return {
            "muting_changes": self.rescoring.toggle,
            "save_curated": self.curation.ask,
            **self.cures.slots(),
        }
