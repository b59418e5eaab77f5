"""A model on every case of a cohort, each case wherever there is room for one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from momkd_core.checkpoint import Model, load_model
from momkd_core.cohort import Cohort
from momkd_core.cohort_prediction import (
    CaseFailure,
    CaseResult,
    compile_for,
    predict_cohort,
    source_of,
)
from momkd_core.errors import SettingsError
from momkd_core.extraction import EncoderLoader
from momkd_core.feature_folder import FeatureFolder
from momkd_core.model.attention import Muted
from momkd_core.pieces import Outcome, Piece, Workplace, repeat
from momkd_core.prediction import Precision, check_precision, chosen_muted
from momkd_core.progress import CancelToken, Report, silent


@dataclass(frozen=True)
class CaseRequest:
    """One case and how it is predicted; the arguments of ``predict_cohort``.

    Attributes:
        model: file or run folder, loaded where the case is predicted.
        cohort: of this case alone.
        together: how many cases are predicted in all: as of one process, it decides about compiling.
    """

    model: Path
    cohort: Cohort
    features_folder: Path | None
    mpp: float | None
    muted: Muted | None
    workers: int
    precision: Precision
    together: int


def predict_side_by_side(
    model: Model,
    cohort: Cohort,
    place: Workplace,
    *,
    features_folder: Path | None = None,
    mpp: float | None = None,
    muted: Muted | None = None,
    workers: int,
    precision: Precision = "float32",
    ended: Callable[[CaseResult | CaseFailure], None],
    report: Report = silent,
    cancel: CancelToken | None = None,
) -> None:
    """As :func:`momkd_core.cohort_prediction.predict_cohort`, with cases told as they end.

    Raises:
        CohortError, SettingsError: likewise.
        ClusterError: the workplace cannot be used.
        Cancelled: on request.
    """
    chosen_muted(model, muted)  # before anything starts
    check_precision(precision)
    folder = FeatureFolder.of(features_folder)
    cohort.check_distinct(folder)
    pieces = []
    for case in cohort.cases:
        request = CaseRequest(
            model.path, replace(cohort, cases=(case,)), features_folder, mpp, muted, workers, precision,
            len(cohort),
        )  # fmt: skip
        sources = (source_of(cohort, slide, folder) for slide in case.slides)
        pieces.append(
            Piece(case.case_id, predict_piece, request, None, reads=(model.path, *sources))
        )
    slides = {case.case_id: case.slides[0].stem for case in cohort.cases}

    def piece_ended(piece: Piece, outcome: Outcome) -> None:
        repeat(piece, outcome)
        if isinstance(outcome.error, SettingsError):
            raise outcome.error  # the same for every case
        if outcome.error is not None:
            ended(CaseFailure(piece.name, slides[piece.name], outcome.error))
        else:
            ended(outcome.value)

    place.run(
        pieces, doing="predicting", report=report, ended=piece_ended, cancel=cancel or CancelToken()
    )


def predict_piece(
    request: CaseRequest, report: Report, cancel: CancelToken
) -> CaseResult | CaseFailure:
    """A piece of the work: one case."""
    (outcome,) = predict_cohort(
        _model(request.model, request.together),
        request.cohort,
        features_folder=request.features_folder,
        mpp=request.mpp,
        muted=request.muted,
        report=report,
        cancel=cancel,
        workers=request.workers,
        precision=request.precision,
        load_encoder=_encoders(),
    )
    return outcome


@lru_cache(maxsize=1)
def _model(path: Path, together: int) -> Model:
    """Loaded once a process."""
    model = load_model(path)
    compile_for(model, together)
    return model


@lru_cache(maxsize=1)
def _encoders() -> EncoderLoader:
    """Likewise."""
    return EncoderLoader()
