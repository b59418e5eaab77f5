"""A model on every case of a cohort: one that fails is named, the rest goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from momkd_core.checkpoint import Model
from momkd_core.cohort import Cohort
from momkd_core.cohort_case import Case, CohortSlide
from momkd_core.errors import MomkdError, SettingsError
from momkd_core.extraction import EncoderLoader
from momkd_core.feature_folder import FeatureFolder
from momkd_core.model.attention import Muted
from momkd_core.model.neighbour_attention import compiled_kernels
from momkd_core.prediction import EncodedSlide, Precision, check_precision, chosen_muted, encode
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.result import SlideResult
from momkd_core.slide import DEFAULT_WORKERS

# Compiled kernels save about 10 ms for every thousand patches and take up to 40 s to make once.
_CASES_WORTH_COMPILING = 1000


@dataclass(frozen=True)
class CaseResult:
    """A case: the mean of its slides.

    Attributes:
        slides: results by slide, in the cohort's order.
        probability: mean over the slides.
        label: as recorded; None where the cohort has none that the model knows.
    """

    case: Case
    slides: tuple[SlideResult, ...]
    probability: float
    predicted: str
    threshold: float
    label: str | None

    @classmethod
    def of(cls, model: Model, case: Case, slides: Sequence[SlideResult]) -> CaseResult:
        """The case as its slides say together."""
        probability = float(np.mean([slide.probability for slide in slides]))
        said = model.decision
        predicted, label = said.predicted(probability), said.label(case.values)
        return cls(case, tuple(slides), probability, predicted, said.threshold, label)

    @property
    def background_focus(self) -> float | None:
        """Mean over the slides; None where that of one is unknown."""
        known = [slide.background_focus for slide in self.slides]
        values = [value for value in known if value is not None]
        return float(np.mean(values)) if len(values) == len(known) else None

    @property
    def background_focus_reason(self) -> str:
        """Why it is None; '' where it is known."""
        return next(
            (one.background_focus_reason for one in self.slides if one.background_focus is None), ""
        )

    @property
    def effective_patches(self) -> float | None:
        """Mean over the slides; None without attention."""
        known = [slide.effective_patches for slide in self.slides]
        values = [value for value in known if value is not None]
        return float(np.mean(values)) if values else None


@dataclass(frozen=True)
class CaseFailure:
    """A slide of a case that could not be predicted; the case has no result then."""

    case_id: str
    slide: str
    error: MomkdError

    def as_json(self) -> dict[str, str]:
        """As ``momkd predict``, ``rescore`` and ``triage`` print it."""
        return {"case_id": self.case_id, "slide": self.slide, "error": str(self.error)}


#: Told of each slide that was predicted, as it is after the graph encoder.
OnEncoded = Callable[[Case, EncodedSlide], None]


def predict_cohort(
    model: Model,
    cohort: Cohort,
    *,
    features_folder: Path | None = None,
    mpp: float | None = None,
    muted: Muted | None = None,
    report: Report = silent,
    cancel: CancelToken | None = None,
    workers: int = DEFAULT_WORKERS,
    precision: Precision = "float32",
    on_encoded: OnEncoded | None = None,
    load_encoder: EncoderLoader | None = None,
) -> Iterator[CaseResult | CaseFailure]:
    """Predicts case after case; one that fails is named and the rest goes on.

    Args:
        muted: as for :func:`momkd_core.prediction.predict`.
        load_encoder: with encoders that were loaded before.

    Raises:
        CohortError: two slides would be read from one feature file.
        SettingsError: the muting or the precision is impossible.
    """
    chosen_muted(model, muted)  # before anything starts
    check_precision(precision)
    folder = FeatureFolder.of(features_folder)
    cohort.check_distinct(folder)
    loader = load_encoder or EncoderLoader()
    compile_for(model, len(cohort), report)
    for position, case in enumerate(cohort.cases, start=1):

        def case_report(
            done: int, total: int, what: str, at: str = f"case {position} of {len(cohort)}"
        ) -> None:
            report(done, total, f"{at}: {what}")

        case_report(0, 0, case.case_id)
        yield _predict_case(
            model, cohort, case, folder, mpp, muted, case_report, cancel, loader, workers,
            precision, on_encoded,
        )  # fmt: skip


def compile_for(model: Model, cases: int, report: Report = silent) -> None:
    """Compiles a model's kernels where it is to predict so many cases that it pays."""
    if model.card.is_momkd and cases >= _CASES_WORTH_COMPILING:
        report(0, 0, "compiling")
        kernels = compiled_kernels()
        for member in model.members:
            member.momkd.use_kernels(kernels)


def _predict_case(
    model: Model,
    cohort: Cohort,
    case: Case,
    features_folder: FeatureFolder | None,
    mpp: float | None,
    muted: Muted | None,
    report: Report,
    cancel: CancelToken | None,
    loader: EncoderLoader,
    workers: int,
    precision: Precision,
    on_encoded: OnEncoded | None,
) -> CaseResult | CaseFailure:
    results = []
    for slide in case.slides:
        try:
            path = source_of(cohort, slide, features_folder)
            encoded = encode(
                model,
                path,
                mpp=slide.mpp or mpp,
                report=report,
                cancel=cancel,
                load_encoder=loader,
                workers=workers,
                name=slide.stem,
                precision=precision,
                slide=slide.slide,
            )
            results.append(encoded.result(muted))
            if on_encoded is not None:
                on_encoded(case, encoded)
        except SettingsError:
            raise  # the same for every case: a wrong request, not a bad slide
        except MomkdError as error:
            return CaseFailure(case.case_id, slide.stem, error)
    return CaseResult.of(model, case, results)


def source_of(
    cohort: Cohort, slide: CohortSlide, features_folder: Path | FeatureFolder | None
) -> Path:
    """Features where there are some, else the slide."""
    if features_folder is not None or slide.slide is None:
        return cohort.feature_path(slide, features_folder)
    if slide.features is not None and slide.features.exists():
        return slide.features
    return slide.slide
