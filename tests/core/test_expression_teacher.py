"""What a teacher on expression says of training cases."""

from __future__ import annotations

import numpy as np
import pytest

from momkd_core.errors import ExpressionError, LeakageError
from momkd_core.expression import ExpressionTable
from momkd_core.expression_teacher import teach
from momkd_core.ledger import Ledger

CASES = [f"c{i}" for i in range(80)]
LABELS = {case: i // 2 % 2 for i, case in enumerate(CASES)}
PATIENTS = {case: f"p{i // 2}" for i, case in enumerate(CASES)}  # two cases each


def table(values: np.ndarray) -> ExpressionTable:
    return ExpressionTable(tuple(CASES), tuple(f"g{i}" for i in range(values.shape[1])), values)


def told(values: np.ndarray, **changed: object) -> dict[str, float]:
    options = {"top_genes": 100, "clip": 6.0, "seed": 0, **changed}
    return teach(table(values), LABELS, PATIENTS, **options)  # type: ignore[arg-type]


def test_it_does_not_repeat_labels_that_expression_does_not_know() -> None:
    """More genes than cases, and both cases of a patient alike: a teacher that had seen either would
    know every label."""
    noise = np.repeat(np.random.default_rng(0).normal(size=(40, 300)), 2, axis=0)
    said = told(noise)
    right = np.mean([(said[case] > 0.5) == LABELS[case] for case in CASES])
    assert 0.25 < right < 0.75


def test_it_doubts_a_wrong_label() -> None:
    random = np.random.default_rng(1)
    values = random.normal(size=(80, 30))
    truth = np.asarray([LABELS[case] for case in CASES])
    truth[:2] = 1  # the table of cases says 0
    values[:, :10] += 2.0 * truth[:, None]
    values[5] = np.nan
    ledger = Ledger()
    said = told(values, ledger=ledger)
    assert said["c0"] > 0.5 and said["c1"] > 0.5
    right = [(said[case] > 0.5) == truth[i] for i, case in enumerate(CASES) if case in said]
    assert np.mean(right) > 0.95
    assert "c5" not in said and set(ledger.used["teacher"]) == set(CASES) - {"c5"}


def test_cases_without_the_chosen_genes_are_left_out() -> None:
    values = np.random.default_rng(3).normal(size=(80, 30))
    values[:, 0] += 4.0 * np.asarray([LABELS[case] for case in CASES])
    values[:6, 0] = np.nan
    said = told(values, top_genes=1)
    assert set(said) == set(CASES[6:])
    values[[i for i, case in enumerate(CASES) if LABELS[case]], 0] = np.nan
    values[:, 1:] = np.nan
    values[1::4, 1] = values[2::4, 1] = 0.0  # constant: no gene to choose, but not absent
    with pytest.raises(ExpressionError, match="all cases of one label lack each.*teacher_weight=0"):
        told(values, top_genes=1)


def test_what_cannot_be_taught() -> None:
    values = np.random.default_rng(2).normal(size=(80, 5))
    with pytest.raises(LeakageError, match="teacher"):
        told(values, ledger=Ledger(held_out=["c7"]))
    values[4:] = np.nan
    with pytest.raises(ExpressionError, match="two of either label.*there are 1.*teacher_weight=0"):
        told(values)
