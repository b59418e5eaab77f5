"""Write every component's patches, prevalence, counter-examples and genes over a cohort.

example:
  momkd atlas cohort.csv --model runs/her2/folds/0/model.safetensors --features features --out atlas
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from momkd_core.cli.console import Progress, print_log_place
from momkd_core.cli.options import (
    add_features,
    add_json,
    add_slide_mpp,
    cohort_input,
    count,
    positive_count,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cohort", type=Path, metavar="COHORT")
    parser.add_argument("--model", type=Path, required=True, metavar="MODEL")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    for name, what in (
        ("--top", "its most similar patches"),
        ("--typical", "patches from the middle of its range"),
        ("--counter-examples", "close patches that the opposite memory won"),
    ):
        parser.add_argument(
            name,
            type=count,
            default=9,
            metavar="K",
            help=f"how many of each component: {what} (default %(default)s)",
        )
    parser.add_argument(
        "--per-patient",
        type=positive_count,
        default=3,
        metavar="M",
        help="at most so many patches of one patient, while others remain (default %(default)s)",
    )
    parser.add_argument(
        "--index",
        action="store_true",
        help="also write patch_index.npz, in which the viewer finds the patches most like another",
    )
    add_features(parser)
    add_slide_mpp(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    from momkd_core.atlas import build_atlas
    from momkd_core.checkpoint import load_model
    from momkd_core.export import to_json, write_json
    from momkd_core.montage import write_montages
    from momkd_core.patch_index import PatchIndexBuilder

    cohort, model = cohort_input(options.cohort), load_model(options.model)
    slides = sum(len(case.slides) for case in cohort.cases)
    builder = PatchIndexBuilder(model, slides) if options.index else None
    with Progress() as progress:
        atlas = build_atlas(
            model,
            cohort,
            top=options.top,
            typical=options.typical,
            counter_examples=options.counter_examples,
            per_patient=options.per_patient,
            features_folder=options.features,
            mpp=options.slide_mpp,
            report=progress,
            on_encoded=builder.add if builder else None,
        )
    content = atlas.as_json()
    write_json(options.out / "atlas.json", content)
    if builder is not None:
        builder.index().save(options.out / "patch_index.npz")
    pictures = write_montages(atlas, cohort, options.out, mpp=options.slide_mpp)
    for failure in atlas.failures:
        print(f"error: case {failure.case_id}: {failure.error}", file=sys.stderr)
    if atlas.failures:
        print_log_place()
    if options.json:
        print(to_json(content))
    else:
        for c in atlas.components:
            genes = ", ".join(
                f"{'-' if gene.rho < 0 else '+'}{gene.gene}"
                for gene in (c.profile.genes[:3] if c.profile else ())
            )
            print(
                f"{c.memory} {c.index:>2}  {c.prevalence:6.1%} of patches, "
                f"slides: {c.slides}, patients: {c.patients}"
                + (f", genes: {genes}" if genes else "")
            )
        print(f"{options.out / 'atlas.json'} and {pictures} pictures written", file=sys.stderr)
    return 1 if atlas.failures else 0
