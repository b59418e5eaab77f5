"""What was drawn is found again: after a move, under older names, after saves that failed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import shapely
from driving import open_all, settle
from pytestqt.qtbot import QtBot
from synthetic import tissue_image, write_slide

from momkd_core.annotation_files import AnnotationFile, read_annotations, write_annotations
from momkd_core.annotations import Annotation
from momkd_core.errors import OutputError
from momkd_core.slide import Slide
from momkd_core.storage import annotation_folder, content_key
from momkd_viewer.jobs import annotation_work
from momkd_viewer.jobs.annotation_place import AnnotationPlace
from momkd_viewer.jobs.annotation_work import Loaded, SaveRequest, load_now, save_now
from momkd_viewer.main_window import MainWindow


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOMKD_DATA", str(tmp_path / "data"))


def place_of(path: Path) -> AnnotationPlace:
    with Slide(path) as slide:
        return AnnotationPlace.of(slide)


def point(name: str) -> AnnotationFile:
    return AnnotationFile((Annotation("point", shapely.Point(5, 5), name=name),))


def keep(path: Path, name: str) -> Path:
    """Saves an annotation in the user's folder, as for a slide whose folder cannot be written."""
    place = place_of(path)
    return save_now(SaveRequest(place, point(name), refused=frozenset({place.beside})))


def names(loaded: Loaded) -> list[str]:
    return [one.name for one in loaded.content.annotations]


# -- in the user's folder ------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["tif", "png"])
def test_annotations_follow_a_slide_that_is_moved_and_touched(tmp_path: Path, ending: str) -> None:
    picture = write_slide(tmp_path / "drawn.tif", tissue_image(700, 600))
    path = tmp_path / "before" / f"a.{ending}"
    path.parent.mkdir()
    if ending == "png":  # OpenSlide has no hash of it
        with Slide(picture) as slide:
            slide.picture(0, 0, 0, 700, 600).save(path)
    else:
        shutil.copy(picture, path)
    assert keep(path, "kept").parent == annotation_folder()
    os.utime(path, (1, 1))
    assert names(load_now(place_of(path))) == ["kept"], "its time alone has changed"
    (tmp_path / "after").mkdir()
    moved = path.rename(tmp_path / "after" / f"renamed.{ending}")
    found = load_now(place_of(moved))
    assert names(found) == ["kept"] and found.elsewhere


def test_another_slide_finds_nothing_and_copies_go_their_own_ways(tmp_path: Path) -> None:
    first = write_slide(tmp_path / "1" / "a.tif", tissue_image(700, 600, seed=1))
    other = write_slide(tmp_path / "2" / "a.tif", tissue_image(700, 600, seed=2))
    (tmp_path / "3").mkdir()
    copy = Path(shutil.copy(first, tmp_path / "3" / "a.tif"))
    keep(first, "first")
    assert names(load_now(place_of(other))) == []
    save_now(SaveRequest(place_of(copy), point("of the copy")))
    assert names(load_now(place_of(copy))) == ["of the copy"]
    keep(first, "first again")
    assert names(load_now(place_of(copy))) == ["of the copy"], "newer, but of another place"
    assert names(load_now(place_of(first))) == ["first again"]


def test_files_under_the_older_key_are_carried_over(tmp_path: Path, slide_path: Path) -> None:
    path = Path(shutil.copy(slide_path, tmp_path / "a.tif"))
    older = annotation_folder() / f"a.{content_key(path)}.geojson"
    write_annotations(older, point("older"))
    found = load_now(place_of(path))
    assert names(found) == ["older"] and found.path == older and not found.elsewhere
    keep(path, "newer")
    os.utime(older)
    assert names(load_now(place_of(path))) == ["newer"], "the older name is read once"


# -- beside the slide ----------------------------------------------------------------------------


def test_two_slides_of_one_stem_have_files_of_their_own(tmp_path: Path) -> None:
    svs = write_slide(tmp_path / "a.svs", tissue_image(700, 600, seed=1))
    tif = write_slide(tmp_path / "a.tif", tissue_image(700, 600, seed=2))
    for path in (svs, tif):
        assert save_now(SaveRequest(place_of(path), point(path.name))).parent == tmp_path
    assert names(load_now(place_of(svs))) == ["a.svs"]
    assert names(load_now(place_of(tif))) == ["a.tif"]


def test_the_older_name_beside_a_slide_is_read_where_it_is_its_own(tmp_path: Path) -> None:
    path = write_slide(tmp_path / "a.svs", tissue_image(700, 600))
    older = tmp_path / "a.annotations.geojson"
    write_annotations(older, point("older"))
    found = load_now(place_of(path))
    assert names(found) == ["older"] and not found.unreadable
    (tmp_path / "a.TIF").write_bytes(b"another slide")
    found = load_now(place_of(path))
    assert names(found) == [] and "may be of a.svs or a.TIF" in found.unreadable[older]
    saved = save_now(SaveRequest(place_of(path), point("new"), refused=frozenset(found.unreadable)))
    assert saved == tmp_path / "a.svs.annotations.geojson"
    found = load_now(place_of(path))
    assert names(found) == ["new"] and not found.unreadable, "told once"
    assert older.exists()


