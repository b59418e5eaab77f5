"""Fit and score all folds of a cohort into a run folder.

A run folder holds ``run.json`` (what was asked), ``folds/<k>/`` (one finished fold each) and
``summary.json``. A killed run started again with the same request goes on with the unfinished folds.
"""

from __future__ import annotations

import csv
import io
import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from momkd_core.checkpoint import ModelCard, load_model, save_model, software_versions
from momkd_core.cohort import Case, Cohort
from momkd_core.errors import FeatureError, MomkdError, SettingsError, TrainingError
from momkd_core.evaluation import best_threshold, bootstrap_auc, mean_over_folds, metrics
from momkd_core.export import write_json
from momkd_core.expression import ExpressionTable, ExpressionTransform, fit_transform
from momkd_core.features import FeatureBag, read_features
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.settings import ExtractionSettings, ModelSettings, Preset, TrainingSettings
from momkd_core.splits import Split, make_splits
from momkd_core.storage import write_text
from momkd_core.training import (
    HISTORY_COLUMNS,
    HistoryRow,
    SlideStore,
    TrainingSlide,
    fit,
    score,
)

log = logging.getLogger(__name__)

_PREDICTION_COLUMNS = ("case_id", "patient_id", "label", "probability", "predicted", "split")


@dataclass(frozen=True)
class TrainingRequest:
    """Everything a run depends on.

    Attributes:
        label, positive, negative: column and its two values; ``negative`` None takes the only other.
        group: column whose values stay together; None groups by patient.
        only_fold: train this fold alone, or None for all.
        features_folder: where the feature files are, or None to take the cohort's column.
    """

    cohort: Cohort
    expression: ExpressionTable | None
    label: str
    positive: str
    negative: str | None
    out: Path
    model: ModelSettings
    training: TrainingSettings
    preset: Preset = "paper"
    features_folder: Path | None = None
    folds: int = 5
    only_fold: int | None = None
    group: str | None = None


@dataclass
class _Prepared:
    """A checked request: cases with labels, splits, and what all features have in common."""

    cases: dict[str, Case]
    labels: dict[str, int]
    negative: str
    splits: list[Split]
    features: dict[str, list[Path]]
    model: ModelSettings
    sample: FeatureBag
    warnings: list[str] = field(default_factory=list)


def cross_validate(
    request: TrainingRequest, *, report: Report = silent, cancel: CancelToken | None = None
) -> dict[str, Any]:
    """Trains the folds that are not finished yet and returns the content of ``summary.json``.

    Raises:
        MomkdError: nothing is trained unless the whole request is sound.
        Cancelled: on request; finished folds stay.
    """
    prepared = _prepare(request)
    for warning in prepared.warnings:
        log.warning(warning)
    _claim_folder(request, prepared)
    store = SlideStore(prepared.model)
    chosen = range(request.folds) if request.only_fold is None else [request.only_fold]
    for fold in chosen:
        folder = request.out / "folds" / str(fold)
        if (folder / "predictions.csv").exists() and (folder / "model.safetensors").exists():
            log.info("Fold %d is finished already", fold)
            continue

        def fold_report(done: int, total: int, what: str, fold: int = fold) -> None:
            report(done, total, f"fold {fold}: {what}")

        _run_fold(request, prepared, fold, folder, store, fold_report, cancel)
    summary = summarise(request, prepared.warnings)
    write_json(request.out / "summary.json", summary)
    return summary


def _prepare(request: TrainingRequest) -> _Prepared:
    if request.folds < 2:
        raise SettingsError(f"--folds {request.folds} is too few", "Use at least 2")
    if request.only_fold is not None and not 0 <= request.only_fold < request.folds:
        raise SettingsError(
            f"There is no fold {request.only_fold}", f"Folds are numbered 0 to {request.folds - 1}"
        )
    cohort = request.cohort
    cases, labels, negative = cohort.labelled(request.label, request.positive, request.negative)
    warnings = []
    left_out = len(cohort) - len(cases)
    if left_out:
        warnings.append(f"{left_out} of {len(cohort)} cases have no usable {request.label} label")
    groups = [case.patient_id for case in cases]
    if request.group is not None:
        cohort.require_column(request.group)
        groups = [case.values[request.group] for case in cases]
        if "" in groups:
            case = cases[groups.index("")]
            raise SettingsError(
                f"Case {case.case_id} has no value in column {request.group!r}",
                "Fill it in, or group by patient",
            )
        warnings += _straddling(cases, groups, request.group)
    splits = make_splits(
        [case.case_id for case in cases],
        labels,
        groups,
        folds=request.folds,
        seed=request.training.seed,
    )
    features = {
        case.case_id: [cohort.feature_path(slide, request.features_folder) for slide in case.slides]
        for case in cases
    }
    missing = [path for paths in features.values() for path in paths if not path.is_file()]
    if missing:
        raise FeatureError(
            f"{len(missing)} feature files are missing, the first is {missing[0]}",
            "Run momkd extract on the cohort, and name its folder with --features",
        )
    sample = read_features(features[cases[0].case_id][0])
    genes = 0
    if request.expression is not None:
        known = set(request.expression.case_ids)
        without = [case.case_id for case in cases if case.case_id not in known]
        if without:
            warnings.append(
                f"{len(without)} of {len(cases)} cases have no expression and train the histology "
                f"branch alone (the first is {without[0]})"
            )
        genes = 1  # its true width is known once a fold's genes are chosen
    return _Prepared(
        cases={case.case_id: case for case in cases},
        labels=dict(zip((case.case_id for case in cases), labels, strict=True)),
        negative=negative,
        splits=splits,
        features=features,
        model=request.model.model_copy(update={"feature_width": sample.width, "genes": genes}),
        sample=sample,
        warnings=warnings,
    )


