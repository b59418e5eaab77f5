"""Rewrite features for other tools, as TRIDENT or CLAM lay them out, from any layout that is read.

A slide that fails is named and the rest goes on; the exit code is 1 then.

example:
  momkd convert features --to trident --out job --dtype float16
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from momkd_core.cli.console import Progress, print_failure, print_log_place
from momkd_core.cli.options import (
    add_dtype,
    add_features,
    add_slide_mpp,
    positive_count,
    positive_number,
)
from momkd_core.errors import MomkdError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "input",
        type=Path,
        metavar="IN",
        help="a feature file, a folder of them as any of the tools left it, or a cohort CSV",
    )
    parser.add_argument("--to", required=True, choices=("trident", "clam"), help="the layout")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    add_dtype(parser)
    add_features(parser)
    add_slide_mpp(parser)
    group = parser.add_argument_group("for features that do not say it")
    group.add_argument("--encoder", metavar="NAME", help="what they were made with")
    group.add_argument(
        "--target-mpp", type=positive_number, metavar="X", help="microns per pixel of the patches"
    )
    group.add_argument(
        "--patch-size", type=positive_count, metavar="PX", help="their side at that resolution"
    )
    parser.add_argument("--overwrite", action="store_true", help="write again what exists")


def run(options: argparse.Namespace) -> int:
    from momkd_core.cohort import read_cohort
    from momkd_core.conversion import StatedFacts, convert, features_of_cohort, features_of_path

    if options.input.suffix.lower() == ".csv":
        slides = features_of_cohort(read_cohort(options.input), options.features)
    else:
        slides = features_of_path(options.input)
    stated = StatedFacts(options.encoder, options.target_mpp, options.patch_size)
    with Progress() as progress:

        def failed(name: str, error: MomkdError) -> None:
            progress.close()
            print_failure(name, error)

        count = convert(
            [replace(slide, mpp=slide.mpp or options.slide_mpp) for slide in slides],
            options.to,
            options.out,
            dtype=options.dtype,
            stated=stated,
            overwrite=options.overwrite,
            failed=failed,
            report=progress,
        )
    for folder in sorted({file.parent for file in count.files}):
        print(f"{sum(file.parent == folder for file in count.files)} slides in {folder}")
    if count.failed:
        print(f"{count.failed} failed")
        print_log_place()
    return 1 if count.failed else 0
