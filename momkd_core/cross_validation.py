"""Fit and score all folds of a cohort into a run folder.

A run folder holds ``run.json`` (what was asked), ``folds/<k>/`` (one finished fold each) and
``summary.json``. A killed run started again with the same request goes on from the last finished epoch.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from momkd_core.checkpoint import missing_folds, save_model
from momkd_core.epoch_loop import HistoryRow
from momkd_core.errors import MomkdError, SettingsError
from momkd_core.evaluation import metrics
from momkd_core.export import write_json
from momkd_core.final_model import check_folds, refit
from momkd_core.fold_audit import OnAudit, audit_finished, audit_fold
from momkd_core.leakage import certificate
from momkd_core.ledger import Ledger
from momkd_core.model.network import MoMKD
from momkd_core.pieces import Outcome, Piece, Workplace
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.run_folder import (
    PREDICTION_COLUMNS,
    UNFINISHED,
    claim,
    collapsed,
    fingerprint,
    is_finished,
    summarise,
)
from momkd_core.run_lock import hold_run
from momkd_core.run_plots import plot_dynamics, plot_reliability
from momkd_core.settings import COMPARATOR_SETTINGS, MOMKD
from momkd_core.slide_scoring import predict_slides
from momkd_core.splits import splits_sha256
from momkd_core.storage import write_table
from momkd_core.training import fit
from momkd_core.training_data import (
    card_of,
    component_use,
    familiarity_of,
    fit_expression,
    profiles_of,
    slides_of,
    targets_of,
    threshold_of,
)
from momkd_core.training_request import Prepared, TrainingRequest, prepare
from momkd_core.training_slides import by_case

log = logging.getLogger(__name__)
notes = logging.getLogger("momkd_core.notes")  # said to the user, though nothing is wrong


def cross_validate(
    request: TrainingRequest,
    *,
    place: Workplace | None = None,
    held: bool = False,
    report: Report = silent,
    cancel: CancelToken | None = None,
    on_audit: OnAudit | None = None,
) -> dict[str, Any]:
    """Trains the folds that are not finished yet and returns the content of ``summary.json``.

    Args:
        place: where folds are trained side by side; None trains one after another, here.
        held: the folds are held for this training already, by the process that asks for it.
        on_audit: told which loss term moves what, on a training slide of either label of each fold, at
            its beginning or where it goes on; for a finished fold, by its model. The fold's
            ``gradient_audit.json`` keeps it.

    Raises:
        MomkdError: nothing is trained unless the whole request is sound, and no other process trains
            these folds.
        Cancelled: on request; finished folds stay.
    """
    cancel = cancel or CancelToken()
    check_folds(request)
    if place is not None and on_audit is not None:
        raise SettingsError(
            "Gradients are shown where folds are trained one after another",
            "Leave out --processes and --cluster, or --audit-gradients",
        )
    with nullcontext() if held else hold_run(request.out, request.chosen):
        return _cross_validate(request, place, report, cancel, on_audit)


def _cross_validate(
    request: TrainingRequest,
    place: Workplace | None,
    report: Report,
    cancel: CancelToken,
    on_audit: OnAudit | None,
) -> dict[str, Any]:
    prepared = prepare(request, report, cancel)
    for warning in prepared.warnings:
        log.warning(warning)
    for note in prepared.notes:
        notes.info(note)
    asked = _asked(request, prepared)
    claim(
        request.out,
        asked,
        prepared.warnings,
        cohort=str(request.cohort.path),
        splits=[str(table.path) for table in request.splits] or None,
    )
    if place is not None:
        _side_by_side(request, place, report, cancel)
    for fold in request.chosen:
        folder = _folder(request, fold)
        if is_finished(folder):
            log.info("Fold %d is finished already", fold)
            if on_audit is not None:
                audit_finished(request, prepared, fold, folder, on_audit)
            continue

        def fold_report(done: int, total: int, what: str, fold: int = fold) -> None:
            report(done, total, f"fold {fold}: {what}")

        _run_fold(request, prepared, fold, folder, fold_report, cancel, on_audit)
    summary = summarise(
        request.out,
        task=request.label,
        positive=request.positive,
        method=request.method,
        preset=request.preset,
        warnings=prepared.warnings,
    )
    for warning in collapsed(summary):
        log.warning(warning)
        summary["warnings"].append(warning)
    summary["warnings"] += missing_folds(request.out, len(summary["folds"]))
    write_json(request.out / "summary.json", summary)
    if summary["folds"]:
        if request.method == MOMKD:
            plot_dynamics(request.out)
        plot_reliability(request.out, summary)
    if request.refit:
        refit(request, prepared, asked, summary, report, cancel)
    return summary


def _side_by_side(
    request: TrainingRequest, place: Workplace, report: Report, cancel: CancelToken
) -> None:
    """Trains the unfinished folds where there is room.

    Raises:
        MomkdError: that of the first fold that failed, after the others have ended.
    """
    failures: list[MomkdError] = []
    pieces = [
        Piece(f"fold {fold}", train_fold, (request, fold), folder / "fold.log")
        for fold in request.chosen
        if not is_finished(folder := _folder(request, fold))
    ]

    def ended(piece: Piece, outcome: Outcome) -> None:
        if outcome.error is not None:
            log.warning("%s: %s", piece.name, outcome.error)
            failures.append(outcome.error)

    place.run(pieces, doing="training", report=report, ended=ended, cancel=cancel)
    if failures:
        raise failures[0]


def train_fold(asked: tuple[TrainingRequest, int], report: Report, cancel: CancelToken) -> None:
    """A piece of the work: one fold of a request, which whoever asks has claimed and holds."""
    request, fold = asked
    prepared = prepare(request, report, cancel)
    _run_fold(request, prepared, fold, _folder(request, fold), report, cancel, None)


def _folder(request: TrainingRequest, fold: int) -> Path:
    return request.out / "folds" / str(fold)


def _asked(request: TrainingRequest, prepared: Prepared) -> dict[str, Any]:
    """What the run's outcome depends on; one fold more or less is still the same run."""
    model = prepared.model.model_dump(exclude={"genes"})
    training = request.training.model_dump()
    if request.method != MOMKD:  # all else is MoMKD's
        model = {"feature_width": prepared.model.feature_width}
        training = {name: training[name] for name in COMPARATOR_SETTINGS}
    return {
        "task": request.label,
        "positive": request.positive,
        "negative": prepared.negative,
        "method": request.method,
        "preset": request.preset,
        "folds": request.folds,
        "group": request.group or "patient_id",
        "splits_sha256": splits_sha256(prepared.splits) if request.splits else None,
        "cohort_fingerprint": request.cohort.fingerprint,
        "cases": len(prepared.cases),
        "expression_sha256": fingerprint(request.expression),
        "features_sha256": prepared.features_sha256,
        "encoder": prepared.header.encoder,
        "encoder_sha256": prepared.header.encoder_sha256,
        "extraction": prepared.extraction.model_dump() if prepared.extraction else None,
        "model": model,
        "training": training,
        "about": dict(request.about),
    }


