"""Each component's patches over a cohort: what the model means by it.

The patches most similar to a component are its extremes. Beside them are typical ones, and
counter-examples that the opposite memory won; of each only a few a patient, so that nobody speaks for a
cohort alone. A slide on its own is a cohort of one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from momkd_core.atlas_picks import ComponentPicks, Rows, SlidePatches, Wanted
from momkd_core.atlas_record import (
    Atlas,
    AtlasComponent,
    AtlasFailure,
    AtlasPatch,
    CounterExample,
    NearComponent,
)
from momkd_core.checkpoint import Model
from momkd_core.cohort import Cohort
from momkd_core.cohort_prediction import CaseFailure, OnEncoded, predict_cohort
from momkd_core.component_names import MEMORIES
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.result import ComponentUse, SlideResult

log = logging.getLogger(__name__)

PER_PATIENT = 3
_NEAREST = 3  # components of either memory

#: A slide of a cohort: case id, patient id, what the model says of it, the case's class value or None.
Found = tuple[str, str, SlideResult, str | None]


def build_atlas(
    model: Model,
    cohort: Cohort,
    *,
    top: int = 9,
    typical: int = 9,
    counter_examples: int = 9,
    per_patient: int = PER_PATIENT,
    features_folder: Path | None = None,
    mpp: float | None = None,
    report: Report = silent,
    cancel: CancelToken | None = None,
    on_encoded: OnEncoded | None = None,
) -> Atlas:
    """The atlas of a model over a cohort; a case that fails is named in it, and the rest goes on.

    Args:
        top, typical, counter_examples, per_patient: as for :func:`atlas_of_results`.
        on_encoded: as for :func:`momkd_core.cohort_prediction.predict_cohort`.

    Raises:
        SettingsError: the model has no components: it is a comparison system, or the mean of folds.
        CohortError: of the request.
        Cancelled: between two slides.
    """
    failures: list[AtlasFailure] = []

    def found() -> Iterator[Found]:
        for outcome in predict_cohort(
            model,
            cohort,
            features_folder=features_folder,
            mpp=mpp,
            report=report,
            cancel=cancel,
            on_encoded=on_encoded,
        ):
            if isinstance(outcome, CaseFailure):
                log.info("case %s failed", outcome.case_id, exc_info=outcome.error)
                failures.append(AtlasFailure(outcome.case_id, outcome.slide, str(outcome.error)))
                continue
            case = outcome.case
            for result in outcome.slides:
                yield case.case_id, case.patient_id, result, model.decision.label(case.values)

    atlas = atlas_of_results(
        model,
        found(),
        top=top,
        typical=typical,
        counter_examples=counter_examples,
        per_patient=per_patient,
    )
    return replace(atlas, failures=tuple(failures))


def atlas_of_results(
    model: Model,
    results: Iterable[Found],
    *,
    top: int = 9,
    typical: int = 9,
    counter_examples: int = 9,
    per_patient: int = PER_PATIENT,
) -> Atlas:
    """The atlas of slides that were predicted already, taken one after the other.

    Args:
        results: of this model; slides of one case or patient in any order.
        top, typical, counter_examples: how many patches of each kind a component shows.
        per_patient: how many of one patient, while others remain.

    Raises:
        SettingsError: the model has no components: it is a comparison system, or the mean of folds.
    """
    model.require_components()
    gathered = _Gathered(model, Wanted(top, typical, counter_examples, per_patient))
    for case_id, patient_id, result, label in results:
        gathered.add(case_id, patient_id, result, label)
    return gathered.atlas()


class _Tally:
    """How slides use the 2 n components of a model, positive ones first."""

    def __init__(self, components: int) -> None:
        self.slides = self.patches = 0
        self.won = np.zeros(components, np.int64)
        self._attention = np.zeros(components)

    def add(self, result: SlideResult, won: NDArray[np.int64], uses: list[ComponentUse]) -> None:
        self.slides += 1
        self.patches += len(result)
        self.won += won
        self._attention += [use.attention for use in uses]

    def prevalence(self, position: int) -> float:
        """Share of all patches."""
        return float(self.won[position] / max(1, self.patches))

    def attention(self, position: int) -> float:
        """Mean over slides."""
        return float(self._attention[position] / max(1, self.slides))


class _Gathered:
    """Counts and candidates of all components, positive ones first."""

    def __init__(self, model: Model, wanted: Wanted) -> None:
        self._model = model
        count = model.card.model.components
        self._names = [(memory, j) for memory in MEMORIES for j in range(count)]
        self._picks = [ComponentPicks(memory, j, wanted) for memory, j in self._names]
        self._cases: set[str] = set()
        self._patients: dict[str, int] = {}
        self._slides: list[tuple[str, str, str, int]] = []  # case, patient, name, side of a patch
        self._all = _Tally(2 * count)
        self._classes: dict[str, _Tally] = {}
        self._slides_with = np.zeros(2 * count, np.int64)
        self._patients_with: list[set[str]] = [set() for _ in self._names]

    def add(self, case_id: str, patient_id: str, result: SlideResult, label: str | None) -> None:
        patient = self._patients.setdefault(patient_id, len(self._patients))
        slide = SlidePatches(result, len(self._slides), patient)
        self._slides.append((case_id, patient_id, result.slide_name, result.size_level0))
        self._cases.add(case_id)
        uses = result.components()
        won = np.array([round(use.share * len(result)) for use in uses], np.int64)
        self._all.add(result, won, uses)
        if label is not None:
            self._classes.setdefault(label, _Tally(len(uses))).add(result, won, uses)
        self._slides_with += won > 0
        for position in np.flatnonzero(won):
            self._patients_with[position].add(patient_id)
        for picks in self._picks:
            picks.add(slide)

    def atlas(self) -> Atlas:
        nearest = _nearest(self._model)
        return Atlas(
            model_sha256=self._model.sha256,
            cases=len(self._cases),
            patients=len(self._patients),
            slides=self._all.slides,
            patches=self._all.patches,
            components=tuple(
                self._component(position, nearest[position]) for position in range(len(self._names))
            ),
        )

    def _component(self, position: int, nearest: tuple[NearComponent, ...]) -> AtlasComponent:
        memory, index = self._names[position]
        picks, classes = self._picks[position], sorted(self._classes.items())
        return AtlasComponent(
            memory=memory,
            index=index,
            patches=int(self._all.won[position]),
            prevalence=self._all.prevalence(position),
            attention=self._all.attention(position),
            slides=int(self._slides_with[position]),
            patients=len(self._patients_with[position]),
            top=tuple(self._patch(row) for row in picks.top()),
            typical=tuple(self._patch(row) for row in picks.typical()),
            counter_examples=tuple(
                CounterExample(
                    patch=self._patch(row),
                    winner=int(row["winner"]),
                    winner_similarity=float(row["winner_similarity"]),
                    margin=float(row["margin"]),
                )
                for row in picks.counter_examples()
            ),
            prevalence_by_class={label: of.prevalence(position) for label, of in classes},
            attention_by_class={label: of.attention(position) for label, of in classes},
            nearest=nearest,
            profile=self._model.card.profile_of(memory, index),
        )

    def _patch(self, row: Rows) -> AtlasPatch:
        case_id, patient_id, slide, size = self._slides[row["slide"]]
        return AtlasPatch(
            case_id=case_id,
            patient_id=patient_id,
            slide=slide,
            x=int(row["x"]),
            y=int(row["y"]),
            size=size,
            similarity=float(row["similarity"]),
            affinity=float(row["affinity"]),
            attention=float(row["attention"]),
        )


def _nearest(model: Model) -> list[tuple[NearComponent, ...]]:
    """Each component's nearest ones in its own and in the opposite memory, best first."""
    with torch.no_grad():
        unit = torch.cat(model.members[0].momkd.memory.unit())
        cosine = (unit @ unit.T).clamp(-1.0, 1.0).numpy()
    count = len(cosine) // 2
    np.fill_diagonal(cosine, -np.inf)
    result = []
    for row in cosine:
        chosen = []
        for memory, of_memory in zip(MEMORIES, (row[:count], row[count:]), strict=True):
            for j in np.argsort(-of_memory, kind="stable")[:_NEAREST]:
                if np.isfinite(of_memory[j]):
                    chosen.append(NearComponent(memory, int(j), float(of_memory[j])))
        result.append(tuple(sorted(chosen, key=lambda near: -near.cosine)))
    return result
