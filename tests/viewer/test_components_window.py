"""Components in the window: cards, the detail pane, comparing, and what a patch is."""

from __future__ import annotations

from pathlib import Path

import pytest
from driving import open_all, settle
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QEnterEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit
from pytestqt.qtbot import QtBot

from momkd_core.checkpoint import Model, load_model
from momkd_core.result import SlideResult
from momkd_viewer.controllers import component_controller
from momkd_viewer.jobs.runner import Work
from momkd_viewer.main_window import MainWindow
from momkd_viewer.state.component_patches import GALLERIES
from momkd_viewer.state.components import ComponentView, VerdictMark
from momkd_viewer.state.overlay_values import ComponentName
from momkd_viewer.widgets.colours import colour
from momkd_viewer.widgets.component_card import ComponentCard, PatchThumbnail
from momkd_viewer.widgets.component_list import ComponentList
from momkd_viewer.widgets.patch_gallery import PatchGallery

POSITIVE_1, NEGATIVE_0 = ComponentName("positive", 1), ComponentName("negative", 0)


def cards(window: MainWindow, memory: str = "positive") -> list[str]:
    """Names of the shown cards from top to bottom."""
    found = window.browser.lists[memory].findChildren(ComponentCard)
    shown = sorted((c for c in found if not c.isHidden()), key=lambda c: c.y())
    return [c.view.name for c in shown if c.view is not None]


def card(window: MainWindow, name: ComponentName) -> ComponentCard:
    found = window.browser.lists[name.memory].findChildren(ComponentCard)
    return next(c for c in found if c.view is not None and c.view.component == name)


def point(window: MainWindow, patch: int) -> QPoint:
    """Where a patch's middle lies on the canvas."""
    result, view = window.analysis.result, window.canvas.slide_view.view
    assert result is not None and view is not None
    x, y = view.to_view(*(result.coords[patch] + result.size_level0 / 2))
    return QPoint(round(x), round(y))


