"""Patches of a cohort by what a model makes of them, to find those that are most like a given one.

At most 200,000 patches, evenly many a slide, as the unit vectors that are matched with the memory.
Muting changes none of them.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from momkd_core.checkpoint import Model
from momkd_core.cohort import Cohort
from momkd_core.cohort_case import Case
from momkd_core.cohort_prediction import CaseFailure, predict_cohort
from momkd_core.errors import AtlasError
from momkd_core.prediction import EncodedSlide
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.storage import atomic_path

MOST_PATCHES = 200_000
_FORMAT = 1
_SEED = 0
_BLOCK = 16_384  # vectors compared at a time


@dataclass(frozen=True)
class IndexedPatch:
    """Where a patch lies: level-0 corner and side; ``slide`` is its file's stem."""

    case_id: str
    patient_id: str
    slide: str
    x: int
    y: int
    size: int


@dataclass(frozen=True)
class IndexedSlide:
    """A slide of the index and the side of its patches, level 0."""

    case_id: str
    patient_id: str
    name: str
    size: int


@dataclass(frozen=True)
class PatchIndex:
    """M patches of a cohort, D_N wide.

    Attributes:
        model_sha256: of the model whose projection it holds, before any curation, which changes none
            (``Model.origin_sha256``); vectors of another model mean nothing here.
        vectors: (M, D_N) float16, of length 1.
        coords: (M, 2) level-0 corners.
        of_slide: (M,) positions in ``slides``.
    """

    model_sha256: str
    slides: tuple[IndexedSlide, ...]
    vectors: NDArray[np.float16]
    coords: NDArray[np.int64]
    of_slide: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.vectors)

    def nearest(
        self,
        vector: NDArray[np.floating],
        count: int,
        *,
        per_patient: int | None = None,
        without_case: str | None = None,
    ) -> list[tuple[IndexedPatch, float]]:
        """The patches most like one, with their cosine, best first (ties: lower position).

        Args:
            vector: (D_N,) of :attr:`momkd_core.prediction.EncodedSlide.projected`, any length.
            per_patient: at most so many of one patient.
            without_case: leave a case out, for instance the patch's own.

        Raises:
            AtlasError: the vector has another width: it is another model's.
        """
        if vector.shape != (self.vectors.shape[1],):
            raise AtlasError(
                f"The patch is described by {len(vector)} numbers, the index by "
                f"{self.vectors.shape[1]}: they are of two models",
                "Make the index with this model",
            )
        unit = vector.astype(np.float32) / max(float(np.linalg.norm(vector)), 1e-12)
        cosine = np.empty(len(self), np.float32)
        for start in range(0, len(self), _BLOCK):
            block = self.vectors[start : start + _BLOCK].astype(np.float32)
            cosine[start : start + _BLOCK] = block @ unit
        found: list[tuple[IndexedPatch, float]] = []
        taken: dict[str, int] = {}
        for position in np.argsort(-cosine, kind="stable"):
            if len(found) >= count:
                break
            slide = self.slides[self.of_slide[position]]
            nth = taken.get(slide.patient_id, 0)
            if slide.case_id == without_case or (per_patient is not None and nth >= per_patient):
                continue
            taken[slide.patient_id] = nth + 1
            x, y = self.coords[position].tolist()
            patch = IndexedPatch(slide.case_id, slide.patient_id, slide.name, x, y, slide.size)
            found.append((patch, float(np.clip(cosine[position], -1.0, 1.0))))
        return found

    def save(self, path: Path) -> None:
        """Writes one .npz file atomically. Raises :class:`~momkd_core.errors.OutputError`."""
        content: dict[str, Any] = {
            "format": np.array(_FORMAT),
            "model_sha256": np.array(self.model_sha256),
            "case_id": np.array([slide.case_id for slide in self.slides], np.str_),
            "patient_id": np.array([slide.patient_id for slide in self.slides], np.str_),
            "slide": np.array([slide.name for slide in self.slides], np.str_),
            "size": np.array([slide.size for slide in self.slides], np.int64),
            "vectors": self.vectors,
            "coords": self.coords,
            "of_slide": self.of_slide,
        }
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, **content)

    @staticmethod
    def load(path: Path) -> PatchIndex:
        """Reads what :meth:`save` wrote; nothing is unpickled.

        Raises:
            AtlasError: missing, something else, damaged, or of a newer version.
        """
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                content = {name: file[name] for name in file.files}
            if int(content["format"]) != _FORMAT:
                raise AtlasError(
                    f"{path.name} has format {int(content['format'])}, this version reads {_FORMAT}",
                    "Make it again with momkd atlas --index",
                )
            return _checked(content)
        except (
            OSError,
            EOFError,
            ValueError,
            TypeError,
            KeyError,
            zipfile.BadZipFile,
            zlib.error,
        ) as error:
            raise AtlasError(
                f"{path} is not a readable index of patches ({str(error).splitlines()[0]})",
                "Make it with momkd atlas --index",
            ) from error


