"""Write every component's top patches, prevalence, slides and patients over a cohort.

example:
  momkd atlas cohort.csv --model runs/her2/folds/0/model.safetensors --features features --out atlas
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from momkd_core.cli.console import Progress, print_failure, print_log_place
from momkd_core.cli.options import (
    add_features,
    add_json,
    add_slide_mpp,
    cohort_input,
    positive_count,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cohort", type=Path, metavar="COHORT")
    parser.add_argument("--model", type=Path, required=True, metavar="MODEL")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--top",
        type=positive_count,
        default=9,
        metavar="K",
        help="patches shown of each component (default %(default)s)",
    )
    add_features(parser)
    add_slide_mpp(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    from momkd_core.atlas import as_json, build_atlas, write_montages
    from momkd_core.checkpoint import load_model
    from momkd_core.export import to_json, write_json

    cohort = cohort_input(options.cohort)
    with Progress() as progress:
        components, failures = build_atlas(
            load_model(options.model),
            cohort,
            top=options.top,
            features_folder=options.features,
            mpp=options.slide_mpp,
            report=progress,
        )
    content = as_json(components, failures)
    write_json(options.out / "atlas.json", content)
    pictures = write_montages(components, cohort, options.out, mpp=options.slide_mpp)
    for failure in failures:
        print_failure(f"case {failure.case_id}", failure.error)
    if failures:
        print_log_place()
    if options.json:
        print(to_json(content))
    else:
        for c in components:
            print(
                f"{c.memory} {c.index:>2}  {c.prevalence:6.1%} of patches, "
                f"slides: {c.slides}, patients: {c.patients}"
            )
        print(f"{options.out / 'atlas.json'} and {pictures} pictures written", file=sys.stderr)
    return 1 if failures else 0
