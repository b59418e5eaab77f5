"""The cohort workspace: a table of cases with filters, views and charts."""

from __future__ import annotations

from pathlib import Path

import pytest
from driving import LIMIT_MS, settle
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtWidgets import QApplication, QMenu, QWidget
from pytestqt.qtbot import QtBot
from telling import told_by
from workspaces import HER2, PR, at, cases, finding, opened, write_cases

from momkd_core.case_triage import in_order
from momkd_core.verdicts import Subject, Verdict
from momkd_viewer.main_window import MainWindow
from momkd_viewer.state.workspace_filter import Filter
from momkd_viewer.state.workspace_views import BUILT_IN
from momkd_viewer.widgets.workspace_window import WorkspaceWindow


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOMKD_DATA", str(tmp_path / "data"))


@pytest.fixture
def cohort(tmp_path: Path, slide_path: Path) -> Path:
    return write_cases(tmp_path, slide_path)


def cells(found: WorkspaceWindow, case: str) -> dict[str, str]:
    """What a row says, by the kind of column."""
    model = found.table.rows
    row = next(r for r in range(model.rowCount()) if model.index(r, 0).data() == case)
    return {column.key: model.index(row, at).data() for at, column in enumerate(model.columns)}


def told(found: WorkspaceWindow) -> str:
    QApplication.processEvents()
    widgets = [w for w in (found, *found.findChildren(QWidget)) if w.isVisible()]
    return "\n".join(text for widget in widgets for text in told_by(widget))


def test_a_case_is_a_row_with_columns_of_every_model(
    qtbot: QtBot, window: MainWindow, cohort: Path
) -> None:
    found = opened(qtbot, window, cohort, HER2, PR)
    assert found.bar.count.text() == "6 of 6 cases"
    bea = cells(found, "Bea")
    assert (bea["her2/label"], bea["her2/predicted"]) == ("positive", "positive")
    assert bea["her2/correct"] == "✓" and bea["her2/probability"] == "0.97"
    assert bea["her2/background"] == "10.0%" and bea["pr/probability"] == "0.97"
    assert cells(found, "Dan")["her2/predicted"] == "failed"
    assert cells(found, "Fay")["her2/probability"] == ""
    titles = {found.table.rows.headerData(at, Qt.Orientation.Horizontal)
              for at in range(found.table.rows.columnCount())}  # fmt: skip
    assert {"her2\nP", "pr\nP"} <= titles


def test_cases_come_in_the_order_of_triage_and_as_the_factors_say(
    qtbot: QtBot, window: MainWindow, cohort: Path
) -> None:
    found = opened(qtbot, window, cohort)
    session = window.workspace.session
    assert session.answers is not None
    triages = [answer.triage for answer in session.answers.of if answer.triage]
    expected = "".join(case.case_id[0] for case in in_order(triages))
    assert cases(window) == expected + "DF", "then what failed, then what is missing"
    found.bar.order.menu().aboutToShow.emit()
    names = {action.text(): action for action in found.bar.order.menu().actions()}
    names["wrong"].trigger()
    found.bar.order.menu().aboutToShow.emit()
    names = {action.text(): action for action in found.bar.order.menu().actions()}
    names["margin"].trigger()
    assert session.view.ordering.factors == ("background",) and cases(window)[0] == "A"
    assert "background focus" in found.bar.order.text()
    found.table.sort_wanted.emit("her2/probability")
    assert cases(window)[0] == "A"
    found.table.sort_wanted.emit("her2/probability")
    assert cases(window)[0] == "C"


def test_filters_search_and_views(qtbot: QtBot, window: MainWindow, cohort: Path) -> None:
    found = opened(qtbot, window, cohort)
    qtbot.keyClicks(found.bar.search, "bea-2")
    assert cases(window) == "B" and found.bar.count.text() == "1 of 6 cases"
    found.filters.filtered.emit(Filter())
    assert found.bar.search.text() == ""
    wrong, failed = BUILT_IN[1], BUILT_IN[4]
    found.bar.view_chosen.emit(failed)
    assert cases(window) == "D"
    found.bar.view_chosen.emit(wrong)
    assert cases(window) == "A" and found.bar.views.text() == "Wrong, on glass ▾"
    assert found.filters._boxes["correctness"].currentText() == "Wrong"
    found.filters.filtered.emit(Filter(text="nobody"))
    assert "No case is like this" in told(found)
    found.filters.filtered.emit(Filter(correctness="wrong"))
    found.bar.view_named.emit("mine")
    found.bar.view_chosen.emit(BUILT_IN[0])
    assert len(cases(window)) == 6
    found.bar.views.menu().aboutToShow.emit()
    mine = next(a for a in found.bar.views.menu().actions() if a.text() == "mine")
    mine.trigger()
    assert set(cases(window)) == {"A", "E"}


