"""A comparison system from the command line: trained, gone on with, predicted, evaluated, refused."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from synthetic import write_feature_cohort

from momkd_core.checkpoint import CARD_KEY, load_model
from momkd_core.cli.main import main
from momkd_core.comparators.registry import COMPARATORS, comparator
from momkd_core.cross_validation import cross_validate
from momkd_core.errors import Cancelled, SettingsError
from momkd_core.prediction import predict
from momkd_core.progress import CancelToken


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_feature_cohort(tmp_path_factory.mktemp("cohort"), cases=12)


def arguments(cohort: Path, out: Path, method: str, *more: str) -> list[str]:
    learns = method not in COMPARATORS or comparator(method).uses_expression
    expression = ["--expression", str(cohort.parent / "expression.csv")] if learns else []
    return [
        "train", str(cohort), *expression, "--label", "grade", "--positive", "high",
        "--folds", "3", "--epochs", "2", "--out", str(out), "--method", method, *more,
    ]  # fmt: skip


@pytest.mark.parametrize("method", COMPARATORS)
def test_a_fold(method: str, cohort: Path, tmp_path: Path) -> None:
    """The files of a MoMKD fold, and a model that answers a slide from the slide alone."""
    run = tmp_path / "run"
    assert main(arguments(cohort, run, method, "--fold", "0")) == 0
    fold = run / "folds" / "0"
    assert not (fold / "unfinished.safetensors").exists()
    with (fold / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    assert len(history) == 2 and float(history[0]["loss"]) > 0
    certificate = json.loads((fold / "leakage.json").read_text())
    split = json.loads((fold / "split.json").read_text())
    for what, part in (("network weights", "train"), ("threshold", "validation")):
        assert certificate["fitted"][what]["cases"] == len(split[part])
    learns = comparator(method).uses_expression
    assert (certificate["fitted"]["expression scaling"]["cases"] > 0) == learns
    asked = json.loads((run / "run.json").read_text())
    assert asked["method"] == method and "components" not in asked["model"]
    assert asked["training"]["epochs"] == 2
    assert asked["training"]["learning_rate"] == comparator(method).recipe.learning_rate
    summary = json.loads((run / "summary.json").read_text())
    assert summary["method"] == method and summary["memory"] == {}

    path = fold / "model.safetensors"
    model = load_model(path)
    assert model.card.method == method and model.no_components
    with safe_open(path, "pt") as held:
        card = json.loads(held.metadata()[CARD_KEY])
    assert set(card["model"]) == {"feature_width", "genes"} and "ce_weight" not in card["training"]
    with (fold / "predictions.csv").open() as file:
        predicted = {row["case_id"]: float(row["probability"]) for row in csv.DictReader(file)}
    result = predict(model, cohort.parent / "c00_0.h5")
    assert result.probability == pytest.approx(predicted["c00"], abs=1e-6)
    assert result.affinity is None and result.match is None
    assert result.components() == [] and method in result.no_components
    if result.attention is None:
        assert result.effective_patches is None and method in result.background_focus_reason
    else:
        assert result.attention.shape == (20,) and (result.attention >= 0).all()
        assert result.attention.sum() == pytest.approx(1.0, abs=1e-5)
    with pytest.raises(SettingsError, match="no memory"):
        predict(model, cohort.parent / "c00_0.h5", muted={"positive": [0]})


def test_a_run(cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All folds, their mean on another cohort, and one model of all cases."""
    run = tmp_path / "run"
    assert main(arguments(cohort, run, "abmil", "--refit")) == 0
    assert load_model(run / "final" / "model.safetensors").card.method == "abmil"
    ensemble = predict(load_model(run), cohort.parent / "c00_0.h5")
    assert ensemble.probability == pytest.approx(np.mean(ensemble.member_probabilities))
    assert ensemble.attention is not None and ensemble.attention.sum() == pytest.approx(1.0)
    capsys.readouterr()
    assert main(["predict", str(cohort), "--model", str(run), "--out", str(tmp_path / "p")]) == 0
    assert main(["evaluate", str(run)]) == 0
    assert "method abmil" in capsys.readouterr().out
    assert main(["evaluate", str(run), "--cohort", str(cohort)]) == 0


@pytest.mark.parametrize("method", ["abmil", "wikg"])
def test_its_evidence(
    method: str, slide_path: Path, cohort_path: Path, features_folder: Path, tmp_path: Path
) -> None:
    """With attention over the slide where there is some, and no components."""
    features = ["--features", str(features_folder), "--fold", "0"]
    assert main(arguments(cohort_path, tmp_path / "run", method, *features)) == 0
    model = str(tmp_path / "run/folds/0/model.safetensors")
    bundle, page = tmp_path / "e.zip", tmp_path / "r.pdf"
    assert main(["bundle", str(slide_path), "--model", model, "--out", str(bundle)]) == 0
    assert main(["report", str(slide_path), "--model", model, "--out", str(page)]) == 0
    assert page.read_bytes().startswith(b"%PDF")
    with zipfile.ZipFile(bundle) as files:
        record = json.loads(files.read("bundle.json"))
    captions = [view["caption"] for view in record["views"]]
    assert captions[-1] == "The slide alone"
    assert captions[0].startswith("Attention") == (method == "abmil")
    assert record["components"] == [] and record["model"]["cards"][0]["method"] == method


