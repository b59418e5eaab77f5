"""List the verdicts of a review, or how far its reviewers agree.

example:
  momkd verdicts --model runs/her2/folds/0/model.safetensors
  momkd verdicts --review postgresql://anna@db.example.org/review --agreement
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from momkd_core.cli.options import add_json

if TYPE_CHECKING:
    from momkd_core.agreement import Agreement, Kappa
    from momkd_core.verdicts import Verdict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--review",
        metavar="WHERE",
        help="an SQLite file or postgresql://user@host/database (default: MOMKD_REVIEW, else "
        "review.sqlite in your data folder)",
    )
    parser.add_argument(
        "--model", type=Path, metavar="MODEL", help="verdicts on this model alone (default: all)"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--history", action="store_true", help="every change, not only what counts now"
    )
    what.add_argument(
        "--agreement", action="store_true", help="agreement between reviewers: shares and kappa"
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the listed verdicts there")
    add_json(parser)


def run(options: argparse.Namespace) -> None:
    from momkd_core.agreement import agreement
    from momkd_core.export import to_json
    from momkd_core.review import open_review

    model = None
    if options.model:
        from momkd_core.checkpoint import load_model

        model = load_model(options.model).origin_sha256
    with open_review(options.review, create=False) as review:
        place = review.place
        verdicts = review.history(model) if options.history else review.current(model)
    if options.csv:
        _write_csv(options.csv, verdicts)
        print(f"{options.csv} written", file=sys.stderr)
    if not verdicts:
        print(f"no verdicts in {place}", file=sys.stderr)
    by_model = _by_model(verdicts)
    if options.agreement:
        found = {
            sha256: [agreement(given, "term"), agreement(given, "credible")]
            for sha256, given in by_model
        }
        if options.json:
            print(to_json({sha256: [a.as_json() for a in two] for sha256, two in found.items()}))
            return
        for sha256, two in found.items():
            print(f"model {sha256[:12]}")
            for one in two:
                _print_agreement(one)
        return
    if options.json:
        print(to_json([verdict.as_json() for verdict in verdicts]))
        return
    for sha256, given in by_model:
        print(f"model {sha256[:12]}")
        for verdict in given:
            print(f"  {_line(verdict)}")


def _by_model(verdicts: Iterable[Verdict]) -> list[tuple[str, list[Verdict]]]:
    ordered = sorted(verdicts, key=lambda verdict: verdict.model_sha256)
    return [(sha, list(given)) for sha, given in groupby(ordered, lambda v: v.model_sha256)]


def _write_csv(path: Path, verdicts: list[Verdict]) -> None:
    import csv
    import io

    from momkd_core.storage import write_text

    stream = io.StringIO()
    names = (
        "number model_sha256 memory index case_id term credible note reviewer time blinded "
        "withdrawn undoes"
    ).split()
    writer = csv.DictWriter(stream, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(verdict.as_json() for verdict in verdicts)
    write_text(path, stream.getvalue())


def _line(verdict: Verdict) -> str:
    said = [
        f"{verdict.number:>5}",
        f"{verdict.time:%Y-%m-%d %H:%M}",
        f"{verdict.reviewer}: {verdict.subject}",
        verdict.term or "",
        f"credible: {verdict.credible}" if verdict.credible else "",
        "blinded" if verdict.blinded else "",
        "withdrawn" if verdict.withdrawn else "",
        f"undoes {verdict.undoes}" if verdict.undoes else "",
        " ".join(verdict.note.split()),
    ]
    return "  ".join(part for part in said if part)


def _print_agreement(found: Agreement) -> None:
    print(f"  {found.question}: {found.verdicts} answers, {found.blinded} of them blinded")
    print(f"    overall  {_kappa_text(found.overall)}")
    for component in found.components:
        print(f"    {component.memory} {component.index:>2}  {_kappa_text(component.kappa)}")
    for subject in found.subjects:
        if subject.agreeing is not None:
            who = ", ".join(f"{name} {answer}" for name, answer in subject.answers.items())
            print(f"    {subject.subject}  {subject.agreeing:.0%} of pairs agree ({who})")


def _kappa_text(kappa: Kappa) -> str:
    if kappa.value is None:
        return f"no kappa: {kappa.reason}"
    return (
        f"kappa {kappa.value:.2f} ({kappa.method}, {len(kappa.reviewers)} reviewers, "
        f"n = {kappa.subjects})"
    )
