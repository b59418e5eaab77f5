"""Reads a whole cohort with a model: its atlas, and some patches to be searched by likeness.

Both are kept in the cache by what they depend on: a muting has the atlas made anew, of slides that are
encoded already where memory holds them, and leaves the index as it is.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from momkd_core.cohort_case import Case
from momkd_core.errors import MomkdError
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.storage import cache_folder, content_key, write_text
from momkd_viewer.jobs.cohort_slides import CohortSlides
from momkd_viewer.jobs.component_work import FindNearest
from momkd_viewer.jobs.runner import Work
from momkd_viewer.jobs.slide_work import encode
from momkd_viewer.state.analysis import CaseEntry, MutedSet, Outcome, by_memory
from momkd_viewer.state.cohort_atlas import AtlasSize, CohortAtlas
from momkd_viewer.state.component_patches import GalleryPatch
from momkd_viewer.state.patch_inspection import Inspection

if TYPE_CHECKING:
    from momkd_core.atlas import Found
    from momkd_core.atlas_record import Atlas, AtlasFailure
    from momkd_core.checkpoint import Model
    from momkd_core.encoded_cases import EncodedCases
    from momkd_core.patch_index import PatchIndex

log = logging.getLogger(__name__)
_T = TypeVar("_T")

# Of what is kept: another number makes older files void.
_FORMAT = 3
_MOST_FILES = 40  # the oldest go
READING = "reading the cohort"


@dataclass(frozen=True)
class AtlasRequest:
    """A cohort, and who reads it.

    Attributes:
        muted: components that are left out.
    """

    model: Model = field(compare=False)
    model_sha256: str
    muted: MutedSet
    entries: tuple[CaseEntry, ...]
    size: AtlasSize

    def same_cohort(self, other: AtlasRequest) -> bool:
        """Whether both differ in their size at most."""
        return replace(self, size=other.size) == other


def read_cohort_atlas(request: AtlasRequest, slides: CohortSlides) -> Work:
    """The atlas of a cohort, from the cache where nothing changed since it was made.

    What ``slides`` keeps is not encoded again. A slide that cannot be read is named in the atlas, and
    the rest goes on.
    """

    def work(report: Report, cancel: CancelToken) -> CohortAtlas:
        report(0, len(request.entries), READING)
        kept = _Kept.of(request)
        atlas, index = kept.load_atlas(), kept.load_index()
        if atlas is None or index is None:
            atlas, built = _read(request, slides.encoded, index is None, report, cancel)
            kept.save(atlas, built)
            index = index or built
        assert index is not None
        names = _slide_names(request.entries)
        entries = {(e.case_id, name): e for e, name in zip(request.entries, names, strict=True)}
        return CohortAtlas(atlas, index, request.size, entries)

    return work


def _slide_names(entries: tuple[CaseEntry, ...]) -> list[str]:
    """What each row's slide is called in its case: by its stem, or its path where several have that."""
    files = {(entry.case_id, entry.path) for entry in entries}
    stems = Counter((case_id, path.stem) for case_id, path in files)
    return [
        entry.path.stem if stems[entry.case_id, entry.path.stem] == 1 else str(entry.path)
        for entry in entries
    ]