@pytest.mark.parametrize("method", COMPARATORS)
def test_a_killed_training_goes_on_to_the_same_model(
    method: str, cohort: Path, tmp_path: Path
) -> None:
    """Weights, both optimisers, dropout and drawn pseudo-bags: the same bits as without a stop."""
    from momkd_core.cli.main import build_parser
    from momkd_core.cli.train import request_of

    def request(name: str):  # type: ignore[no-untyped-def]
        more = ["--fold", "0", "--epochs", "3"]
        options = build_parser().parse_args(arguments(cohort, tmp_path / name, method, *more))
        return request_of(options, [], tmp_path / name)

    cancel = CancelToken()

    def stop(done: int, total: int, what: str) -> None:
        if what.startswith("fold 0: training") and done == 2:
            cancel.cancel()

    with pytest.raises(Cancelled):
        cross_validate(request("a"), report=stop, cancel=cancel)
    assert (tmp_path / "a/folds/0/unfinished.safetensors").exists()
    cross_validate(request("a"))
    cross_validate(request("b"))
    first, second = (load_file(tmp_path / n / "folds/0/model.safetensors") for n in "ab")
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_what_only_momkd_has_is_refused(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for more, told in (
        (["--set", "components=4"], "components is a setting of momkd, not of abmil"),
        (["--preset", "reference"], "belongs to --method momkd"),
        (["--audit-gradients"], "belongs to --method momkd"),
    ):
        assert main(arguments(cohort, tmp_path / "r", "abmil", *more)) == 1
        assert told in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


def test_what_learns_from_expression_needs_it(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for method in ("momkd", "tdc"):
        without = arguments(cohort, tmp_path / "r", "abmil")
        without[without.index("abmil")] = method
        assert main(without) == 1
        assert f"{method} learns from expression, and none" in capsys.readouterr().err
    benchmark = arguments(cohort, tmp_path / "b", "abmil")
    benchmark[0], benchmark[benchmark.index("--method")] = "benchmark", "--methods"
    benchmark[benchmark.index("abmil")] = "abmil,mkd"
    assert main([*benchmark, "--against", "abmil"]) == 1
    assert "mkd learns from expression, and none" in capsys.readouterr().err


def test_another_method_is_another_run(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(arguments(cohort, tmp_path / "r", "abmil", "--fold", "0"))
    capsys.readouterr()
    assert main(arguments(cohort, tmp_path / "r", "momkd", "--fold", "0")) == 1
    assert "method was abmil, is momkd" in capsys.readouterr().err


def test_verbs_on_components_say_why_not(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(arguments(cohort, tmp_path / "r", "abmil", "--fold", "0"))
    model, mute = str(tmp_path / "r/folds/0/model.safetensors"), ["--mute", "positive:0"]
    capsys.readouterr()
    for verb in (
        ["atlas", str(cohort), "--model", model, "--out", str(tmp_path / "a")],
        ["rescore", str(cohort), "--model", model, *mute, "--out", str(tmp_path / "s")],
        ["predict", str(cohort), "--model", model, *mute],
    ):
        assert main(verb) == 1
        assert "A model of abmil has no memory and no components" in capsys.readouterr().err
    assert main(["triage", str(cohort), "--model", model]) == 0


def test_the_epoch_that_is_kept_is_of_the_last_stage(cohort: Path, tmp_path: Path) -> None:
    """TDC's student answers, and is not trained in the first half: no luck makes that the best model,
    and no patience is lost on it."""
    more = ("--fold", "0", "--epochs", "6", "--set", "patience=1")
    assert main(arguments(cohort, tmp_path / "r", "tdc", *more)) == 0
    with (tmp_path / "r/folds/0/history.csv").open() as file:
        history = list(csv.DictReader(file))
    assert [float(row["loss_ce"]) > 0 for row in history[:4]] == [False, False, False, True]
    assert [row["validation_auc"] != "" for row in history[:4]] == [False, False, False, True]
    metrics = load_model(tmp_path / "r/folds/0/model.safetensors").card.metrics
    assert metrics["best_epoch"] >= 3


def test_one_epoch_is_too_few_for_two_stages(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(cohort, tmp_path / "r", "tdc", "--epochs", "1")) == 1
    assert "tdc trains in two stages" in capsys.readouterr().err
