"""Train with cross-validation from features, expression and a label column; a killed run goes on.

example:
  momkd train cohort.csv --expression expression.csv.gz --label her2 --positive positive \\
      --features features --out runs/her2
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from momkd_core.cli.console import Progress, ends_on_request
from momkd_core.cli.evaluate import print_summary
from momkd_core.cli.options import add_features, add_json, positive_count
from momkd_core.cli.place import add_workplace, asked_workplace
from momkd_core.comparators.registry import COMPARATORS, comparator
from momkd_core.errors import SettingsError
from momkd_core.export import to_json
from momkd_core.run_lock import hold_run
from momkd_core.settings import (
    COMPARATOR_SETTINGS,
    MOMKD,
    ModelSettings,
    Preset,
    TrainingSettings,
    choose,
    describe,
)

if TYPE_CHECKING:
    from momkd_core.expression import ExpressionTable
    from momkd_core.gradient_audit import GradientAudit
    from momkd_core.split_tables import SplitTable
    from momkd_core.training_request import TrainingRequest

METHODS = (MOMKD, *COMPARATORS)


class _ListSettings(argparse.Action):
    """``--list-settings``: prints and exits, like ``--help``, so that nothing else is required."""

    def __call__(self, parser: argparse.ArgumentParser, *ignored: object) -> None:
        print(
            f"{MOMKD} has all of these; a comparison system, whose defaults are those published for it,"
        )
        print(f"has {', '.join(COMPARATOR_SETTINGS)}\n")
        width = max(len(name) for name, _, _ in describe())
        for name, default, meaning in describe():
            print(f"{name:<{width}}  {default:<10}  {meaning}")
        parser.exit()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_training_arguments(parser)
    add_workplace(parser, "folds")
    parser.add_argument(
        "--method",
        choices=METHODS,
        default=MOMKD,
        help="MoMKD, or a system to compare it with, on the same folds (default %(default)s)",
    )
    parser.add_argument(
        "--audit-gradients",
        action="store_true",
        help="show which loss term moves which part of the network",
    )
    parser.add_argument(
        "--refit",
        action="store_true",
        help="then train one model on all cases, RUN/final/model.safetensors",
    )


_FOLDS = 5  # filled in late: argparse takes a given default for nothing given, beside --splits


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """What a training needs, alone or as one of many."""
    parser.add_argument("cohort", type=Path, metavar="COHORT", help="cohort CSV")
    parser.add_argument(
        "--expression",
        type=Path,
        metavar="SOURCE",
        help="cases x genes as CSV or Parquet, or a folder (see momkd expression); methods of "
        "histology alone do without",
    )
    parser.add_argument("--label", required=True, metavar="COLUMN", help="the column to predict")
    parser.add_argument(
        "--positive", required=True, metavar="VALUE", help="its value of probability 1"
    )
    parser.add_argument(
        "--negative", metavar="VALUE", help="required where the column holds a third value"
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="RUN",
        help="folder to write or to go on with",
    )
    add_features(parser)
    parser.add_argument(
        "--preset",
        choices=get_args(Preset),
        default="paper",
        help="the paper's text, the authors' public settings, or the paper with a teacher on "
        "expression in place of hard labels (default %(default)s)",
    )
    folds = parser.add_mutually_exclusive_group()
    folds.add_argument("--folds", type=positive_count, metavar="N", help=f"default {_FOLDS}")
    folds.add_argument(
        "--splits",
        type=Path,
        metavar="DIR|FILE",
        help="folds made elsewhere, in place of --folds and --group: splits_0.csv, … as CLAM writes "
        "them, with columns train, val and test",
    )
    parser.add_argument("--fold", type=int, metavar="K", help="train this fold only, from 0")
    parser.add_argument(
        "--group",
        metavar="COLUMN",
        help="keep cases with one value together, instead of those of one patient; "
        "for instance site, for site-preserving folds",
    )
    parser.add_argument(
        "--epochs",
        type=positive_count,
        metavar="N",
        help="default 50, or as published for another --method",
    )
    parser.add_argument("--seed", type=int, metavar="S", help="default 0")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="assignments",
        help="any other setting, repeatable; see --list-settings",
    )
    parser.add_argument(
        "--list-settings", action=_ListSettings, nargs=0, help="print every --set key and exit"
    )
    card = parser.add_argument_group("model card", "what the model files say of their data")
    card.add_argument("--organ", metavar="TEXT", help="for instance breast")
    card.add_argument("--stain", metavar="TEXT", help="for instance H&E")
    card.add_argument("--note", metavar="TEXT", help="anything a user of the model must know")
    add_json(parser)


def run(options: argparse.Namespace) -> None:
    tables = split_tables(options)
    count = len(tables) or options.folds or _FOLDS
    chosen = range(count) if options.fold is None else [options.fold]
    # From the start: whoever looks at the folder sees at once that it is being trained.
    with ends_on_request(), hold_run(options.out, chosen):
        # Imported here: torch takes seconds, which --help and wrong usage should not cost.
        from momkd_core.cross_validation import cross_validate

        request = request_of(options, options.assignments, options.out)
        with asked_workplace(options, options.out) as place, Progress() as progress:
            summary = cross_validate(
                request,
                place=place,
                report=progress,
                on_audit=_print_audit if options.audit_gradients else None,
            )
    if options.json:
        print(to_json(summary))
    else:
        print_summary(summary)


def request_of(
    options: argparse.Namespace,
    assignments: list[str],
    out: Path,
    methods: Sequence[str] | None = None,
) -> TrainingRequest:
    """What the options ask for, trained with these ``key=value`` settings into ``out``.

    Args:
        methods: that expression is read for; default the one that is trained.
    """
    from momkd_core.cohort import read_cohort
    from momkd_core.training_request import TrainingRequest

    method = getattr(options, "method", MOMKD)
    if method != MOMKD:
        _check_comparator(options)
    model, training = settings_of(
        method, options.preset, assignments, epochs=options.epochs, seed=options.seed
    )
    tables = split_tables(options)
    about = {name: getattr(options, name) for name in ("organ", "stain", "note")}
    return TrainingRequest(
        cohort=read_cohort(options.cohort),
        expression=_expression(options.expression, methods or [method]),
        label=options.label,
        positive=options.positive,
        negative=options.negative,
        out=out,
        model=model,
        training=training,
        method=method,
        preset=options.preset,
        features_folder=options.features,
        folds=len(tables) or options.folds or _FOLDS,
        only_fold=options.fold,
        splits=tables,
        group=options.group,
        refit=getattr(options, "refit", False),
        about={name: value for name, value in about.items() if value is not None},
    )


def _expression(source: Path | None, methods: Sequence[str]) -> ExpressionTable | None:
    from momkd_core.expression_source import open_expression

    learners = [method for method in methods if uses_expression(method)]
    if not learners:
        return None
    if source is None:
        raise SettingsError(
            f"{learners[0]} learns from expression, and none is given",
            "Name it with --expression; abmil, dsmil, transmil, dtfd and wikg do without",
        )
    return open_expression(source)


def split_tables(options: argparse.Namespace) -> tuple[SplitTable, ...]:
    """The folds that are given with ``--splits``; empty where they are made here."""
    if options.splits is None:
        return ()
    from momkd_core.split_tables import read_split_tables

    return read_split_tables(options.splits)


def settings_of(
    method: str,
    preset: Preset,
    assignments: list[str],
    *,
    epochs: int | None = None,
    **asked: Any,
) -> tuple[ModelSettings, TrainingSettings]:
    """Of MoMKD by its preset, of a comparison system by its publication; then those ``asked`` for by
    options of their own, then ``key=value``.

    Raises:
        SettingsError: an unknown key or an impossible value.
    """
    if method == MOMKD:
        return choose(preset, assignments, epochs=epochs, **asked)
    recipe = comparator(method).recipe
    if epochs is not None:
        recipe = replace(recipe, epochs=epochs)
    given = {name: value for name, value in asked.items() if value is not None}
    return choose(preset, assignments, method=method, **(recipe.as_settings() | given))


def uses_expression(method: str) -> bool:
    """Whether a method looks at expression in training."""
    return method == MOMKD or comparator(method).uses_expression


def _check_comparator(options: argparse.Namespace) -> None:
    """Raises :class:`SettingsError` for what only MoMKD has."""
    given = {
        "--preset reference": options.preset != "paper",
        "--audit-gradients": options.audit_gradients,
    }
    for option in (name for name, is_given in given.items() if is_given):
        raise SettingsError(
            f"{option} belongs to --method {MOMKD}, not to {options.method}", "Leave it out"
        )


def _print_audit(audit: GradientAudit) -> None:
    """Gradient norms by loss term and part; a dot where no gradient arrives."""
    verdict = "; ".join(audit.violations) or "no term crosses where it must not"
    print(f"\n{audit.table()}\ngradient audit: {verdict}", file=sys.stderr)