def _read(
    request: AtlasRequest,
    slides: EncodedCases,
    with_index: bool,
    report: Report,
    cancel: CancelToken,
) -> tuple[Atlas, PatchIndex | None]:
    from momkd_core.atlas import atlas_of_results
    from momkd_core.atlas_record import AtlasFailure
    from momkd_core.patch_index import PatchIndexBuilder

    failures: list[AtlasFailure] = []
    total, muted = len(request.entries), by_memory(request.muted)
    index = PatchIndexBuilder(request.model, total) if with_index else None

    def found() -> Iterator[Found]:
        names = _slide_names(request.entries)
        for at, (entry, name) in enumerate(zip(request.entries, names, strict=True)):
            cancel.raise_if_cancelled()
            report(at, total, READING)
            try:
                encoded = slides.get(
                    request.model,
                    entry.source.analysed,
                    entry.source.mpp,
                    partial(encode, entry.source, request.model, silent, cancel),
                )
            except MomkdError as error:
                cancel.raise_if_cancelled()
                failures.append(AtlasFailure(entry.case_id, name, str(error)))
                continue
            if index is not None:
                index.add(Case(entry.case_id, entry.patient_id, ()), encoded, name)
            label = request.model.decision.label(entry.values)
            result = replace(encoded.result(muted), slide_name=name)
            yield entry.case_id, entry.patient_id, result, label

    count = request.size.count
    atlas = atlas_of_results(
        request.model,
        found(),
        top=count,
        typical=count,
        counter_examples=count,
        per_patient=request.size.per_patient,
    )
    return replace(atlas, failures=tuple(failures)), None if index is None else index.index()


@dataclass(frozen=True)
class _Kept:
    """Where an atlas and its index lie in the cache.

    The index does not depend on what is muted: nothing is measured anew for it.
    """

    atlas: Path
    index: Path

    @classmethod
    def of(cls, request: AtlasRequest) -> _Kept:
        task = request.model.card.task
        content = [
            _FORMAT,
            request.model_sha256,
            [
                (entry.case_id, entry.patient_id, entry.values.get(task, ""), _state(entry))
                for entry in request.entries
            ],
        ]
        whole = [content, sorted(request.muted), request.size.count, request.size.per_patient]
        folder = cache_folder() / "atlases"
        return cls(folder / f"{_key(whole)}.json", folder / f"{_key(content)}.npz")

    def load_atlas(self) -> Atlas | None:
        """None where there is none, or none that can be read."""
        from momkd_core.atlas_record import read_atlas

        return _loaded(read_atlas, self.atlas)

    def load_index(self) -> PatchIndex | None:
        """As for :meth:`load_atlas`."""
        from momkd_core.patch_index import PatchIndex

        return _loaded(PatchIndex.load, self.index)

    def save(self, atlas: Atlas, index: PatchIndex | None) -> None:
        """Keeps what was made, where the cache can be written; not what failed in part."""
        if atlas.failures:
            return
        try:
            write_text(self.atlas, json.dumps(atlas.as_json()))
            if index is not None:
                index.save(self.index)
        except MomkdError as error:
            log.warning("%s", error)
            return
        with suppress(OSError):  # another window may do the same
            kept = sorted(self.atlas.parent.iterdir(), key=lambda file: -file.stat().st_mtime)
            for file in kept[_MOST_FILES:]:
                file.unlink(missing_ok=True)


def _loaded(load: Callable[[Path], _T], path: Path) -> _T | None:
    try:
        return load(path) if path.is_file() else None
    except MomkdError as error:
        log.warning("%s", error)
        return None


def _key(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]


def _state(entry: CaseEntry) -> tuple[str, float | None, str]:
    """What is read for a row, and in which state; the resolution counts for a slide's patches."""
    path = entry.source.analysed
    try:
        return str(path), entry.source.mpp, content_key(path)
    except OSError:  # it will be named as a failure
        return str(path), entry.source.mpp, ""


def finder(cohort: CohortAtlas) -> FindNearest:
    """Finds the patches of a cohort that are most like one of the open slide, without that itself."""

    def find(outcome: Outcome, inspection: Inspection, count: int) -> list[GalleryPatch]:
        encoded, itself = outcome.encoded, inspection.place
        if encoded.model.origin_sha256 != cohort.index.model_sha256:
            return []  # its vectors mean nothing to another model
        found = []
        vector = encoded.projected[inspection.patch]
        for place, cosine in cohort.index.nearest(vector, count + 1):
            at = cohort.place(place.case_id, place.slide, place.x, place.y, place.size)
            if (at.slide, at.x, at.y) != (itself.slide, itself.x, itself.y):
                found.append(GalleryPatch(at, cosine, case=place.case_id, patient=place.patient_id))
        return found[:count]

    return find
