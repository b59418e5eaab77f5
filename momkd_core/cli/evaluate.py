"""Print the metrics of a run's held-out folds, or of an external cohort with the fold ensemble.

example:
  momkd evaluate runs/her2
  momkd evaluate runs/her2 --cohort other_hospital.csv --features features
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from momkd_core.cli.console import Progress
from momkd_core.cli.options import add_features, add_json, add_slide_mpp
from momkd_core.errors import ModelFileError
from momkd_core.export import to_json
from momkd_core.settings import MOMKD

_SHOWN = ("balanced_accuracy", "sensitivity", "specificity")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", type=Path, metavar="RUN")
    parser.add_argument("--cohort", type=Path, metavar="COHORT", help="an external cohort")
    add_features(parser)
    add_slide_mpp(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    if options.cohort is None:
        summary = _held_out(options.run_folder)
    else:
        from momkd_core.checkpoint import load_model
        from momkd_core.cohort import read_cohort
        from momkd_core.external_validation import evaluate_cohort

        with Progress() as progress:
            summary = evaluate_cohort(
                load_model(options.run_folder),
                read_cohort(options.cohort),
                features_folder=options.features,
                mpp=options.slide_mpp,
                report=progress,
            )
    if options.json:
        print(to_json(summary))
    else:
        print_summary(summary)
    return 1 if summary.get("errors") else 0


def _held_out(folder: Path) -> dict[str, Any]:
    path = folder / "summary.json"
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise ModelFileError(
            f"{folder} has no readable summary.json ({error})",
            "Name the run folder of a finished momkd train",
        ) from error
    if not {"task", "positive", "preset", "folds", "auc", "pooled"} <= set(content):
        raise ModelFileError(
            f"{path} is not a summary of a run", "Train the run again, or name another folder"
        )
    return content


def print_summary(summary: dict[str, Any]) -> None:
    """A summary as a table for people."""

    def show(value: Any) -> str:
        return "   –  " if value is None else f"{value:6.3f}"

    method = summary.get("method", MOMKD)
    how = f"preset {summary['preset']}" if method == MOMKD else f"method {method}"
    print(f"task {summary['task']}, positive {summary['positive']}, {how}")
    names = ("auc", "accuracy", "f1", "f1_macro")
    print("fold   " + "  ".join(f"{name:>8}" for name in names) + "   cases")

    def show_folds(folds: list[dict[str, Any]], over: dict[str, Any]) -> None:
        for fold in folds:
            cells = "  ".join(f"{show(fold[name]):>8}" for name in names)
            print(f"{fold['fold']:<5}  {cells}   {fold['cases']}")
        if len(folds) > 1:
            for part in ("mean", "sd"):
                print(f"{part:<5}  " + "  ".join(f"{show(over[name][part]):>8}" for name in names))

    members = summary.get("members")
    if members:  # each fold's model on all cases, then their mean as one model
        show_folds(members["folds"], members)
    show_folds(summary["folds"], summary)
    pooled = summary["pooled"]
    if pooled["auc"] is not None:
        print(
            f"pooled AUC {pooled['auc']:.3f} (95 % {pooled['low']:.3f} to {pooled['high']:.3f}) "
            f"over {pooled['cases']} cases"
        )
    for name, value in pooled.get("decisions", {}).items():
        if value["low"] is not None and name in _SHOWN:
            print(
                f"pooled {name.replace('_', ' ')} {value['value']:.3f} "
                f"(95 % {value['low']:.3f} to {value['high']:.3f})"
            )
    error = pooled.get("calibration", {}).get("ece")
    if error is not None:
        print(f"expected calibration error {error:.3f}")
    for warning in summary.get("warnings", []):
        print(f"note: {warning}")
