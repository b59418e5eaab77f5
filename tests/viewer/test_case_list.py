"""The work list as a table: the user's order, and the chosen case within it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from momkd_core.slide_summary import SlideSummary
from momkd_viewer.state.analysis import Asked, CaseEntry
from momkd_viewer.state.source import Source
from momkd_viewer.state.work_list import CaseFinding, Shown, WorkList
from momkd_viewer.widgets.case_list import CaseList

ASKED: Asked = ("model", frozenset())
SHOWN = Shown(ASKED, "grade", ("high", "low"))


def paths(count: int) -> list[Path]:
    return [Path(f"{number}.tif") for number in range(count)]


def finding(probability: float) -> CaseFinding:
    summary = SlideSummary("s", probability, probability / 2, "", None, 3.0, 9, None, None, None)
    return CaseFinding("high", summary)


def names(cases: CaseList) -> str:
    model = cases.model()
    return "".join(str(model.index(row, 0).data()) for row in range(model.rowCount()))


def test_findings_keep_the_order_and_the_chosen_case(qtbot: QtBot) -> None:
    work = WorkList(
        [CaseEntry(name, Source(path)) for name, path in zip("abcd", paths(4), strict=True)]
    )
    cases = CaseList()
    qtbot.addWidget(cases)
    cases.resize(300, 200)
    cases.show()
    chosen: list[int] = []
    cases.case_chosen.connect(chosen.append)
    cases.show_rows(work.rows(SHOWN))
    cases.choose(2)
    for path, probability in zip(paths(4), (0.3, 0.9, 0.1, 0.5), strict=True):
        work.add(ASKED, path, finding(probability))
    cases.change_rows(work.changed_rows(SHOWN))
    assert names(cases) == "abcd"  # the cohort's own order at first
    cases.sort_by_background()
    assert names(cases) == "bdac" and cases.in_sight == [2, 1, 3, 0, 2]
    assert cases.currentIndex().row() == 3
    work.add(ASKED, paths(4)[2], finding(0.8))
    cases.change_rows(work.changed_rows(SHOWN))
    assert names(cases) == "bcda" and chosen == [2]
    assert [index.row() for index in cases.selectionModel().selectedRows()] == [1]
    cases.step(1)
    assert chosen == [2, 3]
    cases.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
    assert names(cases) == "abcd" and cases.currentIndex().row() == 3
    # Another cohort is sorted as the last one was.
    cases.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    other = WorkList([CaseEntry(name, Source(Path(name))) for name in "xzy"])
    cases.show_rows(other.rows(SHOWN))
    assert names(cases) == "zyx" and not cases.currentIndex().isValid()
    cases.show_rows([])
    assert names(cases) == "" and cases.in_sight == []
