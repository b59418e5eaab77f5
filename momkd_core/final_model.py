"""One model from all cases, after cross-validation has said what to expect of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from momkd_core.checkpoint import save_model
from momkd_core.epoch_loop import HistoryRow
from momkd_core.errors import TrainingError
from momkd_core.export import write_json
from momkd_core.leakage import final_certificate
from momkd_core.progress import CancelToken, Report
from momkd_core.request_checks import with_expression
from momkd_core.run_folder import UNFINISHED, is_finished
from momkd_core.slide_scoring import predict_slides
from momkd_core.splits import Split
from momkd_core.storage import sha256_of_file, write_table
from momkd_core.training import fit
from momkd_core.training_data import (
    card_of,
    component_use,
    familiarity_of,
    fit_expression,
    profiles_of,
    slides_of,
    targets_of,
)
from momkd_core.training_request import Prepared, TrainingRequest

log = logging.getLogger(__name__)

FOLDER = "final"


def check_folds(request: TrainingRequest) -> None:
    """Refuses ``--refit`` where folds would still be missing at the end, before anything is trained.

    Raises:
        TrainingError: names the folds.
    """
    if not request.refit:
        return
    missing = [
        fold
        for fold in range(request.folds)
        if fold not in request.chosen and not is_finished(request.out / "folds" / str(fold))
    ]
    if missing:
        raise TrainingError(
            f"--refit needs all {request.folds} folds, but {len(missing)} would not be finished "
            f"({', '.join(map(str, missing))}), since --fold {request.only_fold} trains one",
            "Leave --fold out, or give --refit with the last fold",
        )


def refit(
    request: TrainingRequest,
    prepared: Prepared,
    asked: Mapping[str, Any],
    summary: dict[str, Any],
    report: Report,
    cancel: CancelToken,
) -> Path:
    """Trains on all labelled cases into ``RUN/final``; goes on with a killed one.

    A model that is there already is kept only if ``leakage.json`` beside it says that it was made from
    the same request and the same folds.

    No case is left to choose an epoch or a threshold on, so both come from cross-validation: as many
    epochs as the folds' kept ones on average, the mean of the folds' thresholds, and the mean of their
    limits of familiarity. The metrics on its card are those of the held-out folds.

    Args:
        asked: what the run's outcome depends on, as in ``run.json``.

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
    made_from = _made_from(request, asked, folds)
    if not _is_of(folder, made_from):
        _begin(folder, request, prepared, folds, made_from)
    elif path.exists():
        return path
    transform = fit_expression(request, prepared, cases)
    genes = transform.genes if transform else ()
    targets = targets_of(request, prepared, cases, seed=request.training.seed)
    slides = slides_of(request, prepared, cases, transform, targets)
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
        method=request.method,
        store=prepared.store,
        report=all_report,
        cancel=cancel,
        on_epoch=on_epoch,
        unfinished=folder / UNFINISHED,
        stop_after=epochs,
    )
    use = component_use(fitted.network)
    if use is not None:
        predict_slides(fitted.network, slides, prepared.store, cancel, use)
    limits = [fold["familiarity_limit"] for fold in folds if fold["familiarity_limit"]]
    familiarity = None  # where an older version trained the folds
    if limits:
        familiarity = familiarity_of(
            slides, [], prepared.store, seed=request.training.seed, limit=float(np.mean(limits))
        )
    card = card_of(
        request,
        prepared,
        genes=genes,
        profiles=profiles_of(request, prepared, fitted, use),
        threshold=float(np.mean([fold["threshold"] for fold in folds])),
        fold=None,
        metrics={"cross_validation": {"auc": summary["auc"], "pooled": summary["pooled"]}},
    )
    save_model(path, fitted.network, card, familiarity)
    (folder / UNFINISHED).unlink(missing_ok=True)
    return path


def _made_from(
    request: TrainingRequest, asked: Mapping[str, Any], folds: list[dict[str, Any]]
) -> dict[str, Any]:
    """What a final model depends on: the request, and the folds that decide in its place."""
    models = {
        str(fold["fold"]): sha256_of_file(
            request.out / "folds" / str(fold["fold"]) / "model.safetensors"
        )
        for fold in folds
    }
    found: dict[str, Any] = json.loads(json.dumps({**asked, "fold_models_sha256": models}))
    return found


def _is_of(folder: Path, made_from: dict[str, Any]) -> bool:
    """Whether what the folder holds was made from this. False where that cannot be told."""
    try:
        content = json.loads((folder / "leakage.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return False
    return isinstance(content, dict) and content.get("made from") == made_from


def _begin(
    folder: Path,
    request: TrainingRequest,
    prepared: Prepared,
    folds: list[dict[str, Any]],
    made_from: dict[str, Any],
) -> None:
    """Removes what was made from something else, and writes down who fits what."""
    cases = list(prepared.cases)
    for name in ("model.safetensors", UNFINISHED):
        if (folder / name).exists():
            log.warning("%s was made from other folds or settings: training it anew", folder / name)
            (folder / name).unlink()
    # What later evaluations take as the cases that this model has seen.
    write_json(folder / "split.json", Split(tuple(cases), (), ()).as_dict())
    known = with_expression(request.expression, cases)
    content = final_certificate(prepared.cases, known, folds, prepared.splits)
    # Last: from here on the folder is of this request.
    write_json(folder / "leakage.json", {**content, "made from": made_from})
