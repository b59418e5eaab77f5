"""What muting components would change for the cases of a cohort; nothing is retrained."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from momkd_core.checkpoint import Model
from momkd_core.cohort import Cohort
from momkd_core.cohort_case import Case
from momkd_core.cohort_change import CaseChange, CohortChange, auc_difference, focus_difference
from momkd_core.cohort_prediction import CaseFailure, CaseResult, source_of
from momkd_core.encoded_cases import EncodedCases
from momkd_core.errors import MomkdError, SettingsError
from momkd_core.extraction import EncoderLoader
from momkd_core.feature_folder import FeatureFolder
from momkd_core.model.attention import Muted
from momkd_core.prediction import chosen_muted, encode
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.run_folder import seen_in_training
from momkd_core.slide import DEFAULT_WORKERS


def rescore(
    model: Model,
    cohort: Cohort,
    after: Muted | None,
    *,
    before: Muted | None = None,
    features_folder: Path | None = None,
    mpp: float | None = None,
    encoded: EncodedCases | None = None,
    report: Report = silent,
    cancel: CancelToken | None = None,
    workers: int = DEFAULT_WORKERS,
) -> CohortChange:
    """Predicts a cohort under two sets of muted components and compares them, case by case.

    Args:
        model: of one file.
        after, before: the compared sets; ``{}`` mutes nothing, None what the model's card mutes.
        mpp: the slides' own resolution where their row states none.
        encoded: shared between calls, so that the next set is quick; see :class:`EncodedCases`.

    Raises:
        SettingsError: a set is impossible, or the model is the mean of several folds.
        CohortError: two slides would be read from one feature file.
        Cancelled: between two slides.
    """
    cases: list[CaseChange] = []
    failures: list[CaseFailure] = []
    for outcome in case_changes(
        model,
        cohort,
        after,
        before=before,
        features_folder=features_folder,
        mpp=mpp,
        encoded=encoded,
        report=report,
        cancel=cancel,
        workers=workers,
    ):
        if isinstance(outcome, CaseFailure):
            failures.append(outcome)
        else:
            cases.append(outcome)
    return cohort_change(model, cohort, after, cases, failures, before=before)


def case_changes(
    model: Model,
    cohort: Cohort,
    after: Muted | None,
    *,
    before: Muted | None = None,
    features_folder: Path | None = None,
    mpp: float | None = None,
    encoded: EncodedCases | None = None,
    report: Report = silent,
    cancel: CancelToken | None = None,
    workers: int = DEFAULT_WORKERS,
) -> Iterator[CaseChange | CaseFailure]:
    """The cases of :func:`rescore` one by one; one that fails is named and the rest goes on."""
    model.require_components()
    sets = (chosen_muted(model, before), chosen_muted(model, after))
    folder = FeatureFolder.of(features_folder)
    cohort.check_distinct(folder)
    pass_ = _Pass(model, cohort, folder, mpp, encoded, cancel, workers)
    for position, case in enumerate(cohort.cases):
        report(position, len(cohort), "re-scoring cases")
        yield pass_.change(case, sets, report)
    report(len(cohort), len(cohort), "re-scoring cases")


def cohort_change(
    model: Model,
    cohort: Cohort,
    after: Muted | None,
    cases: list[CaseChange],
    failures: list[CaseFailure],
    *,
    before: Muted | None = None,
) -> CohortChange:
    """What the changes of a cohort's cases come to."""
    found = {case.case_id for case in cases}
    return CohortChange(
        model_sha256=model.sha256,
        muted_before=chosen_muted(model, before),
        muted_after=chosen_muted(model, after),
        cases=tuple(cases),
        failures=tuple(failures),
        auc=auc_difference(model, cohort, cases),
        background_focus=focus_difference(cases),
        warnings=tuple(seen_in_training(model, [c for c in cohort.cases if c.case_id in found])),
    )


class _Pass:
    """One way through a cohort."""

    def __init__(
        self,
        model: Model,
        cohort: Cohort,
        features_folder: FeatureFolder | None,
        mpp: float | None,
        encoded: EncodedCases | None,
        cancel: CancelToken | None,
        workers: int,
    ) -> None:
        self._model, self._cohort = model, cohort
        self._features_folder, self._mpp, self._workers = features_folder, mpp, workers
        # Without a place to keep them, slides are let go at once.
        self._encoded = EncodedCases(budget=0) if encoded is None else encoded
        self._cancel = cancel
        self._loader = EncoderLoader()

    def change(
        self, case: Case, sets: tuple[Muted, Muted], report: Report
    ) -> CaseChange | CaseFailure:
        readings = []
        for slide in case.slides:
            if self._cancel is not None:
                self._cancel.raise_if_cancelled()
            try:
                path = source_of(self._cohort, slide, self._features_folder)
                mpp = slide.mpp or self._mpp
                make = partial(
                    encode,
                    self._model,
                    path,
                    mpp=mpp,
                    report=report,
                    cancel=self._cancel,
                    load_encoder=self._loader,
                    workers=self._workers,
                    name=slide.stem,
                    slide=slide.slide,
                )
                encoded = self._encoded.get(self._model, path, mpp, make)
                readings.append([encoded.result(muted) for muted in sets])
            except SettingsError:
                raise  # the same for every case: a wrong request, not a bad slide
            except MomkdError as error:
                return CaseFailure(case.case_id, slide.stem, error)
        before, after = (
            CaseResult.of(self._model, case, slides) for slides in zip(*readings, strict=True)
        )
        return CaseChange.of(before, after)
