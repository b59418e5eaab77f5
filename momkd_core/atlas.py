"""Each component's patches: what the model means by it.

A component is shown by the patches most similar to it, at most a few per slide, so that one slide
cannot speak for a cohort.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from momkd_core.checkpoint import Model
from momkd_core.cohort import Cohort
from momkd_core.cohort_prediction import CaseFailure, CaseResult, predict_cohort
from momkd_core.errors import ModelFileError, MomkdError
from momkd_core.model.attention import MEMORIES
from momkd_core.progress import Report, silent
from momkd_core.result import SlideResult
from momkd_core.slide import RgbImage, Slide

log = logging.getLogger(__name__)

PER_PATIENT = 3


@dataclass(frozen=True)
class AtlasPatch:
    """One patch of the atlas."""

    case_id: str
    patient_id: str
    slide: str
    x: int
    y: int
    size: int
    similarity: float
    affinity: float
    attention: float


@dataclass
class AtlasComponent:
    """One component over a cohort.

    Attributes:
        prevalence: share of all patches whose winner in the memory it is.
        attention: mean over slides of the attention mass on those patches.
        slides, patients: how many have at least one such patch.
        top: its most similar patches, best first.
    """

    memory: str
    index: int
    patches: int = 0
    prevalence: float = 0.0
    attention: float = 0.0
    slides: int = 0
    patients: int = 0
    top: tuple[AtlasPatch, ...] = ()


def build_atlas(
    model: Model,
    cohort: Cohort,
    *,
    top: int = 9,
    per_patient: int = PER_PATIENT,
    features_folder: Path | None = None,
    mpp: float | None = None,
    report: Report = silent,
) -> tuple[list[AtlasComponent], list[CaseFailure]]:
    """Components of both memories with their top patches over a cohort.

    Raises:
        ModelFileError: the model is the mean of several folds, which share no components.
    """
    if model.is_ensemble:
        raise ModelFileError(
            f"{model.path} is the mean of {len(model.members)} folds, which share no components",
            f"Name one fold's model file, for instance {model.members[0].path}",
        )
    count = model.card.model.components
    components = [AtlasComponent(memory, j) for memory in MEMORIES for j in range(count)]
    patients: list[set[str]] = [set() for _ in components]
    best: list[list[AtlasPatch]] = [[] for _ in components]
    total = slides = 0
    failures = []
    for outcome in predict_cohort(
        model, cohort, features_folder=features_folder, mpp=mpp, report=report
    ):
        if isinstance(outcome, CaseFailure):
            failures.append(outcome)
            continue
        for result in outcome.slides:
            total += len(result)
            slides += 1
            for position, use in enumerate(result.components()):
                component = components[position]
                component.patches += round(use.share * len(result))
                component.attention += use.attention
                if use.share > 0:
                    component.slides += 1
                    patients[position].add(outcome.case.patient_id)
                best[position] += _candidates(outcome, result, use.memory, use.index, top)
    for position, component in enumerate(components):
        component.prevalence = component.patches / max(1, total)
        component.attention /= max(1, slides)
        component.patients = len(patients[position])
        component.top = tuple(_capped(best[position], top, per_patient))
    return components, failures


def _candidates(
    outcome: CaseResult, result: SlideResult, memory: str, index: int, count: int
) -> Iterator[AtlasPatch]:
    assert result.match is not None
    for patch in result.top_patches(memory, index, count):
        x, y = result.coords[patch]
        yield AtlasPatch(
            case_id=outcome.case.case_id,
            patient_id=outcome.case.patient_id,
            slide=result.slide_name,
            x=int(x),
            y=int(y),
            size=result.size_level0,
            similarity=float(result.match.of(memory)[patch, index]),
            affinity=float(result.affinity[patch]),
            attention=float(result.attention[patch]),
        )


def _capped(patches: list[AtlasPatch], top: int, per_patient: int) -> list[AtlasPatch]:
    """The most similar patches, at most ``per_patient`` of one patient while others remain.

    Where too few patients are there to fill the atlas, the rest comes from whoever is best.
    """
    ordered = sorted(patches, key=lambda patch: -patch.similarity)
    taken: dict[str, int] = {}
    chosen: list[AtlasPatch] = []
    spare: list[AtlasPatch] = []
    for patch in ordered:
        count = taken.get(patch.patient_id, 0)
        (chosen if count < per_patient else spare).append(patch)
        taken[patch.patient_id] = count + 1
    filled = chosen[:top] + spare[: max(0, top - len(chosen))]
    return sorted(filled, key=lambda patch: -patch.similarity)


def patch_image(slide: Slide, x: int, y: int, size_level0: int, pixels: int) -> RgbImage:
    """A patch as (pixels, pixels, 3) uint8. Raises :class:`~momkd_core.errors.SlideError`."""
    return slide.read_scaled(x, y, size_level0, pixels, filter_=Image.Resampling.BILINEAR)


def montage(images: list[RgbImage], columns: int, *, gap: int = 4) -> RgbImage:
    """Equal squares side by side on white."""
    side = images[0].shape[0]
    rows = -(-len(images) // columns)
    shape = (rows * (side + gap) - gap, columns * (side + gap) - gap, 3)
    canvas = np.full(shape, 255, np.uint8)
    for index, image in enumerate(images):
        y, x = (index // columns) * (side + gap), (index % columns) * (side + gap)
        canvas[y : y + side, x : x + side] = image
    return canvas


def write_montages(
    components: list[AtlasComponent], cohort: Cohort, folder: Path, *, mpp: float | None = None
) -> int:
    """One PNG a component where the slides exist; returns how many were written."""
    paths = {
        (case.case_id, slide.stem): (slide.slide, slide.mpp or mpp)
        for case in cohort.cases
        for slide in case.slides
        if slide.slide is not None and slide.slide.exists()
    }
    opened: dict[Path, Slide] = {}
    written = 0
    try:
        for component in components:
            images = []
            for patch in component.top:
                found = paths.get((patch.case_id, patch.slide))
                if found is None or found[0] is None:
                    continue
                path, resolution = found
                try:
                    if path not in opened:
                        opened[path] = Slide(path, mpp=resolution)
                    images.append(patch_image(opened[path], patch.x, patch.y, patch.size, 224))
                except MomkdError as error:
                    log.warning("%s", error)
            if images:
                folder.mkdir(parents=True, exist_ok=True)
                name = f"{component.memory}_{component.index:02d}.png"
                Image.fromarray(montage(images, 3)).save(folder / name)
                written += 1
    finally:
        for slide in opened.values():
            slide.close()
    return written


def as_json(components: list[AtlasComponent], failures: list[CaseFailure]) -> dict[str, Any]:
    """The content of ``atlas.json``."""
    return {
        "components": [
            {
                "memory": c.memory,
                "index": c.index,
                "patches": c.patches,
                "prevalence": c.prevalence,
                "attention": c.attention,
                "slides": c.slides,
                "patients": c.patients,
                "top": [vars(patch) for patch in c.top],
            }
            for c in components
        ],
        "errors": [
            {"case_id": f.case_id, "slide": f.slide, "error": str(f.error)} for f in failures
        ],
    }