def _straddling(cases: list[Case], groups: list[str], column: str) -> list[str]:
    """A warning where a patient's cases lie in several groups, and so in training and test."""
    seen: dict[str, set[str]] = {}
    for case, group in zip(cases, groups, strict=True):
        seen.setdefault(case.patient_id, set()).add(group)
    split = [patient for patient, found in seen.items() if len(found) > 1]
    if not split:
        return []
    return [
        f"Grouping by {column!r} puts cases of {len(split)} patient(s) (the first is {split[0]}) "
        "into training and test: the metrics do not measure new patients"
    ]


def _claim_folder(request: TrainingRequest, prepared: _Prepared) -> None:
    """Writes ``run.json``, or checks that the folder holds the same request.

    Raises:
        TrainingError: the folder holds another run.
    """
    # Settings the run's outcome depends on; one fold more or less is still the same run.
    asked = {
        "task": request.label,
        "positive": request.positive,
        "negative": prepared.negative,
        "method": "momkd",
        "preset": request.preset,
        "folds": request.folds,
        "group": request.group or "patient_id",
        "cohort": str(request.cohort.path),
        "cohort_fingerprint": request.cohort.fingerprint,
        "cases": len(prepared.cases),
        "expression_genes": len(request.expression.genes) if request.expression else 0,
        "model": prepared.model.model_dump(exclude={"genes"}),
        "training": request.training.model_dump(),
    }
    path = request.out / "run.json"
    if path.exists():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError) as error:
            raise TrainingError(
                f"{path} cannot be read ({error})", "Choose another --out folder"
            ) from error
        different = [key for key in asked if found.get(key) != json.loads(json.dumps(asked[key]))]
        if different:
            raise TrainingError(
                f"{request.out} holds another run (it differs in: {', '.join(different)})",
                "Choose another --out folder, or delete this one",
            )
        return
    write_json(path, {**asked, "versions": software_versions(), "warnings": prepared.warnings})


def _run_fold(
    request: TrainingRequest,
    prepared: _Prepared,
    fold: int,
    folder: Path,
    store: SlideStore,
    report: Report,
    cancel: CancelToken | None,
) -> None:
    split = prepared.splits[fold]
    write_json(folder / "split.json", split.as_dict())
    transform = _fit_expression(request, prepared, split)
    genes = len(transform.genes) if transform else 0
    model_settings = prepared.model.model_copy(update={"genes": genes})
    parts = {
        name: _slides(request, prepared, list(cases), transform)
        for name, cases in split.as_dict().items()
    }

    def on_epoch(history: list[HistoryRow]) -> None:
        write_text(folder / "history.csv", _table(HISTORY_COLUMNS, history))

    fitted = fit(
        parts["train"],
        parts["validation"],
        model_settings,
        request.training,
        seed=request.training.seed + fold,
        store=store,
        report=report,
        cancel=cancel,
        on_epoch=on_epoch,
    )
    probabilities = {}
    for name in ("train", "validation", "test"):
        values, _ = score(fitted.network, parts[name], store, cancel or CancelToken())
        probabilities[name] = _by_case(parts[name], values)
    validation = list(split.validation)
    threshold = best_threshold(
        [prepared.labels[case] for case in validation],
        [probabilities["validation"][case] for case in validation],
    )
    test = list(split.test)
    test_metrics = metrics(
        [prepared.labels[case] for case in test],
        [probabilities["test"][case] for case in test],
        threshold,
    )
    card = ModelCard(
        task=request.label,
        positive=request.positive,
        negative=prepared.negative,
        preset=request.preset,
        threshold=threshold,
        extraction=_extraction(prepared.sample),
        encoder=prepared.sample.encoder,
        encoder_sha256=prepared.sample.encoder_sha256,
        model=model_settings,
        training=request.training,
        genes=transform.genes if transform else (),
        fold=fold,
        cohort_fingerprint=request.cohort.fingerprint,
        metrics={**test_metrics, "best_epoch": fitted.best_epoch},
        versions=software_versions(),
    )
    save_model(folder / "model.safetensors", fitted.network, card)
    rows = [
        {
            "case_id": case,
            "patient_id": prepared.cases[case].patient_id,
            "label": request.positive if prepared.labels[case] else prepared.negative,
            "probability": f"{probabilities[name][case]:.6f}",
            "predicted": request.positive
            if probabilities[name][case] >= threshold
            else prepared.negative,
            "split": name,
        }
        for name, cases in split.as_dict().items()
        for case in cases
    ]
    # Last of all: its presence says that the fold is finished.
    write_text(folder / "predictions.csv", _table(_PREDICTION_COLUMNS, rows))


