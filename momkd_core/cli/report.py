"""Write what a model says of one case as a PDF, for a meeting.

example:
  momkd report slide.svs --model her2.safetensors --out case.pdf
"""

from __future__ import annotations

import argparse
from pathlib import Path

from momkd_core.cli.console import Progress
from momkd_core.cli.slide_evidence import add_slide_evidence, slide_evidence


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("slide", type=Path, metavar="SLIDE")
    parser.add_argument(
        "--model", type=Path, required=True, metavar="MODEL", help="model file or run folder"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="CASE.pdf")
    add_slide_evidence(parser)


def run(options: argparse.Namespace) -> None:
    from momkd_core.report import check_path, write_report
    from momkd_core.slide import Slide

    check_path(options.out)
    with Slide(options.slide, mpp=options.slide_mpp) as slide, Progress() as progress:
        evidence = slide_evidence(options, slide, progress)
        pages = write_report(options.out, evidence, report=progress)
    print(f"{options.out} written, {pages} pages")
