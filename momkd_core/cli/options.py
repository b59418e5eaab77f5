"""Options that several verbs share, and the inputs they turn into."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from momkd_core.barcode import PRIMARY
from momkd_core.cohort import Cohort, cohort_of_slides, read_cohort
from momkd_core.slide import DEFAULT_WORKERS


def positive_number(text: str) -> float:
    """An argparse type: a finite number above 0."""
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def positive_count(text: str) -> int:
    """An argparse type: a whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return value


def count(text: str) -> int:
    """An argparse type: a whole number of at least 0."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return value


def add_slide_mpp(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--slide-mpp",
        type=positive_number,
        metavar="X",
        help="the slides' own resolution in microns per pixel, where a file lacks it or is wrong",
    )


def add_mute(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    parser.add_argument(
        "--mute",
        metavar="LIST",
        required=required,
        help="leave these components out and no others, e.g. positive:3,negative:0; none leaves none "
        "out" + ("" if required else " (default: those that a curated model leaves out)"),
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the result as JSON on stdout")


def add_workers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workers",
        type=positive_count,
        default=DEFAULT_WORKERS,
        metavar="N",
        help="threads that read patches (default %(default)s)",
    )


def add_features(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--features",
        type=Path,
        metavar="DIR",
        help="folder of <slide stem>.h5 files, or as TRIDENT, CLAM or STAMP left it (default: the "
        "cohort's features column)",
    )


def add_dtype(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dtype",
        choices=("float32", "float16"),
        default="float32",
        help="how features are stored; float16 takes half the space (default %(default)s)",
    )


def add_encoder_weights(parser: argparse.ArgumentParser, option: str) -> None:
    parser.add_argument(
        option,
        metavar="FILE|hub",
        help="weights of uni2-h or timm:NAME: a torch state dict or .safetensors; hub or "
        "hub:OWNER/REPO downloads them from the Hugging Face hub with your own token",
    )


def cohort_input(path: Path) -> Cohort:
    """A cohort CSV as it is; a slide or a folder of slides as a cohort of one case each."""
    return read_cohort(path) if path.suffix.lower() == ".csv" else cohort_of_slides(path)


def extraction_values(options: argparse.Namespace, encoder: str) -> dict[str, Any]:
    return {
        "encoder": encoder,
        "target_mpp": options.target_mpp,
        "patch_size": options.patch_size,
        "overlap": options.overlap,
        "min_tissue": options.min_tissue,
    }


def add_sample_types(group: argparse._ArgumentGroup) -> None:
    """Which samples of TCGA's patients are taken."""
    group.add_argument(
        "--sample-type",
        type=_sample_type,
        action="append",
        metavar="CODE",
        help=f"samples to take, repeatable (default {PRIMARY}, primary tumour)",
    )


def _sample_type(text: str) -> str:
    """An argparse type: the two digits of a TCGA sample type."""
    if not (len(text) == 2 and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text} is not a code of two digits, such as 01")
    return text


def some_of(names: Iterable[str], most: int = 3) -> str:
    """The first of some names, for a line of text."""
    listed = list(names)
    return ", ".join(listed[:most]) + (", …" if len(listed) > most else "")
