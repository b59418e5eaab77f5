"""Opens evidence bundles: their model, their slide, and what was shown of it."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSettings, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from momkd_core.errors import MomkdError
from momkd_core.slide import SLIDE_SUFFIXES
from momkd_viewer.controllers.analysis_controller import AnalysisController
from momkd_viewer.controllers.annotation_controller import AnnotationController
from momkd_viewer.controllers.case_controller import CaseController
from momkd_viewer.controllers.evidence_view import EvidenceView
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.jobs.evidence_work import OpenedEvidence, check_slide, open_evidence
from momkd_viewer.jobs.runner import Job, JobRunner
from momkd_viewer.state.analysis import muted_set
from momkd_viewer.state.blinding import blinded
from momkd_viewer.state.name_mask import NameMask
from momkd_viewer.state.source import Source

if TYPE_CHECKING:
    from momkd_core.checkpoint import Model

_SLIDES = f"Slides ({' '.join(f'*{suffix}' for suffix in SLIDE_SUFFIXES)});;All files (*)"
#: Results that differ by less are of the same features and another processor.
_SAME_PROBABILITY = 5e-4
_NO_MODEL = (
    "{bundle} was written without its model ({source}). Open that model, then the bundle again."
)
_BLINDED = (
    "Evidence tells what a model says of a case, and you judge blinded. Leave blinded mode (Review, "
    "Blinded mode), then open the bundle again."
)
_OTHER_RESULT = (
    "The bundle says {predicted} with a probability of {told:.3f}, and here it is {found:.3f}: the "
    "slide's features are others than those that the bundle was written of."
)
_OWN_ANNOTATIONS = (
    "The slide has annotations of its own; the {count} of the bundle are in its annotations.geojson "
    "(File, Import annotations)."
)


class EvidenceOpening(QObject):
    """Signals:
    failed(str): a bundle cannot be opened, or not to all of what it was.
    busy(str): what is being opened, '' when done.
    restored(): a bundle's slide and view are shown; the analysis follows.
    """

    failed = Signal(str)
    busy = Signal(str)
    restored = Signal()

    def __init__(
        self,
        window: QWidget,
        slides: SlideController,
        analysis: AnalysisController,
        annotations: AnnotationController,
        cases: CaseController,
        view: EvidenceView,
        recent: Callable[[], Sequence[str]],
        mask: NameMask,
        jobs: JobRunner,
        settings: QSettings,
    ) -> None:
        super().__init__(window)
        self._window, self._slides, self._analysis = window, slides, analysis
        self._annotations, self._cases, self._view = annotations, cases, view
        self._recent, self._mask = recent, mask
        self._jobs, self._settings = jobs, settings
        self._folder: Path | None = None  # where models of bundles lie
        self._opening: Job | None = None
        self._awaited: tuple[OpenedEvidence, Path] | None = None  # its slide is being opened
        self._unproven: OpenedEvidence | None = None  # its result is not known yet
        self._annotated: OpenedEvidence | None = None  # the slide's annotations are not loaded yet
        slides.opened.connect(self._on_opened)
        slides.wanted.connect(self._stop_waiting)
        slides.not_opened.connect(self._stop_waiting)
        slides.closing.connect(self._on_closing)
        analysis.shown_changed.connect(self._on_analysis)
        annotations.store.loaded.connect(self._on_annotations)

    # -- reading ---------------------------------------------------------------------------------

    def open(self, path: Path) -> None:
        """Opens a bundle; its slide is looked for, or asked for. Not while judging blinded."""
        if blinded():
            self.failed.emit(_BLINDED)
            return
        if self._opening is not None:
            self._opening.cancel()
        self._opening = self._jobs.start(
            open_evidence(path, self._unpacking_folder(), self._near()),
            done=self._on_read,
            failed=self._fail,
            progress=lambda at, total, what: self.busy.emit(what),
            finally_=lambda: self.busy.emit(""),
        )

    def _unpacking_folder(self) -> Path:
        """A new one; all of them go with the window, or with the application."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="momkd-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return Path(tempfile.mkdtemp(dir=self._folder))

    def _near(self) -> tuple[Source, ...]:
        """Slides that are at hand, the likeliest first."""
        opened = () if self._slides.source is None else (self._slides.source,)
        listed = tuple(entry.source for entry in self._cases.work.entries)
        return (*opened, *listed, *(Source.of(Path(path)) for path in self._recent()))

    def _on_read(self, opened: OpenedEvidence) -> None:
        if self._model(opened) is None:
            record = opened.record
            bundle = opened.content.path.name
            self.failed.emit(_NO_MODEL.format(bundle=bundle, source=record.model.source))
        elif opened.source is not None:
            self._restore(opened, opened.source)
        else:
            self._ask_for_slide(opened)

    def _model(self, opened: OpenedEvidence) -> Model | None:
        """The bundle's, or an open one that gave its result."""
        if opened.model is not None:
            return opened.model
        models = [entry.model for entry in self._analysis.analysis.models]
        wanted = opened.record.model.sha256
        return next((model for model in models if model.sha256 == wanted), None)

    def _ask_for_slide(self, opened: OpenedEvidence) -> None:
        """The slide was not found: the user says where it lies, and it has to be the same."""
        slide = opened.record.slide
        size = f"{slide.fingerprint.width:,} × {slide.fingerprint.height:,} px"
        name = "" if self._mask.on else f"{slide.name}, "  # a bundle with identities tells it
        title = f"Where is the slide of this bundle? {name}{size}"
        dialog = QFileDialog(self._window, title, str(self._settings.value("folder", "")), _SLIDES)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.take_slide(opened, Path(name)))
        dialog.rejected.connect(
            lambda: self.failed.emit(
                f"The bundle's slide ({size}) was not found beside it, in the list or among recent "
                "ones, and none was chosen. Open the bundle again when it is at hand."
            )
        )
        dialog.open()

    def take_slide(self, opened: OpenedEvidence, path: Path) -> None:
        """Goes on with a slide that the user names, if it is the bundle's."""
        self._mask.meet_slide(path)
        self._jobs.start(
            check_slide(opened.record, path),
            done=lambda source: self._restore(opened, source),
            failed=self._fail,
            progress=lambda at, total, what: self.busy.emit(what),
            finally_=lambda: self.busy.emit(""),
        )

    def _fail(self, error: MomkdError) -> None:
        self.failed.emit(str(error))

    # -- restoring -------------------------------------------------------------------------------

    def _restore(self, opened: OpenedEvidence, source: Source) -> None:
        model = self._model(opened)
        if model is None or source.slide is None:
            return
        self._analysis.show_model(model, muted_set(opened.record.result.muted))
        now = self._slides.source
        if now is not None and self._slides.slide is not None and now == source:
            self._arrive(opened)
            self._annotated = opened
            self._on_annotations()
            return
        self._slides.open(source.slide, source.mpp, source.features)
        self._awaited = opened, source.slide

    def _stop_waiting(self) -> None:
        """The bundle's slide cannot be opened, or whoever opens another one waits no more for it."""
        self._awaited = None

    def _on_closing(self) -> None:
        self._unproven = self._annotated = None

    def _on_opened(self) -> None:
        awaited, self._awaited = self._awaited, None
        source = self._slides.source
        if awaited is not None and source is not None and source.slide == awaited[1]:
            self._annotated = awaited[0]
            self._arrive(awaited[0])

    def _arrive(self, opened: OpenedEvidence) -> None:
        """The slide is shown: so are its view, and the analysis of what the bundle is about."""
        whole = opened.record.result.region is None or opened.region is not None
        self._unproven = opened if whole else None  # else it is of another area
        if opened.state is not None:
            self._view.show(opened.state)
        if opened.region is not None:
            self._analysis.analyse_inside(opened.region)
        elif self._analysis.region is not None:
            self._analysis.run_again()
        else:
            self._analysis.run_pending()
        if opened.remarks:
            self.failed.emit(" ".join(opened.remarks))
        self._on_analysis()
        self.restored.emit()

    def _on_analysis(self) -> None:
        """Whether the result is the bundle's own; it is said where it is not."""
        opened, result = self._unproven, self._analysis.result
        if opened is None or result is None or blinded():
            return  # blinded, neither answer is told before that ends
        told = opened.record.result
        region = opened.region is not None
        if (
            muted_set(result.muted) != muted_set(told.muted)
            or (result.region is not None) != region
        ):
            return  # the one before, or of what the user asked for since
        self._unproven = None
        differs = abs(result.probability - told.probability) > _SAME_PROBABILITY
        if differs or result.predicted != told.predicted:
            said = _OTHER_RESULT.format(
                predicted=told.predicted, told=told.probability, found=result.probability
            )
            self.failed.emit(said)

    def _on_annotations(self) -> None:
        """The bundle's annotations are put on a slide that has none."""
        opened, self._annotated = self._annotated, None
        if opened is None:
            return
        theirs, shown = opened.content.annotations.annotations, self._annotations.shown
        if not len(shown):
            for one in theirs:
                if one.class_ is not None:
                    shown.add_class(one.class_)
            shown.add(theirs)
        elif {one.id for one in theirs} - {one.id for one in shown.items}:
            self.failed.emit(_OWN_ANNOTATIONS.format(count=len(theirs)))