# -- one fold ------------------------------------------------------------------------------------


def _run_fold(
    request: TrainingRequest,
    prepared: Prepared,
    fold: int,
    folder: Path,
    report: Report,
    cancel: CancelToken,
    on_audit: OnAudit | None,
) -> None:
    split = prepared.splits[fold]
    ledger = Ledger(held_out=split.test)
    write_json(folder / "split.json", split.as_dict())
    transform = fit_expression(request, prepared, list(split.train), ledger)
    genes = transform.genes if transform else ()
    seed = request.training.seed + fold
    targets = targets_of(request, prepared, list(split.train), seed=seed, ledger=ledger)
    parts = {
        name: slides_of(request, prepared, cases, transform, targets)
        for name, cases in split.as_dict().items()
    }

    def on_epoch(history: list[HistoryRow]) -> None:
        write_table(folder / "history.csv", list(history[0]), history)

    def audit(network: MoMKD) -> None:
        if on_audit is not None:
            audit_fold(network, parts["train"], prepared.store, request.training, folder, on_audit)

    fitted = fit(
        parts["train"],
        parts["validation"],
        prepared.model.model_copy(update={"genes": len(genes)}),
        request.training,
        seed=seed,
        method=request.method,
        store=prepared.store,
        report=report,
        cancel=cancel,
        on_epoch=on_epoch,
        on_begin=audit,
        unfinished=folder / UNFINISHED,
        ledger=ledger,
    )
    use = component_use(fitted.network)
    probabilities = {
        name: by_case(
            slides,
            predict_slides(
                fitted.network, slides, prepared.store, cancel, use if name == "train" else None
            ),
        )
        for name, slides in parts.items()
    }
    threshold = threshold_of(prepared, probabilities["validation"], ledger)
    tested = probabilities["test"]
    labels = [prepared.labels[case] for case in tested]
    found = metrics(labels, list(tested.values()), threshold)
    card = card_of(
        request,
        prepared,
        genes=genes,
        profiles=profiles_of(request, prepared, fitted, use, ledger),
        threshold=threshold,
        fold=fold,
        metrics={
            **found,
            "best_epoch": fitted.best_epoch,
            "learned_parameters": sum(
                p.numel() for p in fitted.network.parameters() if p.requires_grad
            ),
        },
    )
    familiarity = familiarity_of(
        parts["train"],
        parts["validation"],
        prepared.store,
        seed=seed,
        ledger=ledger,
    )
    grouping = request.group or "patient_id"
    write_json(folder / "leakage.json", certificate(split, prepared.cases, ledger.used, grouping))
    save_model(folder / "model.safetensors", fitted.network, card, familiarity)
    rows = [
        {
            "case_id": case,
            "patient_id": prepared.cases[case].patient_id,
            "label": request.positive if prepared.labels[case] else prepared.negative,
            "probability": repr(probability),  # in full: what is decided and pooled agrees with it
            "predicted": request.positive if probability >= threshold else prepared.negative,
            "split": name,
        }
        for name, cases in split.as_dict().items()
        for case, probability in ((case, probabilities[name][case]) for case in cases)
    ]
    # Last of all: its presence says that the fold is finished.
    write_table(folder / "predictions.csv", PREDICTION_COLUMNS, rows)
    (folder / UNFINISHED).unlink(missing_ok=True)
