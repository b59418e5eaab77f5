"""Annotations are loaded with their slide and saved by themselves; GeoJSON in and out."""

from __future__ import annotations

import logging
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from momkd_core.annotation_files import AnnotationFile
from momkd_core.errors import MomkdError, OutputError
from momkd_core.storage import content_key
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.jobs.annotation_work import (
    Loaded,
    Place,
    SaveRequest,
    Stamp,
    export_annotations,
    import_annotations,
    load_annotations,
    save_annotations,
    save_now,
    targets,
)
from momkd_viewer.jobs.runner import JobRunner
from momkd_viewer.state.annotations import AnnotationSet

log = logging.getLogger(__name__)

SAVE_AFTER_MS = 1000
_PATTERN = "GeoJSON (*.geojson *.json);;All files (*)"


class AnnotationStore(QObject):
    """Keeps the set of annotations and its file the same; one job at a time, in order.

    Signals:
        told(str, str): for the status bar: where annotations were saved, and the file.
        failed(str): a file cannot be read or written.
    """

    told = Signal(str, str)
    failed = Signal(str)

    def __init__(
        self, shown: AnnotationSet, slides: SlideController, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._shown, self._slides = shown, slides
        self._jobs = JobRunner(1, self)
        self._place: Place | None = None
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
    def place(self) -> Place | None:
        """Of the open slide."""
        return self._place

    # -- with the slide --------------------------------------------------------------------------

    def _on_opened(self) -> None:
        slide = self._slides.slide
        if slide is None:  # features alone: there is nothing to draw on
            return
        known = slide.known_mpp
        try:
            key = content_key(slide.path)
        except OSError as error:
            self.failed.emit(f"{slide.path.name} is gone ({error.strerror}). Open it again.")
            return
        scale = (known.x, known.y) if known else None
        place = Place(slide.path.absolute(), slide.bounds_offset, scale, key)
        self._place, self._loaded, self._saved_revision = place, None, self._shown.revision

        def done(loaded: Loaded) -> None:
            if self._place is place:
                self._on_loaded(place, loaded)

        self._save_left_over(place)
        self._jobs.start(load_annotations(place), done=done, failed=self._fail)

    def _save_left_over(self, place: Place) -> None:
        """Tries again what could not be saved of this slide before, so that it is loaded too."""
        for left in [one for one in self._requests if one.place.slide == place.slide]:

            def saved(path: Path, left: SaveRequest = left) -> None:
                self._requests = [one for one in self._requests if one is not left]
                self._here.add(path)

            self._jobs.start(save_annotations(left), done=saved, failed=self._fail)

    def _on_loaded(self, place: Place, loaded: Loaded) -> None:
        self._loaded = loaded
        if loaded.content.annotations:
            self._shown.load(loaded.content.annotations)
            count = len(loaded.content.annotations)
            self.told.emit(f"{count:,} annotations loaded", str(loaded.path))
        for why in loaded.unreadable.values():
            elsewhere = targets(place, frozenset(loaded.unreadable))[0]
            self.failed.emit(
                f"{why} It is left as it is; annotations of this slide are saved in {elsewhere}."
            )

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
        if fresh and not len(self._shown) and not self._here & {*targets(place, frozenset())}:
            self._saved_revision = revision  # drawn and taken back: there is nothing to keep
            return
        request = self._request(place)
        self._requests.append(request)

        def done(path: Path) -> None:
            # What failed before for this slide is older: written at the end, it would undo this.
            at = next((i for i, r in enumerate(self._requests) if r is request), 0)
            older = [one for one in self._requests[:at] if one.place.slide == place.slide]
            self._requests = [r for r in self._requests if r is not request and r not in older]
            self._here.add(path)
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

    def _request(self, place: Place) -> SaveRequest:
        loaded = self._loaded
        others = loaded.content.others if loaded is not None else ()
        return SaveRequest(
            place,
            AnnotationFile(self._shown.items, others),
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
                save_now(request)
                self._requests.remove(request)
            except OutputError as error:
                log.error("annotations were not saved: %s", error)
                problem = str(error)
        if problem is None or self._gave_up:
            return None
        self._gave_up = True
        return f"{problem} Export the annotations elsewhere, or close again and lose them."

    def _fail(self, error: MomkdError) -> None:
        self.failed.emit(str(error))

    # -- files that the user names ---------------------------------------------------------------

    def ask_import(self, window: QWidget) -> None:
        """Asks for a GeoJSON file and adds what it holds."""
        slide = self._slides.slide
        folder = str(slide.path.parent) if slide is not None else ""
        dialog = QFileDialog(window, "Import annotations", folder, _PATTERN)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.import_file(Path(name)))
        dialog.open()

    def ask_export(self, window: QWidget) -> None:
        """Asks where to write all annotations as GeoJSON."""
        slide = self._slides.slide
        if slide is None or not len(self._shown):
            self.failed.emit("There are no annotations to export. Draw some first.")
            return
        dialog = QFileDialog(window, "Export annotations", str(slide.path.parent), _PATTERN)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("geojson")
        dialog.selectFile(f"{slide.path.stem}.geojson")
        dialog.fileSelected.connect(lambda name: self.export_file(Path(name)))
        dialog.open()

    def import_file(self, path: Path) -> None:
        """Adds what a GeoJSON file holds; annotations with known ids are replaced."""
        place = self._place
        if place is None:
            self.failed.emit("There is no slide to put annotations on. Open the slide first.")
            return

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
        content = AnnotationFile(self._shown.items)
        self._jobs.start(
            export_annotations(path, self._place, content),
            done=lambda written: self.told.emit(f"Exported to {written.name}", str(written)),
            failed=self._fail,
        )
