"""The files of a training run: what was asked, what each fold gave, what it comes to."""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from momkd_core.checkpoint import Model, fold_folders, load_model, software_versions
from momkd_core.cohort_case import Case
from momkd_core.component_names import MEMORIES
from momkd_core.errors import ModelFileError, TrainingError
from momkd_core.evaluation import (
    AGGREGATION,
    bootstrap_auc,
    bootstrap_decisions,
    calibration,
    mean_over_folds,
)
from momkd_core.export import write_json
from momkd_core.expression import ExpressionTable
from momkd_core.settings import MOMKD

log = logging.getLogger(__name__)

_COLLAPSED = 2.0  # perplexity, of any number of components

UNFINISHED = "unfinished.safetensors"  # a fold's state, while it trains

# Settings that came later, as they were before: runs begun without them can be gone on with.
_BEFORE = {"training": {"teacher_weight": 0.0}}

_GROUPS = ("extraction", "model", "training")  # of settings
# Compared by their hash, which says nothing to people.
_HASHED = {
    "cohort_fingerprint": "the cohort table: its cases, slides or values",
    "expression_sha256": "the expression table",
    "features_sha256": "the feature files",
    "splits_sha256": "the given folds",
}

PREDICTION_COLUMNS = ("case_id", "patient_id", "label", "probability", "predicted", "split")


def claim(folder: Path, asked: dict[str, Any], warnings: list[str], **unchecked: Any) -> None:
    """Writes ``run.json``, or checks that the folder holds the same run.

    Args:
        asked: what the run's outcome depends on.
        unchecked: for the record.

    Raises:
        TrainingError: the folder holds another run, or one of which that cannot be told.
    """
    path = folder / "run.json"
    finished = any(is_finished(fold) for fold in fold_folders(folder))
    begun = finished or any((fold / UNFINISHED).exists() for fold in fold_folders(folder))
    if finished and not path.exists():
        raise TrainingError(
            f"{folder} holds finished folds but no run.json: of which run cannot be told",
            "Choose another --out folder, or delete this one",
        )
    if not path.exists() or not begun:  # a request that failed at once claims nothing
        record = {**asked, **unchecked, "versions": software_versions(), "warnings": warnings}
        write_json(path, record)
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise TrainingError(
            f"{path} cannot be read ({error})", "Choose another --out folder"
        ) from error
    for group, values in _BEFORE.items():
        if isinstance(found.get(group), dict):
            found[group] = {**values, **found[group]}
    was = found.get("method", asked.get("method"))
    if was != asked.get("method"):  # whose settings are others too
        raise _another_run(folder, [f"method was {was}, is {asked['method']}"])
    missing = _missing(found, asked)
    if missing:
        raise TrainingError(
            f"{folder} was begun by another version of this program, which did not write down "
            f"{', '.join(missing)}: whether it is the same run cannot be told",
            "Choose another --out folder, or delete this one; its models can be used as they are",
        )
    different = _differences(found, json.loads(json.dumps(asked)))
    if different:
        raise _another_run(folder, different)


def _another_run(folder: Path, different: list[str]) -> TrainingError:
    return TrainingError(
        f"{folder} holds another run (it differs in: {', '.join(different)})",
        "Choose another --out folder, or delete this one",
    )


def _differences(found: dict[str, Any], asked: dict[str, Any]) -> list[str]:
    """What differs, as ``key was x, is y``; groups of settings key by key."""
    differences = []
    for key, wanted in asked.items():
        have = found.get(key)
        if isinstance(wanted, dict) and isinstance(have, dict):
            differences += _differences(have, wanted)
        elif have != wanted:
            told = _HASHED.get(key)
            differences.append(f"{told} ({key})" if told else f"{key} was {have}, is {wanted}")
    return differences


def _missing(found: dict[str, Any], asked: dict[str, Any]) -> list[str]:
    """Keys of ``asked``, groups included, that a record lacks; what is not asked for may lack."""
    missing = []
    for key, wanted in asked.items():
        if key not in found and wanted is not None:
            missing.append(key)
        elif key in _GROUPS and isinstance(wanted, dict) and isinstance(found[key], dict):
            missing += _missing(found[key], wanted)
    return missing


def fingerprint(table: ExpressionTable | None) -> str | None:
    """SHA-256 of an expression table's names and values."""
    if table is None:
        return None
    digest = hashlib.sha256("\n".join([*table.case_ids, *table.genes]).encode())
    digest.update(table.values.tobytes())
    return digest.hexdigest()


def trained_patients(model: Model) -> set[str]:
    """Patients whose cases a model was trained or tuned on, as far as the files beside it say."""
    found: set[str] = set()
    for member in model.members:
        folder = member.path.parent
        try:
            if (folder / "predictions.csv").exists():
                rows = read_predictions(folder / "predictions.csv")
                found |= {row["patient_id"] for row in rows if row["split"] != "test"}
            elif (folder / "leakage.json").exists():  # of all cases: it has no case to predict
                content = json.loads((folder / "leakage.json").read_text(encoding="utf-8"))
                found |= set(content.get("patients", []))
        except (ModelFileError, OSError, ValueError, AttributeError, TypeError) as error:
            log.warning("Whose cases %s was trained on cannot be read (%s)", member.path, error)
    return found


