"""Training: learns what can be learned, resumes, and refuses what is not the same run."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from synthetic import TINY, tissue_image, write_feature_cohort, write_slide
from threadpoolctl import threadpool_limits

from momkd_core import predict
from momkd_core.checkpoint import load_model
from momkd_core.cohort import read_cohort
from momkd_core.cross_validation import cross_validate
from momkd_core.errors import Cancelled, CohortError, FeatureError, TrainingError
from momkd_core.evaluation import auc, bootstrap_auc
from momkd_core.expression import read_expression
from momkd_core.external_validation import evaluate_cohort
from momkd_core.familiarity import fit_familiarity
from momkd_core.memory_initialisation import initial_components
from momkd_core.memory_learner import HISTORY_COLUMNS, MEMORY_COLUMNS
from momkd_core.progress import CancelToken
from momkd_core.run_folder import trained_cases
from momkd_core.settings import Preset, choose
from momkd_core.training_request import TrainingRequest

SMALL = [
    "components=4",
    "hidden_width=32",
    "memory_width=16",
    "top_genes=16",
    "learning_rate=0.002",
]


def request(cohort_path: Path, features: Path, out: Path, **changes: object) -> TrainingRequest:
    model, training = choose("paper", SMALL, epochs=int(str(changes.pop("epochs", 2))))
    values: dict[str, object] = {
        "cohort": read_cohort(cohort_path),
        "expression": read_expression(cohort_path.parent / "expression.csv"),
        "label": "grade", "positive": "high", "negative": None, "out": out, "model": model,
        "training": training, "features_folder": features, "folds": 3, **changes,
    }  # fmt: skip
    return TrainingRequest(**values)  # type: ignore[arg-type]


def test_a_run_folder(run_folder: Path) -> None:
    summary = json.loads((run_folder / "summary.json").read_text())
    assert [fold["fold"] for fold in summary["folds"]] == [0, 1, 2]
    assert set(summary["auc"]) == {"mean", "sd", "low", "high"}
    seen: list[str] = []
    for k in range(3):
        folder = run_folder / "folds" / str(k)
        with (folder / "history.csv").open() as file:
            history = list(csv.DictReader(file))
        assert list(history[0])[:17] == [*HISTORY_COLUMNS, *MEMORY_COLUMNS] and len(history) == 3
        for row in history:
            parts = [float(row[name]) for name in MEMORY_COLUMNS]
            assert sum(parts) == pytest.approx(float(row["loss_memory"]), rel=1e-5)
        each = [
            float(history[0][f"drift_{m}_{j}"]) for m in ("positive", "negative") for j in range(4)
        ]
        assert np.mean(each) == pytest.approx(float(history[0]["drift"]), abs=1e-6)
        assert all(0 < float(row["positive_active_ratio"]) <= 1 for row in history)
        assert all(float(row["drift"]) > 0 for row in history)
        split = json.loads((folder / "split.json").read_text())
        with (folder / "predictions.csv").open() as file:
            predictions = list(csv.DictReader(file))
        by_split = {
            name: {r["case_id"] for r in predictions if r["split"] == name} for name in split
        }
        assert by_split == {name: set(cases) for name, cases in split.items()}
        seen += split["test"]
        card = load_model(folder / "model.safetensors").card
        assert (card.task, card.positive, card.negative, card.fold) == ("grade", "high", "low", k)
        assert card.extraction is not None and card.extraction.patch_size == 128
        assert "GENE0" in card.genes and len(card.genes) == 16
    assert sorted(seen) == sorted(f"case_{i:02d}" for i in range(12))


def test_it_learns_what_the_slides_show(
    cohort_path: Path, features_folder: Path, tmp_path: Path
) -> None:
    """Positive slides hold six times the nuclei: a model that learns at all separates them.

    On a slide with both densities its affinity must be higher where the nuclei are.
    """
    summary = cross_validate(request(cohort_path, features_folder, tmp_path / "r", epochs=12))
    assert summary["pooled"]["auc"] > 0.85
    mixed = tissue_image(1024, 1024, seed=1, nuclei=0.08, margin=0.02)
    dense = tissue_image(1024, 1024, seed=1, nuclei=0.5, margin=0.02)
    mixed[:, 512:] = dense[:, 512:]
    path = write_slide(tmp_path / "mixed.tif", mixed)
    result = predict(load_model(tmp_path / "r"), path)
    whole = result.tissue_fraction is not None and result.tissue_fraction > 0.99
    right = result.coords[:, 0] >= 512
    assert auc(right[whole], result.affinity[whole]) > 0.9


def test_a_cancelled_run_goes_on(cohort_path: Path, features_folder: Path, tmp_path: Path) -> None:
    cancel = CancelToken()

    def stop(done: int, total: int, what: str) -> None:
        if what.startswith("fold 1: training") and done == 1:
            cancel.cancel()

    asked = request(cohort_path, features_folder, tmp_path / "r")
    with pytest.raises(Cancelled):
        cross_validate(asked, report=stop, cancel=cancel)
    first = tmp_path / "r" / "folds" / "0" / "model.safetensors"
    made = first.stat().st_mtime_ns
    summary = cross_validate(asked)
    assert len(summary["folds"]) == 3 and first.stat().st_mtime_ns == made
    other = request(cohort_path, features_folder, tmp_path / "r", epochs=3)
    with pytest.raises(TrainingError, match="holds another run.*epochs was 2, is 3"):
        cross_validate(other)


def test_the_same_seed_gives_the_same_model(tmp_path: Path) -> None:
    """Bit for bit, in two processes whose k-means has four threads and several chunks to add up."""
    cohort = write_feature_cohort(tmp_path, cases=12, patches=160)
    # Four threads on fewer cores: who waits must not spin.
    environment = {**os.environ, "OMP_NUM_THREADS": "4", "OMP_WAIT_POLICY": "passive"}
    # torch's own threads, whose sums have a fixed order, would only wait for each other here.
    main = "import sys, torch; torch.set_num_threads(1); from momkd_core.cli.main import main; "
    main += "sys.exit(main())"
    arguments = ["train", cohort, "--expression", tmp_path / "expression.csv", *TINY]
    command = [sys.executable, "-c", main, *arguments, "--fold", "1"]
    runs = [
        subprocess.Popen(
            [*map(str, command), "--epochs", "1", "--out", str(tmp_path / name)],
            env=environment,
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        for name in "ab"
    ]
    assert [run.wait(timeout=120) for run in runs] == [0, 0]
    first, second = (load_file(tmp_path / n / "folds/1/model.safetensors") for n in "ab")
    assert first.keys() == second.keys() and "familiarity.centres" in first
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_clusters_do_not_depend_on_threads() -> None:
    points = np.random.default_rng(0).normal(size=(6000, 16)).astype(np.float32)
    read = [lambda part=points[i::6]: part for i in range(6)]
    found = []
    for threads in (1, 4):
        with threadpool_limits(threads, user_api="openmp"):
            components = initial_components(points, 8, seed=0)
            found.append((components, fit_familiarity(read, read, seed=0)))
    assert torch.equal(found[0][0], found[1][0])
    assert np.array_equal(found[0][1].centres, found[1][1].centres)


def test_validation_is_by_case_as_predictions_are(tmp_path: Path) -> None:
    """Two slides a case, and patients with two cases."""
    cohort = write_feature_cohort(tmp_path, slides=2)
    asked = request(cohort, tmp_path, tmp_path / "r", features_folder=None, only_fold=0, epochs=3)
    summary = cross_validate(asked)
    folder = tmp_path / "r" / "folds" / "0"
    rows = list(csv.DictReader((folder / "predictions.csv").read_text().splitlines()))
    history = list(csv.DictReader((folder / "history.csv").read_text().splitlines()))
    assert len(rows) == 18 and len({row["patient_id"] for row in rows}) == 12

    def of(part: str) -> tuple[list[bool], list[float], list[str]]:
        chosen = [row for row in rows if row["split"] == part]
        return (
            [row["label"] == "high" for row in chosen],
            [float(row["probability"]) for row in chosen],
            [row["patient_id"] for row in chosen],
        )

    kept = history[summary["folds"][0]["best_epoch"]]
    assert float(kept["validation_auc"]) == pytest.approx(auc(*of("validation")[:2]))
    assert summary["pooled"]["low"] == bootstrap_auc(*of("test"))["low"]
    assert summary["aggregation"] == (
        "case probability = mean over its slides; intervals resample patients"
    )
    model = load_model(folder / "model.safetensors")
    several = [predict(model, tmp_path / f"c00_{i}.h5").probability for i in range(2)]
    row = next(row for row in rows if row["case_id"] == "c00")
    assert float(row["probability"]) == pytest.approx(np.mean(several), abs=2e-6)


def test_cases_without_expression_still_train(
    cohort_path: Path, features_folder: Path, tmp_path: Path
) -> None:
    table = tmp_path / "some.csv"
    lines = (cohort_path.parent / "expression.csv").read_text().splitlines()
    table.write_text("\n".join(lines[:9]))
    asked = request(
        cohort_path, features_folder, tmp_path / "r", only_fold=0, expression=read_expression(table)
    )
    summary = cross_validate(asked)
    assert "4 of 12 cases have no expression" in summary["warnings"][0]


def test_a_missing_feature_file_starts_nothing(
    cohort_path: Path, features_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "features"
    shutil.copytree(features_folder, folder)
    (folder / "case_03.h5").unlink()
    with pytest.raises(Exception, match="1 feature files are missing.*case_03"):
        cross_validate(request(cohort_path, folder, tmp_path / "r"))
    assert not (tmp_path / "r").exists()


def test_whole_slides_and_parts_of_slides_are_not_mixed(
    run_folder: Path, cohort_path: Path, features_folder: Path, tmp_path: Path
) -> None:
    """And a model knows of which it was trained on."""
    assert load_model(run_folder).card.cut_from == "whole slides"
    folder = tmp_path / "features"
    shutil.copytree(features_folder, folder)
    with h5py.File(folder / "case_03.h5", "r+") as file:
        file.attrs.update(regions="Tumour", regions_sha256="0" * 64, regions_class="Tumour")
    with pytest.raises(
        FeatureError,
        match="case_03.h5 has what it was cut from: areas of class 'Tumour', but .* whole slides",
    ):
        cross_validate(request(cohort_path, folder, tmp_path / "r"))


def test_grouping(cohort_path: Path, features_folder: Path, tmp_path: Path) -> None:
    asked = request(cohort_path, features_folder, tmp_path / "r", group="site", only_fold=0)
    cross_validate(asked)
    split = json.loads((tmp_path / "r" / "folds" / "0" / "split.json").read_text())
    sites = [{int(case[-2:]) % 3 for case in cases} for cases in split.values()]
    assert sum(map(len, sites)) == 3
    with pytest.raises(CohortError, match="5 folds need at least 5 groups"):
        cross_validate(request(cohort_path, features_folder, tmp_path / "s", group="site", folds=5))


def test_evaluating_on_training_cases_is_said(
    cohort_path: Path, features_folder: Path, run_folder: Path
) -> None:
    found = evaluate_cohort(
        load_model(run_folder), read_cohort(cohort_path), features_folder=features_folder
    )
    assert "12 of 12 cases (the first is case_00) were trained on" in found["warnings"][0]


def test_a_run_is_drawn_and_its_memory_summed_up(run_folder: Path) -> None:
    for name in ("memory_dynamics.png", "reliability.png"):
        with Image.open(run_folder / name) as image:
            assert min(image.size) > 500
            assert len(image.convert("RGB").getcolors(1 << 20) or []) > 20
    summary = json.loads((run_folder / "summary.json").read_text())
    kept = []
    for fold in summary["folds"]:
        history = (run_folder / "folds" / str(fold["fold"]) / "history.csv").open()
        kept.append(float(list(csv.DictReader(history))[fold["best_epoch"]]["positive_perplexity"]))
        history.close()
    assert summary["memory"]["positive"]["perplexity"]["mean"] == pytest.approx(np.mean(kept))


def test_a_final_model_is_made_of_all_cases(
    cohort_path: Path, features_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "r"
    with pytest.raises(TrainingError, match="--refit needs all 3 folds"):
        cross_validate(request(cohort_path, features_folder, out, refit=True, only_fold=0))
    asked = request(cohort_path, features_folder, out, refit=True)
    summary = cross_validate(asked)
    path = out / "final" / "model.safetensors"
    model = load_model(path)
    assert model.card.fold is None and len(trained_cases(model)) == 12
    folds = summary["folds"]
    assert model.threshold == pytest.approx(np.mean([fold["threshold"] for fold in folds]))
    with (out / "final" / "history.csv").open() as file:
        epochs = len(list(csv.DictReader(file)))
    assert epochs == round(np.mean([fold["best_epoch"] + 1 for fold in folds]))
    familiarity = model.members[0].familiarity
    assert familiarity is not None
    limits = [fold["familiarity_limit"] for fold in folds]
    assert familiarity.limit == pytest.approx(np.mean(limits))
    assert 0 < predict(model, features_folder / "case_00.h5").probability < 1
    made = path.stat().st_mtime_ns
    cross_validate(asked)
    assert path.stat().st_mtime_ns == made


@pytest.mark.parametrize(
    ("preset", "assignments"),
    [
        ("reference", ["patience=2", "initial_patches=60"]),
        ("paper", ["bags_per_pass=4"]),
        ("taught", ["bags_per_pass=4"]),
        ("paper", ["accumulate=3", "memory=ema"]),
    ],
)
def test_other_ways_to_train_learn_too(
    preset: Preset,
    assignments: list[str],
    cohort_path: Path,
    features_folder: Path,
    tmp_path: Path,
) -> None:
    model, training = choose(preset, [*SMALL, *assignments], epochs=4)
    asked = request(
        cohort_path, features_folder, tmp_path / "r",
        model=model, training=training, preset=preset, only_fold=0,
    )  # fmt: skip
    cross_validate(asked)
    history = (tmp_path / "r" / "folds" / "0" / "history.csv").read_text().splitlines()
    losses = [float(row["loss"]) for row in csv.DictReader(history)]
    assert losses[-1] < losses[0]


def test_spherical_components_are_directions() -> None:
    """The length of a patch's projection is nothing to them."""
    random = np.random.default_rng(0)
    points = random.normal(0, 1, (300, 6)).astype(np.float32)
    longer = points * random.uniform(0.1, 10, (300, 1)).astype(np.float32)
    found = initial_components(points, 4, seed=1, spherical=True).numpy()
    again = initial_components(longer, 4, seed=1, spherical=True).numpy()
    np.testing.assert_allclose(found, again, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    nearest = (unit @ found.T).argmax(axis=1)
    for component, centre in enumerate(found):  # each is the mean direction of its own
        mean = unit[nearest == component].sum(axis=0)
        assert mean @ centre / np.linalg.norm(mean) > 0.98


def test_initial_components_are_unit_centres() -> None:
    random = np.random.default_rng(0)
    centres = np.eye(4, 6) * 1.0
    points = np.concatenate([c + random.normal(0, 0.01, (50, 6)) for c in centres])
    found = initial_components(points.astype(np.float32), 4, seed=0).numpy()
    assert sorted(np.abs(found).argmax(axis=1)) == [0, 1, 2, 3]
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    with pytest.raises(TrainingError, match="1 distinct training patches"):
        initial_components(np.ones((9, 6), np.float32), 4, seed=0)


def test_a_killed_fold_goes_on_to_the_same_result(
    cohort_path: Path, features_folder: Path, tmp_path: Path
) -> None:
    """Stopped after two of five epochs; what the next call makes is what an unbroken one makes."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    once = request(cohort_path, features_folder, whole, epochs=5, only_fold=0)
    cross_validate(once)
    token = CancelToken()

    def stop(done: int, total: int, what: str) -> None:
        if "training" in what and done == 2:
            token.cancel()

    again = request(cohort_path, features_folder, broken, epochs=5, only_fold=0)
    with pytest.raises(Cancelled):
        cross_validate(again, report=stop, cancel=token)
    folder = broken / "folds" / "0"
    assert (folder / "unfinished.safetensors").exists() and not (
        folder / "predictions.csv"
    ).exists()
    told: list[str] = []
    cross_validate(again, report=lambda done, total, what: told.append(what))
    assert not any("initialising" in what for what in told)
    assert not (folder / "unfinished.safetensors").exists()
    first, second = (
        load_model(run / "folds" / "0" / "model.safetensors").members[0].network.state_dict()
        for run in (whole, broken)
    )
    assert all((first[name] == second[name]).all() for name in first)
    rows = [
        [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(lines)]
        for lines in (
            (run / "folds" / "0" / "history.csv").read_text().splitlines()
            for run in (whole, broken)
        )
    ]
    assert rows[0] == rows[1]


def test_a_damaged_state_is_named(cohort_path: Path, features_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run" / "folds" / "0"
    folder.mkdir(parents=True)
    (folder / "unfinished.safetensors").write_bytes(b"half of one")
    with pytest.raises(TrainingError, match=r"unfinished\.safetensors is damaged"):
        cross_validate(request(cohort_path, features_folder, tmp_path / "run", only_fold=0))
