"""A comparison system in the window: its attention; what only a memory has says why not."""

from __future__ import annotations

from pathlib import Path

import pytest
from driving import open_all, settle
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from momkd_core.cli.main import main
from momkd_viewer.main_window import MainWindow

_WHY = "has no memory and no components"


def trained(method: str, cohort: Path, features: Path, out: Path) -> Path:
    arguments = ["train", cohort, "--expression", cohort.parent / "expression.csv"]
    options = "--label grade --positive high --folds 3 --fold 0 --epochs 1".split()
    arguments += ["--features", features, "--out", out, "--method", method, *options]
    assert main([str(argument) for argument in arguments]) == 0
    return out / "folds" / "0" / "model.safetensors"


@pytest.mark.parametrize("method", ["abmil", "wikg"])
def test_its_overlay_is_attention_where_it_has_some(
    qtbot: QtBot,
    window: MainWindow,
    slide_path: Path,
    cohort_path: Path,
    features_folder: Path,
    tmp_path: Path,
    method: str,
) -> None:
    model = trained(method, cohort_path, features_folder, tmp_path / "run")
    open_all(qtbot, window, slide_path, model)
    result = window.analysis.result
    assert result is not None and result.method == method
    shown = window.canvas.slide_view.scene
    for name, word in (
        ("affinity", "no affinity"), ("positive_winner", _WHY), ("similarity", _WHY),
    ):  # fmt: skip
        window.actions_by_name[f"overlay_{name}"].trigger()
        settle(qtbot, window)
        assert shown._overlay is None, name
        assert word in window.canvas.legend.content.notes[0]
    window.actions_by_name["overlay_attention"].trigger()
    settle(qtbot, window)
    if method == "wikg":
        assert shown._overlay is None
        assert "wikg gives its patches no attention" in window.canvas.legend.content.notes[0]
    else:
        assert shown._overlay is not None
    told = [label.text() for label in window.findChildren(QLabel) if label.isVisible()]
    assert not window.memory.views and any(_WHY in text for text in told)
