"""Reads and writes a slide's bookmarks, in the user's data folder."""

from __future__ import annotations

from pathlib import Path

from momkd_core.progress import CancelToken, Report
from momkd_core.storage import content_key, data_folder, output_error, write_text
from momkd_viewer.jobs.runner import Work
from momkd_viewer.state.bookmarks import Bookmark, BookmarkError, from_json, to_json


def bookmark_file(slide: Path) -> Path:
    """Where a slide's bookmarks are kept; the name tells nothing about the slide."""
    return data_folder() / "bookmarks" / f"{content_key(slide)}.json"


def load_bookmarks(slide: Path) -> Work:
    """The slide's bookmarks, none where it has no file. Raises :class:`BookmarkError`."""

    def work(report: Report, cancel: CancelToken) -> tuple[Path, list[Bookmark]]:
        try:
            file = bookmark_file(slide)
            text = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return bookmark_file(slide), []
        except (OSError, UnicodeDecodeError) as error:
            raise BookmarkError(
                f"The bookmarks of this slide cannot be read ({error})", "Check the data folder"
            ) from error
        return file, from_json(text, str(file))

    return work


def save_bookmarks(file: Path, bookmarks: tuple[Bookmark, ...]) -> Work:
    """Writes all bookmarks of a slide; see :func:`save_now`."""

    def work(report: Report, cancel: CancelToken) -> None:
        save_now(file, bookmarks)

    return work


def save_now(file: Path, bookmarks: tuple[Bookmark, ...]) -> None:
    """Writes all bookmarks of a slide; without any, its file goes. Raises OutputError."""
    if bookmarks:
        write_text(file, to_json(bookmarks))
        return
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise output_error(file, error) from error
