"""Cures side by side, on a case or on a cohort: before, after, and what to make of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from momkd_core.checkpoint import Model
from momkd_core.cohort import Cohort
from momkd_core.cohort_case import Case, CohortSlide
from momkd_core.cohort_change import CaseChange, CohortChange
from momkd_core.cohort_prediction import CaseFailure, CaseResult, predict_cohort, source_of
from momkd_core.cure_notes import case_note, hiding_notes, other_notes
from momkd_core.cures import Cure, MuteBackground, SlideAtHand
from momkd_core.errors import MomkdError, SettingsError
from momkd_core.extraction import EncoderLoader, cached_bag
from momkd_core.features import FeatureBag
from momkd_core.prediction import EncodedSlide, load_bag
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.rescoring import cohort_change
from momkd_core.result import SlideResult
from momkd_core.settings import ExtractionSettings
from momkd_core.slide import DEFAULT_WORKERS

#: What is reported of each of both passes over the cohort, with the number of cases; what is reported
#: between is of one slide.
JUDGING = "judging components by tissue"
COMPARING = "comparing cures"


@dataclass(frozen=True)
class CuredCase:
    """A case under every cure.

    Attributes:
        before: without any.
        after: by the cure's name, what it changes, or why it could not be used.
    """

    before: CaseResult
    after: Mapping[str, CaseChange | CaseFailure]


@dataclass(frozen=True)
class CureReport:
    """One cure over a cohort.

    Attributes:
        does: the cure in words, with what it muted.
        hides: reasons to think that it only hides the problem; empty where it does not seem to.
        notes: what else a reader of the numbers must know.
    """

    name: str
    does: str
    change: CohortChange
    hides: tuple[str, ...]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The change as ``momkd rescore`` gives it, each case with a note, and what to make of it."""
        return {
            "cure": self.name,
            "does": self.does,
            **self.change.as_json(),
            "cases": [case.as_row() | {"note": case_note(case)} for case in self.change.cases],
            "hides": list(self.hides),
            "notes": list(self.notes),
        }