def test_findings_that_arrive_are_shown(qtbot: QtBot, window: MainWindow, cohort: Path) -> None:
    found = opened(qtbot, window, cohort)
    model = window.analysis.analysis.models[0]
    path = window.cases.work.entries[-1].path
    window.cases.work.add((model.model.sha256, model.muted), path, finding(0.995, 0.9))
    window.cases.rows_changed.emit()
    settle(qtbot, window)
    assert cases(window)[0] == "F", "the most wrong one"
    assert cells(found, "Fay")["her2/predicted"] == "positive"


def test_a_case_is_opened_and_keys_follow_the_order_of_the_workspace(
    qtbot: QtBot, window: MainWindow, cohort: Path
) -> None:
    found = opened(qtbot, window, cohort)
    found.table.choose(at(window, "Bea"))
    found.table.setFocus()
    qtbot.keyClick(found.table, Qt.Key.Key_Return)
    settle(qtbot, window)
    assert window.slides.source is not None and window.slides.source.path.stem == "Bea-1"
    found.detail.slide_wanted.emit(1)
    settle(qtbot, window)
    assert window.slides.source.path.stem == "Bea-2"
    shown = cases(window)
    window.actions_by_name["next_case"].trigger()
    settle(qtbot, window)
    assert window.slides.source.path.stem[0] == shown[shown.index("B") + 1]
    found.bar.view_chosen.emit(BUILT_IN[1])
    window.actions_by_name["next_case"].trigger()
    settle(qtbot, window)
    assert window.slides.source.path.stem == "Ada", "the first, where the current one is not shown"
    window.cases.open_case("Eve")
    settle(qtbot, window)
    assert window.workspace.session.chosen == "Eve", "the workspace follows the main window"


def test_space_ticks_off_and_the_detail_says_why(
    qtbot: QtBot, window: MainWindow, cohort: Path
) -> None:
    found = opened(qtbot, window, cohort)
    found.table.setFocus()
    found.table.setCurrentIndex(found.table.rows.index(0, 0))
    assert "60 % of attention on glass" in found.detail.text
    assert "recorded negative, predicted positive" in found.detail.text
    qtbot.keyClick(found.table, Qt.Key.Key_Space)
    assert cells(found, "Ada")["reviewed"] == "✓" and "reviewed" in found.detail.text
    found.bar.view_chosen.emit(BUILT_IN[3])
    assert "A" not in cases(window)
    found.bar.view_chosen.emit(BUILT_IN[4])
    found.table.setCurrentIndex(found.table.rows.index(0, 0))
    assert "Copy it again." in found.detail.text, "a failure with its cure"


def test_the_verdict_on_a_case_is_shown(qtbot: QtBot, window: MainWindow, cohort: Path) -> None:
    found = opened(qtbot, window, cohort)
    sha256 = window.analysis.analysis.models[0].model.origin_sha256
    verdict = Verdict(
        subject=Subject(case_id="Eve"), reviewer="Ada", model_sha256=sha256, credible="no"
    )
    window.review.keeper.put(verdict)
    settle(qtbot, window)
    assert cells(found, "Eve")["verdict"] == "judged · Ada" and cells(found, "Bea")["verdict"] == ""
    window.actions_by_name["blinded"].trigger()
    assert cells(found, "Eve")["verdict"] == "", "what others say is not told while blinded"


