"""Paired tests of AUCs: against values worked out by hand, simulation, and a bootstrap."""

from __future__ import annotations

import numpy as np
import pytest

from momkd_core.evaluation import auc, bootstrap_auc_difference
from momkd_core.paired_tests import AucDifference, delong, holm, within_folds


def test_delong_by_hand() -> None:
    """Three positive and two negative cases: every placement can be counted."""
    labels = [1, 1, 1, 0, 0]
    first, second = [0.9, 0.8, 0.3, 0.5, 0.1], [0.9, 0.2, 0.6, 0.4, 0.7]
    found = delong(labels, first, second)
    # Placements among the negatives: 1, 1, 1/2 and 1, 0, 1/2; among the positives: 2/3, 1 and 2/3, 1/3.
    ten = np.cov([1, 1, 0.5], [1, 0, 0.5])
    one = np.cov([2 / 3, 1], [2 / 3, 1 / 3])
    covariance = ten / 3 + one / 2
    expected = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    assert found.difference == pytest.approx(5 / 6 - 1 / 2)
    assert found.variance == pytest.approx(expected)
    low, high = found.interval
    assert low is not None and high is not None and low < 0 < high


def cases(
    seed: int, count: int = 120, gain: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels and two methods' values that share most of their noise."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    shared = random.normal(labels, 1.0)
    first = shared + random.normal(gain * labels, 0.7)
    return labels, first, shared + random.normal(0, 0.7, count)


def test_delong_agrees_with_the_bootstrap_and_holds_its_level() -> None:
    labels, first, second = cases(1, 400, gain=0.3)
    found = delong(labels, first, second)
    sampled = bootstrap_auc_difference(labels, second, first)
    assert found.difference == pytest.approx(sampled["difference"])
    assert found.interval == pytest.approx((sampled["low"], sampled["high"]), abs=0.006)
    # Two methods that are equally good are told apart in one trial of twenty.
    values = [delong(*cases(seed)).p for seed in range(400)]
    share = np.mean([p is not None and p < 0.05 for p in values])
    assert share == pytest.approx(0.05, abs=0.025)


def test_a_patients_cases_are_not_separate_evidence() -> None:
    labels, first, second = cases(2)
    twice = [np.concatenate([values, values]) for values in (labels, first, second)]
    patients = [str(number) for number in range(len(labels))] * 2
    once, together = delong(labels, first, second), delong(*twice, patients=patients)
    assert together.difference == pytest.approx(once.difference)
    assert together.variance == pytest.approx(once.variance)
    apart = delong(*twice).variance
    assert apart is not None and together.variance is not None
    assert apart < 0.6 * together.variance


def test_what_cannot_be_told_is_none() -> None:
    assert delong([1, 1], [0.1, 0.2], [0.3, 0.4]) == AucDifference(None, None, None)
    assert delong([1, 0, 0], [0.5, 0.1, 0.2], [0.1, 0.5, 0.2]).variance is None
    labels = [1, 1, 0, 0]
    sure, blind = [0.9, 0.8, 0.1, 0.2], [0.5, 0.5, 0.5, 0.5]
    assert delong(labels, sure, sure).p == 1.0
    # Neither varies, though they differ by half.
    assert delong(labels, sure, blind) == AucDifference(0.5, 0.0, None)


def test_folds_are_not_ranked_against_each_other() -> None:
    """One method's probabilities lie higher in the second fold: its AUC within folds is as before."""
    labels, first, second = cases(3)
    fold = np.arange(len(labels)) // 60
    shifted = first + 5.0 * fold
    parts = [delong(labels[fold == k], shifted[fold == k], second[fold == k]) for k in (0, 1)]
    found = within_folds(parts)
    by_fold = [auc(labels[fold == k], first[fold == k]) for k in (0, 1)]
    others = [auc(labels[fold == k], second[fold == k]) for k in (0, 1)]
    assert found.difference == pytest.approx(np.mean(by_fold) - np.mean(others))
    variances = [part.variance or 0.0 for part in parts]
    assert found.variance == pytest.approx(sum(variances) / 4)
    assert within_folds([]) == AucDifference(None, None, None)


def test_holm_by_hand() -> None:
    adjusted = holm([0.01, None, 0.04, 0.03])
    assert adjusted == [pytest.approx(0.03), None, pytest.approx(0.06), pytest.approx(0.06)]
    assert holm([None]) == [None]
