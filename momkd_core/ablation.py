"""The paper's ablations on one cohort and the same folds: Table 3, Table 4, Fig. S1."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from momkd_core.cross_validation import cross_validate
from momkd_core.errors import MomkdError
from momkd_core.evaluation import mean_over_folds
from momkd_core.export import write_json
from momkd_core.pieces import Workplace
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.training_request import TrainingRequest

log = logging.getLogger(__name__)

METRICS = ("auc", "accuracy", "f1")
FULL = "full"
SIZES = (4, 8, 16, 32)  # components a memory, Fig. S1


@dataclass(frozen=True)
class Variant:
    """One row of a table.

    Attributes:
        table: of the paper, which it belongs to.
        assignments: ``key=value`` settings that make it.
    """

    name: str
    table: str
    assignments: tuple[str, ...]


def variants(sizes: Sequence[int] = SIZES) -> list[Variant]:
    """All rows; ``sizes`` are the numbers of components to try."""
    rows = [
        Variant(name, "Table 3", (f"ablation={name}",))
        for name in (
            "wsi-only", "no-expression-alignment", "no-slide-alignment", "no-reconstruction", FULL,
        )
    ]  # fmt: skip
    rows += [Variant(f"memory-{kind}", "Table 4", (f"memory={kind}",)) for kind in ("fixed", "ema")]
    rows += [Variant(f"components-{n}", "Fig. S1", (f"components={n}",)) for n in sizes]
    return rows


def ablate(
    chosen: Sequence[Variant],
    request_of: Callable[[Variant], TrainingRequest],
    out: Path,
    *,
    place: Workplace | None = None,
    report: Report = silent,
    cancel: CancelToken | None = None,
) -> dict[str, Any]:
    """Trains every variant into a folder of its own below ``out``; resumes as trainings do.

    ``ablation.json`` is written after each variant. One that cannot be trained is a row with its
    ``error`` in place of metrics, and the rest goes on.

    Args:
        place: where the folds of a variant are trained side by side; None for one after another.

    Returns:
        The content of ``ablation.json``: a row a variant with mean, sd and interval of each metric over
        the folds, ``auc_difference`` from the full model over the same folds, and how many components
        the chosen epochs use (``memory``).

    Raises:
        MomkdError: no variant can be trained; the failure of the first.
        Cancelled: finished folds stay.
    """
    rows: list[dict[str, Any]] = []
    aucs: dict[str, dict[int, float | None]] = {}
    result: dict[str, Any] = {}
    first_failure: MomkdError | None = None
    for variant in chosen:

        def variant_report(done: int, total: int, what: str, name: str = variant.name) -> None:
            report(done, total, f"{name}: {what}")

        row: dict[str, Any] = {
            "name": variant.name,
            "table": variant.table,
            "settings": list(variant.assignments),
        }
        rows.append(row)
        try:
            request = request_of(variant)
            summary = cross_validate(request, place=place, report=variant_report, cancel=cancel)
        except MomkdError as error:
            log.warning("%s cannot be trained: %s", variant.name, error)
            row["error"] = str(error)
            first_failure = first_failure or error
        else:
            aucs[variant.name] = {fold["fold"]: fold["auc"] for fold in summary["folds"]}
            row |= {key: summary[key] for key in (*METRICS, "pooled", "memory")}
            result |= {"task": request.label, "preset": request.preset}
        if aucs:  # a request that nothing can be trained from leaves no file
            _compare(rows, aucs)
            result["variants"] = rows
            write_json(out / "ablation.json", result)
    if not aucs and first_failure is not None:
        raise first_failure
    return result


def _compare(rows: list[dict[str, Any]], aucs: dict[str, dict[int, float | None]]) -> None:
    """Each trained row's difference from the full model, as far as that is trained."""
    for row in rows:
        if row["name"] in aucs:
            row["auc_difference"] = _difference(aucs[row["name"]], aucs.get(FULL, {}))


def _difference(aucs: dict[int, float | None], full: dict[int, float | None]) -> dict[str, Any]:
    """Mean, sd and interval of AUC minus the full model's, fold by fold."""
    pairs = [(value, full.get(fold)) for fold, value in aucs.items()]
    known = [a - b for a, b in pairs if a is not None and b is not None]
    return mean_over_folds(known, bounds=(-1.0, 1.0))
