"""The workspace is there again tomorrow, after a kill, a full disk, a file of another version."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from driving import LIMIT_MS, another_window, settle
from pytestqt.qtbot import QtBot
from workspaces import HER2, at, cases, know, opened, write_cases

from momkd_core.storage import data_folder
from momkd_viewer.main_window import MainWindow
from momkd_viewer.state.workspace_filter import Filter


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOMKD_DATA", str(tmp_path / "data"))


@pytest.fixture
def cohort(tmp_path: Path, slide_path: Path) -> Path:
    return write_cases(tmp_path, slide_path)


def kept() -> dict[str, object]:
    (file,) = (data_folder() / "workspaces").glob("*.json")
    found: dict[str, object] = json.loads(file.read_text(encoding="utf-8"))
    return found


def test_another_start_goes_on_where_it_was(
    qtbot: QtBot, window: MainWindow, cohort: Path, tmp_path: Path
) -> None:
    found = opened(qtbot, window, cohort)
    window.workspace.toggle_reviewed(at(window, "Eve"))
    found.filters.filtered.emit(Filter(correctness="wrong"))
    found.bar.view_named.emit("mine")
    found.table.sort_wanted.emit("case")
    found.table.setColumnWidth(0, 260)
    window.workspace._make_current(at(window, "Eve"))
    window.close()
    with another_window(tmp_path / "settings.ini") as again:
        again.show()
        again.analysis.starts_itself = False
        recent = again.canvas.welcome._recent
        assert f"{cohort.parent.name}/cohort.csv" in recent.text()
        recent.linkActivated.emit("0")
        settle(qtbot, again)
        (model,) = again.analysis.analysis.models
        assert model.model.path == HER2, "models are opened again"
        know(again)
        again.actions_by_name["workspace"].trigger()
        settle(qtbot, again)
        session = again.workspace.session
        assert session.view.filter == Filter(correctness="wrong") and cases(again) == "AE"
        assert [view.name for view in session.saved] == ["mine"] and session.chosen == "Eve"
        assert "Eve" in session.marks.reviewed
        shown = again.workspace.window
        assert shown is not None and shown.table.columnWidth(0) == 260
        assert shown.table.current == at(again, "Eve")


KILLED = """
    import sys
    from pathlib import Path
    from PySide6.QtCore import QSettings
    from momkd_viewer.app import create_application
    from momkd_viewer.main_window import MainWindow

    application = create_application()
    window = MainWindow(QSettings(sys.argv[2], QSettings.Format.IniFormat))
    window.analysis.starts_itself = False
    window.show()
    window.open_path(Path(sys.argv[1]))
    while not (window.workspace.session.workspace.cases and window.settled):
        application.processEvents()
        if window.cases.work.entries and window.workspace.window is None:
            window.workspace.show()
    window.workspace.toggle_reviewed(2)
    window.workspace.window.bar.view_named.emit("before the crash")
    print("ticked", flush=True)
    application.exec()
"""


def test_a_kill_loses_no_more_than_half_a_second(
    qtbot: QtBot, window: MainWindow, cohort: Path, tmp_path: Path
) -> None:
    script = tmp_path / "killed.py"
    script.write_text(textwrap.dedent(KILLED))
    process = subprocess.Popen(
        [sys.executable, script, cohort, tmp_path / "other.ini"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "MOMKD_DATA": str(tmp_path / "data")},
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline().strip() == "ticked"
        qtbot.waitUntil(
            lambda: (
                any((tmp_path / "data" / "workspaces").glob("*.json"))
                and "Cia" in str(kept()["reviewed"])
            ),
            timeout=LIMIT_MS,
        )
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    opened(qtbot, window, cohort)
    assert list(window.workspace.session.marks.reviewed) == ["Cia"]
    assert [view.name for view in window.workspace.session.saved] == ["before the crash"]


def test_what_cannot_be_saved_is_told_once_and_kept(
    qtbot: QtBot, window: MainWindow, cohort: Path
) -> None:
    found = opened(qtbot, window, cohort)
    said: list[str] = []
    window.workspace.failed.connect(said.append)
    in_the_way = data_folder() / "workspaces"
    shutil.rmtree(in_the_way)
    in_the_way.write_text("")
    for case in ("Ada", "Bea"):
        window.workspace.toggle_reviewed(at(window, case))
        settle(qtbot, window)
    assert len(said) == 1 and "not saved" in said[0] and "not saved" in found.banner.text
    in_the_way.unlink()
    window.close()
    assert list(kept()["reviewed"]) == ["Ada", "Bea"]  # type: ignore[call-overload]


def test_a_memory_that_is_not_understood_is_left_alone(
    qtbot: QtBot, window: MainWindow, cohort: Path, tmp_path: Path
) -> None:
    opened(qtbot, window, cohort)
    settle(qtbot, window)
    (file,) = (data_folder() / "workspaces").glob("*.json")
    file.write_text('{"version": 99}')
    with another_window(tmp_path / "other.ini") as again:
        again.show()
        opened(qtbot, again, cohort)
        again.workspace.toggle_reviewed(0)
        settle(qtbot, again)
        assert "is not usable" in again.canvas.banner.text
    assert file.read_text() == '{"version": 99}'
