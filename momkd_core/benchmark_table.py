"""A benchmark's numbers: a row a method, from the files of its cells."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from momkd_core.benchmark_cases import CaseScores, check_same, compare, held_out, pooled_auc, tested
from momkd_core.benchmark_cell import Cell, read_measured
from momkd_core.errors import ModelFileError
from momkd_core.evaluation import mean_over_folds
from momkd_core.run_folder import read_history

#: Of the paper's Table 1, then what it leaves out.
METRICS = ("auc", "accuracy", "f1", "balanced_accuracy", "f1_macro")

#: How many, in one word: epochs and stopping rule are the same for all.
BUDGET = ("epochs", "patience", "earliest_stop")


def method_rows(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Rows of methods from their finished cells, in their order.

    Returns:
        For each: ``method``, ``seeds``; mean, sd and interval of each of :data:`METRICS` over test
        folds (:func:`over_folds_and_seeds`); ``pooled`` AUC; ``external`` by cohort; ``costs``; and
        ``settings`` of its training. ``folds`` has the single values.

    Raises:
        ModelFileError: a file of a cell is damaged.
        TrainingError: cells were not tested on the same folds.
    """
    methods = list(dict.fromkeys(cell.method for cell in cells))
    return [_row([cell for cell in cells if cell.method == method]) for method in methods]


def comparisons(cells: Sequence[Cell], against: str) -> dict[str, list[dict[str, Any]]]:
    """``against`` minus each other method: on the test cases of the folds (``held out``), and on each
    other cohort by its name. Empty where ``against`` has no finished cell.

    Raises:
        ModelFileError, TrainingError: as :func:`method_rows`.
    """
    if against not in {cell.method for cell in cells}:
        return {}
    positive = cells[0].training.positive
    runs = _runs(cells)
    tables: dict[str, dict[str, CaseScores]] = {
        "held out": {method: held_out(of, positive) for method, of in runs.items()}
    }
    check_same(tables["held out"])
    for external in cells[0].external:
        tables[external.name] = {
            method: tested(of, external.name, positive) for method, of in runs.items()
        }
    return {name: compare(scores, against) for name, scores in tables.items()}


def over_folds_and_seeds(values: Iterable[tuple[int, float | None]]) -> dict[str, float | None]:
    """Of (fold, value) pairs: mean and sample sd over all, with the 95 % t-interval of the folds' means
    over seeds, since other seeds are no other cases.
    """
    by_fold: dict[int, list[float]] = {}
    for fold, value in values:
        if value is not None:
            by_fold.setdefault(fold, []).append(value)
    known = [value for several in by_fold.values() for value in several]
    interval = mean_over_folds([float(np.mean(several)) for several in by_fold.values()])
    spread = mean_over_folds(known)
    return {**spread, "low": interval["low"], "high": interval["high"]}


def _runs(cells: Sequence[Cell]) -> dict[str, list[Path]]:
    runs: dict[str, list[Path]] = {}
    for cell in cells:
        runs.setdefault(cell.method, []).append(cell.training.out)
    return runs


def _row(cells: list[Cell]) -> dict[str, Any]:
    """Of one method."""
    runs = [cell.training.out for cell in cells]
    positive = cells[0].training.positive
    folds = [
        {"seed": cell.seed, **fold, **_training_of(cell.training.out, fold["fold"])}
        for cell in cells
        for fold in read_json(cell.training.out / "summary.json")["folds"]
    ]
    external = {}
    for cohort in cells[0].external:
        summaries = [read_json(run / f"{cohort.name}.json") for run in runs]
        external[cohort.name] = _external(summaries, tested(runs, cohort.name, positive))
    return {
        "method": cells[0].method,
        "seeds": [cell.seed for cell in cells],
        **{
            name: over_folds_and_seeds((fold["fold"], fold[name]) for fold in folds)
            for name in METRICS
        },
        "pooled": pooled_auc(held_out(runs, positive)),
        "external": external,
        "costs": _costs(folds, [read_measured(run) for run in runs]),
        "settings": read_json(runs[0] / "run.json")["training"],
        "folds": folds,
    }


def _external(summaries: list[dict[str, Any]], scores: CaseScores) -> dict[str, Any]:
    """The mean of a run's folds as one model, over seeds (``ensemble``), and its folds one by one over
    folds and seeds (``members``), as in Table 2.
    """
    ensembles = [summary["folds"][0] for summary in summaries]
    members = [
        fold for one in summaries for fold in (one["members"] or {"folds": one["folds"]})["folds"]
    ]
    return {
        "ensemble": {
            name: mean_over_folds([found[name] for found in ensembles]) for name in METRICS
        },
        "members": {
            name: over_folds_and_seeds((found["fold"], found[name]) for found in members)
            for name in METRICS
        },
        "pooled": pooled_auc(scores),
        "errors": sorted({case for summary in summaries for case in summary["errors"]}),
        "warnings": sorted({text for summary in summaries for text in summary["warnings"]}),
    }


def _training_of(run: Path, fold: int) -> dict[str, float | int]:
    """Epochs and seconds of a fold's training, validation included."""
    history = read_history(run / "folds" / str(fold) / "history.csv")
    return {
        "epochs": len(history),
        "training_seconds": sum(float(row["seconds"]) for row in history),
    }


def _costs(folds: list[dict[str, Any]], measured: list[dict[str, Any]]) -> dict[str, Any]:
    """Means a fold of training; of inference the median over seeds; the largest memory."""

    def known(name: str, among: list[dict[str, Any]]) -> list[float]:
        return [one[name] for one in among if one.get(name) is not None]

    def middle(name: str) -> float | None:
        values = known(name, measured)
        return float(np.median(values)) if values else None

    return {
        "training_seconds": float(np.mean([fold["training_seconds"] for fold in folds])),
        "epochs": float(np.mean([fold["epochs"] for fold in folds])),
        "learned_parameters": max(known("learned_parameters", folds), default=None),
        "inference_parameters": max(known("inference_parameters", measured), default=None),
        "inference_seconds": middle("inference_seconds"),
        "inference_patches": middle("inference_patches"),
        "peak_bytes": max(known("peak_bytes", measured), default=None),
        "cell_seconds": sum(known("seconds", measured)),
    }


def read_json(path: Path) -> dict[str, Any]:
    """A file of a cell. Raises :class:`ModelFileError` where it cannot be read."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelFileError(
            f"{path} cannot be read ({error})", "Delete the folder that it lies in and train again"
        ) from error
    return found
