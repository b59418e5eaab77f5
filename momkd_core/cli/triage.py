"""A cohort in review order: confident errors with attention on glass first, with reasons.

example:
  momkd triage cohort.csv --model runs/her2/folds/0/model.safetensors --features features
  momkd triage cohort.csv --model her2.safetensors --order wrong,margin --csv queue.csv
  momkd triage cohort.csv --model her2.safetensors --cure mask-background:0.4 --cure mute-background
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from momkd_core.cli.console import Progress, print_failure, print_log_place
from momkd_core.cli.options import (
    add_features,
    add_json,
    add_slide_mpp,
    add_workers,
    cohort_input,
)
from momkd_core.cli.told import told_difference
from momkd_core.errors import SettingsError

if TYPE_CHECKING:
    from momkd_core.checkpoint import Model
    from momkd_core.cohort import Cohort
    from momkd_core.cure_comparison import CureReport
    from momkd_core.cures import Cure
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
    parser.add_argument(
        "--cure",
        action="append",
        default=[],
        metavar="NAME[:LIMIT]",
        help="try it on the cohort and compare: mask-background, mute-background, stricter-tissue, "
        "with the tissue fraction that divides; may be given again",
    )
    parser.add_argument(
        "--cures", action="store_true", help="try every cure that the model allows, side by side"
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the list there as a table")
    add_features(parser)
    add_slide_mpp(parser)
    add_workers(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    from momkd_core.case_triage import CASE_COLUMNS, parse_order
    from momkd_core.checkpoint import load_model
    from momkd_core.export import to_json
    from momkd_core.storage import write_table
    from momkd_core.triage import triage

    order = parse_order(options.order)
    model = load_model(options.model)
    cohort, cures = cohort_input(options.cohort), _chosen_cures(options, model)
    with Progress() as progress:
        found = triage(
            model,
            cohort,
            order=order,
            features_folder=options.features,
            mpp=options.slide_mpp,
            report=progress,
            workers=options.workers,
        )
        reports = _compared(options, model, cohort, cures, progress)
    failed = _print_failures(found, reports)
    if options.csv is not None:
        write_table(options.csv, CASE_COLUMNS, [case.as_row() for case in found.cases])
    if options.json:
        told: dict[str, Any] = found.as_json()
        if cures:
            told["cures"] = [report.as_json() for report in reports]
        print(to_json(told))
    else:
        _print_list(found, model.card.positive)
        for report in reports:
            _print_cure(report)
    return 1 if failed else 0


def _chosen_cures(options: argparse.Namespace, model: Model) -> list[Cure]:
    """Checked before anything starts. Raises :class:`~momkd_core.errors.SettingsError`."""
    from momkd_core.cures import all_cures, parse_cure

    if options.cures and options.cure:
        raise SettingsError("--cures tries every cure, so --cure names none", "Leave one out")
    if not options.cures:
        cures = [parse_cure(text) for text in options.cure]
        for cure in cures:
            cure.check(model)
        return cures
    cures, refused = all_cures(model)
    for error in refused:
        print(f"note: left out: {error}", file=sys.stderr)
    return cures


def _compared(
    options: argparse.Namespace,
    model: Model,
    cohort: Cohort,
    cures: list[Cure],
    progress: Progress,
) -> list[CureReport]:
    from momkd_core.cure_comparison import compare_cures

    if not cures:
        return []
    return compare_cures(
        model,
        cohort,
        cures,
        features_folder=options.features,
        mpp=options.slide_mpp,
        report=progress,
        workers=options.workers,
    )


def _print_failures(found: Triage, reports: list[CureReport]) -> bool:
    """Each once: a case that cannot be read fails under every cure too."""
    told = {failure.case_id for failure in found.failures}
    for failure in found.failures:
        print_failure(f"case {failure.case_id}", failure.error)
    failed = bool(told)
    for report in reports:
        for failure in report.change.failures:
            if failure.case_id not in told:
                print_failure(f"{report.name}, case {failure.case_id}", failure.error)
                failed = True
    if failed:
        print_log_place()
    return failed


def _print_list(found: Triage, positive: str) -> None:
    print(
        f"case_id\tlabel\tpredicted\tprobability of {positive}\tbackground focus\t"
        "effective patches\tflags"
    )
    for case in found.cases:
        focus = "unknown" if case.background_focus is None else f"{case.background_focus:.3f}"
        effective = case.effective_patches
        spread = "unknown" if effective is None else f"{effective:.1f}"
        print(
            f"{case.case_id}\t{case.label or 'unknown'}\t{case.predicted}\t{case.probability:.3f}\t"
            f"{focus}\t{spread}\t"
            f"{', '.join(flag.words for flag in case.flags)}"
        )
    for warning in found.warnings:
        print(f"warning: {warning}", file=sys.stderr)


def _print_cure(report: CureReport) -> None:
    change = report.change
    flipped = change.flipped
    became = [case.became for case in flipped]
    print(f"\n{report.name}: {report.does}")
    print(
        f"  {len(flipped)} of {len(change.cases)} cases flip: {became.count('right')} become right, "
        f"{became.count('wrong')} wrong"
    )
    print(f"  AUC               {told_difference(change.auc)}")
    print(f"  background focus  {told_difference(change.background_focus)}")
    for reason in report.hides:
        print(f"  may only hide the problem: {reason}")
    for note in report.notes:
        print(f"  note: {note}")