def test_thumbnails_come_for_rows_in_view(qtbot: QtBot, window: MainWindow, cohort: Path) -> None:
    opened(qtbot, window, cohort)
    first = window.cases.work.entries[0].path

    def there() -> bool:
        picture = window.workspace.thumbnails.picture(first).toImage()
        return picture.pixelColor(picture.width() // 2, picture.height() // 2).alpha() == 255

    qtbot.waitUntil(there, timeout=LIMIT_MS)


def test_charts_show_what_the_table_shows_and_open_a_case(
    qtbot: QtBot, window: MainWindow, cohort: Path
) -> None:
    found = opened(qtbot, window, cohort)
    chart = found.charts.glass
    assert chart.points is not None and len(chart.points) == 3, "those with both numbers"
    assert "wrong 2" in chart._key.text() and "right 1" in chart._key.text()
    found.bar.view_chosen.emit(BUILT_IN[1])
    assert len(chart.points) == 1
    settle(qtbot, window)
    assert chart._plot is not None
    box = chart._plot.getPlotItem().getViewBox()
    scene = box.mapViewToScene(QPointF(0.99, 0.6))
    place = chart._plot.mapFromScene(scene)
    assert chart.case_at(scene) == at(window, "Ada")
    assert chart.case_at(box.mapViewToScene(QPointF(0.2, 0.2))) == -1
    qtbot.mouseClick(
        chart._plot.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(place.x(), place.y())
    )
    settle(qtbot, window)
    assert window.slides.source is not None and window.slides.source.path.stem == "Ada"
    assert found.table.current == at(window, "Ada")
    assert chart._mark is not None and chart._mark.data["x"].tolist() == pytest.approx([0.99])


def test_blinded_the_workspace_tells_nothing_of_the_answer(
    qtbot: QtBot, window: MainWindow, cohort: Path
) -> None:
    found = opened(qtbot, window, cohort)
    found.bar.view_chosen.emit(BUILT_IN[1])
    window.workspace._make_current(at(window, "Ada"))
    window.actions_by_name["blinded"].trigger()
    settle(qtbot, window)
    text = told(found)
    for word in (
        "positive",
        "negative",
        "wrong",
        "Wrong,",
        "0.99",
        "✗",
        "confident",
    ):
        assert word not in text, word
    assert cases(window) == "A", "attention on glass may be asked for"
    assert "60 % of attention on glass" in text
    found.bar.view_chosen.emit(BUILT_IN[0])
    for menu in found.findChildren(QMenu):
        menu.aboutToShow.emit()
    offered = [a.text() for a in (*found.bar.order.menu().actions(),)]
    assert "wrong" not in offered and "background focus" in offered
    settle(qtbot, window)
    key = found.charts.spread._key.text()
    assert "cases 4" in key and "wrong" not in key
    window.actions_by_name["blinded"].trigger()
    assert "0.99" in told(found)


def test_masked_no_name_is_told(qtbot: QtBot, window: MainWindow, cohort: Path) -> None:
    found = opened(qtbot, window, cohort)
    found.bar.columns_chosen.emit(("case", "patient", "value:site", "her2/flags"))
    window.workspace._make_current(at(window, "Dan"))
    window.actions_by_name["mask_names"].trigger()
    settle(qtbot, window)
    text = told(found) + found.detail.text
    for name in ("Ada", "Bea", "Dan", "Lake", "P-", "cohort.csv"):
        assert name not in text, name
    assert "Case 4" in text
    assert "cohort.csv" not in window.canvas.welcome._recent.text()
    assert [column.kind for column in found.table.rows.columns] == ["case", "flags"]
    window.actions_by_name["mask_names"].trigger()
    assert [column.kind for column in found.table.rows.columns][1] == "patient"


def test_it_is_offered_over_the_cases_and_goes_with_the_window(
    qtbot: QtBot, window: MainWindow, cohort: Path
) -> None:
    from momkd_viewer.widgets.workspace_button import WorkspaceButton

    opened(qtbot, window, cohort)
    (button,) = window.findChildren(WorkspaceButton)
    assert button.isVisible()
    assert window.workspace.window is not None
    window.workspace.window.resize(1111, 700)
    window.workspace.window.close()
    window.actions_by_name["next_case"].trigger()
    settle(qtbot, window)
    assert window.slides.source is not None
    assert window.slides.source.path.stem == "Bea-1", "closed, the list of cases leads again"
    window.workspace.show()
    assert window.workspace.window.width() == 1111
