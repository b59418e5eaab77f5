"""What muting components would change for a cohort: which cases flip, AUC, attention on glass.

example:
  momkd rescore cohort.csv --model runs/her2/folds/0/model.safetensors --features features \\
      --mute positive:3 --out rescored
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from momkd_core.cli.console import Progress, print_failure, print_log_place
from momkd_core.cli.options import (
    add_features,
    add_json,
    add_mute,
    add_slide_mpp,
    add_workers,
    cohort_input,
)
from momkd_core.cli.told import told_difference

if TYPE_CHECKING:
    from momkd_core.cohort_change import CohortChange


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cohort", type=Path, metavar="COHORT")
    parser.add_argument("--model", type=Path, required=True, metavar="MODEL", help="one model file")
    add_mute(parser, required=True)
    parser.add_argument(
        "--before",
        metavar="LIST",
        help="what is left out in the comparison (default: what the model's file leaves out)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write cases.csv and rescore.json there"
    )
    add_features(parser)
    add_slide_mpp(parser)
    add_workers(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    from momkd_core.checkpoint import load_model
    from momkd_core.cohort_change import CASE_COLUMNS
    from momkd_core.export import to_json, write_json
    from momkd_core.prediction import parse_muted
    from momkd_core.rescoring import rescore
    from momkd_core.storage import write_table

    after, before = parse_muted(options.mute), parse_muted(options.before)
    model = load_model(options.model)
    with Progress() as progress:
        change = rescore(
            model,
            cohort_input(options.cohort),
            after,
            before=before,
            features_folder=options.features,
            mpp=options.slide_mpp,
            report=progress,
            workers=options.workers,
        )
    for failure in change.failures:
        print_failure(f"case {failure.case_id}", failure.error)
    if change.failures:
        print_log_place()
    if options.out is not None:
        write_table(
            options.out / "cases.csv", CASE_COLUMNS, [case.as_row() for case in change.cases]
        )
        write_json(options.out / "rescore.json", change.as_json())
    if options.json:
        print(to_json(change.as_json()))
    else:
        _print_change(change, model.card.positive)
    return 1 if change.failures else 0


def _print_change(change: CohortChange, positive: str) -> None:
    from momkd_core.component_names import component_names

    before, after = (
        component_names(muted) or "nothing" for muted in (change.muted_before, change.muted_after)
    )
    print(f"muted: {before} before, {after} after")
    for case in change.flipped:
        told = f", now {case.became}" if case.became else ""
        print(
            f"{case.case_id}\t{case.predicted_before} → {case.predicted_after}\tprobability of "
            f"{positive} {case.probability_before:.3f} → {case.probability_after:.3f}{told}"
        )
    print(f"{len(change.flipped)} of {len(change.cases)} cases flip")
    print(f"AUC               {told_difference(change.auc)}")
    print(f"background focus  {told_difference(change.background_focus)}")
    for warning in change.warnings:
        print(f"warning: {warning}", file=sys.stderr)
