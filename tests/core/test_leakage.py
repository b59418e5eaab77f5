"""Nothing is fitted on test cases: shown by changing them, and by a fit that tries."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic import write_feature_cohort

from momkd_core import cross_validation, expression, memory_learner, training_data
from momkd_core.checkpoint import load_model
from momkd_core.cohort import read_cohort
from momkd_core.errors import LeakageError
from momkd_core.expression import ExpressionTransform, read_expression
from momkd_core.features import FeatureBag, read_features, write_features
from momkd_core.memory_initialisation import initialise_memory
from momkd_core.model.attention import read_memory
from momkd_core.settings import choose
from momkd_core.training_request import TrainingRequest


def request(folder: Path, run: str = "run") -> TrainingRequest:
    model, settings = choose(
        "paper", ["components=2", "top_genes=3"], hidden_width=8, memory_width=4, epochs=2
    )
    return TrainingRequest(
        read_cohort(folder / "cohort.csv"), read_expression(folder / "expression.csv"), "grade",
        "high", None, folder / run, model, settings, folds=3, only_fold=0, group="site",
    )  # fmt: skip


def test_changing_the_test_cases_changes_nothing_fitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[torch.Tensor] = []
    transforms: list[ExpressionTransform] = []

    def initialise(network, *rest):  # type: ignore[no-untyped-def]
        initialise_memory(network, *rest)
        starts.append(torch.cat([*network.memory.parameters()]).detach().clone())

    def fit_transform(*given, **options):  # type: ignore[no-untyped-def]
        transforms.append(expression.fit_transform(*given, **options))
        return transforms[-1]

    monkeypatch.setattr(memory_learner, "initialise_memory", initialise)
    monkeypatch.setattr(training_data, "fit_transform", fit_transform)
    write_feature_cohort(tmp_path)
    cross_validation.cross_validate(request(tmp_path, "a"))
    test = json.loads((tmp_path / "a" / "folds" / "0" / "split.json").read_text())["test"]
    for case in test:
        bag = read_features(tmp_path / f"{case}_0.h5")
        other = FeatureBag(bag.features[::-1] * 5 + 1, bag.coords, size_level0=256)
        write_features(tmp_path / f"{case}_0.h5", other)
    table = tmp_path / "expression.csv"
    rows = [
        f"{line.split(',')[0]},1,999,7,5" if line.split(",")[0] in test else line
        for line in table.read_text().splitlines()
    ]
    table.write_text("\n".join(rows))
    cross_validation.cross_validate(request(tmp_path, "b"))

    assert torch.equal(starts[0], starts[1])
    for name in ("logged", "mean", "deviation"):
        assert np.array_equal(getattr(transforms[0], name), getattr(transforms[1], name)), name
    first, second = (load_model(tmp_path / r / "folds/0/model.safetensors") for r in "ab")
    assert first.card.genes == second.card.genes == transforms[0].genes
    assert first.threshold == second.threshold
    weights = [model.members[0].network.state_dict() for model in (first, second)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    looks = [model.members[0].familiarity for model in (first, second)]
    assert looks[0] is not None and looks[1] is not None and looks[0].limit == looks[1].limit
    assert np.array_equal(looks[0].centres, looks[1].centres)
    assert first.card.profiles == second.card.profiles and len(first.card.profiles) == 4
    # But the test was another one.
    predictions = [(tmp_path / r / "folds" / "0" / "predictions.csv").read_text() for r in "ab"]
    assert predictions[0] != predictions[1]


def test_the_certificate_is_what_the_fit_reported(tmp_path: Path) -> None:
    write_feature_cohort(tmp_path)
    asked = request(tmp_path)
    cross_validation.cross_validate(asked)
    folder = asked.out / "folds" / "0"
    found = json.loads((folder / "leakage.json").read_text())
    split = json.loads((folder / "split.json").read_text())
    digest = {
        part: hashlib.sha256("\n".join(sorted(split[part])).encode()).hexdigest() for part in split
    }
    fitted = found["fitted"]
    for what in ("memory initialisation", "gene selection", "look of training patches",
                 "component profiles", "gene associations"):  # fmt: skip
        assert fitted[what] == {"cases": len(split["train"]), "sha256": digest["train"]}
    for what in ("epoch that is kept", "threshold", "limit of strangeness"):
        assert fitted[what]["sha256"] == digest["validation"]
    # Sampling is with replacement, so some training cases may never have been drawn.
    assert 0 < fitted["network weights"]["cases"] <= len(split["train"])
    assert found["grouping"] == "site"
    assert found["shared"]["groups"] == {
        "train and validation": 0,
        "train and test": 0,
        "validation and test": 0,
    }


@pytest.mark.parametrize(
    "leak", ["slides_of", "fit_expression", "threshold_of", "familiarity_of", "profiles_of"]
)
def test_a_leaking_fit_is_refused(
    leak: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each fit in turn is given all cases."""
    write_feature_cohort(tmp_path)
    right = getattr(cross_validation, leak)

    def everyone(*given, **options):  # type: ignore[no-untyped-def]
        if leak in ("slides_of", "fit_expression"):
            asked, prepared, _, *rest = given
            return right(asked, prepared, list(prepared.cases), *rest)
        if leak == "threshold_of":
            prepared, probabilities, ledger = given
            return right(prepared, dict.fromkeys(prepared.cases, 0.4) | probabilities, ledger)
        if leak == "profiles_of":
            _, prepared, fitted, use, _ = given
            reading = read_memory(torch.ones(2, 4), *fitted.network.memory.unit())
            for case in prepared.cases:
                use.add(case, reading)
            return right(*given)
        train, validation, *rest = given
        return right(train, validation + everybody, *rest, **options)

    everybody = [
        training_data.TrainingSlide(f"c{i:02d}", tmp_path / f"c{i:02d}_0.h5", 1 - i % 2, None)
        for i in range(18)
    ]
    monkeypatch.setattr(cross_validation, leak, everyone)
    asked = request(tmp_path)
    with pytest.raises(LeakageError, match="test cases .* were about to fit the"):
        cross_validation.cross_validate(asked)
    assert not (asked.out / "folds" / "0" / "predictions.csv").exists()