def _checked(content: Mapping[str, NDArray[Any]]) -> PatchIndex:
    """The index of a file's arrays. Raises :class:`ValueError` where they do not fit each other."""
    vectors, coords, of_slide = (content[name] for name in ("vectors", "coords", "of_slide"))
    columns = [content[name].tolist() for name in ("case_id", "patient_id", "slide", "size")]
    slides = tuple(IndexedSlide(*row) for row in zip(*columns, strict=True))
    kinds = [array.dtype.name for array in (vectors, coords, of_slide)]
    if kinds != ["float16", "int64", "int32"] or vectors.ndim != 2:
        raise ValueError("its arrays are of other kinds")
    if coords.shape != (len(vectors), 2) or of_slide.shape != (len(vectors),):
        raise ValueError("its arrays differ in length")
    if len(vectors) and not 0 <= int(of_slide.min()) <= int(of_slide.max()) < len(slides):
        raise ValueError("it names slides that it lacks")
    if not np.isfinite(vectors).all():
        raise ValueError("its vectors are not finite")
    return PatchIndex(str(content["model_sha256"]), slides, vectors, coords, of_slide)


class PatchIndexBuilder:
    """Draws patches of a cohort's slides, one slide after the other.

    Args:
        model: of one file.
        slides: how many will come.
        most: patches in all; each slide gives at most its equal share of them, drawn at random with a
            fixed seed.

    Raises:
        SettingsError: the model has no components: it is a comparison system, or the mean of folds.
    """

    def __init__(self, model: Model, slides: int, most: int = MOST_PATCHES) -> None:
        model.require_components()
        self._model = model
        self._each = max(1, most // max(1, slides))
        self._slides: list[IndexedSlide] = []
        self._vectors: list[NDArray[np.float16]] = []
        self._coords: list[NDArray[np.int64]] = []

    def add(self, case: Case, encoded: EncodedSlide, name: str | None = None) -> None:
        """Takes a slide's share of patches; ``name`` where its stem would not tell it in its case."""
        patches = np.arange(len(encoded.bag.coords))
        if len(patches) > self._each:
            random = np.random.default_rng([_SEED, len(self._slides)])
            patches = np.sort(random.choice(len(patches), self._each, replace=False))
        projected = encoded.projected[patches]
        norms = np.linalg.norm(projected, axis=1, keepdims=True)
        self._vectors.append((projected / np.maximum(norms, 1e-12)).astype(np.float16))
        self._coords.append(encoded.bag.coords[patches])
        size = encoded.bag.size_level0
        self._slides.append(IndexedSlide(case.case_id, case.patient_id, name or encoded.name, size))

    def index(self) -> PatchIndex:
        """The index of the slides so far."""
        width = self._model.card.model.memory_width
        counts = [len(vectors) for vectors in self._vectors]
        return PatchIndex(
            model_sha256=self._model.origin_sha256,
            slides=tuple(self._slides),
            vectors=np.concatenate([np.zeros((0, width), np.float16), *self._vectors]),
            coords=np.concatenate([np.zeros((0, 2), np.int64), *self._coords]),
            of_slide=np.repeat(np.arange(len(counts), dtype=np.int32), counts),
        )


def build_patch_index(
    model: Model,
    cohort: Cohort,
    *,
    most: int = MOST_PATCHES,
    features_folder: Path | None = None,
    mpp: float | None = None,
    report: Report = silent,
    cancel: CancelToken | None = None,
) -> tuple[PatchIndex, list[CaseFailure]]:
    """The index of a cohort, without the slides that fail, and why those failed.

    Raises:
        CohortError, SettingsError: of the request.
        Cancelled: between two slides.
    """
    builder = PatchIndexBuilder(model, sum(len(case.slides) for case in cohort.cases), most)
    outcomes = predict_cohort(
        model,
        cohort,
        features_folder=features_folder,
        mpp=mpp,
        report=report,
        cancel=cancel,
        on_encoded=builder.add,
    )
    failures = [outcome for outcome in outcomes if isinstance(outcome, CaseFailure)]
    return builder.index(), failures
