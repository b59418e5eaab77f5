"""Opens whatever is asked for: files that are chosen, dropped or named on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QSettings, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from momkd_core.feature_folder import FEATURE_SUFFIXES
from momkd_core.slide import SLIDE_SUFFIXES
from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.case_controller import CaseController
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.controllers.split_controller import SplitController

_SLIDE_FILES = (
    f"Slides ({' '.join(f'*{suffix}' for suffix in SLIDE_SUFFIXES)});;"
    f"Features ({' '.join(f'*{suffix}' for suffix in FEATURE_SUFFIXES)});;All files (*)"
)


class OpeningController(QObject):
    """Signals:
    failed(str): it is nothing that can be opened.
    wanted(Path): something is going to be opened.
    slide_wanted(): it is a slide for the first view.
    evidence_wanted(Path): it is a bundle of evidence.
    """

    failed = Signal(str)
    wanted = Signal(Path)
    slide_wanted = Signal()
    evidence_wanted = Signal(Path)

    def __init__(
        self,
        window: QWidget,
        slides: SlideController,
        analysis: AnalysisController,
        cases: CaseController,
        split: SplitController,
        settings: QSettings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._window, self._settings = window, settings
        self._slides, self._analysis, self._cases, self._split = slides, analysis, cases, split
        split.slide_wanted.connect(self.ask_for_second_slide)

    def open(self, path: Path, mpp: float | None = None) -> None:
        """Opens a slide, its features, a cohort, a model, a run or evidence, whatever it is.

        Args:
            mpp: a slide's microns per pixel, or those of slides whose row states none.
        """
        self.wanted.emit(path)
        if path.suffix.lower() == ".safetensors" or (path / "folds").is_dir():
            self._analysis.open_model(path)
        elif path.suffix.lower() == ".csv" or path.is_dir():
            self._cases.open(path, mpp)
        elif path.suffix.lower() == ".zip":
            self.evidence_wanted.emit(path)
        else:
            self.slide_wanted.emit()
            self._slides.open(path, mpp)

    # -- asking ----------------------------------------------------------------------------------

    def slots(self) -> dict[str, Callable[[], object]]:
        """What the menu entries do, by their names in the table of actions."""
        return {
            "open_slide": self.ask_for_slide,
            "open_second": self.ask_for_second_slide,
            "open_cohort": self.ask_for_cohort,
            "open_model": self.ask_for_model,
            "open_run": self.ask_for_run,
            "open_evidence": self.ask_for_evidence,
        }

    def ask_for_slide(self) -> None:
        self._ask("Open slide", _SLIDE_FILES)

    def ask_for_second_slide(self) -> None:
        self._ask("Open slide in the second view", _SLIDE_FILES, chosen=self._split.open)

    def ask_for_cohort(self) -> None:
        self._ask("Open cohort", "Cohort tables (*.csv);;All files (*)")

    def ask_for_model(self) -> None:
        self._ask("Open model", "Models (*.safetensors);;All files (*)")

    def ask_for_run(self) -> None:
        self._ask("Open run folder", "", folder=True)

    def ask_for_evidence(self) -> None:
        self._ask("Open evidence", "Evidence bundles (*.zip);;All files (*)")

    def _ask(
        self,
        title: str,
        pattern: str,
        *,
        folder: bool = False,
        chosen: Callable[[Path], None] | None = None,
    ) -> None:
        folder_before = str(self._settings.value("folder", ""))
        dialog = QFileDialog(self._window, title, folder_before, pattern)
        if folder:
            dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self._on_chosen(Path(name), chosen or self.open))
        dialog.open()

    def _on_chosen(self, path: Path, then: Callable[[Path], None]) -> None:
        self._settings.setValue("folder", str(path.parent))
        then(path)
