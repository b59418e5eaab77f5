"""``momkd benchmark`` on a tiny cohort: the same folds, its numbers worked out again, failures."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from processes import momkd
from synthetic import write_feature_cohort

from momkd_core.cli.main import main
from momkd_core.cohort import read_cohort
from momkd_core.errors import CohortError
from momkd_core.evaluation import auc
from momkd_core.paired_tests import delong

SMALL = (
    "--label grade --positive high --folds 3 --epochs 2 --processes 2 --set momkd:components=2 "
    "--set momkd:hidden_width=8 --set momkd:memory_width=4 --set learning_rate=0.002"
).split()
CELLS = [(method, seed) for seed in (0, 1) for method in ("momkd", "abmil")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("benchmark")
    for name, cases in (("cohort", 24), ("other", 6)):
        (folder / name).mkdir()
        write_feature_cohort(folder / name, cases=cases)
    return folder


def command(folder: Path, out: Path, *more: str) -> list[str]:
    cohort = folder / "cohort"
    options = ["--expression", str(cohort / "expression.csv"), "--hold-out", "site=s2"]
    options += ["--external", str(folder / "other" / "cohort.csv"), "--out", str(out)]
    return ["benchmark", str(cohort / "cohort.csv"), *options, *SMALL, *more]


@pytest.fixture(scope="module")
def out(folder: Path) -> Path:
    out = folder / "out"
    assert main(command(folder, out, "--methods", "momkd,abmil", "--seeds", "2")) == 0
    return out


@pytest.fixture(scope="module")
def result(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "benchmark.json").read_text())
    return found


def run_of(out: Path, method: str, seed: int) -> Path:
    return out / method / f"seed{seed}"


def predictions(out: Path, method: str, seed: int) -> pd.DataFrame:
    files = (run_of(out, method, seed) / "folds").glob("*/predictions.csv")
    table = pd.concat([pd.read_csv(path).assign(fold=path.parent.name) for path in files])
    return table[table["split"] == "test"].set_index("case_id").sort_index()


def test_every_cell_has_the_same_folds_and_budget(out: Path) -> None:
    splits, runs = [], []
    for cell in CELLS:
        run = run_of(out, *cell)
        splits.append([json.loads((run / f"folds/{k}/split.json").read_text()) for k in range(3)])
        runs.append(json.loads((run / "run.json").read_text()))
    assert all(split == splits[0] for split in splits)
    cases = {case for split in splits[0] for part in split.values() for case in part}
    held = {f"c{case:02d}" for case in range(2, 24, 3)}
    assert len(cases) == 16 and not cases & held
    for name in ("epochs", "patience", "earliest_stop", "split_seed"):
        assert len({run["training"][name] for run in runs}) == 1
    assert [run["training"]["seed"] for run in runs] == [0, 0, 1, 1]
    # Another seed is another training on these folds.
    first, second = (predictions(out, "abmil", seed)["probability"] for seed in (0, 1))
    assert (first != second).all()


def test_the_numbers_are_those_of_the_predictions(out: Path, result: dict[str, Any]) -> None:
    rows = {row["method"]: row for row in result["methods"]}
    means = {}
    for method, row in rows.items():
        tables = [predictions(out, method, seed) for seed in (0, 1)]
        values = np.array(
            [
                [auc(part["label"] == "high", part["probability"]) for _, part in t.groupby("fold")]
                for t in tables
            ],
            dtype=float,
        )
        accuracies = [
            (part["label"] == part["predicted"]).mean()
            for t in tables
            for _, part in t.groupby("fold")
        ]
        assert row["auc"]["mean"] == pytest.approx(values.mean())
        assert row["auc"]["sd"] == pytest.approx(values.std(ddof=1))
        of_folds = values.mean(axis=0)
        half = 4.302653 * of_folds.std(ddof=1) / np.sqrt(3)
        assert row["auc"]["low"] == pytest.approx(max(0.0, of_folds.mean() - half))
        assert row["accuracy"]["mean"] == pytest.approx(np.mean(accuracies))
        means[method] = sum(t["probability"] for t in tables) / 2
        labels, patients = tables[0]["label"] == "high", tables[0]["patient_id"]
        assert row["pooled"]["auc"] == pytest.approx(auc(labels, means[method]))
        assert row["costs"]["learned_parameters"] >= row["costs"]["inference_parameters"] > 0
        assert row["costs"]["inference_seconds"] > 0 and row["costs"]["peak_bytes"] > 2**26
    (paired,) = result["paired"]["held out"]
    expected = delong(labels, means["momkd"], means["abmil"], list(patients))
    assert (paired["method"], paired["p"]) == ("abmil", pytest.approx(expected.p))
    assert paired["difference"] == pytest.approx(expected.difference)
    assert paired["p_holm"] == paired["p"], "one comparison needs no correction"


def test_sites_left_out_are_tested_by_the_mean_of_the_folds(
    out: Path, result: dict[str, Any]
) -> None:
    row = result["methods"][1]
    tables = [pd.read_csv(run_of(out, "abmil", s) / "held-out.csv") for s in (0, 1)]
    values = [auc(t["label"] == "high", t["probability"]) for t in tables]
    found = row["external"]["held-out"]
    assert found["ensemble"]["auc"]["mean"] == pytest.approx(np.mean(values))
    mean = sum(t["probability"] for t in tables) / 2
    assert found["pooled"]["auc"] == pytest.approx(auc(tables[0]["label"] == "high", mean))
    assert found["pooled"]["cases"] == 8 and found["warnings"] == []
    # The other cohort's cases have names of the training's, which is said.
    other = row["external"]["external"]
    assert other["pooled"]["cases"] == 6 and "were trained on" in " ".join(other["warnings"])
    assert set(result["paired"]) == {"held out", "held-out", "external"}


def test_tables_and_pictures(out: Path, result: dict[str, Any]) -> None:
    text = (out / "benchmark.md").read_text()
    spread = result["methods"][0]["auc"]
    assert f"| momkd  | {spread['mean']:.3f} ± {spread['sd']:.3f}" in text
    assert "One budget for all: at most 2 epochs" in text and "given by hand: momkd:comp" in text
    table = pd.read_csv(out / "benchmark.csv").set_index("method")
    assert table.loc["abmil", "auc_mean"] == pytest.approx(result["methods"][1]["auc"]["mean"])
    assert len(pd.read_csv(out / "folds.csv")) == 12 and len(pd.read_csv(out / "paired.csv")) == 3
    assert not (out / "errors.csv").exists()
    for name in ("auc.png", "learning_curves.png"):
        with Image.open(out / name) as picture:
            assert picture.width > 800


def test_it_goes_on_and_names_what_fails(
    folder: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = folder / "again"
    shutil.copytree(out, again)
    lost = again / "abmil/seed0/folds/2/predictions.csv"
    lost.unlink()
    models = {path: path.stat().st_mtime_ns for path in again.rglob("model.safetensors")}
    more = ["--methods", "momkd,abmil,dsmil", "--set", "dsmil:learning_rate=1e30"]
    assert main([*command(folder, again, *more), "--json"]) == 1
    result = json.loads(capsys.readouterr().out)
    trained = [path for path, time in models.items() if path.stat().st_mtime_ns != time]
    assert trained == [lost.with_name("model.safetensors")]
    assert lost.read_bytes() == (out / lost.relative_to(again)).read_bytes()
    with (again / "errors.csv").open() as file:
        errors = list(csv.DictReader(file))
    assert [(row["method"], row["seed"]) for row in errors] == [("dsmil", "0")]
    assert "not finite" in errors[0]["error"]
    assert "Not trained: dsmil seed 0: " in (again / "benchmark.md").read_text()
    assert [row["method"] for row in result["methods"]] == ["momkd", "abmil"]


def test_ctrl_c_ends_its_processes(folder: Path, tmp_path: Path) -> None:
    asked = command(folder, tmp_path, "--methods", "momkd,abmil", "--set", "patience=100000")
    asked[asked.index("--epochs") + 1] = "100000"
    histories = [run_of(tmp_path, method, 0) / "folds/0/history.csv" for method, _ in CELLS[:2]]
    with momkd(*asked) as process:
        end = time.monotonic() + 240
        while not all(path.exists() for path in histories) and time.monotonic() < end:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=240)
    assert process.returncode == 130 and "the same command goes on" in said
    for method, seed in CELLS[:2]:
        assert "stopped" in (run_of(tmp_path, method, seed) / "cell.log").read_text()


def test_wrong_requests_start_nothing(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for more, told in (
        (["--methods", "momkd,best"], "no method 'best'"),
        (["--methods", "abmil"], "--against momkd"),
        (["--set", "abmil:epochs=3"], "the same for all"),
        (["--set", "full:epochs=3"], "not among the methods"),
        (["--methods", "momkd", "--hold-out", "site"], "COLUMN=VALUE"),
        (["--methods", "momkd", "--hold-out", "site=s9"], "never has the value 's9'"),
    ):
        assert main(command(folder, tmp_path / "out", *more)) == 1
        assert told in capsys.readouterr().err
    # What nothing can be trained from is the error of all of them.
    assert main(command(folder, tmp_path / "out", "--methods", "momkd", "--label", "stage")) == 1
    assert "no column 'stage'" in capsys.readouterr().err
    assert not (tmp_path / "out" / "benchmark.json").exists()


def test_a_case_is_compared_where_it_is_tested_once(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = folder / "cohort" / "cohort.csv"
    names = [case.case_id for case in read_cohort(table).cases][:3]
    for fold in (0, 1):
        (tmp_path / f"splits_{fold}.csv").write_text("train,val,test\n" + ",".join(names) + "\n")
    asked = command(folder, tmp_path / "out", "--methods", "momkd", "--splits", str(tmp_path))
    at = asked.index("--folds")
    asked = [*asked[:at], *asked[at + 2 :]]
    assert main(asked) == 1 and "--splits gives the folds" in capsys.readouterr().err
    at = asked.index("--hold-out")
    assert main([*asked[:at], *asked[at + 2 :]]) == 1
    assert f"several of the given folds (the first is {names[2]})" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_held_out_patients_are_on_one_side(folder: Path) -> None:
    """Cases of s0 and s1 are of the same patients: with s1 held out, those of s0 are in neither."""
    cohort = read_cohort(folder / "cohort" / "cohort.csv")
    rest, held = cohort.hold_out("site", ["s1"])
    assert {case.values["site"] for case in held.cases} == {"s1"}
    assert {case.values["site"] for case in rest.cases} == {"s2"}
    with pytest.raises(CohortError, match="leaves no case"):
        cohort.hold_out("site", ["s0", "s1", "s2"])