def pixel(gallery: PatchGallery, row: int) -> str:
    """The colour in the middle of a gallery's picture."""
    area = gallery.visualRect(gallery.model().index(row, 0))
    return gallery.viewport().grab(area).toImage().pixelColor(area.width() // 2, 40).name()


def test_cards_are_sorted_and_filtered(
    qtbot: QtBot, window: MainWindow, slide_path: Path, model_path: Path
) -> None:
    open_all(qtbot, window, model_path, slide_path)
    page = window.browser.widget(0)
    everything = cards(window)
    assert len(everything) == 4
    order = page.findChild(QComboBox)
    assert order is not None
    order.setCurrentIndex(2)
    order.activated.emit(2)
    assert cards(window) == ["C⁺0", "C⁺1", "C⁺2", "C⁺3"]
    qtbot.waitUntil(lambda: window.settled)  # else the review's own marks would come after these
    window.memory.set_verdicts({POSITIVE_1: VerdictMark("stroma", "no")})
    assert "not credible" in card(window, POSITIVE_1).accessibleName()
    text = page.findChild(QLineEdit)
    assert text is not None
    text.setText("stroma")
    assert cards(window) == ["C⁺1"]
    text.setText("adipocyte")
    assert cards(window) == [] and cards(window, "negative") == []
    text.setText("")
    assert cards(window) == ["C⁺0", "C⁺1", "C⁺2", "C⁺3"]


def test_a_component_in_detail_and_another_beside_it(
    qtbot: QtBot,
    window: MainWindow,
    slide_path: Path,
    model_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    portrayed: list[ComponentName] = []
    portray = component_controller.portray

    def counted(result: SlideResult, model: Model, name: ComponentName) -> Work:
        portrayed.append(name)
        return portray(result, model, name)

    monkeypatch.setattr(component_controller, "portray", counted)
    open_all(qtbot, window, model_path, slide_path)
    result, detail = window.analysis.result, window.components.detail
    assert (
        result is not None and result.match is not None and not window.components.dock.isVisible()
    )
    qtbot.mouseClick(card(window, POSITIVE_1), Qt.MouseButton.LeftButton, pos=QPoint(3, 3))
    settle(qtbot, window)
    first, second = detail.panes
    assert window.components.dock.isVisible() and not second.isVisible()
    expected = result.top_patches("positive", 1, 200)
    assert [p.position for p in first.gallery.patches] == expected.tolist()
    assert pixel(first.gallery, 0) != colour("track").name(), "its picture has come"
    assert first.training.text == ""  # the model says how it was trained
    profile = load_model(model_path).card.profile_of("positive", 1)
    assert profile is not None and bool(first.genes.text) == (not profile.genes)
    window.browser.setCurrentIndex(1)
    qtbot.mouseClick(
        card(window, NEGATIVE_0), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier,
        QPoint(3, 3),
    )  # fmt: skip
    detail._kinds.setCurrentIndex([kind for kind, _, _ in GALLERIES].index("counter"))
    settle(qtbot, window)
    assert second.isVisible() and second.component == NEGATIVE_0
    assert first.gallery.patches and second.gallery.patches
    assert all(result.affinity[p.position] < 0 for p in first.gallery.patches)
    assert all(result.affinity[p.position] > 0 for p in second.gallery.patches)
    asked = len(portrayed)
    detail._kinds.setCurrentIndex([kind for kind, _, _ in GALLERIES].index("typical"))
    settle(qtbot, window)
    assert all(p.rival is None for p in first.gallery.patches)
    assert len(portrayed) == asked == 3, "another gallery changes no chart"
    # Muting from the pane is the same as from the card, and the pane says so.
    first._mute.click()
    settle(qtbot, window)
    assert window.analysis.result is not result
    assert "muted" in first._none.text() and card(window, POSITIVE_1).mute_button.isChecked()
    first._mute.click()
    second._close.click()
    settle(qtbot, window)
    assert not second.isVisible() and window.components.components == (POSITIVE_1,)


def test_cards_without_pictures_are_low_and_grow_when_pictures_come(qtbot: QtBot) -> None:
    def views(patches: tuple[int, ...], muted: bool = False) -> list[ComponentView]:
        values = tuple(0.5 for _ in patches)
        return [ComponentView("positive", j, 0.1, 0.1, patches, values, muted) for j in range(40)]

    listed = ComponentList("positive")
    qtbot.addWidget(listed)
    listed.resize(340, 500)
    listed.show()
    listed.show_views(views(()))
    first = listed.findChildren(ComponentCard)[0]
    low = first.height()
    listed.show_views(views((3, 1)))
    assert first.height() > low + 60 and [t.patch for t in first.thumbnails] == [3, 1]
    made = len(listed.findChildren(ComponentCard))
    assert made < 40, "cards far below are not made"
    listed.show_views(views((), muted=True))
    assert first.height() > low + 60 and not first.thumbnails[0].isHidden()
    listed.verticalScrollBar().setValue(listed.verticalScrollBar().maximum())
    last = max(listed.findChildren(ComponentCard), key=lambda card: card.y())
    assert last.view is not None and last.view.index == 39
    assert last.visibleRegion().boundingRect().height() == last.height()


def test_patches_of_slide_gallery_and_cards_point_at_each_other(
    qtbot: QtBot, window: MainWindow, slide_path: Path, model_path: Path
) -> None:
    open_all(qtbot, window, model_path, slide_path)
    window.components.open(POSITIVE_1)
    settle(qtbot, window)
    gallery, canvas = window.components.detail.panes[0].gallery, window.canvas.slide_view
    patch = gallery.patches[0].position
    assert patch is not None
    qtbot.mouseMove(canvas, point(window, patch))
    assert gallery.is_marked(gallery.patches[0])
    marked = [t for t in window.browser.findChildren(PatchThumbnail) if t._marked]
    assert marked and all(t.patch == patch for t in marked)
    QApplication.sendEvent(canvas, QEvent(QEvent.Type.Leave))
    assert not gallery.is_marked(gallery.patches[0])
    middle = QPointF(gallery.visualRect(gallery.model().index(1, 0)).center())
    QApplication.sendEvent(gallery.viewport(), QEnterEvent(middle, middle, middle))
    move = QMouseEvent(
        QEvent.Type.MouseMove, middle, middle, Qt.MouseButton.NoButton, Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    QApplication.sendEvent(gallery.viewport(), move)
    place = gallery.patches[1].place
    assert place is not None and canvas._highlight.area is not None
    assert (canvas._highlight.area.left, canvas._highlight.area.top) == (place.x, place.y)
    qtbot.mouseClick(gallery.viewport(), Qt.MouseButton.LeftButton, pos=middle.toPoint())
    assert canvas.view is not None
    centre = (place.x + place.size / 2, place.y + place.size / 2)
    assert (round(canvas.view.centre_x), round(canvas.view.centre_y)) == centre


def test_what_a_patch_is(
    qtbot: QtBot, window: MainWindow, slide_path: Path, model_path: Path
) -> None:
    open_all(qtbot, window, model_path, slide_path)
    result = window.analysis.result
    assert result is not None and result.match is not None
    view = window.canvas.slide_view.view
    assert view is not None
    patch = int(((result.coords - (700, 600)) ** 2).sum(axis=1).argmin())
    at = point(window, patch)
    shift = Qt.KeyboardModifier.ShiftModifier
    # A drag with Shift pans: nothing is asked.
    qtbot.mousePress(window.canvas.slide_view, Qt.MouseButton.LeftButton, shift, at)
    qtbot.mouseMove(window.canvas.slide_view, at + QPoint(30, 0))
    qtbot.mouseRelease(window.canvas.slide_view, Qt.MouseButton.LeftButton, shift, at)
    settle(qtbot, window)
    panel = window.inspection.panel
    assert panel.inspection is None
    qtbot.mouseClick(
        window.canvas.slide_view, Qt.MouseButton.LeftButton, shift, point(window, patch)
    )
    settle(qtbot, window)
    assert panel.isVisible() and panel.inspection is not None
    assert panel.inspection.patch == patch and not panel._picture.image.isNull()
    rows = {row.component: row.similarity for row in panel.similarities.rows}
    assert len(rows) == 8
    assert rows[POSITIVE_1] == float(result.match.positive[patch, 1])
    assert "once the cohort has been read" in panel._title.text()
    # A muted component is left out at once, and said to be.
    window.analysis.set_muted("positive", 1, True)
    settle(qtbot, window)
    assert len(panel.similarities.rows) == 7 and panel._muted.text() == "1 muted"
    panel.similarities.component_chosen.emit(NEGATIVE_0)
    assert window.components.components == (NEGATIVE_0,)
    text, slot = window.inspection.entries(-500, -500)[0]
    assert "What is this patch" in text and slot is None
    window.slides.close()
    settle(qtbot, window)
    assert panel.inspection is None and not panel.similarities.rows


def test_a_patch_of_another_slide_opens_that_slide(
    qtbot: QtBot, window: MainWindow, cohort_path: Path, model_path: Path
) -> None:
    from momkd_viewer.state.component_patches import Gallery, GalleryPatch, PatchPlace

    folder = cohort_path.parent / "slides"
    open_all(qtbot, window, model_path, folder / "case_00.tif")
    places = [PatchPlace(folder / f"case_0{k}.tif", 256, 128, 128) for k in (1, 2)]
    missing = PatchPlace(folder / "gone.tif", 0, 0, 128)
    patches = tuple(GalleryPatch(p, 0.5, case="a", patient="p") for p in (*places, missing, None))
    window.components.open(POSITIVE_1)
    detail = window.components.detail
    detail._scope.setCurrentIndex(1)
    detail._scope.activated.emit(1)
    settle(qtbot, window)
    assert "Open a cohort" in detail.panes[0]._none.text()
    window.components.set_cohort(lambda name, choice: Gallery(patches, 4, 3, 2))
    settle(qtbot, window)
    gallery = detail.panes[0].gallery
    assert gallery.pictures(places[0]) and not gallery.pictures(places[0]).isNull()
    assert "gone.tif" in window.memory.pictures.reason(missing)
    assert "gone.tif" in window.canvas.banner.text
    assert "3 slides · 2 patients" in detail.panes[0]._count.text()
    gallery.chosen.emit(patches[1])
    settle(qtbot, window)
    slide, view = window.slides.slide, window.canvas.slide_view.view
    assert slide is not None and slide.path == places[1].slide and view is not None
    assert (view.centre_x, view.centre_y) == (256 + 64, 128 + 64)


def test_keys_open_the_component_pane_and_ask_what_a_patch_is(
    qtbot: QtBot, window: MainWindow, slide_path: Path, model_path: Path
) -> None:
    open_all(qtbot, window, model_path, slide_path)
    window.canvas.slide_view.setFocus()
    qtbot.keyClick(window.canvas.slide_view, Qt.Key.Key_D)
    settle(qtbot, window)
    most = max(window.memory.views, key=lambda view: view.attention)
    assert window.components.components == (most.component,)
    qtbot.keyClick(window.canvas.slide_view, Qt.Key.Key_D)
    assert not window.components.dock.isVisible()
    settle(qtbot, window)
    result = window.analysis.result
    assert result is not None
    patch = int(((result.coords - (700, 600)) ** 2).sum(axis=1).argmin())
    qtbot.mouseMove(window.canvas.slide_view, point(window, patch))
    qtbot.keyClick(window.canvas.slide_view, Qt.Key.Key_W)
    settle(qtbot, window)
    shown = window.inspection.panel.inspection
    assert shown is not None and shown.patch == patch
    # The card's own keys: Enter opens it, Tab reaches its switches.
    one = card(window, POSITIVE_1)
    one.setFocus()
    qtbot.keyClick(one, Qt.Key.Key_Return)
    settle(qtbot, window)
    assert window.components.components == (POSITIVE_1,)
    qtbot.keyClick(one, Qt.Key.Key_Tab)
    assert QApplication.focusWidget() is one.show_button
