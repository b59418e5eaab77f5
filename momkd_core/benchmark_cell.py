"""One cell of a benchmark: a method with one seed, trained and measured in a process of its own.

A cell is a run folder of ``momkd train`` with ``cell.json`` beside its summary, and ``<test>.json`` and
``<test>.csv`` for each other cohort that it was tested on. ``cell.json`` is written last.
"""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib.figure  # noqa: F401 - so that it is loaded once, not by every cell
import torch._dynamo  # noqa: F401 - likewise: the first optimiser would load it

from momkd_core.checkpoint import FoldModel, Model, load_model
from momkd_core.cohort_case import CohortSlide
from momkd_core.cohort_prediction import CaseResult
from momkd_core.comparators.comparator import Comparator
from momkd_core.cross_validation import cross_validate
from momkd_core.export import write_json
from momkd_core.external_validation import ExternalCohort, evaluate_cohort
from momkd_core.features import read_features
from momkd_core.patch_tissue import with_tissue
from momkd_core.prediction import EncodedSlide
from momkd_core.processor import gpu_peak_memory, peak_memory
from momkd_core.progress import CancelToken, Report
from momkd_core.run_folder import PREDICTION_COLUMNS
from momkd_core.storage import write_table
from momkd_core.training_request import TrainingRequest

CELL_FILE = "cell.json"

_TIMED_SLIDES = 32


@dataclass(frozen=True)
class Cell:
    """What is trained and tested.

    Attributes:
        training: all its folds, into a run folder of its own.
        external: cohorts that the mean of its folds is tested on.
    """

    method: str
    seed: int
    training: TrainingRequest
    external: tuple[ExternalCohort, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.method} seed {self.seed}"


def run_cell(cell: Cell, report: Report, cancel: CancelToken) -> None:
    """Trains what is not finished, tests it, and writes what it cost. Whoever asks holds its folds.

    Raises:
        MomkdError: what of it cannot be done.
        Cancelled: on request; finished folds stay.
    """
    started = time.perf_counter()
    out = cell.training.out
    before = read_measured(out)
    cross_validate(cell.training, held=True, report=report, cancel=cancel)
    peak = _peak_bytes()
    model = load_model(out)
    for external in cell.external:
        _test(model, external, out, report, cancel)
    if "inference_seconds" not in before:
        before |= _inference(cell.training, model.members[0])
    write_json(
        out / CELL_FILE,
        before
        | {
            "peak_bytes": max(peak, before.get("peak_bytes") or 0) if peak else None,
            "seconds": time.perf_counter() - started + before.get("seconds", 0.0),
            "inference_parameters": _inference_parameters(model.members[0]),
        },
    )


def read_measured(run: Path) -> dict[str, Any]:
    """The content of ``cell.json``; empty where there is none yet, or none that can be read."""
    try:
        found = json.loads((run / CELL_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _test(
    model: Model, external: ExternalCohort, out: Path, report: Report, cancel: CancelToken
) -> None:
    """Tests a model on another cohort, unless that was done with the same of both."""
    path = out / f"{external.name}.json"
    asked = {
        "model_sha256": model.sha256,
        "cohort_fingerprint": external.cohort.fingerprint,
    }
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if {key: found.get(key) for key in asked} == asked and not found["errors"]:
            return
    except (OSError, ValueError, KeyError, AttributeError):
        pass
    rows: list[dict[str, Any]] = []

    def on_case(result: CaseResult) -> None:
        rows.append(
            {
                "case_id": result.case.case_id,
                "patient_id": result.case.patient_id,
                "label": result.label,
                "probability": repr(result.probability),
                "predicted": result.predicted,
                "split": external.name,
            }
        )

    summary = evaluate_cohort(
        model,
        external.cohort,
        features_folder=external.features_folder,
        report=report,
        cancel=cancel,
        on_case=on_case,
    )
    write_table(out / f"{external.name}.csv", PREDICTION_COLUMNS, rows)
    write_json(path, asked | summary)


def _inference(request: TrainingRequest, member: FoldModel) -> dict[str, Any]:
    """Seconds from a slide's features, in memory, to its result: the median over test slides."""
    split = json.loads((member.path.parent / "split.json").read_text(encoding="utf-8"))
    test = set(split["test"])
    slides = [s for case in request.cohort.cases if case.case_id in test for s in case.slides]
    # What all methods share, a slide's distance from the training patches, is no part of a method.
    model = Model(member.path, (replace(member, familiarity=None),))
    chosen = slides[:_TIMED_SLIDES]
    timed = [_time_slide(request, model, slide) for slide in [chosen[0], *chosen]]
    del timed[0]  # what is made once
    return {
        "inference_seconds": statistics.median(seconds for seconds, _ in timed),
        "inference_patches": statistics.median(patches for _, patches in timed),
    }


def _time_slide(request: TrainingRequest, model: Model, slide: CohortSlide) -> tuple[float, int]:
    """Seconds and patches of one slide."""
    path = request.cohort.feature_path(slide, request.features_folder)
    bag = read_features(path, slide=slide.slide, mpp=slide.mpp)
    if model.card.model.background_weight < 1:
        bag = with_tissue(bag, slide.slide, mpp=slide.mpp)
    started = time.perf_counter()
    EncodedSlide(model, bag, path.stem).result()
    return time.perf_counter() - started, len(bag)


def _inference_parameters(member: FoldModel) -> int:
    """Numbers that an answer by histology alone is made from."""
    network = member.network
    if isinstance(network, Comparator):
        return sum(tensor.numel() for tensor in network.inference_state().values())
    branches = network.branches()
    return sum(p.numel() for name in ("histology", "memory") for p in branches[name])


def _peak_bytes() -> int | None:
    """The largest memory of the GPU where one trains, else of this process; None on Windows."""
    gpu = gpu_peak_memory()
    return peak_memory() if gpu is None else gpu
