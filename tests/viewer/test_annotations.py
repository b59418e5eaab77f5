"""Annotations in the window: drawn with every tool, changed, listed, analysed inside."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import shapely
from drawing import ALT, CTRL, LEFT, NONE, SHIFT, Hand, saved
from driving import open_all, settle
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QAction, QColor, QImage, QWheelEvent
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from momkd_core.annotation_files import AnnotationFile, write_annotations
from momkd_core.annotations import DEFAULT_CLASSES, Annotation, ellipse_in
from momkd_core.cli.main import main
from momkd_viewer.main_window import MainWindow
from momkd_viewer.widgets.annotation_brush import BrushTool
from momkd_viewer.widgets.annotation_dialogs import PropertiesDialog


@pytest.fixture
def slide(slide_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A slide in a folder of its own: annotations are saved beside it."""
    monkeypatch.setenv("MOMKD_DATA", str(tmp_path / "data"))  # a copy would find what others drew
    (tmp_path / "slides").mkdir()
    return Path(shutil.copy(slide_path, tmp_path / "slides" / "case.tif"))


@pytest.fixture
def hand(qtbot: QtBot, window: MainWindow, slide: Path) -> Hand:
    window.annotations.store._timer.setInterval(30)
    open_all(qtbot, window, slide)
    window.canvas.slide_view.centre_on(768, 640, 2.0)
    settle(qtbot, window)
    window.canvas.slide_view.setFocus()
    return Hand(qtbot, window)


def test_every_tool_draws_and_all_is_there_again(
    qtbot: QtBot, window: MainWindow, slide: Path, hand: Hand
) -> None:
    window.annotations.choose_class(DEFAULT_CLASSES[2])
    hand.press(Qt.Key.Key_R)
    hand.drag((300, 300), (400, 380), (500, 400))
    assert window.annotations.tool == "move", "after a shape the next press selects, as in QuPath"
    hand.press(Qt.Key.Key_O)
    hand.drag((600, 300), (700, 400), (800, 450))
    hand.press(Qt.Key.Key_L)
    hand.drag((300, 600), (400, 600), (700, 600))
    label = window.annotations.layer._text_of(hand.shown.items[-1], hand.canvas.view, 1.0)
    assert label == "200 µm", "400 pixels of half a micron"
    hand.press(Qt.Key.Key_P)
    for corner in ((900, 300), (1000, 300), (1000, 420)):
        hand.click(*corner)
    hand.press(Qt.Key.Key_Return)
    hand.press(Qt.Key.Key_P)
    hand.drag((900, 600), (980, 600), (980, 700), (900, 700), (890, 620))
    hand.press(Qt.Key.Key_Period)
    hand.click(500, 800)
    hand.click(540, 800)
    hand.press(Qt.Key.Key_B)
    hand.drag((700, 800), (760, 800), (800, 820))
    kinds = [one.kind for one in hand.shown.items]
    assert kinds == [
        "rectangle", "ellipse", "line", "polygon", "polygon", "point", "point", "brush"
    ]  # fmt: skip
    assert hand.shown.items[0].geometry.bounds == pytest.approx((300, 300, 500, 400), abs=2)
    assert all(one.class_ == DEFAULT_CLASSES[2] for one in hand.shown.items)
    settle(qtbot, window)
    assert saved(slide) == hand.shown.items
    assert window.annotations.status.text() == "Annotations saved beside the slide"
    before = hand.shown.items
    window.slides.close()
    settle(qtbot, window)
    assert hand.shown.items == ()
    open_all(qtbot, window, slide)
    assert hand.shown.items == before