# -- saves that fail -----------------------------------------------------------------------------


@contextmanager
def full_disk() -> Iterator[None]:
    def full(*_: object, **__: object) -> None:
        raise OutputError("The disk is full", "Free some space")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(annotation_work, "write_annotations", full)
        yield


@pytest.fixture
def slide(qtbot: QtBot, window: MainWindow, slide_path: Path, tmp_path: Path) -> Path:
    """An open slide in a folder of its own: annotations are saved beside it."""
    (tmp_path / "slides").mkdir()
    slide = Path(shutil.copy(slide_path, tmp_path / "slides" / "a.tif"))
    window.annotations.store._timer.setInterval(30)
    open_all(qtbot, window, slide)
    return slide


@pytest.fixture
def left(qtbot: QtBot, window: MainWindow, slide: Path) -> Path:
    """A slide that was closed with an annotation that could not be saved."""
    with full_disk():
        window.annotations.shown.add(point("first").annotations)
        window.slides.close()
        settle(qtbot, window)
    assert "disk is full" in window.canvas.banner.text and not beside(slide).exists()
    return slide


def beside(slide: Path) -> Path:
    return slide.with_name(f"{slide.name}.annotations.geojson")


def shown(window: MainWindow) -> list[str]:
    return [one.name for one in window.annotations.shown.items]


def saved(slide: Path) -> list[str]:
    return [one.name for one in read_annotations(beside(slide)).annotations]


def test_what_could_not_be_saved_is_saved_at_the_next_opening(
    qtbot: QtBot, window: MainWindow, left: Path
) -> None:
    open_all(qtbot, window, left)
    assert saved(left) == shown(window) == ["first"]


def test_what_still_cannot_be_saved_is_shown_and_saved_with_what_follows(
    qtbot: QtBot, window: MainWindow, left: Path
) -> None:
    with full_disk():
        open_all(qtbot, window, left)
        assert shown(window) == ["first"]
    window.annotations.shown.add(point("second").annotations)
    settle(qtbot, window)
    assert saved(left) == ["first", "second"]


def test_a_save_that_failed_never_undoes_a_newer_one(
    qtbot: QtBot, window: MainWindow, left: Path
) -> None:
    with full_disk():
        open_all(qtbot, window, left)
    annotations = window.annotations.shown
    annotations.delete([one.id for one in annotations.items])
    annotations.add(point("newer").annotations)
    settle(qtbot, window)
    assert saved(left) == ["newer"]
    window.close()
    assert saved(left) == ["newer"]
    assert not list(left.parent.glob("*.bak*")), "it was not written again"


def test_a_full_disk_keeps_the_window_open_once(
    qtbot: QtBot, window: MainWindow, slide: Path
) -> None:
    with full_disk():
        window.annotations.shown.add(point("kept").annotations)
        settle(qtbot, window)
        assert "disk is full" in window.canvas.banner.text
        window.close()
        assert window.isVisible() and "close again" in window.canvas.banner.text
    window.close()
    assert not window.isVisible()
    assert saved(slide) == ["kept"]


# -- what others wrote ---------------------------------------------------------------------------


def test_nothing_is_lost_by_closing_and_what_was_there_is_kept(
    qtbot: QtBot, window: MainWindow, slide: Path, slide_path: Path
) -> None:
    window.annotations.shown.add(point("first").annotations)
    open_all(qtbot, window, slide_path)  # before the second is over
    assert saved(slide) == ["first"] and shown(window) == []
    tile = {"type": "Feature", "properties": {"objectType": "tile"}}
    write_annotations(beside(slide), AnnotationFile(point("of QuPath").annotations, others=(tile,)))
    open_all(qtbot, window, slide)
    window.annotations.shown.add(point("last").annotations)
    window.close()
    assert saved(slide) == ["of QuPath", "last"]
    assert read_annotations(beside(slide)).others == (tile,)
    (kept,) = slide.parent.glob("*.bak")
    assert [one.name for one in read_annotations(kept).annotations] == ["of QuPath"]


def test_a_file_that_cannot_be_read_is_left_alone(
    qtbot: QtBot, window: MainWindow, slide: Path
) -> None:
    window.slides.close()
    beside(slide).write_text('[{"type": "Feature"}]')
    open_all(qtbot, window, slide)
    assert "row 1: has no geometry" in window.canvas.banner.text
    assert str(annotation_folder()) in window.canvas.banner.text
    window.annotations.shown.add(point("elsewhere").annotations)
    settle(qtbot, window)
    assert beside(slide).read_text() == '[{"type": "Feature"}]'
    assert window.annotations.status.text() == "Annotations saved in your own folder"
    open_all(qtbot, window, slide)
    assert shown(window) == ["elsewhere"]