def trained_cases(model: Model) -> set[str]:
    """Cases that a model was trained or tuned on, as far as the splits beside its files say."""
    found: set[str] = set()
    for member in model.members:
        path = member.path.parent / "split.json"
        if not path.exists():
            continue
        try:
            split = json.loads(path.read_text(encoding="utf-8"))
            found |= {*split["train"], *split["validation"]}
        except (OSError, json.JSONDecodeError, KeyError, TypeError) as error:
            log.warning("%s cannot be read (%s)", path, error)
    return found


def seen_in_training(model: Model, cases: Sequence[Case]) -> list[str]:
    """A warning that counts the cases which the model was trained on, or whose patient it was."""
    trained, patients = trained_cases(model), trained_patients(model)
    seen = sorted(
        case.case_id for case in cases if case.case_id in trained or case.patient_id in patients
    )
    if not seen:
        return []
    other = sum(case not in trained for case in seen)
    of_patients = f" ({other} of them as other cases of the same patients)" if other else ""
    return [
        f"{len(seen)} of {len(cases)} cases (the first is {seen[0]}) were trained on{of_patients}: the "
        "metrics do not measure new patients"
    ]


def is_finished(fold: Path) -> bool:
    """Whether a fold's folder is complete: its predictions are written last."""
    return (fold / "predictions.csv").exists() and (fold / "model.safetensors").exists()


def read_predictions(path: Path) -> list[dict[str, str]]:
    """Rows of a ``predictions.csv``. Raises :class:`ModelFileError` where it is damaged."""
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read ({error})", "Train the fold again") from error
    if not rows or set(rows[0]) != set(PREDICTION_COLUMNS):
        raise ModelFileError(f"{path} is not a table of predictions", "Train the fold again")
    return rows


def read_history(path: Path) -> list[dict[str, str]]:
    """Rows of a ``history.csv``, one an epoch. Raises :class:`ModelFileError` where it is missing."""
    try:
        return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read ({error})", "Train the fold again") from error


def summarise(
    folder: Path, *, task: str, positive: str, method: str, preset: str, warnings: list[str]
) -> dict[str, Any]:
    """The content of ``summary.json`` from the finished folds of a run.

    ``auc`` and its like are means over folds with a t-interval; ``pooled`` takes all held-out
    cases together, with a bootstrap interval over their patients; ``aggregation`` states the rule;
    ``memory`` is empty for a comparison system.
    """
    folds, labels, probabilities, predicted, patients = [], [], [], [], []
    for fold in fold_folders(folder):
        if not is_finished(fold):
            continue
        card = load_model(fold / "model.safetensors").card
        folds.append(
            {
                "fold": int(fold.name),
                "threshold": card.threshold,
                "familiarity_limit": card.familiarity_limit,
                **card.metrics,
            }
        )
        for row in read_predictions(fold / "predictions.csv"):
            if row["split"] == "test":
                labels.append(int(row["label"] == positive))
                probabilities.append(float(row["probability"]))
                predicted.append(row["predicted"] == positive)
                patients.append(row["patient_id"])
    return {
        "task": task,
        "positive": positive,
        "method": method,
        "preset": preset,
        "aggregation": AGGREGATION,
        "folds": folds,
        **{
            name: mean_over_folds([fold[name] for fold in folds])
            for name in ("auc", "accuracy", "balanced_accuracy", "f1", "f1_macro")
        },
        "pooled": {
            **bootstrap_auc(labels, probabilities, patients),
            "cases": len(labels),
            "decisions": bootstrap_decisions(labels, predicted, patients),
            "calibration": calibration(labels, probabilities),
        },
        "memory": _memory_use(folder, folds) if method == MOMKD else {},
        "warnings": list(warnings),
    }


def _memory_use(folder: Path, folds: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Active ratio and perplexity of either memory (Fig. 3) at each fold's kept epoch, over folds."""
    kept = []
    for fold in folds:
        history = read_history(folder / "folds" / str(fold["fold"]) / "history.csv")
        kept.append(history[int(fold["best_epoch"])])
    return {
        memory: {
            measure: mean_over_folds(
                [float(row[f"{memory}_{measure}"]) for row in kept], bounds=(0.0, largest)
            )
            for measure, largest in (("active_ratio", 1.0), ("perplexity", math.inf))
        }
        for memory in MEMORIES
    }


def collapsed(summary: dict[str, Any]) -> list[str]:
    """Warnings of memories whose components mean the same: perplexity near 1."""
    found = []
    for memory, use in summary["memory"].items():
        perplexity = use["perplexity"]["mean"]
        if perplexity is not None and perplexity < _COLLAPSED:
            found.append(
                f"The {memory} memory has collapsed: its components share the work of "
                f"{perplexity:.1f}. --set orthogonality_mean=true commitment_mean=true weighs eq. 10 "
                "as the authors' code does, and keeps more of them apart"
            )
    return found
