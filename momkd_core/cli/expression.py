"""Make one table of cases x genes out of a folder of .npy vectors or a download of the GDC.

Of a download (STAR counts, with its sample sheet or cart metadata) options say what is taken; what is
left out, joined or missing is counted. Rows that share a gene's name are added.

example:
  momkd expression gdc_download --out expression.parquet --values tpm_unstranded \\
      --barcode-level patient --aliquots mean
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from momkd_core.barcode import LEVELS
from momkd_core.cli.console import Progress
from momkd_core.cli.options import add_json, add_sample_types, some_of
from momkd_core.export import to_json

if TYPE_CHECKING:
    from momkd_core.star_counts import StarChoices, StarTable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", type=Path, metavar="SOURCE", help="a folder of .npy or of the GDC, or a table"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help=".csv, .csv.gz or .parquet"
    )
    group = parser.add_argument_group("download of the GDC")
    group.add_argument(
        "--values", metavar="COLUMN", help="tpm_unstranded (default), unstranded (counts), fpkm_…"
    )
    group.add_argument(
        "--genes",
        choices=("symbol", "ensembl"),
        help="name genes by symbol (default) or by Ensembl id without version",
    )
    group.add_argument(
        "--barcode-level", choices=LEVELS, help="what of the TCGA barcode is the case_id (patient)"
    )
    add_sample_types(group)
    group.add_argument(
        "--aliquots",
        choices=("refuse", "mean", "first"),
        help="where a case has several files (default: refuse); first is by barcode",
    )
    group.add_argument(
        "--sheet", type=Path, metavar="FILE", help="sample sheet or metadata, if not in the folder"
    )
    add_json(parser)


def run(options: argparse.Namespace) -> None:
    from momkd_core.expression import check_ending, write_expression
    from momkd_core.expression_source import read_source
    from momkd_core.star_counts import StarTable

    check_ending(options.out)
    choices = _choices(options)
    with Progress() as progress:
        source = read_source(options.source, choices, sheet=options.sheet, report=progress)
        table = source.table if isinstance(source, StarTable) else source
        write_expression(options.out, table)
    told: dict[str, Any] = {"cases": len(table.case_ids), "genes": len(table.genes)}
    if isinstance(source, StarTable):
        told |= _told(source)
    if options.json:
        print(to_json(told))
        return
    print(f"{options.out}: {told['cases']} cases x {told['genes']} genes")
    if isinstance(source, StarTable):
        _print(source, options.aliquots)


def _choices(options: argparse.Namespace) -> StarChoices | None:
    """What was chosen; None where nothing was."""
    from momkd_core.star_counts import StarChoices

    given = {
        "values": options.values,
        "names": options.genes,
        "level": options.barcode_level,
        "sample_types": tuple(options.sample_type) if options.sample_type else None,
        "aliquots": options.aliquots,
    }
    given = {name: value for name, value in given.items() if value is not None}
    return StarChoices(**given) if given else None


def _told(source: StarTable) -> dict[str, Any]:
    return {
        "sheet": source.sheet,
        "files": source.files,
        "joined": source.joined,
        "other_samples": source.other_samples,
        "absent": source.absent,
        "unlisted": source.unlisted,
        "added_genes": source.added_genes,
    }


def _print(source: StarTable, rule: str | None) -> None:
    print(f"{source.files} files, by {source.sheet}")
    for sample, count in sorted(source.other_samples.items()):
        print(f"left out: {count} files of sample type {sample}")
    if source.joined:
        print(
            f"several files: {len(source.joined)} cases ({some_of(source.joined)}), taken: {rule}"
        )
    for names, what in (
        (source.absent, "listed, but not in the folder"),
        (source.unlisted, "in the folder, but not listed"),
    ):
        if names:
            print(f"{what}: {len(names)} ({some_of(names)})")
    if source.added_genes:
        print(f"{source.added_genes} gene names stand for several rows, which were added")
