"""What run folders say, how trainings are asked for and compared: without a window."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic import write_feature_cohort

from momkd_core.cli.main import build_parser
from momkd_core.cohort import read_cohort
from momkd_core.errors import MomkdError
from momkd_core.run_lock import hold_run
from momkd_viewer.state.run_comparison import comparison
from momkd_viewer.state.training_choice import (
    COMMAND_FILE,
    TrainingChoice,
    fresh_folder,
    kept_command,
    look_at,
)
from momkd_viewer.state.training_curves import PLOTS, compared, curves_of
from momkd_viewer.state.training_run import LOG_FILE, TrainingRun, read_run
from momkd_viewer.state.training_words import reached, short, standing

ASKED = {"task": "grade", "positive": "high", "negative": "low", "cases": 18, "folds": 2}


def write_run(folder: Path, *, histories: dict[str, str], log: str = "", **training: int) -> Path:
    """A run folder of two folds and four epochs, as far as it is told."""
    asked = {**ASKED, "training": {"epochs": 4, "seed": 0, **training}, "model": {"components": 4}}
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(asked))
    (folder / COMMAND_FILE).write_text(json.dumps({"arguments": ["train", "c.csv"]}))
    (folder / LOG_FILE).write_text(f"error: of an earlier start\n$ momkd train\n{log}")
    for fold, text in histories.items():
        (folder / "folds" / fold).mkdir(parents=True)
        (folder / "folds" / fold / "history.csv").write_text(text)
    return folder


def finish(folder: Path, fold: str) -> None:
    for name in ("model.safetensors", "predictions.csv"):
        (folder / "folds" / fold / name).touch()


HEAD = "epoch,loss,validation_auc,seconds,drift_positive_0\n"
WHOLE = HEAD + "0,4.0,0.5,10,1\n1,2.0,,10,1\n2,1.0,0.7,10,1\n3,0.5,0.9,10,1\n"


def test_a_folder_tells_how_far_it_is(tmp_path: Path) -> None:
    folder = write_run(
        tmp_path / "r", histories={"0": WHOLE, "1": HEAD + "0,2.0,0.9,6,1\n1,1."}, log="fold 1: 1/4"
    )
    finish(folder, "0")
    with hold_run(folder, [0, 1]):
        run = read_run(folder)
    assert run.status == "running" and run.folds_finished == 1 and run.model == folder
    # What is half written is not there yet; single components are not read.
    assert run.folds[1].history == {
        "epoch": (0.0,), "loss": (2.0,), "validation_auc": (0.9,), "seconds": (6.0,)
    }  # fmt: skip
    assert run.share_done == pytest.approx((1 + 1 / 4) / 2)
    assert run.seconds_left == pytest.approx(3 * 6)
    assert standing(run).startswith(
        "Running: fold 1, epoch 1 of 4; 1 of 2 folds trained; at most 18"
    )
    assert run.log == ("fold 1: 1/4",)

    again = read_run(folder, run)
    assert again.folds[0].history is run.folds[0].history, "it has not changed"
    os.utime(folder / "folds" / "0" / "history.csv", ns=(1, 1))
    assert read_run(folder, run).folds[0].history is not run.folds[0].history


@pytest.mark.parametrize(
    ("log", "status", "told"),
    [
        ("stopped: what was finished is kept; the same command goes on\n", "stopped", "Stopped."),
        (
            "fold 1: training 0/4\n",
            "stopped",
            "Stopped: It ended without saying why: it was killed",
        ),
        ("error: It has no genes. Add some.\nlog: x\n", "failed", "Failed: It has no genes."),
        ("", "running", "Running: fold"),  # just started: it has neither said nor claimed anything
    ],
)
def test_why_a_training_ended(tmp_path: Path, log: str, status: str, told: str) -> None:
    folder = write_run(tmp_path / "r", histories={"0": WHOLE}, log=log)
    run = read_run(folder)
    assert run.status == status and standing(run).startswith(told)
    os.utime(folder / LOG_FILE, (1, 1))
    assert read_run(folder).status == ("stopped" if status == "running" else status)


def test_finished_is_what_was_asked_for(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "r", histories={"0": WHOLE, "1": WHOLE}, log="fold 1: trained\n")
    for fold in ("0", "1"):
        finish(folder, fold)
    assert read_run(folder).status == "stopped", "its summary is not written"
    auc = {"mean": 0.8, "sd": 0.1, "low": 0.6, "high": 1.0}
    (folder / "summary.json").write_text(json.dumps({"auc": auc}))
    run = read_run(folder)
    assert run.status == "finished" and short(run) == "finished, AUC 0.800"
    assert reached(run) == "Held-out AUC 0.800 ± 0.100 over folds (95 % 0.600 to 1.000)."
    (folder / COMMAND_FILE).write_text(json.dumps({"arguments": ["train", "c.csv", "--refit"]}))
    assert read_run(folder).status == "stopped"
    (folder / "final").mkdir()
    (folder / "final" / "model.safetensors").touch()
    assert read_run(folder).status == "finished"
    assert read_run(folder).model == folder / "final" / "model.safetensors"


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    assert read_run(tmp_path / "gone").status == "not begun"
    assert standing(read_run(tmp_path)) == "Not begun: The folder holds no run."
    (tmp_path / "run.json").write_text("{")
    (tmp_path / COMMAND_FILE).write_text("[]")
    assert read_run(tmp_path).asked == {} and kept_command(tmp_path) is None


def test_curves_are_means_of_the_folds_that_came_so_far(tmp_path: Path) -> None:
    short_one = HEAD + "0,2.0,0.9,6,1\n1,1.0,0.9,6,1\n"
    run = read_run(write_run(tmp_path / "r", histories={"0": WHOLE, "1": short_one}))
    plots = {plot.title: plot for plot in PLOTS}
    *folds, mean = curves_of(run, plots["Loss"])
    assert [curve.thin for curve in folds] == [True, True] and not mean.thin
    assert mean.values == (3.0, 1.5, 1.0, 0.5)
    auc = curves_of(run, plots["AUC"])[-1].values
    assert auc == pytest.approx((0.7, 0.9, 0.7, 0.9)), "an epoch without a value is left out"
    (one,) = curves_of(run, plots["AUC"], "0")
    assert math.isnan(one.values[1])
    assert curves_of(run, plots["Perplexity"]) == []
    two = compared([("a", run), ("b", run)], plots["Loss"])
    assert [curve.name for curve in two] == ["a", "b"] and two[0].token != two[1].token


def test_a_comparison_names_what_differs(tmp_path: Path) -> None:
    def run(name: str, **training: int) -> TrainingRun:
        return read_run(write_run(tmp_path / name, histories={"0": WHOLE}, log="x", **training))

    rows = dict(comparison([run("a"), run("b", seed=3, epochs=4)]))
    assert rows["seed"] == ("0", "3") and "epochs" not in rows and "components" not in rows
    assert rows["status"] == ("stopped, 0 of 2 folds",) * 2
    assert rows["AUC, mean ± sd"] == ("–", "–")


def test_a_choice_becomes_a_command(tmp_path: Path) -> None:
    table = write_feature_cohort(tmp_path)
    choice = TrainingChoice(
        cohort=table,
        expression=tmp_path / "expression.csv",
        label="grade",
        positive="high",
        out=tmp_path / "-runs" / "grade",
        preset="reference",
        folds=3,
        epochs=7,
        settings=("components=4", "head=mlp"),
        note="-- for tests",
    )
    asked = build_parser().parse_args(choice.arguments())
    assert (asked.cohort, asked.expression, asked.out) == (table, choice.expression, choice.out)
    assert (asked.label, asked.positive, asked.negative) == ("grade", "high", None)
    assert (asked.preset, asked.folds, asked.epochs, asked.seed) == ("reference", 3, 7, 0)
    assert asked.assignments == ["components=4", "head=mlp"] and asked.note == "-- for tests"
    assert asked.features is None and asked.group is None and asked.refit

    cohort = read_cohort(table)
    choice.check(cohort)
    for wrong, said in (
        ({"label": ""}, "No label is chosen"),
        ({"positive": "best"}, "never has the positive value 'best'"),
        ({"settings": ("components",)}, "has no '='"),
        ({"settings": ("components=1",)}, "components = '1' is not possible"),
        ({"expression": tmp_path / "none.csv"}, "There is no expression table at"),
        ({"features": tmp_path / "none"}, "18 of 18 feature files are missing"),
        ({"group": "hospital"}, "no column 'hospital'"),
        ({"out": Path()}, "No run folder is chosen"),
    ):
        with pytest.raises(MomkdError, match=said):
            replace(choice, **wrong).check(cohort)
    (choice.out / "folds").mkdir(parents=True)
    with pytest.raises(MomkdError, match="holds a run already"):
        choice.check(cohort)
    assert fresh_folder(tmp_path / "-runs", "grade") == tmp_path / "-runs" / "grade-2"


def test_what_a_cohort_offers(tmp_path: Path) -> None:
    look = look_at(read_cohort(write_feature_cohort(tmp_path)))
    assert {column.name: dict(column.values) for column in look.columns} == {
        "grade": {"high": 9, "low": 9},
        "site": {"s0": 6, "s1": 6, "s2": 6},
    }
    assert look.expression == tmp_path / "expression.csv" and look.features is None
    assert look.rows_have_features and look.out == tmp_path / "runs"
