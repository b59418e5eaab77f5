"""Cures in the window: the command line's numbers, case by case, and what cannot be tried named."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from driving import LIMIT_MS, open_all, settle
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from momkd_core import load_model, read_features
from momkd_core.cli.main import main
from momkd_core.cohort import Cohort, read_cohort
from momkd_core.cure_comparison import compare_cures
from momkd_core.cures import CURES, MaskBackground, MuteBackground
from momkd_core.export import to_json
from momkd_core.graph import slide_edges
from momkd_viewer.main_window import MainWindow
from momkd_viewer.state.blinding import HIDDEN
from momkd_viewer.state.cure_table import KINDS, case_column
from momkd_viewer.widgets.cures_window import CuresWindow

LIMITS = {"mask-background": 0.6, "mute-background": 0.7, "stricter-tissue": 0.6}


@pytest.fixture
def model_file(model_path: Path, cohort_path: Path, features_folder: Path, tmp_path: Path) -> Path:
    """Components from glass to tissue, and a threshold where leaving glass out moves cases across.

    Training on so little lets components collapse.
    """
    bag = read_features(features_folder / "case_00.h5")
    (member,) = load_model(model_path).members
    with torch.no_grad():
        graph = slide_edges("s", bag, member.card.model)
        encoded = member.network.encode_patches(torch.from_numpy(bag.features), graph).projected
    assert bag.tissue_fraction is not None
    order = np.argsort(bag.tissue_fraction)
    tensors = load_file(model_path)
    for start, memory in enumerate(("positive", "negative")):
        tensors[f"memory.{memory}"] = encoded[order[start::5][:4]].clone()
    with safe_open(model_path, "pt") as file:
        card = json.loads(file.metadata()["momkd"])
    out = tmp_path / "model.safetensors"
    save_file(tensors, out, metadata={"momkd": json.dumps(card)})
    (masked,) = compare_cures(
        load_model(out),
        first_four(cohort_path),
        [MaskBackground(0.6)],
        features_folder=features_folder,
    )
    pairs = [(case.probability_before, case.probability_after) for case in masked.change.cases]
    card["threshold"] = float(np.mean(max(pairs, key=lambda pair: abs(pair[1] - pair[0]))))
    save_file(tensors, out, metadata={"momkd": json.dumps(card)})
    return out


def first_four(path: Path) -> Cohort:
    """Two cases of each label."""
    cohort = read_cohort(path)
    return replace(cohort, cases=cohort.cases[:4])


def write_table(path: Path, cohort: Path, features: Path, **without: bool) -> Path:
    """Four cases with features, so that no slide is encoded, and one that cannot be read."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["case_id", "slide", "features", "grade"])
        writer.writeheader()
        for case in first_four(cohort).cases:
            h5 = features / f"{case.case_id}.h5"
            slide = "" if without.get("slides") else case.slides[0].slide
            label = "" if without.get("labels") else case.values["grade"]
            row = {"case_id": case.case_id, "slide": slide, "features": h5, "grade": label}
            writer.writerow(row)
        missing = {"case_id": "case_99", "slide": "", "features": path.parent / "missing.h5"}
        writer.writerow(missing | {"grade": "" if without.get("labels") else "high"})
    return path


@pytest.fixture
def table(tmp_path: Path, cohort_path: Path, features_folder: Path) -> Path:
    return write_table(tmp_path / "cohort.csv", cohort_path, features_folder)


def set_limits(cures: CuresWindow, limits: Mapping[str, float]) -> None:
    for name, head in cures.grid.heads.items():
        head.tried.setChecked(name in limits)
        head.limit.setValue(100 * limits.get(name, 0.5))


def attempt(
    qtbot: QtBot, window: MainWindow, limits: Mapping[str, float] = LIMITS
) -> list[dict[str, Any]]:
    """What comes out, as ``momkd triage --json`` gives it."""
    cures = window.muting.cures.window
    assert cures is not None
    set_limits(cures, limits)
    qtbot.mouseClick(cures.start, Qt.MouseButton.LeftButton)
    settle(qtbot, window)
    return [as_told(one.report.as_json()) for one in window.muting.cures.summed or ()]


def as_told(found: object) -> Any:
    return json.loads(to_json(found))


def said(widget: QWidget) -> str:
    labels = widget.findChildren(QLabel)
    return "\n".join(label.text() for label in labels if label.isVisibleTo(widget))


