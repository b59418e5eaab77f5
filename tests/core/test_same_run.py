"""A run goes on only as itself, and what cannot be trained is refused before anything is."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from test_training import request

from momkd_core.checkpoint import load_model, save_model
from momkd_core.cohort import read_cohort
from momkd_core.cross_validation import cross_validate
from momkd_core.errors import Cancelled, CohortError, ExpressionError, TrainingError
from momkd_core.evaluation import auc
from momkd_core.expression import ExpressionTable, read_expression
from momkd_core.progress import CancelToken, silent
from momkd_core.run_folder import UNFINISHED, claim
from momkd_core.training_request import Prepared, TrainingRequest, prepare


def prepared(asked: TrainingRequest) -> Prepared:
    return prepare(asked, silent, CancelToken())


def expression(cohort_path: Path) -> ExpressionTable:
    return read_expression(cohort_path.parent / "expression.csv")


def changed(path: Path, text: str, instead: str, name: str) -> Path:
    """A copy of a cohort beside it, so that its paths hold, with a text replaced."""
    content = path.read_text()
    assert text in content
    copy = path.parent / name
    copy.write_text(content.replace(text, instead))
    return copy


@pytest.fixture(scope="module")
def killed(
    cohort_path: Path, features_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A run that was stopped after the first epoch of its first fold."""
    out = tmp_path_factory.mktemp("killed") / "r"
    token = CancelToken()

    def stop(done: int, total: int, what: str) -> None:
        if "training" in what and done == 1:
            token.cancel()

    with pytest.raises(Cancelled):
        cross_validate(request(cohort_path, features_folder, out), report=stop, cancel=token)
    assert (out / "folds/0/unfinished.safetensors").exists()
    return out


def test_a_killed_run_does_not_go_on_with_other_data(
    killed: Path, cohort_path: Path, features_folder: Path, tmp_path: Path
) -> None:
    table = expression(cohort_path)
    values = table.values.copy()
    values[3, 2] += 1
    other = ExpressionTable(table.case_ids, table.genes, values)
    more = changed(cohort_path, "case_03,", "case_03,", "more.csv")
    with more.open("a") as file:
        file.write("case_03,patient_03,slides/other.tif,low,site_0\n")
    folder, fewer = tmp_path / "more", tmp_path / "fewer"
    for copy in (folder, fewer):
        shutil.copytree(features_folder, copy)
    for path, rows in (
        (folder / "other.h5", slice(5, None)),
        (fewer / "case_03.h5", slice(1, None)),
    ):
        keep_rows(features_folder / "case_03.h5", path, rows)
    for asked, cause in (
        (request(cohort_path, features_folder, killed, expression=other), "the expression table"),
        (request(cohort_path, folder, killed, cohort=read_cohort(more)), "the cohort table"),
        (request(cohort_path, fewer, killed), "the feature files"),
    ):
        with pytest.raises(TrainingError, match=f"another run.*{cause}.*another --out folder"):
            cross_validate(asked)
    assert (killed / "folds/0/unfinished.safetensors").exists(), "nothing of it is lost"
    more.unlink()


def keep_rows(source: Path, target: Path, rows: slice) -> None:
    shutil.copy(source, target)
    with h5py.File(target, "r+") as file:
        for name in ("features", "coords", "tissue_fraction"):
            attributes, kept = dict(file[name].attrs), file[name][rows]
            del file[name]
            file.create_dataset(name, data=kept).attrs.update(attributes)


def test_a_state_of_another_training_is_named(
    killed: Path, cohort_path: Path, features_folder: Path, tmp_path: Path
) -> None:
    """Without the run's record, its state still says whose it is."""
    state = tmp_path / "r/folds/0/unfinished.safetensors"
    state.parent.mkdir(parents=True)
    shutil.copy(killed / "folds/0/unfinished.safetensors", state)
    with pytest.raises(TrainingError, match="belongs to another training.*Delete it"):
        cross_validate(request(cohort_path, features_folder, tmp_path / "r", epochs=3))


