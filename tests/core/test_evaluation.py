"""Metrics, intervals, thresholds."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from momkd_core import evaluation
from momkd_core.evaluation import (
    auc,
    best_threshold,
    bootstrap_auc,
    bootstrap_decisions,
    calibration,
    mean_over_folds,
    metrics,
)

RANDOM = np.random.default_rng(4)
LABELS = RANDOM.integers(0, 2, 80)
PROBABILITIES = np.clip(LABELS * 0.2 + RANDOM.random(80), 0, 1)


def test_metrics() -> None:
    found = metrics(LABELS, PROBABILITIES, 0.6)
    predicted = PROBABILITIES >= 0.6
    assert found["auc"] == pytest.approx(roc_auc_score(LABELS, PROBABILITIES))
    assert found["f1"] == pytest.approx(f1_score(LABELS, predicted))
    assert found["f1_macro"] == pytest.approx(f1_score(LABELS, predicted, average="macro"))
    assert found["accuracy"] == pytest.approx((predicted == LABELS).mean())
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(LABELS, predicted))
    assert found["at_half"]["f1"] == pytest.approx(f1_score(LABELS, PROBABILITIES >= 0.5))


def test_one_label_has_no_auc() -> None:
    assert auc([1, 1], [0.2, 0.9]) is None
    assert metrics([0, 0], [0.2, 0.9], 0.5)["sensitivity"] is None
    assert bootstrap_auc([1, 1], [0.2, 0.9])["auc"] is None


def test_intervals() -> None:
    found = bootstrap_auc(LABELS, PROBABILITIES)
    assert found["low"] < found["auc"] < found["high"]
    decided = bootstrap_decisions(LABELS, PROBABILITIES >= 0.6)["sensitivity"]
    assert decided["value"] == metrics(LABELS, PROBABILITIES, 0.6)["sensitivity"]
    assert decided["low"] < decided["value"] < decided["high"]
    assert bootstrap_decisions([0, 0], [False, True])["sensitivity"]["low"] is None
    folds = mean_over_folds([0.7, 0.8, None, 0.9])
    assert folds["mean"] == pytest.approx(0.8) and folds["sd"] == pytest.approx(0.1)


def test_interval_of_tied_probabilities_is_that_of_scikit_learn_on_the_same_samples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And the same in however many blocks the samples are counted."""
    monkeypatch.setattr(evaluation, "BOOTSTRAPS", 50)
    tied = np.round(PROBABILITIES, 1)
    found = bootstrap_auc(LABELS, tied)
    samples = np.concatenate(list(evaluation._samples(LABELS, None, 0)))
    values = [roc_auc_score(LABELS, tied, sample_weight=times) for times in samples]
    wanted = np.percentile(values, [2.5, 97.5])
    assert [found["low"], found["high"]] == pytest.approx(wanted)
    monkeypatch.setattr(evaluation, "_CELLS", 7 * len(LABELS))
    assert len(list(evaluation._samples(LABELS, None, 0))) == 8
    assert bootstrap_auc(LABELS, tied) == found


def test_intervals_resample_patients() -> None:
    """Three equal cases of each patient say no more than one."""
    names = [f"p{i:02d}" for i in range(80)]
    y, p, owners = (np.repeat(values, 3) for values in (LABELS, PROBABILITIES, names))
    once = bootstrap_auc(LABELS, PROBABILITIES, names)
    thrice, alone = bootstrap_auc(y, p, owners), bootstrap_auc(y, p)
    assert thrice == pytest.approx(once)
    assert alone["high"] - alone["low"] < thrice["high"] - thrice["low"]
    assert bootstrap_decisions(y, p >= 0.6, owners) == bootstrap_decisions(
        LABELS, PROBABILITIES >= 0.6, names
    )
    # A patient of both labels: each sample holds both.
    both = bootstrap_auc([1, 0, 0], [0.7, 0.6, 0.8], ["a", "a", "b"])
    assert 0 <= both["low"] <= both["auc"] <= both["high"] <= 1


def test_threshold() -> None:
    assert best_threshold([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.9]) == pytest.approx(0.25)
    assert best_threshold([0, 0, 1, 1], [0.1, 0.4, 0.6, 0.9]) == 0.5
    assert best_threshold([1, 1], [0.1, 0.4]) == 0.5


def test_calibration() -> None:
    exact = calibration([1, 0, 1, 0], [0.5, 0.5, 1.0, 0.0])
    assert exact["ece"] == 0
    found = calibration([1, 1, 0], [0.62, 0.68, 0.05])
    assert found["ece"] == pytest.approx((2 * 0.35 + 0.05) / 3)
    assert [row["cases"] for row in found["bins"]] == [1, 2]
    assert calibration([], [])["ece"] is None
