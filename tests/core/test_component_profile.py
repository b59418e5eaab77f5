"""Profiles: what components were in training, and which genes go with them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from synthetic import TINY, write_feature_cohort

from momkd_core import predict
from momkd_core.checkpoint import load_model
from momkd_core.cli.main import main
from momkd_core.gene_association import associate
from momkd_core.model_card import ModelCard


def _curve(n: int) -> Any:
    """The beta distribution on [-c, c] whose variance and fourth moment are Spearman's."""
    fourth = 3 * (25 * n**3 - 38 * n**2 - 35 * n + 72) / (25 * n * (n + 1) * (n - 1) ** 3)
    kurtosis = fourth * (n - 1) ** 2  # of the symmetric beta: 3 (2 a + 1) / (2 a + 3)
    a = (3 * kurtosis - 3) / (6 - 2 * kurtosis)
    c = np.sqrt((2 * a + 1) / (n - 1))
    return stats.beta(a, a, loc=-c, scale=2 * c)


def test_associations_are_spearmans_over_all_genes_and_components() -> None:
    """Ties, values that are missing, a constant gene and a constant share among them."""
    random = np.random.default_rng(0)
    shares = random.integers(0, 6, (30, 4)) / 5.0
    shares[:, 2] = 0.25
    expression = random.poisson(4, (30, 12)).astype(float)
    expression[:, 3] = 7.0
    expression[:, 5] = 100 * shares[:, 0] + random.normal(0, 5, 30)
    expression[:, 6] = -(shares[:, 1] ** 3) + random.normal(0, 0.02, 30)
    expression[:9, 6] = np.nan
    expression[:11, 7] = np.nan
    genes = tuple(f"G{i}" for i in range(12))
    found = associate(shares, expression, genes)

    rho, p = np.full((4, 12), np.nan), np.full((4, 12), np.nan)
    for component in (0, 1, 3):
        for gene in set(range(12)) - {3, 7}:
            has = ~np.isnan(expression[:, gene])
            found_rho = stats.spearmanr(shares[has, component], expression[has, gene]).statistic
            rho[component, gene] = found_rho
            p[component, gene] = 2 * _curve(int(has.sum())).sf(abs(found_rho))
    q = np.full_like(p, np.nan)
    q[np.isfinite(p)] = stats.false_discovery_control(p[np.isfinite(p)])
    assert [len(of) for of in found] == list((q < 0.05).sum(axis=1))
    assert found[0][0].gene == "G5" and found[1][0].gene == "G6" and found[2] == ()
    assert found[1][0].n == 21 and found[1][0].rho < 0
    for component, of in enumerate(found):
        assert [one.q for one in of] == sorted(one.q for one in of)
        for one in of:
            gene = genes.index(one.gene)
            assert one.rho == pytest.approx(rho[component, gene], abs=1e-4)
            assert one.q == pytest.approx(q[component, gene], rel=1e-3)


def test_chance_finds_genes_in_one_model_of_twenty() -> None:
    random = np.random.default_rng(1)
    genes = tuple(f"G{i}" for i in range(40))
    wrong = 0
    for _ in range(400):
        found = associate(random.random((25, 6)), random.random((25, 40)), genes)
        wrong += any(found)
    assert wrong <= 30  # 20 expected; Student's t gives 33


def test_one_case_with_both_is_no_finding() -> None:
    """A component of a single case, and thousands of genes: some are expressed in that case alone."""
    random = np.random.default_rng(2)
    shares, expression = np.zeros((40, 2)), np.zeros((40, 200))
    shares[7] = 0.3, 0.0
    shares[[3, 9, 30], 1] = 0.2, 0.1, 0.3
    for gene in range(200):
        expression[random.integers(0, 40, 2), gene] = 1.0
    expression[7, 0] = expression[3, 1] = expression[9, 1] = 5.0
    assert associate(shares, expression, tuple(f"G{i}" for i in range(200))) == [(), ()]


def test_at_most_twenty_and_nothing_from_few_cases() -> None:
    share = np.arange(20.0)[:, None]
    many = np.repeat(share, 30, axis=1)
    genes = tuple(f"G{i}" for i in range(30))
    assert len(associate(share, many, genes)[0]) == 20
    assert associate(share[:19], many[:19], genes) == [()]


def test_a_fold_keeps_what_its_components_were(tmp_path: Path) -> None:
    """Of its training cases alone, as the model that it keeps reads them."""
    cohort = write_feature_cohort(tmp_path, cases=24, slides=2)
    out = tmp_path / "run"
    arguments = ["train", cohort, "--expression", tmp_path / "expression.csv", *TINY]
    assert main([*map(str, arguments), "--epochs", "4", "--refit", "--out", str(out)]) == 0
    folder = out / "folds" / "0"
    model = load_model(folder / "model.safetensors")
    train = json.loads((folder / "split.json").read_text())["train"]
    profiles = model.card.profiles
    names = [(m, j) for m in ("positive", "negative") for j in range(2)]
    assert [(p.memory, p.index) for p in profiles] == names

    uses, high = [], []
    for case in train:
        for slide in range(2):
            uses.append(predict(model, tmp_path / f"{case}_{slide}.h5").components())
            high.append(int(case[1:]) % 2 == 0)
    shares = np.array([[use.share for use in of] for of in uses])
    assert [p.prevalence for p in profiles] == pytest.approx(shares.mean(axis=0))
    attention = np.mean([[use.attention for use in of] for of in uses], axis=0)
    assert [p.attention for p in profiles] == pytest.approx(attention, abs=1e-5)
    for value, which in (("high", np.array(high)), ("low", ~np.array(high))):
        assert [p.prevalence_by_class[value] for p in profiles] == pytest.approx(
            shares[which].mean(axis=0)
        )

    with (folder / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    kept = model.card.metrics["best_epoch"] + 1
    for profile in profiles:
        assert profile.cases == len(train)
        for kind in ("activity", "drift"):
            column = f"{kind}_{profile.memory}_{profile.index}"
            values = [float(row[column]) for row in history[:kept]]
            assert getattr(profile, kind) == pytest.approx(values, rel=1e-3)
        assert all(gene.n == len(train) and gene.q < 0.05 for gene in profile.genes)
    for row in history:
        for memory in ("positive", "negative"):
            active = [float(row[f"activity_{memory}_{j}"]) for j in range(2)]
            assert sum(active) == pytest.approx(1.0)
            assert sum(a > 0 for a in active) / 2 == float(row[f"{memory}_active_ratio"])

    final = load_model(out / "final" / "model.safetensors").card
    assert all(profile.cases == 24 for profile in final.profiles) and len(final.profiles) == 4
    certificate = json.loads((out / "final" / "leakage.json").read_text())["fitted"]
    assert certificate["component profiles"]["cases"] == 24
    assert certificate["gene associations"]["cases"] == 24

    # A file of before has none, and says so.
    older = {k: v for k, v in model.card.model_dump(mode="json").items() if k != "profiles"}
    assert ModelCard.model_validate(older).profile_of("positive", 0) is None
    assert model.card.profile_of("negative", 1) == profiles[3]
