"""Draw a synthetic H&E-like cohort with expression, whose truth is known; resumes.

The same --cases and --seed give the same bytes on one machine. Read ABOUT.txt in the folder.

example:
  momkd demo demo-cohort --cases 40 --seed 0
"""

from __future__ import annotations

import argparse
from pathlib import Path

from momkd_core.cli.console import Progress
from momkd_core.cli.options import positive_count


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="a new or empty folder")
    parser.add_argument(
        "--cases", type=positive_count, default=40, metavar="N", help="default %(default)s"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="default %(default)s")
    parser.add_argument(
        "--workers",
        type=positive_count,
        metavar="N",
        help="slides drawn at once, about 0.9 GB each (default: one a core, at most four)",
    )


def run(options: argparse.Namespace) -> int:
    from momkd_core.demo.cohort_files import write_demo

    with Progress() as progress:
        demo = write_demo(
            options.folder,
            cases=options.cases,
            seed=options.seed,
            workers=options.workers,
            report=progress,
        )
    print(f"{options.cases} cases: {demo.table}, {demo.expression}, truth in {demo.truth}")
    return 0
