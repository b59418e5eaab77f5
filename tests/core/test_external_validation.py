"""A run on another cohort: each fold's model beside their mean, and whom it has seen before."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from momkd_core import load_model
from momkd_core.cli.evaluate import print_summary
from momkd_core.cli.main import main
from momkd_core.cohort import read_cohort
from momkd_core.external_validation import evaluate_cohort
from momkd_core.run_folder import trained_patients


@pytest.fixture
def other_cohort(cohort_path: Path, tmp_path: Path) -> Path:
    """The same slides under other case ids; the second half is of other patients too."""
    lines = []
    for line in cohort_path.read_text().splitlines():
        case, patient, *rest = line.split(",")
        if case != "case_id":
            number = int(case[-2:])
            case, patient = f"new_{number:02d}", patient if number < 6 else f"new_{number:02d}"
        lines.append(",".join([case, patient, *rest]))
    path = tmp_path / "other.csv"
    path.write_text("\n".join(lines))
    return path


def test_each_fold_and_their_mean(
    run_folder: Path,
    other_cohort: Path,
    features_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cohort = read_cohort(other_cohort)

    def evaluated(path: Path) -> dict[str, object]:
        return evaluate_cohort(load_model(path), cohort, features_folder=features_folder)

    summary = evaluated(run_folder)
    members = summary["members"]
    assert isinstance(members, dict) and [f["fold"] for f in members["folds"]] == [0, 1, 2]
    for fold in members["folds"]:
        alone = evaluated(run_folder / "folds" / str(fold["fold"]) / "model.safetensors")
        assert alone["members"] is None and alone["folds"] == [{**fold, "fold": "all"}]
    values = [fold["accuracy"] for fold in members["folds"]]
    assert members["accuracy"]["mean"] == pytest.approx(sum(values) / 3)
    assert members["accuracy"]["sd"] is not None
    print_summary(summary)
    table = capsys.readouterr().out.splitlines()[2:8]
    assert [line.split()[0] for line in table] == ["0", "1", "2", "mean", "sd", "all"]


def test_patients_of_training_are_recognised(
    run_folder: Path, other_cohort: Path, features_folder: Path, tmp_path: Path
) -> None:
    found = evaluate_cohort(
        load_model(run_folder), read_cohort(other_cohort), features_folder=features_folder
    )
    assert (
        "6 of 12 cases (the first is new_00) were trained on (6 of them as other cases of the same "
        "patients)"
    ) in found["warnings"][0]
    # A model of all cases predicts none of them, and names its patients in its certificate.
    final = tmp_path / "final"
    final.mkdir()
    shutil.copy(run_folder / "folds/0/model.safetensors", final)
    (final / "leakage.json").write_text(json.dumps({"patients": ["patient_03"]}))
    assert trained_patients(load_model(final / "model.safetensors")) == {"patient_03"}


def test_a_run_with_missing_folds_says_so(
    run_folder: Path,
    cohort_path: Path,
    features_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert load_model(run_folder).warnings == ()
    run = tmp_path / "run"
    shutil.copytree(run_folder, run)
    shutil.rmtree(run / "folds" / "1")
    slide, counted = str(features_folder / "case_00.h5"), f"{run} has 2 of its 3 folds"
    assert main(["predict", slide, "--model", str(run)]) == 0
    assert f"warning: {counted}" in capsys.readouterr().err
    arguments = ["--cohort", str(cohort_path), "--features", str(features_folder), "--json"]
    assert main(["evaluate", str(run), *arguments]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert sum(counted in warning for warning in summary["warnings"]) == 1
    assert len(summary["members"]["folds"]) == 2
