"""Make a cohort CSV of clinical tables (cBioPortal, GDC, Xena, your own) and a folder of slides.

Files join the rows whose id their name is or begins with; TCGA's by barcode, and of TCGA primary
tumours and diagnostic slides by default. What is joined, left out and emptied is counted.

example:
  momkd cohort data_clinical_patient.txt --slides slides --out cohort.csv \\
      --label er=ER_STATUS_BY_IHC:Positive,Negative --label stage=AJCC_PATHOLOGIC_TUMOR_STAGE
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from momkd_core.barcode import LEVELS, PRIMARY
from momkd_core.cli.options import add_json, add_sample_types, some_of
from momkd_core.clinical_join import KINDS, TcgaChoices
from momkd_core.clinical_labels import LabelRule
from momkd_core.cohort import RESERVED_COLUMNS
from momkd_core.errors import CohortError

if TYPE_CHECKING:
    from momkd_core.clinical_cohort import ClinicalCohort

_SEPARATORS = ',;"\t\r\n'  # of which the reader of a cohort tells columns


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "tables", type=Path, nargs="+", metavar="CLINICAL", help="tab-separated or CSV, .gz too"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the cohort CSV")
    parser.add_argument("--slides", type=Path, metavar="DIR", help="slides, or a folder for each")
    parser.add_argument("--features", type=Path, metavar="DIR", help="<slide stem>.h5 files")
    parser.add_argument(
        "--label",
        type=label_rule,
        action="append",
        default=[],
        metavar="NAME=COLUMN[:VALUE,VALUE]",
        help="a label column, repeatable; other values than these become empty and are counted",
    )
    parser.add_argument(
        "--id", metavar="COLUMN", help="column of the ids (default: as each source calls it)"
    )
    group = parser.add_argument_group("ids that are TCGA barcodes")
    group.add_argument(
        "--barcode-level",
        choices=LEVELS,
        default="patient",
        help="what of the barcode is the case_id (default patient), as in momkd expression; vial for "
        "frozen slides only",
    )
    add_sample_types(group)
    group.add_argument(
        "--kind", choices=KINDS, default="diagnostic", help="slides to take (default %(default)s)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a table that exists")
    add_json(parser)


def label_rule(text: str) -> LabelRule:
    """An argparse type: ``er=ER_STATUS_BY_IHC:Positive,Negative``."""
    name, _, rest = text.partition("=")
    column, colon, listed = rest.partition(":")
    name, column = name.strip(), column.strip()
    values = tuple(value.strip() for value in next(csv.reader([listed]), []))
    if not name or not column or (colon and (len(values) < 2 or not all(values))):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=COLUMN or NAME=COLUMN:VALUE,VALUE")
    if set(name) & set(_SEPARATORS):
        raise argparse.ArgumentTypeError(f"{name!r} cannot head a column of a CSV")
    if name in RESERVED_COLUMNS:
        raise argparse.ArgumentTypeError(f"{name} is a column of its own and cannot be a label")
    return LabelRule(name, column, values or None)


def run(options: argparse.Namespace) -> None:
    # Imported here: what reads slides takes time that wrong usage should not cost.
    from momkd_core.clinical_cohort import make_cohort, write_cohort
    from momkd_core.clinical_table import read_clinical
    from momkd_core.export import to_json

    _check(options)
    tables = [read_clinical(path, options.id) for path in options.tables]
    cohort = make_cohort(
        tables,
        options.label,
        slides=_slides(options.slides),
        features=_features(options.features),
        choices=TcgaChoices(
            options.barcode_level, tuple(options.sample_type or (PRIMARY,)), options.kind
        ),
    )
    write_cohort(options.out, cohort)
    if options.json:
        print(to_json(_told(cohort)))
        return
    for table in tables:
        print(f"{table.name}: {len(table.rows)} rows by {table.id_column}")
    print(f"{options.out}: {cohort.cases} cases, {len(cohort.rows)} rows")
    _print(cohort)


def _check(options: argparse.Namespace) -> None:
    if options.slides is None and options.features is None:
        raise CohortError(
            "A case needs a slide or features", "Name a folder with --slides or --features"
        )
    names = [rule.name for rule in options.label]
    if len(set(names)) != len(names):
        raise CohortError("Two labels have one name", "Give each --label a name of its own")
    if options.out.suffix.lower() != ".csv":
        raise CohortError(f"{options.out.name} does not end in .csv", "Write a .csv")
    if options.out.resolve() in [path.resolve() for path in options.tables]:
        raise CohortError(
            f"{options.out} is one of the clinical tables", "Write the cohort to another file"
        )
    if options.out.exists() and not options.overwrite:
        raise CohortError(f"{options.out} exists", "Choose another name, or pass --overwrite")


def _slides(folder: Path | None) -> list[Path]:
    from momkd_core.slide_folder import slides_below

    return [] if folder is None else slides_below(_folder(folder))


def _features(folder: Path | None) -> list[Path]:
    from momkd_core.feature_folder import feature_files

    return [] if folder is None else feature_files(_folder(folder))


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise CohortError(f"{path} is no folder", "Name the folder that holds the files")
    return path


def _told(cohort: ClinicalCohort) -> dict[str, Any]:
    return {
        "cases": cohort.cases,
        "rows": len(cohort.rows),
        "labels": {name: vars(count) for name, count in cohort.labels.items()},
        "left_out": vars(cohort.left_out),
    }


def _print(cohort: ClinicalCohort) -> None:
    for name, count in cohort.labels.items():
        print(f"{name} ({count.column}): {_counts(count.taken) or 'no case has a value'}")
        if count.emptied:
            print(f"  left empty: {_counts(count.emptied)}")
        if count.missing:
            print(f"  without a value: {count.missing}")
        if count.conflicts:
            print(f"  rows disagree: {len(count.conflicts)} ({some_of(count.conflicts)})")
    left_out = cohort.left_out
    if left_out.sample_types:
        print(f"left out, other samples: {_counts(left_out.sample_types)}")
    if left_out.kinds:
        print(f"left out, other kinds of slide: {_counts(left_out.kinds)}")
    for files, what in (
        (left_out.unnamed, "left out, the name does not say the case"),
        (left_out.unlisted, "left out, no row in the table"),
        (left_out.ambiguous, "left out, could be of several cases"),
        (left_out.repeated, "left out, another file has the same name"),
        (left_out.without_files, "in the table, but without a file"),
    ):
        if files:
            print(f"{what}: {len(files)} ({some_of(files)})")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{value} {count}" for value, count in sorted(counts.items()))