def test_a_run_of_an_earlier_version_is_named(
    killed: Path, cohort_path: Path, features_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "r"
    shutil.copytree(killed, out)
    record = json.loads((out / "run.json").read_text())
    del record["features_sha256"], record["model"]["heads"]
    (out / "run.json").write_text(json.dumps(record))
    with pytest.raises(TrainingError, match=r"did not write down features_sha256, heads.*--out"):
        cross_validate(request(cohort_path, features_folder, out))


def test_a_setting_that_nobody_asked_for_may_be_younger_than_the_run(tmp_path: Path) -> None:
    (tmp_path / "folds" / "0").mkdir(parents=True)
    (tmp_path / "folds" / "0" / UNFINISHED).touch()
    (tmp_path / "run.json").write_text(json.dumps({"training": {"seed": 0}}))
    claim(tmp_path, {"training": {"seed": 0, "split_seed": None}}, [])
    with pytest.raises(TrainingError, match="did not write down split_seed"):
        claim(tmp_path, {"training": {"seed": 0, "split_seed": 1}}, [])


def test_a_run_goes_on_wherever_its_features_lie(
    killed: Path, cohort_path: Path, features_folder: Path, tmp_path: Path
) -> None:
    out, moved = tmp_path / "r", tmp_path / "moved"
    shutil.copytree(killed, out)
    shutil.copytree(features_folder, moved)
    os.utime(moved / "case_00.h5", (1, 1))
    told: list[str] = []
    asked = request(cohort_path, moved, out, only_fold=0)
    cross_validate(asked, report=lambda done, total, what: told.append(what))
    assert not any("initialising" in what for what in told)


def test_one_slide_under_two_patients_is_refused(
    cohort_path: Path, features_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "features"
    shutil.copytree(features_folder, folder)
    keep_rows(folder / "case_03.h5", folder / "case_08.h5", slice(None))
    with pytest.raises(CohortError, match="lines 5 and 10 .case case_03 of.*same features.*Remove"):
        prepared(request(cohort_path, folder, tmp_path / "r"))
    one = read_cohort(changed(cohort_path, "patient_08", "patient_03", "one.csv"))
    found = prepared(request(cohort_path, folder, tmp_path / "r", cohort=one))
    assert "1 slides have the same features as another" in found.warnings[-1]
    (cohort_path.parent / "one.csv").unlink()


def test_a_link_is_the_same_file(cohort_path: Path, features_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "features"
    shutil.copytree(features_folder, folder)
    (folder / "case_08.h5").unlink()
    (folder / "case_08.h5").symlink_to(folder / "case_03.h5")
    with pytest.raises(CohortError, match="lines 5 and 10 both take their features"):
        prepared(request(cohort_path, folder, tmp_path / "r"))


def test_expression_of_one_label_is_refused_before_training(
    cohort_path: Path, features_folder: Path, tmp_path: Path
) -> None:
    """The only negative case with expression is in the test part of one fold."""
    table = expression(cohort_path)
    keep = [row for row, case in enumerate(table.case_ids) if int(case[-2:]) in {0, 2, 4, 5, 6}]
    few = ExpressionTable(tuple(table.case_ids[i] for i in keep), table.genes, table.values[keep])
    asked = request(cohort_path, features_folder, tmp_path / "r", expression=few)
    with pytest.raises(
        ExpressionError, match=r"fold \d.*0 are low.*expression of cases that are low"
    ):
        cross_validate(asked)
    assert not (tmp_path / "r").exists()


def test_a_refit_without_its_folds_is_refused_before_training(
    cohort_path: Path, features_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "r"
    with pytest.raises(TrainingError, match=r"--refit needs all 3 folds, but 2 .*\(0, 2\)"):
        cross_validate(request(cohort_path, features_folder, out, refit=True, only_fold=1))
    assert not out.exists()


def test_a_final_model_follows_its_folds(
    cohort_path: Path, features_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "r"
    asked = request(cohort_path, features_folder, out, refit=True, epochs=1)
    cross_validate(asked)
    final = out / "final/model.safetensors"
    certificate = json.loads((out / "final/leakage.json").read_text())
    assert certificate["fitted"]["network weights"]["cases"] == 12
    thresholds = certificate["from folds"]["threshold"]
    first = load_model(final)
    assert first.threshold == pytest.approx(np.mean(thresholds))
    assert [part["cases"] > 0 for part in certificate["from folds"]["validation"]] == [True] * 3
    assert len(certificate["patients"]) == 12
    # Another fold in the place of one.
    path = out / "folds/1/model.safetensors"
    fold = load_model(path).members[0]
    other = fold.card.model_copy(update={"threshold": 0.125})
    save_model(path, fold.network, other, fold.familiarity)
    cross_validate(asked)
    second = load_model(final)
    thresholds[1] = 0.125
    assert second.threshold == pytest.approx(np.mean(thresholds))
    assert second.sha256 != first.sha256


def test_probabilities_are_written_in_full(run_folder: Path) -> None:
    """What is decided and pooled is what the written probabilities give."""
    summary = json.loads((run_folder / "summary.json").read_text())
    labels, probabilities = [], []
    for fold in summary["folds"]:
        with (run_folder / "folds" / str(fold["fold"]) / "predictions.csv").open() as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            value = float(row["probability"])
            assert repr(value) == row["probability"]
            assert row["predicted"] == ("high" if value >= fold["threshold"] else "low")
        test = [row for row in rows if row["split"] == "test"]
        labels += [row["label"] == "high" for row in test]
        probabilities += [float(row["probability"]) for row in test]
        found = auc(
            [row["label"] == "high" for row in test], [float(r["probability"]) for r in test]
        )
        assert found == fold["auc"]
    assert auc(labels, probabilities) == summary["pooled"]["auc"]
    assert any(len(repr(p)) > 8 for p in probabilities)


def test_what_is_odd_about_a_cohort_is_counted(
    cohort_path: Path, features_folder: Path, tmp_path: Path
) -> None:
    """Each in the run's record and in its summary, with how many it concerns."""
    folder = tmp_path / "features"
    shutil.copytree(features_folder, folder)
    keep_rows(features_folder / "case_03.h5", folder / "second.h5", slice(4, 10))
    lines = cohort_path.read_text().splitlines()
    lines[0] = lines[0].replace("grade", "odx_grade")
    lines[1] = lines[1].replace("patient_00", "patient_01")  # at two sites
    lines += ["case_03,patient_03,slides/second.tif,low,site_0", "case_99,p,slides/n.tif,,site_0"]
    cohort = cohort_path.parent / "odd.csv"
    cohort.write_text("\n".join(lines))
    table = expression(cohort_path)
    ids = ("nobody", *table.case_ids[1:])
    asked = request(
        cohort_path, folder, tmp_path / "r", cohort=read_cohort(cohort), label="odx_grade",
        expression=ExpressionTable(ids, table.genes, table.values), group="site", only_fold=0,
        epochs=1,
    )  # fmt: skip
    summary = cross_validate(asked)
    cohort.unlink()
    record = json.loads((tmp_path / "r/run.json").read_text())
    for expected in (
        "1 of 13 cases have no usable odx_grade label",
        "puts cases of 1 patient(s) (the first is patient_01)",
        "1 of 12 cases have no expression and train the histology branch alone",
        "1 of 12 rows of the expression table match no case",
        "odx_grade is computed from gene expression",
        "1 of 12 cases have several slides (the first is case_03)",
        "1 of 13 slides have 8 patches or fewer",
    ):
        for warnings in (record["warnings"], summary["warnings"]):
            assert sum(expected in warning for warning in warnings) == 1, expected
