"""What muting changes for the open slide and a cohort, and models that are saved without components."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from driving import LIMIT_MS, open_all, settle
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QLabel
from pytestqt.qtbot import QtBot
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from momkd_core import load_model, predict
from momkd_core.cohort import read_cohort
from momkd_core.rescoring import rescore
from momkd_viewer.main_window import MainWindow
from momkd_viewer.state.blinding import HIDDEN

MUTED = {"positive": [0, 1]}


@pytest.fixture
def model_file(model_path: Path, features_folder: Path, tmp_path: Path) -> Path:
    """A model whose threshold lies where muting moves a case across it."""
    found = load_model(model_path)
    said = [
        [predict(found, path, muted=muted).probability for muted in ({}, MUTED)]
        for path in sorted(features_folder.glob("*.h5"))
    ]
    most = max(said, key=lambda pair: abs(pair[1] - pair[0]))
    with safe_open(model_path, "pt") as file:
        card = json.loads(file.metadata()["momkd"])
    card["threshold"] = float(np.mean(most))
    out = tmp_path / "model.safetensors"
    save_file(load_file(model_path), out, metadata={"momkd": json.dumps(card)})
    return out


@pytest.fixture
def table(tmp_path: Path, features_folder: Path, cohort_path: Path) -> Path:
    """The cohort with its features, so that no slide is encoded, and one case that has none."""
    path = tmp_path / "cohort.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["case_id", "patient_id", "features", "grade"])
        for case in read_cohort(cohort_path).cases:
            h5 = features_folder / f"{case.case_id}.h5"
            writer.writerow([case.case_id, case.patient_id, h5, case.values["grade"]])
        writer.writerow(["case_99", "patient_99", tmp_path / "missing.h5", "high"])
    return path


def mute(qtbot: QtBot, window: MainWindow, *, on: bool = True) -> None:
    for memory, indices in MUTED.items():
        for index in indices:
            window.analysis.set_muted(memory, index, on)
    settle(qtbot, window)


def said(window: MainWindow) -> list[str]:
    """The lines that the panel shows."""
    labels = window.muting.rescoring.panel.findChildren(QLabel)
    return [label.text() for label in labels if not label.isHidden() and label.text()]


def test_a_muting_is_scored_on_the_cohort(
    qtbot: QtBot, window: MainWindow, table: Path, model_file: Path
) -> None:
    open_all(qtbot, window, model_file, table)
    assert "Nothing is muted" in said(window)[0] and window.muting.rescoring.dock.isHidden()
    mute(qtbot, window)
    expected = rescore(load_model(model_file), read_cohort(table), MUTED, before={})
    found = window.muting.rescoring.scored
    assert found is not None and found.as_json() == expected.as_json()
    # All of it is there to be read.
    panel = window.muting.rescoring.panel
    assert panel.isVisible()
    text = "\n".join(said(window))
    assert "without C⁺0, C⁺1" in text
    assert f"{len(expected.flipped)} of 12" in text and "95 % interval" in text
    assert f"{expected.auc.difference:+.3f}" in text and f"n = {expected.auc.cases}" in text
    assert f"{expected.background_focus.difference:+.1%}" in text
    assert "case_99" in text and "missing.h5" in text, "a case without a score is named"
    outcome = window.analysis.outcome
    assert outcome is not None and outcome.unmuted is not None
    assert f"{outcome.unmuted.probability:.3f} → {outcome.result.probability:.3f}" in text
    assert panel.flips.rowCount() == len(expected.flipped) > 0
    # A click opens the case.
    cell = panel.flips.visualItemRect(panel.flips.item(0, 0)).center()
    name = panel.flips.item(0, 0).text()
    qtbot.mouseClick(panel.flips.viewport(), Qt.MouseButton.LeftButton, pos=cell)
    settle(qtbot, window)
    assert window.analysis.result is not None and window.analysis.result.slide_name == name
    # Names are masked here, too.
    window.tools.privacy.toggle_names()
    assert not any("case_" in line or "missing" in line for line in said(window))
    assert "case_" not in panel.flips.item(0, 0).text()
    window.tools.privacy.toggle_names()
    # Whoever judges blinded sees no label, no prediction and no component's own name.
    window.actions_by_name["blinded"].trigger()
    assert said(window) == [HIDDEN] and panel.flips.isHidden() and not panel.save.isEnabled()
    assert not window.actions_by_name["save_curated"].isVisible()
    window.actions_by_name["blinded"].trigger()
    assert panel.flips.isVisible()
    mute(qtbot, window, on=False)
    assert window.muting.rescoring.scored is None and panel.flips.isHidden()


def test_scoring_is_stopped_and_taken_up_again(
    qtbot: QtBot, window: MainWindow, table: Path, model_file: Path
) -> None:
    open_all(qtbot, window, model_file, table)
    window.analysis.set_muted("positive", 0, True)
    qtbot.waitUntil(lambda: window.muting.rescoring._running is not None, timeout=LIMIT_MS)
    window.muting.rescoring.strip.cancelled.emit()
    mute(qtbot, window)
    assert window.muting.rescoring.scored is None and "stopped" in "\n".join(said(window))
    qtbot.mouseClick(window.muting.rescoring.panel.score, Qt.MouseButton.LeftButton)
    settle(qtbot, window)
    assert window.muting.rescoring.scored is not None
    assert window.muting.rescoring.scored.muted_after == MUTED


def test_the_newest_muting_wins(
    qtbot: QtBot, window: MainWindow, table: Path, model_file: Path
) -> None:
    open_all(qtbot, window, model_file, table)
    window.analysis.set_muted("positive", 0, True)
    qtbot.waitUntil(lambda: window.muting.rescoring._running is not None, timeout=LIMIT_MS)
    mute(qtbot, window)
    found = window.muting.rescoring.scored
    assert found is not None and found.muted_after == MUTED


def test_scores_belong_to_what_is_muted_and_to_the_table_as_it_is(
    qtbot: QtBot, window: MainWindow, table: Path, model_file: Path
) -> None:
    open_all(qtbot, window, model_file, table)
    window.analysis.set_muted("positive", 0, True)
    qtbot.waitUntil(window.muting.rescoring._timer.isActive, timeout=LIMIT_MS)
    window.muting.rescoring._timer.stop()
    window.analysis.set_muted("positive", 1, True)
    window.muting.rescoring._timer.timeout.emit()  # before the open slide has been read again
    assert window.muting.rescoring._running is None, "else scores of both pass for those of one"
    settle(qtbot, window)
    found = window.muting.rescoring.scored
    assert found is not None and found.muted_after == MUTED
    text = table.read_text()  # the same slides with the other labels
    table.write_text(text.replace("high", "x").replace("low", "high").replace("x", "low"))
    open_all(qtbot, window, table)
    again = window.muting.rescoring.scored
    assert again is not None and found.auc.before is not None
    assert again.auc.before == pytest.approx(1 - found.auc.before) != found.auc.before


def test_a_curated_model_is_saved_and_opens_as_such(
    qtbot: QtBot, window: MainWindow, table: Path, model_file: Path, features_folder: Path
) -> None:
    open_all(qtbot, window, model_file, table)
    assert window.muting.curation.ask() is None and "nothing to save" in window.canvas.banner.text
    assert not window.muting.rescoring.panel.save.isEnabled()
    mute(qtbot, window)
    dialog = window.muting.curation.ask()
    assert dialog is not None and not dialog.save.isEnabled(), "nobody and no reason is named"
    labels = [label.text() for label in dialog.findChildren(QLabel)]
    assert "C⁺0, C⁺1" in labels
    dialog.who.setText("A. Reader")
    dialog.why.setPlainText("pen marks")
    assert dialog.save.isEnabled()
    dialog.accept()
    files = window.findChild(QFileDialog)
    assert files is not None
    target = model_file.parent / "curated.safetensors"
    files.fileSelected.emit(str(target))
    files.close()
    settle(qtbot, window)
    curated = load_model(target)
    assert curated.card.muted == {"positive": (0, 1)}
    assert (curated.card.curation[0].who, curated.card.curation[0].why) == (
        "A. Reader",
        "pen marks",
    )
    assert curated.origin_sha256 == load_model(model_file).sha256
    # It was opened beside the other one, without what it leaves out, and says so.
    first, second = window.analysis.analysis.models
    assert second.model.sha256 == curated.sha256 and second.muted_by_memory == MUTED
    assert second.outcome is not None and first.outcome is not None
    expected = predict(load_model(model_file), features_folder / "case_00.h5", muted=MUTED)
    assert second.outcome.result.probability == expected.probability
    shown = "\n".join(label.text() for label in window.results.findChildren(QLabel))
    assert "Saved without C⁺0, C⁺1 by A. Reader on" in shown and "pen marks" in shown
    dialog = window.muting.curation.ask()
    assert dialog is not None and dialog.who.text() == "A. Reader", "the name is asked for once"
    dialog.reject()
