"""What a method says of cases that it was not trained on, and how two methods differ there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from momkd_core.checkpoint import fold_folders
from momkd_core.errors import TrainingError
from momkd_core.evaluation import bootstrap_auc, bootstrap_auc_difference
from momkd_core.paired_tests import delong, holm, within_folds
from momkd_core.run_folder import read_predictions


@dataclass(frozen=True)
class CaseScore:
    """A held-out case: the mean of its probabilities over seeds.

    Attributes:
        label: 0 or 1.
        fold: whose test case it is; 0 for all cases of another cohort.
    """

    label: int
    patient: str
    fold: int
    probability: float


#: By case id.
CaseScores = dict[str, CaseScore]


def held_out(runs: Sequence[Path], positive: str) -> CaseScores:
    """Test cases of all folds, over the runs of one method.

    Raises:
        ModelFileError: a table of predictions is damaged.
        TrainingError: the runs were not tested on the same folds.
    """
    return _mean_over_runs(
        [
            [
                (int(fold.name), row)
                for fold in fold_folders(run)
                for row in read_predictions(fold / "predictions.csv")
                if row["split"] == "test"
            ]
            for run in runs
        ],
        positive,
    )


def tested(runs: Sequence[Path], name: str, positive: str) -> CaseScores:
    """Cases of another cohort by the mean of each run's folds, over the runs of one method. Errors as
    of :func:`held_out`.
    """
    tables = [[(0, row) for row in read_predictions(run / f"{name}.csv")] for run in runs]
    return _mean_over_runs(tables, positive)


def check_same(methods: Mapping[str, CaseScores]) -> None:
    """Makes sure that methods were tested on the same cases of the same folds.

    Raises:
        TrainingError: names two that were not.
    """
    first, *others = methods
    for other in others:
        asked, found = ({c: s.fold for c, s in methods[name].items()} for name in (first, other))
        if found != asked:
            raise _other_folds(f"{first} and {other}")


def pooled_auc(scores: CaseScores) -> dict[str, float | None]:
    """AUC over all cases with a 95 % interval over patients, and how many cases there are."""
    cases = list(scores.values())
    found = bootstrap_auc(
        [c.label for c in cases], [c.probability for c in cases], [c.patient for c in cases]
    )
    return {**found, "cases": len(cases)}


def compare(methods: Mapping[str, CaseScores], against: str) -> list[dict[str, Any]]:
    """``against`` minus each other method, on the cases that both have.

    Returns:
        A row a method: ``difference`` of the AUC over all cases with the interval of a paired bootstrap
        over patients (``low``, ``high``) and DeLong's (``delong_low``, ``delong_high``), DeLong's ``p``
        and that adjusted for the number of methods (``p_holm``); the same of the mean difference
        within folds (``within``), where no probability of one fold is ranked against another fold's.
    """
    rows = [
        _compare(methods[against], theirs) for name, theirs in methods.items() if name != against
    ]
    names = [name for name in methods if name != against]
    for of in (rows, [row["within"] for row in rows]):
        for row, adjusted in zip(of, holm([row["p"] for row in of]), strict=True):
            row["p_holm"] = adjusted
    return [{"method": name, **row} for name, row in zip(names, rows, strict=True)]


def _compare(ours: CaseScores, theirs: CaseScores) -> dict[str, Any]:
    both = [(ours[case], theirs[case]) for case in ours if case in theirs]
    labels = np.array([a.label for a, _ in both])
    first = np.array([a.probability for a, _ in both])
    second = np.array([b.probability for _, b in both])
    patients = np.array([a.patient for a, _ in both])
    folds = np.array([a.fold for a, _ in both])
    sampled = bootstrap_auc_difference(labels, second, first, list(patients))
    pooled = delong(labels, first, second, list(patients))
    of_folds = [
        delong(labels[at], first[at], second[at], list(patients[at]))
        for at in (folds == fold for fold in np.unique(folds))
    ]
    within = within_folds(of_folds)
    return {
        "cases": len(both),
        **sampled,
        "delong_low": pooled.interval[0],
        "delong_high": pooled.interval[1],
        "p": pooled.p,
        "p_holm": None,
        "within": {
            "difference": within.difference,
            "low": within.interval[0],
            "high": within.interval[1],
            "p": within.p,
            "p_holm": None,
        },
    }


def _mean_over_runs(
    tables: Sequence[list[tuple[int, dict[str, str]]]], positive: str
) -> CaseScores:
    found: dict[str, list[CaseScore]] = {}
    for table in tables:
        for fold, row in table:
            label = int(row["label"] == positive)
            score = CaseScore(label, row["patient_id"], fold, float(row["probability"]))
            found.setdefault(row["case_id"], []).append(score)
    scores: CaseScores = {}
    for case, several in found.items():
        if len(several) != len(tables):
            continue  # a seed failed on it, as may happen where a slide of another cohort is read
        one = several[0]
        if {(score.fold, score.label) for score in several} != {(one.fold, one.label)}:
            raise _other_folds("Two seeds of a method")
        mean = float(np.mean([score.probability for score in several]))
        scores[case] = CaseScore(one.label, one.patient, one.fold, mean)
    return scores


def _other_folds(which: str) -> TrainingError:
    return TrainingError(
        f"{which} were not tested on the same folds", "Train them again in another --out folder"
    )
