"""Compare methods on one cohort and the same folds: methods x seeds side by side, with paired tests.

Every method and seed is a run folder DIR/<method>/seed<k>, as of momkd train; a stopped command goes
on. One that fails is named, and the rest goes on. All get the same epochs and stopping rule, and beyond
their published settings what --set says: KEY=VALUE for all, METHOD:KEY=VALUE for one. Tables are
written as Markdown and CSV, with pictures, into DIR.

example:
  momkd benchmark cohort.csv --expression expression.csv.gz --features features \\
      --label her2 --positive positive --seeds 3 --out runs/benchmark
  momkd benchmark … --hold-out site=north,south --external other.csv --external-features features
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from momkd_core.cli.console import Progress
from momkd_core.cli.options import positive_count
from momkd_core.cli.place import add_workplace, asked_workplace
from momkd_core.cli.train import (
    METHODS,
    add_training_arguments,
    request_of,
    settings_of,
    uses_expression,
)
from momkd_core.errors import SettingsError
from momkd_core.export import to_json
from momkd_core.settings import MOMKD, ModelSettings, Preset, TrainingSettings

if TYPE_CHECKING:
    from momkd_core.benchmark_cell import Cell

log = logging.getLogger(__name__)

#: Other MoMKDs that can enter, beside the one of --preset: a preset, and what is set in it.
_VARIANTS: dict[str, tuple[Preset, tuple[str, ...]]] = {
    "momkd-taught": ("taught", ()),
    "momkd-reference": ("reference", ()),
    "momkd-wsi-only": ("paper", ("ablation=wsi-only",)),
}

_BUDGET = ("epochs", "patience", "earliest_stop")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_training_arguments(parser)
    parser.add_argument(
        "--methods",
        type=_names,
        default=METHODS,
        metavar="A,B,…",
        help=f"of {', '.join(METHODS)} (default: all of these), {', '.join(_VARIANTS)}",
    )
    parser.add_argument(
        "--seeds",
        type=positive_count,
        default=1,
        metavar="N",
        help="train N times on the same folds, with seeds from --seed on (default %(default)s)",
    )
    parser.add_argument(
        "--against",
        default="momkd",
        metavar="METHOD",
        help="the one that the others are compared with",
    )
    add_workplace(parser, "trainings", default="the cores; with a GPU 1")
    parser.add_argument(
        "--hold-out",
        metavar="COLUMN=VALUE,…",
        help="leave cases with these values, for instance of some sites, out of all folds, and test "
        "the mean of the folds on them",
    )
    parser.add_argument(
        "--external",
        type=Path,
        metavar="COHORT",
        help="test the mean of the folds on another cohort too",
    )
    parser.add_argument(
        "--external-features", type=Path, metavar="DIR", help="its feature files, as --features"
    )


def run(options: argparse.Namespace) -> int:
    _check(options)
    # Imported here: torch takes seconds, which wrong usage should not cost.
    from momkd_core.benchmark import benchmark
    from momkd_core.benchmark_files import markdown
    from momkd_core.processor import best_device, cores

    cells = _cells(options)
    many = cores() // options.cpus_per_task if best_device() == "cpu" else 1
    with (
        asked_workplace(options, options.out, processes=max(1, many)) as place,
        Progress() as progress,
    ):
        assert place is not None
        result = benchmark(
            cells,
            options.out,
            against=options.against,
            place=place,
            told=options.assignments,
            report=progress,
        )
    print(to_json(result) if options.json else markdown(result), end="\n" if options.json else "")
    return 1 if result["errors"] else 0


def _check(options: argparse.Namespace) -> None:
    """Raises :class:`SettingsError` for what cannot be meant."""
    known = (*METHODS, *_VARIANTS)
    unknown = [name for name in options.methods if name not in known]
    if unknown:
        raise SettingsError(
            f"There is no method {unknown[0]!r}", f"Choose among {', '.join(known)}"
        )
    if options.against not in options.methods:
        raise SettingsError(
            f"--against {options.against} is not among the methods ({', '.join(options.methods)})",
            "Add it to --methods, or compare with another",
        )
    if options.splits is not None and options.hold_out is not None:
        raise SettingsError(
            "--hold-out takes cases out of folds that are made here, and --splits gives the folds",
            "Leave one out; to test on cases that the given folds leave out, name them by --external",
        )
    if options.external_features is not None and options.external is None:
        raise SettingsError(
            "--external-features is given without --external", "Name the cohort too"
        )
    for assignment in options.assignments:
        method = _method_of(assignment)
        if method and method not in options.methods:
            raise SettingsError(
                f"--set {assignment}: {method} is not among the methods", "Correct the name"
            )
        key = assignment.partition("=")[0].partition(":")[2].strip()
        if key in _BUDGET:
            raise SettingsError(
                f"--set {assignment}: {key} is the same for all methods",
                f"Write --set {key}=VALUE for all",
            )


def _cells(options: argparse.Namespace) -> list[Cell]:
    """Methods by seeds, seed by seed, so that whole tables come first."""
    from momkd_core.benchmark_cell import Cell
    from momkd_core.cohort import read_cohort
    from momkd_core.external_validation import ExternalCohort
    from momkd_core.split_tables import check_tested_once

    cohort = read_cohort(options.cohort)
    external: list[ExternalCohort] = []
    if options.hold_out is not None:
        column, values = _held_out(options.hold_out)
        whole = len(cohort)
        cohort, held = cohort.hold_out(column, values)
        between = whole - len(cohort) - len(held)
        if between:
            log.warning(
                f"{between} cases are in no fold, since other cases of their patients are held out"
            )
        external.append(ExternalCohort("held-out", held, options.features))
    if options.external is not None:
        external.append(
            ExternalCohort("external", read_cohort(options.external), options.external_features)
        )
    first = options.seed or 0
    methods = [_entrant(options, name)[0] for name in options.methods]
    base = replace(request_of(options, [], options.out, methods), cohort=cohort)
    check_tested_once(base.splits, cohort)
    settings = {name: _settings(options, name, first) for name in options.methods}
    cells = []
    for seed in range(first, first + options.seeds):
        for name, (model, training) in settings.items():
            method, preset, _ = _entrant(options, name)
            request = replace(
                base,
                method=method,
                preset=preset,
                expression=base.expression if uses_expression(method) else None,
                model=model,
                training=training.model_copy(update={"seed": seed}),
                out=options.out / name / f"seed{seed}",
            )
            cells.append(Cell(name, seed, request, tuple(external)))
    return cells


def _settings(
    options: argparse.Namespace, name: str, first_seed: int
) -> tuple[ModelSettings, TrainingSettings]:
    """An entrant's own, with the budget that all have, on the folds of the first seed."""
    _, all_have = settings_of(MOMKD, options.preset, [], epochs=options.epochs)
    budget = {name: getattr(all_have, name) for name in _BUDGET}
    shared = [one for one in options.assignments if not _method_of(one)]
    own = [one.partition(":")[2] for one in options.assignments if _method_of(one) == name]
    method, preset, variant = _entrant(options, name)
    return settings_of(method, preset, [*variant, *shared, *own], split_seed=first_seed, **budget)


def _entrant(options: argparse.Namespace, name: str) -> tuple[str, Preset, tuple[str, ...]]:
    """Method, preset and settings that a name stands for; comparison systems have but one preset."""
    if name in _VARIANTS:
        return MOMKD, *_VARIANTS[name]
    return name, options.preset if name == MOMKD else "paper", ()


def _method_of(assignment: str) -> str:
    """The method that a --set is for; '' where it is for all."""
    name, colon, _ = assignment.partition("=")[0].partition(":")
    return name.strip() if colon else ""


def _names(text: str) -> tuple[str, ...]:
    """An argparse type: names with commas between, each once."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _held_out(text: str) -> tuple[str, list[str]]:
    column, equals, values = text.partition("=")
    found = [value.strip() for value in values.split(",") if value.strip()]
    if not (equals and column.strip() and found):
        raise SettingsError(f"--hold-out {text!r} names no values", "Write COLUMN=VALUE,VALUE")
    return column.strip(), found