def _fit_expression(
    request: TrainingRequest, prepared: _Prepared, split: Split
) -> ExpressionTransform | None:
    if request.expression is None:
        return None
    return fit_transform(
        request.expression,
        list(split.train),
        [prepared.labels[case] for case in split.train],
        top_genes=request.training.top_genes,
        clip=request.training.expression_clip,
    )


def _slides(
    request: TrainingRequest,
    prepared: _Prepared,
    cases: list[str],
    transform: ExpressionTransform | None,
) -> list[TrainingSlide]:
    scaled = transform(request.expression, cases) if transform and request.expression else None
    slides = []
    for row, case in enumerate(cases):
        expression = None
        if scaled is not None and not np.isnan(scaled[row]).any():
            expression = scaled[row]
        for path in prepared.features[case]:
            slides.append(TrainingSlide(case, path, prepared.labels[case], expression))
    return slides


def _by_case(slides: list[TrainingSlide], values: list[float]) -> dict[str, float]:
    """A case's probability is the mean over its slides."""
    found: dict[str, list[float]] = {}
    for slide, value in zip(slides, values, strict=True):
        found.setdefault(slide.case_id, []).append(value)
    return {case: float(np.mean(several)) for case, several in found.items()}


def _extraction(sample: FeatureBag) -> ExtractionSettings | None:
    """How new slides are to be cut for this model, as far as the feature files say."""
    if sample.encoder is None or sample.target_mpp is None or sample.patch_size is None:
        return None
    return ExtractionSettings(
        encoder=sample.encoder,
        target_mpp=sample.target_mpp,
        patch_size=sample.patch_size,
        overlap=sample.overlap or 0,
        min_tissue=float(sample.attributes.get("min_tissue", 0.05)),
    )


def summarise(request: TrainingRequest, warnings: list[str]) -> dict[str, Any]:
    """The content of ``summary.json`` from the finished folds of a run."""
    folds, labels, probabilities = [], [], []
    for folder in sorted((request.out / "folds").glob("*"), key=lambda f: int(f.name)):
        if not (folder / "predictions.csv").exists():
            continue
        card = load_model(folder / "model.safetensors").card
        folds.append({"fold": int(folder.name), "threshold": card.threshold, **card.metrics})
        for row in read_predictions(folder / "predictions.csv"):
            if row["split"] == "test":
                labels.append(int(row["label"] == request.positive))
                probabilities.append(float(row["probability"]))
    return {
        "task": request.label,
        "positive": request.positive,
        "method": "momkd",
        "preset": request.preset,
        "folds": folds,
        **{
            name: mean_over_folds([fold[name] for fold in folds])
            for name in ("auc", "accuracy", "f1", "f1_macro")
        },
        "pooled": {**bootstrap_auc(labels, probabilities), "cases": len(labels)},
        "warnings": warnings,
    }


def read_predictions(path: Path) -> list[dict[str, str]]:
    """Rows of a ``predictions.csv``. Raises :class:`MomkdError` where it is damaged."""
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    except OSError as error:
        raise MomkdError(f"{path} cannot be read ({error})", "Train the fold again") from error
    if not rows or set(rows[0]) != set(_PREDICTION_COLUMNS):
        raise MomkdError(f"{path} is not a table of predictions", "Train the fold again")
    return rows


def _table(columns: tuple[str, ...] | list[str], rows: list[Any]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(columns), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: "" if row[name] is None else row[name] for name in columns})
    return stream.getvalue()
