"""Folds: disjoint groups, both labels everywhere, the same for the same seed."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from momkd_core import splits
from momkd_core.cohort_case import Case
from momkd_core.errors import CohortError, LeakageError
from momkd_core.leakage import certificate
from momkd_core.splits import Split, make_splits


def cases(count: int, patients: int) -> tuple[list[str], list[int], list[str]]:
    random = np.random.default_rng(0)
    labels = [int(v) for v in random.random(count) < 0.3]
    groups = [f"p{v}" for v in random.integers(0, patients, count)]
    return [f"c{i}" for i in range(count)], labels, groups


def test_folds() -> None:
    ids, labels, groups = cases(300, 200)
    group = dict(zip(ids, groups, strict=True))
    label = dict(zip(ids, labels, strict=True))
    splits = make_splits(ids, labels, groups, folds=5, seed=1)
    assert splits == make_splits(ids, labels, groups, folds=5, seed=1)
    assert splits != make_splits(ids, labels, groups, folds=5, seed=2)
    assert sorted(case for split in splits for case in split.test) == sorted(ids)
    for split in splits:
        parts = [set(split.train), set(split.validation), set(split.test)]
        assert sum(map(len, parts)) == 300 and set.union(*parts) == set(ids)
        names = [{group[case] for case in part} for part in parts]
        assert not names[0] & names[1] and not names[0] & names[2] and not names[1] & names[2]
        shares = np.array([len(part) / 300 for part in parts])
        np.testing.assert_allclose(shares, [0.7, 0.1, 0.2], atol=0.04)
        for part in parts:
            assert {label[case] for case in part} == {0, 1}


def test_one_patient_is_too_few() -> None:
    ids, labels, _ = cases(60, 10)
    with pytest.raises(
        CohortError, match=r"at least 5 groups, but the cases form only 1: p.*--group"
    ):
        make_splits(ids, labels, ["p"] * 60, folds=5, seed=0)


def test_a_label_in_too_few_groups() -> None:
    ids, labels, groups = (
        [f"c{i}" for i in range(20)],
        [1, 1] + [0] * 18,
        [f"p{i}" for i in range(20)],
    )
    with pytest.raises(CohortError, match="only 2 groups have a positive case"):
        make_splits(ids, labels, groups, folds=5, seed=0)


def test_the_certificate_names_who_fitted_what() -> None:
    cases = {
        case: Case(case, patient, (), {"site": site})
        for case, patient, site in (
            ("a", "P1", "north"), ("b", "P1", "south"), ("c", "P2", "north"), ("d", "P3", ""),
        )
    }  # fmt: skip
    split = Split(("b", "a"), ("c",), ("d",))
    used = {
        "network weights": ["b", "a"], "expression scaling": ["a"], "threshold": ["c"],
        "epoch that is kept": ["c"],
    }  # fmt: skip
    found = certificate(split, cases, used, "site")
    assert found["grouping"] == "site" and found["fitted"]["gene selection"]["cases"] == 0
    assert found["shared"]["groups"] == found["shared"]["sites"]
    fitted = found["fitted"]
    assert fitted["threshold"] == fitted["epoch that is kept"] != fitted["network weights"]
    assert fitted["network weights"]["sha256"] == hashlib.sha256(b"a\nb").hexdigest()
    assert fitted["expression scaling"] == {
        "cases": 1, "sha256": hashlib.sha256(b"a").hexdigest(),
    }  # fmt: skip
    assert found["shared"]["patients"] == dict.fromkeys(found["shared"]["patients"], 0)
    assert found["shared"]["sites"]["train and validation"] == 1
    assert found["shared"]["sites"]["train and test"] == 0
    with pytest.raises(LeakageError, match=r"1 test cases \(the first is d\) .* fit the threshold"):
        certificate(split, cases, {"threshold": ["c", "d"]}, "site")


def test_parts_that_share_a_group_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ids, labels, groups = cases(60, 40)
    monkeypatch.setattr(splits, "_validation", lambda rest, y, g, seed: (rest, rest))
    with pytest.raises(LeakageError, match="train and the validation part of fold 0 share"):
        make_splits(ids, labels, groups, folds=3, seed=0)
