"""One model from all cases, after cross-validation has said what to expect of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from momkd_core.checkpoint import save_model
from momkd_core.errors import ModelFileError, TrainingError
from momkd_core.export import write_json
from momkd_core.progress import CancelToken, Report
from momkd_core.run_folder import write_table
from momkd_core.splits import Split
from momkd_core.training import HistoryRow, fit
from momkd_core.training_data import card_of, familiarity_of, fit_expression, slides_of
from momkd_core.training_request import Prepared, TrainingRequest

FOLDER = "final"
_UNFINISHED = "unfinished.safetensors"


def refit(
    request: TrainingRequest,
    prepared: Prepared,
    summary: dict[str, Any],
    report: Report,
    cancel: CancelToken,
) -> Path:
    """Trains on all labelled cases into ``RUN/final``; goes on with a killed one.

    No case is left to choose an epoch or a threshold on, so both come from cross-validation: as many
    epochs as the folds' kept ones on average, the mean of the folds' thresholds, and the mean of their
    limits of familiarity. The metrics on its card are those of the held-out folds.

    Returns:
        The model file.

    Raises:
        TrainingError: folds are missing.
        MomkdError: as :func:`momkd_core.training.fit`.
        Cancelled: on request.
    """
    folder = request.out / FOLDER
    path = folder / "model.safetensors"
    folds = summary["folds"]
    if len(folds) < request.folds:
        raise TrainingError(
            f"--refit needs all {request.folds} folds, but {len(folds)} are finished",
            "Leave --fold out",
        )
    cases = list(prepared.cases)
    # Also what later evaluations take as the cases that this model has seen.
    split = json.dumps(Split(tuple(cases), (), ()).as_dict())
    if path.exists() and _reads(folder / "split.json") == json.loads(split):
        return path
    write_json(folder / "split.json", json.loads(split))
    transform = fit_expression(request, prepared, cases)
    genes = transform.genes if transform else ()
    slides = slides_of(request, prepared, cases, transform)
    epochs = round(float(np.mean([fold["best_epoch"] + 1 for fold in folds])))

    def on_epoch(history: list[HistoryRow]) -> None:
        write_table(folder / "history.csv", list(history[0]), history)

    def all_report(done: int, total: int, what: str) -> None:
        report(done, total, f"all cases: {what}")

    fitted = fit(
        slides,
        [],
        prepared.model.model_copy(update={"genes": len(genes)}),
        request.training,
        seed=request.training.seed,
        store=prepared.store,
        report=all_report,
        cancel=cancel,
        on_epoch=on_epoch,
        unfinished=folder / _UNFINISHED,
        stop_after=epochs,
    )
    limits = [fold["familiarity_limit"] for fold in folds if fold["familiarity_limit"]]
    familiarity = None  # where an older version trained the folds
    if limits:
        familiarity = familiarity_of(
            slides, [], prepared.store, seed=request.training.seed, limit=float(np.mean(limits))
        )
    card = card_of(
        request,
        prepared,
        model=fitted.network.settings,
        genes=genes,
        threshold=float(np.mean([fold["threshold"] for fold in folds])),
        fold=None,
        metrics={"cross_validation": {"auc": summary["auc"], "pooled": summary["pooled"]}},
    )
    save_model(path, fitted.network, card, familiarity)
    (folder / _UNFINISHED).unlink(missing_ok=True)
    return path


def _reads(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, json.JSONDecodeError) as error:
        raise ModelFileError(f"{path} cannot be read ({error})", "Delete it") from error