def test_what_is_offered_is_what_the_engine_has() -> None:
    assert [(kind.name, kind.limit) for kind in KINDS] == [(c.name, c.limit) for c in CURES]


def test_a_cohort_gives_the_command_lines_numbers(
    qtbot: QtBot,
    window: MainWindow,
    table: Path,
    model_file: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    window.actions_by_name["try_cures"].trigger()
    cures = window.muting.cures.window
    assert cures is not None and "No model is open" in said(cures)
    assert not cures.start.isEnabled() and not cures.whole.isEnabled()
    open_all(qtbot, window, model_file, table)
    assert cures.whole.text() == "All 5 cases of the cohort" and cures.whole.isChecked()
    found = attempt(qtbot, window)
    arguments = ["triage", str(table), "--model", str(model_file), "--json"]
    for name, limit in LIMITS.items():
        arguments += ["--cure", f"{name}:{limit}"]
    capfd.readouterr()
    assert main(arguments) == 1, "a case cannot be read"
    assert found == json.loads(capfd.readouterr().out)["cures"]

    masked, muted, stricter = found
    text = said(cures)
    for report in (masked, muted, stricter):
        auc = report["auc"]
        assert f"{auc['before']:.3f} → {auc['after']:.3f}, {auc['difference']:+.3f}" in text
        right, wrong = len(report["became_right"]), len(report["became_wrong"])
        assert f"{len(report['flipped'])} of 4: {right} become right, {wrong} wrong" in text
        for reason in report["hides"]:
            assert f"⚠ May only hide the problem: {reason}" in text
    assert muted["muted_after"] and "are muted: C" in text
    assert "4 of 5" in text and "case_99" in text and "missing.h5" in text

    # Cases that flip are listed, each cure in its column; the others on demand.
    flipped = {name for report in found for name in report["flipped"]}
    rows = {cures.cases.item(row, 0).text(): row for row in range(cures.cases.rowCount())}
    assert flipped and len(rows) == 4
    assert {name for name, row in rows.items() if not cures.cases.isRowHidden(row)} == flipped
    cures.flips_only.setChecked(False)
    assert not any(cures.cases.isRowHidden(row) for row in rows.values())
    for column, report in enumerate(found, start=3):
        for case in report["cases"]:
            shown = cures.cases.item(rows[case["case_id"]], column).text()
            assert shown.startswith(f"{case['probability_after']:.3f}")
            assert (f"flips to {case['predicted_after']}" in shown) == case["flipped"]
            assert case["became"] is None or shown.endswith(f": {case['became']}")
    cell = cures.cases.visualItemRect(cures.cases.item(2, 0)).center()
    qtbot.mouseClick(cures.cases.viewport(), Qt.MouseButton.LeftButton, pos=cell)
    qtbot.mouseDClick(cures.cases.viewport(), Qt.MouseButton.LeftButton, pos=cell)
    settle(qtbot, window)
    assert window.slides.source is not None and window.slides.source.path.stem == "case_02"

    # What was muted for the comparison is muted in the window, when that is asked for.
    qtbot.mouseClick(cures.grid.words["mute-background"].mute, Qt.MouseButton.LeftButton)
    settle(qtbot, window)
    shown_model = window.analysis.analysis.shown
    assert shown_model is not None and shown_model.muted_by_memory == muted["muted_after"]
    assert window.analysis.result is not None
    expected = next(c for c in muted["cases"] if c["case_id"] == "case_02")
    assert window.analysis.result.probability == expected["probability_after"]
    assert "what is muted in the window does not count here" in said(cures)

    window.tools.privacy.toggle_names()
    names = [cures.cases.item(row, 0).text() for row in range(4)]
    assert "case_" not in said(cures) + "".join(names) and "missing" not in said(cures)
    assert "case_" not in cures.case.text()
    window.actions_by_name["blinded"].trigger()
    assert said(cures) == HIDDEN and cures.cases.rowCount() == 0
    assert not window.actions_by_name["try_cures"].isVisible() and window.results.cures.isHidden()
    window.actions_by_name["blinded"].trigger()
    assert cures.cases.rowCount() == 4 and "are muted: C" in said(cures)
    # Another table: nothing of before holds.
    open_all(qtbot, window, table)
    assert window.muting.cures.summed is None and cures.cases.rowCount() == 0


def test_one_case_before_and_after(
    qtbot: QtBot, window: MainWindow, table: Path, model_file: Path
) -> None:
    open_all(qtbot, window, model_file, table)
    qtbot.mouseClick(window.results.cures, Qt.MouseButton.LeftButton)
    cures = window.muting.cures.window
    assert cures is not None and cures.case.isChecked()
    found = attempt(qtbot, window)
    cohort = read_cohort(table)
    alone = Cohort(cohort.path, cohort.cases[:1], cohort.columns)
    model = load_model(model_file)
    chosen = [kind(limit=LIMITS[kind.name]) for kind in CURES]
    expected = compare_cures(model, alone, chosen)
    assert found == [as_told(report.as_json()) for report in expected]
    text = said(cures)
    for report in expected:
        (case,) = report.change.cases
        assert f"{case.probability_before:.3f} → {case.probability_after:.3f}" in text
        assert f"{case.effective_patches_before:.1f} → {case.effective_patches_after:.1f}" in text
    assert f"label {expected[0].change.cases[0].label}" in text
    assert not cures.cases.isVisible() and "AUC" not in text
    window.actions_by_name["try_cures"].trigger()
    assert cures.whole.isChecked()


def test_what_cannot_be_tried_is_named_in_its_column(
    qtbot: QtBot,
    window: MainWindow,
    run_folder: Path,
    cohort_path: Path,
    features_folder: Path,
    tmp_path: Path,
) -> None:
    bare = write_table(
        tmp_path / "bare.csv", cohort_path, features_folder, slides=True, labels=True
    )
    open_all(qtbot, window, run_folder, bare)
    window.actions_by_name["try_cures"].trigger()
    cures = window.muting.cures.window
    assert cures is not None
    assert attempt(qtbot, window, {}) == [] and "No cure is chosen" in said(cures)
    reports = attempt(qtbot, window)
    assert [report["cure"] for report in reports] == ["mask-background", "stricter-tissue"]
    text = said(cures)
    assert "mean of several folds" in text, "which has no components to mute"
    assert "⊘ No case could be tried. case_99: " in text and "case_00 has features but no" in text
    assert "And 3 more cases could not be tried." in text
    assert "whether that is right is unknown: no case has a label" in text
    assert "unknown: no case has a grade label, high or low" in text
    assert "No case has a label: whether it helps is unknown." in text
    assert not any(words.mute.isVisibleTo(cures) for words in cures.grid.words.values())


def test_a_stopped_comparison_keeps_what_arrived(
    qtbot: QtBot, window: MainWindow, table: Path, model_file: Path
) -> None:
    open_all(qtbot, window, model_file, table)
    controller = window.muting.cures
    cures = controller.show()
    set_limits(cures, {"mask-background": 0.6})
    qtbot.mouseClick(cures.start, Qt.MouseButton.LeftButton)
    assert not cures.start.isEnabled()
    # Its first case is there while the others are still read.
    qtbot.waitUntil(lambda: cures.cases.rowCount() == 1, timeout=LIMIT_MS)
    assert "1 of 5 so far" in said(cures) and "when the last case is read" in said(cures)
    cures.strip.cancelled.emit()
    settle(qtbot, window)
    assert "Stopped" in said(cures) and cures.start.isEnabled()
    summed = controller.summed
    assert summed is not None
    assert [case.case_id for case in summed[0].report.change.cases] == ["case_00"]
    # A window that closes meanwhile waits for no comparison.
    qtbot.mouseClick(cures.start, Qt.MouseButton.LeftButton)


def test_only_a_case_that_stays_wrong_is_hidden(
    cohort_path: Path, features_folder: Path, model_file: Path
) -> None:
    cohort, model = first_four(cohort_path), load_model(model_file)
    (member,) = model.members
    card = member.card.model_copy(update={"threshold": 0.0})  # all are predicted to be high
    model = replace(model, members=(replace(member, card=card),))
    for case in cohort.cases:
        alone, cures = replace(cohort, cases=(case,)), [MuteBackground(0.01)]
        (report,) = compare_cures(model, alone, cures, features_folder=features_folder)
        column = case_column(report, "the probability barely moves (+0.000)", str, str)
        assert bool(column.hides) == (case.values["grade"] == "low")
        assert any("nothing was muted" in note.lower() for note in column.notes)
        assert not column.can_mute
