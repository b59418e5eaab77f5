"""Bookmarks of the open slide: kept in the user's data folder, listed in the menu and in a window."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QInputDialog, QMenu, QWidget

from momkd_core.errors import MomkdError, OutputError
from momkd_viewer.controllers.slide_controller import MAGNIFICATION_MICRONS, SlideController
from momkd_viewer.jobs.bookmark_work import load_bookmarks, save_bookmarks, save_now
from momkd_viewer.jobs.runner import JobRunner
from momkd_viewer.state.bookmarks import Bookmark, named
from momkd_viewer.widgets.bookmark_list import BookmarkList
from momkd_viewer.widgets.canvas import Canvas

log = logging.getLogger(__name__)

_NOT_READ = "The bookmarks of this slide could not be read, so none can be added. See the log file."


class BookmarkController(QObject):
    """Attributes:
    bookmarks: of the open slide.
    window: where they are listed, once it was asked for.

    Signals:
        failed(str): bookmarks could not be read or written.
    """

    failed = Signal(str)

    def __init__(
        self,
        window: QWidget,
        canvas: Canvas,
        slides: SlideController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._window, self._view = window, canvas.slide_view
        self._slides = slides
        self._jobs = JobRunner(1, self)  # in order: an older list never overwrites a newer one
        self.bookmarks: list[Bookmark] = []
        self.window: BookmarkList | None = None
        self._file: Path | None = None  # None until they are read
        self._menu: QMenu | None = None
        self._unsaved: dict[Path, tuple[Bookmark, ...]] = {}
        self._gave_up = False
        slides.opened.connect(self._load)
        slides.closing.connect(self._forget)

    def attach(self, menu: QMenu) -> None:
        """Lists the bookmarks in a menu."""
        self._menu = menu
        self._show()

    # -- the file --------------------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Whether nothing is being read or saved."""
        return self._jobs.idle

    def _load(self) -> None:
        slide = self._slides.slide
        assert slide is not None

        def done(found: tuple[Path, list[Bookmark]]) -> None:
            if self._slides.slide is slide:
                file, bookmarks = found
                self._file = file
                self.bookmarks = list(self._unsaved.get(file, bookmarks))
                self._show()

        self._save()  # what could not be before
        self._jobs.start(load_bookmarks(slide.path), done=done, failed=self._fail)

    def _forget(self) -> None:
        self.bookmarks, self._file = [], None
        if self.window is not None:
            self.window.hide()
        self._show()

    def _keep(self) -> None:
        assert self._file is not None
        self._unsaved[self._file] = tuple(self.bookmarks)
        self._show()
        self._save()

    def _save(self) -> None:
        """Saves what is not saved yet; what fails is tried again with the next change or slide."""
        for file, bookmarks in self._unsaved.items():

            def done(_: None, file: Path = file, saved: tuple[Bookmark, ...] = bookmarks) -> None:
                if self._unsaved.get(file) == saved:
                    del self._unsaved[file]

            self._jobs.start(save_bookmarks(file, bookmarks), done=done, failed=self._fail_to_save)

    def flush(self) -> str | None:
        """At the end of the application: all that is not saved yet is written, and waited for.

        Returns:
            Why something could not be; None where all is saved, or the user was told before.
        """
        self._jobs.close()  # a save that runs is waited for; those that wait are done here
        self._jobs = JobRunner(1, self)
        problem = None
        for file, bookmarks in [*self._unsaved.items()]:
            try:
                save_now(file, bookmarks)
                del self._unsaved[file]
            except OutputError as error:
                log.error("bookmarks were not saved: %s", error)
                problem = str(error)
        if problem is None or self._gave_up:
            return None
        self._gave_up = True
        return f"{problem} Bookmarks are not saved: close again and lose what you changed."

    def _fail_to_save(self, error: MomkdError) -> None:
        self.failed.emit(
            f"{error} Bookmarks are not saved; this is tried again when you change one or open a "
            "slide, and at the end."
        )

    def _fail(self, error: MomkdError) -> None:
        self.failed.emit(str(error))

    # -- adding ----------------------------------------------------------------------------------

    def ask_for_name(self) -> QInputDialog | None:
        """Asks what the current view is to be called; None without a slide."""
        if self._view.view is None:
            return None
        if self._file is None:
            self.failed.emit(_NOT_READ)
            return None
        dialog = QInputDialog(self._window)
        dialog.setWindowTitle("Bookmark this view")
        dialog.setLabelText("Name:")
        dialog.setTextValue(self._suggestion())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.textValueSelected.connect(self.add)
        self._slides.closing.connect(dialog.close)
        dialog.open()
        return dialog

    def add(self, name: str) -> None:
        """Keeps the current view."""
        view = self._view.view
        if view is None or self._file is None:
            return
        self.bookmarks.append(
            Bookmark(
                named(name, self.bookmarks),
                view.centre_x,
                view.centre_y,
                view.downsample,
                view.rotation,
            )
        )
        self._keep()

    def _suggestion(self) -> str:
        view, slide = self._view.view, self._slides.slide
        assert view is not None and slide is not None
        known = slide.known_mpp
        if known is None:
            return f"{view.centre_x:,.0f}, {view.centre_y:,.0f} px"
        magnification = MAGNIFICATION_MICRONS / (view.downsample * known.mean)
        x, y = view.centre_x * known.x, view.centre_y * known.y
        return f"{magnification:.3g}× at {x:,.0f}, {y:,.0f} µm"

    # -- using -----------------------------------------------------------------------------------

    def go_to(self, position: int) -> None:
        """Shows a bookmark's view."""
        view = self._view.view
        if view is None or not 0 <= position < len(self.bookmarks):
            return
        wanted = self.bookmarks[position]
        self._view.show_view(
            replace(
                view,
                centre_x=min(max(wanted.x, 0.0), float(view.slide_width)),
                centre_y=min(max(wanted.y, 0.0), float(view.slide_height)),
                downsample=wanted.downsample,
                rotation=wanted.rotation % 360.0,
            )
        )

    def rename(self, position: int, name: str) -> None:
        others = [b for at, b in enumerate(self.bookmarks) if at != position]
        self.bookmarks[position] = replace(self.bookmarks[position], name=named(name, others))
        self._keep()

    def delete(self, position: int) -> None:
        del self.bookmarks[position]
        self._keep()

    def show_window(self) -> None:
        """Opens the list to go, rename and delete."""
        if self.window is None:
            self.window = BookmarkList(self._window)
            self.window.chosen.connect(self.go_to)
            self.window.renamed.connect(self.rename)
            self.window.deleted.connect(self.delete)
        self._show()
        self.window.show()
        self.window.activateWindow()

    def _show(self) -> None:
        names = [bookmark.name for bookmark in self.bookmarks]
        if self.window is not None:
            self.window.show_names(names)
        if self._menu is None:
            return
        self._menu.clear()
        self._menu.setEnabled(bool(names))
        for position, name in enumerate(names):
            action = self._menu.addAction(name.replace("&", "&&"))
            action.triggered.connect(lambda checked=False, p=position: self.go_to(p))
