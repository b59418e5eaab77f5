"""Judged blinded, nothing that the window shows or tells of says which memory is which."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from driving import another_window, open_all, settle
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot
from telling import every_text

from momkd_core.review import Subject, Verdict, open_review
from momkd_viewer.main_window import MainWindow
from momkd_viewer.resource_files import resource
from momkd_viewer.state.blinding import HIDDEN
from momkd_viewer.state.overlay_values import ComponentName
from momkd_viewer.widgets.colours import colour
from momkd_viewer.widgets.component_card import ComponentCard, ShareBars
from momkd_viewer.widgets.verdict_panel import VerdictPanel

MODEL = resource("demo/her2.safetensors")
#: Words, and signs, that tell a memory from the other, or what the model says of the case.
TELLING = re.compile(
    r"C⁺|C⁻|C\+\d|C-\d|positive|negative|affinity|attention|gene go|Ben|probability|threshold", re.I
)
#: Entries that speak of both memories alike.
HARMLESS = ("attention that lies on empty glass", "attention on glass")


@pytest.fixture
def review(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOMKD_REVIEW", str(tmp_path / "review.sqlite"))
    return tmp_path / "review.sqlite"


def leaks(window: MainWindow) -> set[str]:
    shown = window.analysis.analysis.shown
    assert shown is not None
    card = shown.model.card
    classes = re.compile("|".join(rf"\b{re.escape(c)}\b" for c in (card.positive, card.negative)))
    lines = every_text(window, shown=True).splitlines()
    found = {one for one in lines if TELLING.search(one) or classes.search(one)}
    return {one for one in found if not any(words in one for words in HARMLESS)}


def everything(qtbot: QtBot, window: MainWindow) -> set[str]:
    """What leaks from all that can be opened."""
    settle(qtbot, window)
    name = window.memory.views[0].component
    window.components.open(name)
    window.components.compare(window.memory.views[-1].component)
    settle(qtbot, window)
    found = set()
    tabs = window.components.detail.panes[0]._tabs
    for tab in range(tabs.count()):
        tabs.setCurrentIndex(tab)
        found |= leaks(window)
    for scope in (1, 0):
        detail = window.components.detail
        detail._scope.setCurrentIndex(scope)
        detail._scope.activated.emit(scope)
        for kind in range(3):
            detail._kinds.setCurrentIndex(kind)
            settle(qtbot, window)
            found |= leaks(window)
            # A component may have no counter-examples; every one has patches most like it.
            assert kind or detail.panes[0].gallery.patches, "of the slide, and of the cohort"
    window.overlay.show_component(name.memory, name.index)
    settle(qtbot, window)
    view = window.canvas.slide_view
    qtbot.mouseMove(view, QPoint(view.width() // 2, view.height() // 2))
    window.inspection.ask_at_cursor()
    settle(qtbot, window)
    assert window.inspection.dock.isVisible()
    found |= leaks(window)
    window.actions_by_name["palette"].trigger()
    window.actions_by_name["show_keys"].trigger()
    settle(qtbot, window)
    found |= leaks(window)
    return found


def test_nothing_tells_one_memory_from_the_other(
    qtbot: QtBot, review: Path, window: MainWindow, slide_path: Path, tmp_path: Path
) -> None:
    table = tmp_path / "cohort.csv"
    table.write_text(
        f"case_id,slide,her2\nHuber,{slide_path},positive\nMeier,{slide_path},negative\n"
    )
    window.tools.preferences.name_reviewer("Anna")
    open_all(qtbot, window, MODEL, table)
    shown = window.analysis.analysis.shown
    assert shown is not None
    sha256 = shown.model.origin_sha256
    said = {"reviewer": "Ben", "model_sha256": sha256, "term": "fat"}
    with open_review(review) as store:
        for memory in ("positive", "negative"):
            store.record(Verdict(subject=Subject(memory, 0), **said))
    window.review.keeper.read()
    settle(qtbot, window)
    window.split.toggle()
    settle(qtbot, window)
    open_words = leaks(window)
    assert {"C⁺", "C⁻", "Positive"} <= {
        w for line in open_words for w in re.findall("C⁺|C⁻|Positive", line)
    }

    window.actions_by_name["blinded"].trigger()
    assert not window.split.shown and window.overlay.kind == "none"
    assert not everything(qtbot, window)
    window.overlay.set_kind("affinity")
    settle(qtbot, window)
    assert window.canvas.legend.content.notes == (HIDDEN,) and not leaks(window)
    window.open_path(tmp_path / "evidence.zip")
    assert "you judge blinded" in window.canvas.banner.text, "a bundle tells the answer"
    window.open_path(slide_path)
    settle(qtbot, window)
    assert not leaks(window), "another slide, the same silence"

    panel = window.components.detail.panes[0].findChild(VerdictPanel)
    assert panel is not None
    panel.credible["yes"].click()
    settle(qtbot, window)
    with open_review(review) as store:
        (row,) = store.current(reviewer="Anna")
    assert row.blinded
    with another_window(tmp_path / "settings.ini") as again:
        open_all(qtbot, again, MODEL, slide_path)
        assert not leaks(again), "the next start is blinded from its first moment"
    window.actions_by_name["blinded"].trigger()
    settle(qtbot, window)
    assert leaks(window) and window.browser.count() == 3 and window.browser.isTabVisible(1)


def test_cards_of_both_memories_are_mixed_in_one_neutral_colour(
    qtbot: QtBot, review: Path, window: MainWindow, slide_path: Path
) -> None:
    open_all(qtbot, window, MODEL, slide_path)
    bright = colour("positive")
    window.actions_by_name["blinded"].trigger()
    settle(qtbot, window)
    views = window.browser.lists["positive"]._views
    assert {view.memory for view in views} == {"positive", "negative"}
    numbers = [int(view.name[1:]) for view in views]
    assert numbers == list(range(1, len(window.memory.views) + 1))
    assert colour("positive") == colour("negative") != bright
    cards = window.browser.lists["positive"].findChildren(ComponentCard)
    bar = cards[0].findChild(ShareBars)
    assert bar is not None
    picture = bar.grab().toImage()
    hues = {picture.pixelColor(x, y).hsvSaturation() for x in range(9) for y in range(9)}
    assert max(hues) < 70, "no orange, no blue"
    find = window.browser.widget(0).findChild(QLineEdit)
    assert find is not None
    find.setText(views[2].name.lower())
    assert views[2].component in [v.component for v in window.browser.lists["positive"]._views]
    find.setText("positive")
    assert not window.browser.lists["positive"]._views
    find.setText("")
    window.browser.reveal(ComponentName("negative", 0))
    qtbot.keyClick(window, Qt.Key.Key_A, Qt.KeyboardModifier.ShiftModifier)
    assert window.overlay.kind == "none", "keys of what is hidden do nothing"


def test_the_demos_first_result_starts_no_tour_that_explains_the_memories(
    qtbot: QtBot, review: Path, window: MainWindow, slide_path: Path
) -> None:
    window.actions_by_name["blinded"].trigger()
    demo = window.demo  # as if it had drawn the slide
    demo._models, demo._table = [MODEL], slide_path.parent / "cohort.csv"
    demo._greeting = demo._listed = True
    open_all(qtbot, window, MODEL, slide_path)
    assert not demo._greeting and not window.tour.isVisible()
    window.demo.show_tour()
    assert window.tour.isVisible()
