"""A cohort in the workspace, and what two models say of it without being asked."""

from __future__ import annotations

import shutil
from pathlib import Path

from driving import open_all, settle
from pytestqt.qtbot import QtBot

from momkd_core.slide_summary import SlideSummary
from momkd_viewer.main_window import MainWindow
from momkd_viewer.resource_files import resource
from momkd_viewer.state.work_list import CaseFinding
from momkd_viewer.widgets.workspace_window import WorkspaceWindow

HER2, PR = (resource(f"demo/{task}.safetensors") for task in ("her2", "pr"))

#: case, slide, her2, probability of her2 (None: failed), glass.
CASES = (
    ("Ada", "Ada", "negative", 0.99, 0.6),
    ("Bea", "Bea-1", "positive", 0.98, 0.05),
    ("Bea", "Bea-2", "positive", 0.96, 0.15),
    ("Cia", "Cia", "", 0.2, None),
    ("Dan", "Dan", "positive", None, None),
    ("Eve", "Eve", "negative", 0.97, 0.1),
    ("Fay", "Fay", "negative", "missing", None),
)


def write_cases(folder: Path, slide_path: Path) -> Path:
    """Six cases, one with two slides."""
    (folder / "slides").mkdir()
    rows = ["case_id,patient_id,slide,site,her2"]
    for case, slide, label, *_ in CASES:
        shutil.copy(slide_path, folder / "slides" / f"{slide}.tif")
        rows.append(f"{case},P-{case},slides/{slide}.tif,Lake,{label}")
    (folder / "cohort.csv").write_text("\n".join(rows))
    return folder / "cohort.csv"


def finding(p: object, glass: float | None) -> CaseFinding:
    if p is None:
        return CaseFinding(failure="Dan.tif cannot be read. Copy it again.")
    assert isinstance(p, float)
    return CaseFinding("", SlideSummary("s", p, glass, "", glass, 40.0, 900, 1.0, 0.5, 0.4))


def know(window: MainWindow) -> None:
    """Fills in what models say, as the queue would."""
    work = window.cases.work
    for model in window.analysis.analysis.models:
        for entry, (_, _, _, p, glass) in zip(work.entries, CASES, strict=True):
            if p != "missing":
                work.add((model.model.sha256, model.muted), entry.path, finding(p, glass))
    window.cases.rows_changed.emit()


def opened(qtbot: QtBot, window: MainWindow, cohort: Path, *models: Path) -> WorkspaceWindow:
    window.analysis.starts_itself = False
    open_all(qtbot, window, *(models or (HER2,)), cohort)
    know(window)
    window.actions_by_name["workspace"].trigger()
    settle(qtbot, window)
    found = window.workspace.window
    assert found is not None
    return found


def cases(window: MainWindow) -> str:
    """First letters of the shown cases."""
    session = window.workspace.session
    return "".join(session.workspace.cases[row].case_id[0] for row in session.rows)


def at(window: MainWindow, case: str) -> int:
    return window.workspace.session.workspace.cases.positions[case]