def test_selecting_moving_reshaping_and_taking_it_back(hand: Hand, window: MainWindow) -> None:
    box = Annotation("rectangle", shapely.box(300, 300, 500, 400))
    hand.shown.add([box])
    hand.shown.select([])
    view = hand.canvas.view
    hand.drag((400, 350), (440, 390))
    assert hand.canvas.view != view and hand.shown.items == (box,), "what is not selected pans"
    hand.canvas.kinetic.stop()
    hand.canvas.centre_on(768, 640)
    hand.click(400, 350)
    assert hand.shown.only is box
    hand.drag((400, 350), (420, 360), (460, 370))
    assert hand.shown.items[0].geometry.bounds == pytest.approx((360, 320, 560, 420), abs=2)
    hand.drag((560, 420), (580, 440), (600, 500))
    assert hand.shown.items[0].geometry.bounds == pytest.approx((360, 320, 600, 500), abs=3)
    hand.press(Qt.Key.Key_Z, CTRL)
    hand.press(Qt.Key.Key_Z, CTRL)
    assert hand.shown.items == (box,)
    hand.press(Qt.Key.Key_Z, CTRL | SHIFT)
    assert hand.shown.items[0].geometry.bounds[0] == pytest.approx(360, abs=2)
    hand.shown.set_locked([box.id], True)
    hand.press(Qt.Key.Key_Delete)
    assert len(hand.shown) == 1 and "locked" in window.canvas.banner.text
    window.annotations.panel.lock_toggled.emit(box.id, False)
    hand.press(Qt.Key.Key_Delete)
    assert len(hand.shown) == 0
    hand.click(400, 350)
    assert not hand.shown.selected


@pytest.mark.parametrize("other", [Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton])
def test_another_button_ends_neither_a_shape_nor_a_pan(hand: Hand, other: Qt.MouseButton) -> None:
    def click(x: float, y: float) -> None:
        hand.qtbot.mouseClick(hand.canvas, other, NONE, hand.at(x, y))

    hand.press(Qt.Key.Key_R)
    hand.qtbot.mousePress(hand.canvas, LEFT, NONE, hand.at(300, 300))
    hand.qtbot.mouseMove(hand.canvas, hand.at(400, 400))
    click(400, 400)
    assert len(hand.shown) == 0
    hand.qtbot.mouseMove(hand.canvas, hand.at(500, 450))
    hand.qtbot.mouseRelease(hand.canvas, LEFT, NONE, hand.at(500, 450))
    assert hand.shown.items[0].geometry.bounds == pytest.approx((300, 300, 500, 450), abs=3)

    hand.press(Qt.Key.Key_P)
    for corner in ((600, 300), (700, 300), (700, 400)):
        hand.click(*corner)
    hand.qtbot.mouseDClick(hand.canvas, other, NONE, hand.at(650, 400))
    hand.qtbot.mouseRelease(hand.canvas, other, NONE, hand.at(650, 400))
    assert len(hand.shown) == 1, "a double click of another button closes no polygon"
    hand.press(Qt.Key.Key_Escape)

    hand.press(Qt.Key.Key_M)
    before = hand.canvas.view
    at, on = hand.at(900, 700), hand.at(1000, 700)
    hand.qtbot.mousePress(hand.canvas, LEFT, NONE, at)
    hand.qtbot.mouseClick(hand.canvas, other, NONE, at)
    hand.qtbot.mouseMove(hand.canvas, on)
    assert before is not None and hand.canvas.view is not None
    assert hand.canvas.view.centre_x == pytest.approx(before.centre_x - 100, abs=3)
    hand.qtbot.mouseRelease(hand.canvas, LEFT, NONE, on)
    hand.canvas.kinetic.stop()
    let_go = hand.canvas.view
    hand.qtbot.mouseMove(hand.canvas, at)
    assert hand.canvas.view == let_go


def test_shift_click_adds_to_the_selection_or_asks_what_is_there(hand: Hand) -> None:
    asked: list[tuple[float, float]] = []
    hand.canvas.asked.connect(lambda x, y: asked.append((x, y)))
    hand.press(Qt.Key.Key_R)
    hand.drag((500, 500), (620, 600))
    hand.press(Qt.Key.Key_R)
    hand.drag((700, 500), (820, 600))
    hand.press(Qt.Key.Key_M)
    hand.click(560, 550)
    hand.click(760, 550, SHIFT)
    assert len(hand.shown.selected) == 2 and not asked
    hand.click(1000, 800, SHIFT)
    assert [(round(x / 10), round(y / 10)) for x, y in asked] == [(100, 80)]