class CureComparison:
    """Cures on the cases of a cohort.

    Args:
        cures: of different names; components to mute are chosen by :meth:`prepare`.
        mpp: the slides' own resolution where their row states none.

    Raises:
        SettingsError: a cure cannot be used with this model, or is named twice.
        CohortError: two slides would be read from one feature file.
    """

    def __init__(
        self,
        model: Model,
        cohort: Cohort,
        cures: Sequence[Cure],
        *,
        features_folder: Path | None = None,
        mpp: float | None = None,
        report: Report = silent,
        cancel: CancelToken | None = None,
        workers: int = DEFAULT_WORKERS,
    ) -> None:
        for cure in cures:
            cure.check(model)
        names = [cure.name for cure in cures]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise SettingsError(f"The cure {twice} is named twice", "Name each once")
        cohort.check_distinct(features_folder)
        self._model, self._cohort = model, cohort
        self._features_folder, self._mpp, self._workers = features_folder, mpp, workers
        self._report, self._cancel = report, cancel or CancelToken()
        self._loader = EncoderLoader()
        self.cures = list(cures)

    def prepare(self) -> None:
        """Chooses over the whole cohort which components live on background, where that is asked for.

        Raises:
            FeatureError: no slide's tissue is known.
            Cancelled: between two slides.
        """
        self.cures = [
            cure.chosen(self._model, self._slides()) if isinstance(cure, MuteBackground) else cure
            for cure in self.cures
        ]

    def _slides(self) -> Iterator[SlideResult]:
        """Of the cases that can be read; those that cannot are named by :meth:`cases`."""
        total = len(self._cohort)
        self._report(0, total, JUDGING)
        outcomes = predict_cohort(
            self._model,
            self._cohort,
            features_folder=self._features_folder,
            mpp=self._mpp,
            report=self._report,
            cancel=self._cancel,
            workers=self._workers,
        )
        for done, outcome in enumerate(outcomes, start=1):
            self._cancel.raise_if_cancelled()
            self._report(done, total, JUDGING)
            if isinstance(outcome, CaseResult):
                yield from outcome.slides

    def cases(self) -> Iterator[CuredCase | CaseFailure]:
        """The cohort's cases one by one; one that fails is named and the rest goes on."""
        for position, case in enumerate(self._cohort.cases):
            self._report(position, len(self._cohort), COMPARING)
            yield self.case(case)
        self._report(len(self._cohort), len(self._cohort), COMPARING)

    def case(self, case: Case) -> CuredCase | CaseFailure:
        """One case under every cure."""
        at_hand = []
        for slide in case.slides:
            self._cancel.raise_if_cancelled()
            try:
                at_hand.append(self._read(slide))
            except MomkdError as error:
                return CaseFailure(case.case_id, slide.stem, error)
        before = CaseResult.of(self._model, case, [one.encoded.result() for one in at_hand])
        after = {cure.name: self._cured(cure, case, before, at_hand) for cure in self.cures}
        return CuredCase(before, after)

    def _cured(
        self, cure: Cure, case: Case, before: CaseResult, at_hand: Sequence[SlideAtHand]
    ) -> CaseChange | CaseFailure:
        results = []
        for one in at_hand:
            self._cancel.raise_if_cancelled()
            try:
                results.append(cure.result(one))
            except MomkdError as error:
                return CaseFailure(case.case_id, one.name, error)
        return CaseChange.of(before, CaseResult.of(self._model, case, results))

    def _read(self, slide: CohortSlide) -> SlideAtHand:
        mpp = slide.mpp or self._mpp
        bag = load_bag(
            self._model.card,
            source_of(self._cohort, slide, self._features_folder),
            mpp=mpp,
            report=self._report,
            cancel=self._cancel,
            load_encoder=self._loader,
            workers=self._workers,
            slide=slide.slide,
        )

        def extract(path: Path, settings: ExtractionSettings) -> FeatureBag:
            return cached_bag(
                path,
                settings,
                self._loader,
                mpp=mpp,
                report=self._report,
                cancel=self._cancel,
                workers=self._workers,
            )

        encoded = EncodedSlide(self._model, bag, slide.stem)
        return SlideAtHand(self._model, encoded, slide.slide, extract)

    def reports(self, outcomes: Sequence[CuredCase | CaseFailure]) -> list[CureReport]:
        """What the outcomes of :meth:`cases` come to, cure by cure."""
        unread = [one for one in outcomes if isinstance(one, CaseFailure)]
        cured = [one for one in outcomes if isinstance(one, CuredCase)]
        found = []
        for cure in self.cures:
            after = [one.after[cure.name] for one in cured]
            changes = [one for one in after if isinstance(one, CaseChange)]
            failures = unread + [one for one in after if isinstance(one, CaseFailure)]
            change = cohort_change(self._model, self._cohort, cure.muted, changes, failures)
            idle = isinstance(cure, MuteBackground) and change.muted_after == change.muted_before
            found.append(
                CureReport(
                    cure.name,
                    cure.does,
                    change,
                    () if idle else tuple(hiding_notes(change)),
                    ("no component lives on background: nothing was muted",)
                    if idle
                    else tuple(other_notes(change)),
                )
            )
        return found


def compare_cures(
    model: Model,
    cohort: Cohort,
    cures: Sequence[Cure],
    *,
    features_folder: Path | None = None,
    mpp: float | None = None,
    report: Report = silent,
    cancel: CancelToken | None = None,
    workers: int = DEFAULT_WORKERS,
) -> list[CureReport]:
    """Tries cures on a cohort, one report each; arguments and errors of :class:`CureComparison`."""
    comparison = CureComparison(
        model,
        cohort,
        cures,
        features_folder=features_folder,
        mpp=mpp,
        report=report,
        cancel=cancel,
        workers=workers,
    )
    comparison.prepare()
    return comparison.reports(list(comparison.cases()))
