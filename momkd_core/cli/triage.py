"""A cohort in review order: confident errors with attention on glass first, with reasons.

example:
  momkd triage cohort.csv --model runs/her2/folds/0/model.safetensors --features features
  momkd triage cohort.csv --model her2.safetensors --order wrong,margin --csv queue.csv
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
    add_slide_mpp,
    add_workers,
    cohort_input,
)

if TYPE_CHECKING:
    from momkd_core.triage import Triage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cohort", type=Path, metavar="COHORT")
    parser.add_argument(
        "--model", type=Path, required=True, metavar="MODEL", help="model file or run folder"
    )
    parser.add_argument(
        "--order",
        metavar="FACTORS",
        default="wrong,background,margin",
        help="what the order of review multiplies, of: wrong, background, margin, doubt, "
        "concentration, strangeness (default %(default)s)",
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the list there as a table")
    add_features(parser)
    add_slide_mpp(parser)
    add_workers(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    from momkd_core.checkpoint import load_model
    from momkd_core.export import to_json
    from momkd_core.run_folder import write_table
    from momkd_core.triage import CASE_COLUMNS, parse_order, triage

    order = parse_order(options.order)
    model = load_model(options.model)
    with Progress() as progress:
        found = triage(
            model,
            cohort_input(options.cohort),
            order=order,
            features_folder=options.features,
            mpp=options.slide_mpp,
            report=progress,
            workers=options.workers,
        )
    for failure in found.failures:
        print_failure(f"case {failure.case_id}", failure.error)
    if found.failures:
        print_log_place()
    if options.csv is not None:
        write_table(options.csv, CASE_COLUMNS, [case.as_row() for case in found.cases])
    if options.json:
        print(to_json(found.as_json()))
    else:
        _print_list(found, model.card.positive)
    return 1 if found.failures else 0


def _print_list(found: Triage, positive: str) -> None:
    print(
        f"case_id\tlabel\tpredicted\tprobability of {positive}\tbackground focus\t"
        "effective patches\tflags"
    )
    for case in found.cases:
        focus = "unknown" if case.background_focus is None else f"{case.background_focus:.3f}"
        print(
            f"{case.case_id}\t{case.label or 'unknown'}\t{case.predicted}\t{case.probability:.3f}\t"
            f"{focus}\t{case.effective_patches:.1f}\t"
            f"{', '.join(flag.words for flag in case.flags)}"
        )
    for warning in found.warnings:
        print(f"warning: {warning}", file=sys.stderr)