def test_polygons_are_closed_given_up_and_mended(hand: Hand) -> None:
    hand.press(Qt.Key.Key_P)
    for corner in ((300, 300), (500, 300), (500, 500)):
        hand.click(*corner)
    hand.press(Qt.Key.Key_Backspace)
    hand.press(Qt.Key.Key_Escape)
    assert len(hand.shown) == 0 and hand.window.annotations.layer.draft is None
    for corner in ((300, 300), (500, 500), (500, 300), (300, 500), (300, 302)):
        hand.click(*corner)
    (eight,) = hand.shown.items
    assert eight.geometry.is_valid and eight.geometry.area == pytest.approx(20_000, rel=0.05)
    triangle = Annotation("polygon", shapely.Polygon([(700, 300), (900, 300), (900, 500)]))
    hand.shown.add([triangle])
    hand.click(800, 300, CTRL)
    assert len(hand.shown.only.geometry.exterior.coords) == 5
    hand.click(800, 300, CTRL)
    assert len(hand.shown.only.geometry.exterior.coords) == 4


def test_the_brush_adds_takes_away_and_changes_its_size(hand: Hand) -> None:
    brush = hand.window.annotations._tools["brush"]
    assert isinstance(brush, BrushTool)
    hand.press(Qt.Key.Key_B)
    hand.drag((600, 600), (700, 600), (800, 600))
    (first,) = hand.shown.items
    hand.drag((700, 600), (700, 700), (700, 800))
    (more,) = hand.shown.items
    assert more.id == first.id and more.geometry.area > 1.5 * first.geometry.area
    hand.drag((600, 600), (700, 600), (800, 600), keys=ALT)
    assert hand.shown.items[0].geometry.area < 0.75 * more.geometry.area
    before, at = brush.size, QPointF(100, 100)
    wheel = QWheelEvent(
        at, hand.canvas.mapToGlobal(at), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton,
        SHIFT, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    view = hand.canvas.view
    QApplication.sendEvent(hand.canvas, wheel)
    assert brush.size > before and hand.canvas.view == view
    hand.drag((600, 600), (100, 600), keys=NONE)
    assert len(hand.shown) == 2, "away from the selected area a new one begins"


def test_the_list_properties_and_files(
    qtbot: QtBot, window: MainWindow, slide: Path, hand: Hand, tmp_path: Path
) -> None:
    ellipse = Annotation("ellipse", ellipse_in(300, 300, 700, 500), class_=DEFAULT_CLASSES[0])
    write_annotations(tmp_path / "in.geojson", AnnotationFile((ellipse,)))
    window.annotations.store.import_file(tmp_path / "in.geojson")
    settle(qtbot, window)
    panel = window.annotations.panel
    cells = [panel.view.model().index(0, column).data() for column in range(3)]
    assert cells == ["Ellipse", "Tumour", "0.016 mm²"]
    hand.press(Qt.Key.Key_Return)
    dialog = window.findChild(PropertiesDialog)
    assert dialog is not None
    dialog._name.setText("invasive front")
    dialog._class.setCurrentIndex(dialog._class.findData("Stroma"))
    dialog._note.setPlainText("second look")
    dialog.accept()
    changed = hand.shown.items[0]
    assert (changed.name, changed.note) == ("invasive front", "second look")
    assert changed.class_ == DEFAULT_CLASSES[2]
    panel.centre_wanted.emit(changed.id)
    assert hand.canvas.view is not None
    assert (hand.canvas.view.centre_x, hand.canvas.view.centre_y) == pytest.approx((500, 400))
    window.annotations.store.export_file(tmp_path / "out.geojson")
    settle(qtbot, window)
    feature = json.loads((tmp_path / "out.geojson").read_text())["features"][0]
    assert feature["id"] == ellipse.id and feature["properties"]["name"] == "invasive front"
    (tmp_path / "bad.geojson").write_text("{}")
    window.annotations.store.import_file(tmp_path / "bad.geojson")
    settle(qtbot, window)
    assert "bad.geojson" in window.canvas.banner.text and hand.shown.items == (changed,)


@pytest.mark.parametrize("count", [1, 400])
def test_outlines_lie_where_they_belong_when_turned(
    qtbot: QtBot, window: MainWindow, hand: Hand, count: int
) -> None:
    red = Annotation("rectangle", shapely.box(500, 500, 900, 800), class_=DEFAULT_CLASSES[0])
    crowd = [
        Annotation("rectangle", shapely.box(20 + 3 * i, 1100, 21 + 3 * i, 1101))
        for i in range(count - 1)
    ]
    hand.shown.load([*crowd, red])
    hand.canvas.rotate_to(30)
    settle(qtbot, window)
    hand.canvas.pan(40, 0)
    settle(qtbot, window)
    places = [hand.at(*middle) for middle in ((700, 500), (500, 650), (900, 650), (700, 800))]

    def distances() -> list[int]:
        """How far the colour nearest to that of the class is, around the middles of the sides."""
        picture, wanted = hand.canvas.grab().toImage(), DEFAULT_CLASSES[0].colour
        around = [QPoint(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
        return [
            min(
                max(abs(a - b) for a, b in zip(_rgb(picture, place + by), wanted, strict=True))
                for by in around
            )
            for place in places
        ]

    assert max(distances()) < 60
    window.actions_by_name["show_annotations"].trigger()
    assert min(distances()) > 60


def _rgb(picture: QImage, at: QPoint) -> tuple[int, int, int]:
    colour = QColor(picture.pixel(at))
    return colour.red(), colour.green(), colour.blue()


def test_analysing_inside_an_annotation_agrees_with_the_command_line(
    qtbot: QtBot, window: MainWindow, slide: Path, hand: Hand, model_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    open_all(qtbot, window, model_path)
    whole = window.analysis.result
    assert whole is not None and whole.region is None
    window.annotations.analyse_inside()
    assert "No area is selected" in window.canvas.banner.text
    half = Annotation("rectangle", shapely.box(0, 0, 768, 1280), name="left half")
    other = Annotation("rectangle", shapely.box(0, 0, 1536, 1280), name="all")
    hand.shown.add([other, half])
    hand.shown.select([half.id])
    window.actions_by_name["analyse_inside"].trigger()
    settle(qtbot, window)
    inside = window.analysis.result
    assert inside is not None and inside.region == "left half" and len(inside) < len(whole)
    assert (inside.coords[:, 0] + inside.size_level0 / 2 <= 768).all()
    texts = " ".join(label.text() for label in window.results.findChildren(QLabel))
    assert f"Inside left half alone: {len(inside)} of {len(whole)} patches" in texts
    region = slide.with_name("case.tif.annotations.geojson")
    capsys.readouterr()
    arguments = [slide, "--model", model_path, "--region", region, "--region-name", "left half"]
    assert main(["predict", *map(str, arguments), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["probability"] == inside.probability and told["patches"] == len(inside)
    assert told["effective_patches"] == inside.effective_patches
    tiny = Annotation("rectangle", shapely.box(0, 0, 2, 2), name="glass")
    hand.shown.add([tiny])
    window.annotations.analyse_inside()
    settle(qtbot, window)
    assert "0 lie inside 'glass'" in window.canvas.banner.text
    window.actions_by_name["analyse"].trigger()
    settle(qtbot, window)
    again = window.analysis.result
    assert again is not None and again.region is None
    assert again.probability == whole.probability


def test_keys_of_tools_are_those_of_qupath(window: MainWindow) -> None:
    keys = {name: action.shortcut().toString() for name, action in window.actions_by_name.items()}
    expected = {"move": "M", "rectangle": "R", "ellipse": "O", "line": "L", "polygon": "P"}
    expected |= {"brush": "B", "point": "."}
    assert {name: keys[f"tool_{name}"] for name in expected} == expected
    used = [
        shortcut.toString()
        for action in window.findChildren(QAction)
        for shortcut in action.shortcuts()
    ]
    assert len(used) == len(set(used)), "no key is given twice"
