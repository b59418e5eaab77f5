"""Methods x seeds on the same folds of a cohort: trained side by side, compared with paired tests.

``OUT/<method>/seed<k>/`` is a run folder of each; ``benchmark.json``, ``.md`` and ``.csv``,
``folds.csv``, ``paired.csv`` and two pictures are written when all have ended. Started again, it goes
on.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from momkd_core.benchmark_cell import Cell, run_cell
from momkd_core.benchmark_figures import plot_aucs, plot_learning
from momkd_core.benchmark_files import write_tables
from momkd_core.benchmark_table import BUDGET, comparisons, method_rows, read_json
from momkd_core.errors import MomkdError
from momkd_core.export import write_json
from momkd_core.pieces import Outcome, Piece, Workplace
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.run_lock import hold_run
from momkd_core.settings import TrainingSettings
from momkd_core.storage import write_table

log = logging.getLogger(__name__)

_NUMBERS = re.compile(r"\d+(\.\d+)?")

ERROR_COLUMNS = ("method", "seed", "error")


def benchmark(
    cells: Sequence[Cell],
    out: Path,
    *,
    against: str,
    place: Workplace,
    told: Sequence[str] = (),
    report: Report = silent,
    cancel: CancelToken | None = None,
) -> dict[str, Any]:
    """Runs all cells, side by side where there is room, and compares what they gave.

    One that fails is named in the table and in ``errors.csv``, and the rest goes on.

    Args:
        cells: their trainings write below ``out``, and split the same cohort by the same seed.
        against: the method that the others are compared with.
        told: settings beyond the published ones, as the user gave them.

    Returns:
        The content of ``benchmark.json``.

    Raises:
        MomkdError: none can be trained; the failure of the first.
        Cancelled: on request; finished folds stay.
    """
    started = time.perf_counter()
    by_name = {cell.name: cell for cell in cells}
    failures = _run(cells, place, report, cancel or CancelToken())
    finished = [cell for cell in cells if cell.name not in failures]
    if not finished:
        raise next(iter(failures.values()))
    errors = [
        {"method": by_name[name].method, "seed": by_name[name].seed, "error": str(error)}
        for name, error in failures.items()
    ]
    request = finished[0].training
    rows = method_rows(finished)
    result = {
        "task": request.label,
        "positive": request.positive,
        "preset": request.preset,
        "cases": rows[0]["pooled"]["cases"],
        "folds": request.folds,
        "seeds": sorted({cell.seed for cell in cells}),
        "split_seed": None if request.splits else request.training.split_seed,
        "budget": _budget(request.training),
        "set": list(told),
        "against": against,
        "external": [external.name for external in finished[0].external],
        "methods": rows,
        "paired": comparisons(finished, against),
        "errors": errors,
        "warnings": _warnings(finished),
        "processes": place.width,
        "seconds": time.perf_counter() - started,
    }
    write_json(out / "benchmark.json", result)
    write_tables(out, result)
    _write_errors(out / "errors.csv", errors)
    plot_aucs(out, finished, result)
    plot_learning(out, finished)
    return result


def _run(
    cells: Sequence[Cell], place: Workplace, report: Report, cancel: CancelToken
) -> dict[str, MomkdError]:
    """Runs the cells; which failed, by name.

    Their folds are held by this process: a lock of a machine that has died may outlast it for minutes.
    """
    failures: dict[str, MomkdError] = {}

    def failed(name: str, error: MomkdError) -> None:
        log.warning("%s: %s", name, error)
        failures[name] = error

    def ended(piece: Piece, outcome: Outcome) -> None:
        if outcome.error is not None:
            failed(piece.name, outcome.error)

    pieces = []
    with ExitStack() as held:
        for cell in cells:
            training = cell.training
            try:
                held.enter_context(hold_run(training.out, training.chosen))
            except MomkdError as error:
                failed(cell.name, error)
                continue
            log_file = training.out / "cell.log"
            pieces.append(Piece(cell.name, run_cell, cell, log_file, alone=True))
        place.run(pieces, doing="training", report=report, ended=ended, cancel=cancel)
    return failures


def _budget(training: TrainingSettings) -> dict[str, int]:
    """What every method had alike."""
    return {name: getattr(training, name) for name in BUDGET}


def _warnings(cells: Sequence[Cell]) -> list[str]:
    """What the trainings warned of, with the methods that it was said of; once where only numbers
    differ.
    """
    said: dict[str, tuple[str, dict[str, None]]] = {}
    for cell in cells:
        for warning in read_json(cell.training.out / "summary.json")["warnings"]:
            _, methods = said.setdefault(_NUMBERS.sub("#", warning), (warning, {}))
            methods[cell.method] = None
    all_methods = {cell.method for cell in cells}
    return [
        warning if set(methods) == all_methods else f"{', '.join(methods)}: {warning}"
        for warning, methods in said.values()
    ]


def _write_errors(path: Path, errors: list[dict[str, Any]]) -> None:
    """``errors.csv``, or none where nothing failed."""
    if errors:
        write_table(path, ERROR_COLUMNS, errors)
    else:
        path.unlink(missing_ok=True)
