"""Annotations are loaded with their slide and saved by themselves; GeoJSON in and out."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from momkd_core.annotation_files import AnnotationFile
from momkd_core.errors import MomkdError, OutputError
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.jobs.annotation_place import AnnotationPlace
from momkd_viewer.jobs.annotation_work import (
    Loaded,
    SaveRequest,
    Stamp,
    export_annotations,
    import_annotations,
    laid_over,
    load_annotations,
    save_annotations,
    save_now,
)
from momkd_viewer.jobs.runner import JobRunner
from momkd_viewer.state.annotations import AnnotationSet
from momkd_viewer.state.name_mask import NameMask

log = logging.getLogger(__name__)

SAVE_AFTER_MS = 1000
_PATTERN = "GeoJSON (*.geojson *.json);;All files (*)"


class AnnotationStore(QObject):
    """Keeps the set of annotations and its file the same; one job at a time, in order.

    Signals:
        told(str, str): for the status bar: where annotations were saved, and the file.
        failed(str): a file cannot be read or written.
        loaded(): what the open slide has is shown.
    """

    loaded = Signal()
    told = Signal(str, str)
    failed = Signal(str)

    def __init__(
        self,
        shown: AnnotationSet,
        slides: SlideController,
        mask: NameMask,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._shown, self._slides, self._mask = shown, slides, mask
        self._jobs = JobRunner(1, self)
        self._place: AnnotationPlace | None = None
        self._loaded: Loaded | None = None
        self._saved_revision = 0
        self._written: dict[Path, Stamp] = {}
        self._here: set[Path] = set()
        self._requests: list[SaveRequest] = []
        self._gave_up = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SAVE_AFTER_MS)
        self._timer.timeout.connect(self.save)
        slides.opened.connect(self._on_opened)
        slides.closing.connect(self._on_closing)

    @property
    def idle(self) -> bool:
        """Whether everything is loaded and saved."""
        return self._jobs.idle and not self._timer.isActive()

    @property
    def place(self) -> AnnotationPlace | None:
        """Of the open slide."""
        return self._place

    # -- with the slide --------------------------------------------------------------------------

    def _on_opened(self) -> None:
        slide = self._slides.slide
        if slide is None:  # features alone: there is nothing to draw on
            return
        place = AnnotationPlace.of(slide)
        self._place, self._loaded, self._saved_revision = place, None, self._shown.revision

        def done(loaded: Loaded) -> None:
            if self._place is place:
                self._on_loaded(place, loaded)

        self._jobs.start(load_annotations(place), done=done, failed=self._fail)

    def _left_over(self, place: AnnotationPlace) -> SaveRequest | None:
        """The newest that could not be saved when this slide was open before; it holds the older."""
        left = [r for r in self._requests if r.place.slide == place.slide and r.place is not place]
        return left[-1] if left else None

    def _on_loaded(self, place: AnnotationPlace, loaded: Loaded) -> None:
        left = self._left_over(place)
        if left is not None:  # shown as if it had been saved, and saved now or with what follows
            content = left.content if left.whole else laid_over(loaded.content, left.content)
            loaded = replace(loaded, content=content)
        self._loaded = loaded
        if left is not None:
            self._shown.load(loaded.content.annotations)
            self._saved_revision = -1
            self.touch()
        elif loaded.content.annotations:
            self._shown.load(loaded.content.annotations)
            count = len(loaded.content.annotations)
            where = ", made where this slide lay before" if loaded.elsewhere else ""
            self.told.emit(f"{count:,} annotations loaded{where}", str(loaded.path))
        for why in loaded.unreadable.values():
            elsewhere = place.targets(frozenset(loaded.unreadable))[0]
            self.failed.emit(
                f"{why} It is left as it is; annotations of this slide are saved in {elsewhere}."
            )
        self.loaded.emit()

    def _on_closing(self) -> None:
        self._timer.stop()
        self.save()
        self._place = self._loaded = None
        self._shown.clear()
        self._saved_revision = self._shown.revision
        self.told.emit("", "")

    # -- saving ----------------------------------------------------------------------------------

    def touch(self) -> None:
        """Something may have changed: it is saved a moment after the last change."""
        if self._place is not None and self._shown.revision != self._saved_revision:
            self._timer.start()

    def save(self) -> None:
        """Saves what was changed, in the background."""
        place, revision = self._place, self._shown.revision
        if place is None or revision == self._saved_revision:
            return
        loaded = self._loaded
        fresh = loaded is not None and loaded.path is None
        written = self._left_over(place) or self._here & {*place.targets(frozenset())}
        if fresh and not len(self._shown) and not written:
            self._saved_revision = revision  # drawn and taken back: there is nothing to keep
            return
        request = self._request(place)
        self._requests.append(request)

        def done(path: Path) -> None:
            self._forget(request, path)
            if self._place is place:
                where = "beside the slide" if path == place.beside else "in your own folder"
                self.told.emit(f"Annotations saved {where}", str(path))

        def failed(error: MomkdError) -> None:
            if self._place is place:  # tried again with the next change, and at the end
                self._requests.remove(request)
                self._saved_revision = -1
                self.told.emit("Annotations are not saved", "")
            self._fail(error)

        self._saved_revision = revision
        self._jobs.start(save_annotations(request), done=done, failed=failed)

    def _forget(self, saved: SaveRequest, path: Path) -> None:
        """What was saved is done with; so is what failed before it, which would undo it later."""
        at = next((i for i, one in enumerate(self._requests) if one is saved), -1)
        self._requests = [
            one
            for i, one in enumerate(self._requests)
            if i > at or one.place.slide != saved.place.slide
        ]
        self._here.add(path)

    def _request(self, place: AnnotationPlace) -> SaveRequest:
        loaded, left = self._loaded, self._left_over(place)
        others = loaded.content.others if loaded is not None else ()
        content = AnnotationFile(self._shown.items, others)
        if loaded is None and left is not None:
            content = laid_over(left.content, content)
        return SaveRequest(
            place,
            content,
            self._written,
            frozenset(loaded.unreadable) if loaded is not None else frozenset(),
            whole=loaded is not None,
        )

    def flush(self) -> str | None:
        """At the end of the application: all that is not saved yet is written, and waited for.

        Returns:
            Why something could not be; None where all is saved, or the user was told before.
        """
        self._timer.stop()
        self._jobs.close()  # a save that runs is waited for; those that wait are done here
        self._jobs = JobRunner(1, self)
        place = self._place
        if place is not None and self._shown.revision != self._saved_revision:
            self._requests = [one for one in self._requests if one.place is not place]
            self._requests.append(self._request(place))
            self._saved_revision = self._shown.revision
        problem = None
        for request in [*self._requests]:
            try:
                self._forget(request, save_now(request))
            except OutputError as error:
                log.error("annotations were not saved: %s", error)
                problem = str(error)
        if not self._requests or self._gave_up:
            return None
        self._gave_up = True
        return f"{problem} Export the annotations elsewhere, or close again and lose them."

    def _fail(self, error: MomkdError) -> None:
        self.failed.emit(str(error))

    # -- files that the user names ---------------------------------------------------------------

    def ask_import(self, window: QWidget) -> None:
        """Asks for a GeoJSON file and adds what it holds."""
        dialog = QFileDialog(window, "Import annotations", self._folder(), _PATTERN)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.import_file(Path(name)))
        dialog.open()

    def ask_export(self, window: QWidget) -> None:
        """Asks where to write all annotations as GeoJSON."""
        slide = self._slides.slide
        if slide is None or not len(self._shown):
            self.failed.emit("There are no annotations to export. Draw some first.")
            return
        dialog = QFileDialog(window, "Export annotations", self._folder(), _PATTERN)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("geojson")
        dialog.selectFile(f"{self._mask.slide(slide.path, suffix=False)}.geojson")
        dialog.fileSelected.connect(lambda name: self.export_file(Path(name)))
        dialog.open()

    def _folder(self) -> str:
        """Where a file dialog begins: at the slide, unless that would show its name."""
        slide = self._slides.slide
        return str(Path.home() if slide is None or self._mask.on else slide.path.parent)

    def import_file(self, path: Path) -> None:
        """Adds what a GeoJSON file holds; annotations with known ids are replaced."""
        place = self._place
        if place is None:
            self.failed.emit("There is no slide to put annotations on. Open the slide first.")
            return
        self._mask.meet_file(path)

        def done(content: AnnotationFile) -> None:
            if self._place is not place:
                return
            for one in content.annotations:
                if one.class_ is not None:
                    self._shown.add_class(one.class_)
            self._shown.add(content.annotations)
            left = f", {len(content.others):,} other objects left out" if content.others else ""
            self.told.emit(f"{len(content.annotations):,} annotations imported{left}", str(path))

        self._jobs.start(import_annotations(path, place.offset), done=done, failed=self._fail)

    def export_file(self, path: Path) -> None:
        """Writes all annotations to a file."""
        if self._place is None:
            return
        self._mask.meet_file(path)
        content = AnnotationFile(self._shown.items)
        self._jobs.start(
            export_annotations(path, self._place, content),
            done=lambda written: self.told.emit("Annotations exported", str(written)),
            failed=self._fail,
        )
