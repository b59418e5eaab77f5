"""No bookmark is lost: a save that fails is told and tried again, one that waits is done at the end."""

from __future__ import annotations

from pathlib import Path

import pytest
from driving import open_all, settle
from pytestqt.qtbot import QtBot

from momkd_core.storage import data_folder
from momkd_viewer.jobs.bookmark_work import bookmark_file
from momkd_viewer.main_window import MainWindow
from momkd_viewer.state.bookmarks import from_json


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOMKD_DATA", str(tmp_path / "data"))


@pytest.fixture
def in_the_way() -> Path:
    """Where a file keeps the folder of bookmarks from being made."""
    data_folder().mkdir(parents=True)
    return data_folder() / "bookmarks"


def kept(slide: Path) -> list[str]:
    text = bookmark_file(slide).read_text(encoding="utf-8")
    return [bookmark.name for bookmark in from_json(text, "")]


def test_bookmarks_that_cannot_be_saved_are_told_of_and_kept(
    qtbot: QtBot, window: MainWindow, slide_path: Path, in_the_way: Path
) -> None:
    open_all(qtbot, window, slide_path)
    in_the_way.write_text("")
    window.tools.bookmarks.add("first")
    settle(qtbot, window)
    assert "Bookmarks are not saved" in window.canvas.banner.text
    in_the_way.unlink()
    open_all(qtbot, window, slide_path)
    assert kept(slide_path) == ["first"]
    assert [one.name for one in window.tools.bookmarks.bookmarks] == ["first"]


def test_a_window_that_closes_saves_what_waits(
    qtbot: QtBot, window: MainWindow, slide_path: Path
) -> None:
    open_all(qtbot, window, slide_path)
    for name in "abc":
        window.tools.bookmarks.add(name)
    window.close()
    assert kept(slide_path) == ["a", "b", "c"]


def test_a_window_that_cannot_save_bookmarks_stays_open_once(
    qtbot: QtBot, window: MainWindow, slide_path: Path, in_the_way: Path
) -> None:
    open_all(qtbot, window, slide_path)
    in_the_way.write_text("")
    window.tools.bookmarks.add("first")
    window.close()
    assert window.isVisible() and "close again" in window.canvas.banner.text
    in_the_way.unlink()
    window.close()
    assert not window.isVisible() and kept(slide_path) == ["first"]
