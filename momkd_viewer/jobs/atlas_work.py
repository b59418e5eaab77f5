"""Reads a whole cohort with a model: its atlas, and a sample of patches to be searched by likeness.

Both are kept in the cache, by what they depend on, so that a cohort is read once.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from momkd_core.cohort import Case
from momkd_core.errors import MomkdError
from momkd_core.progress import CancelToken, Report
from momkd_core.storage import cache_folder, content_key, write_text
from momkd_viewer.jobs.component_work import FindNearest
from momkd_viewer.jobs.runner import Work
from momkd_viewer.jobs.slide_work import encode
from momkd_viewer.state.analysis import CaseEntry, Outcome
from momkd_viewer.state.cohort_atlas import AtlasSize, CohortAtlas
from momkd_viewer.state.component_patches import GalleryPatch

if TYPE_CHECKING:
    from momkd_core.atlas import Found
    from momkd_core.atlas_record import Atlas, AtlasFailure
    from momkd_core.checkpoint import Model
    from momkd_core.patch_index import PatchIndex

log = logging.getLogger(__name__)

# Of what is kept: another number makes older files void.
_FORMAT = 2
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
    muted: frozenset[tuple[str, int]]
    entries: tuple[CaseEntry, ...]
    size: AtlasSize

    def same_cohort(self, other: AtlasRequest) -> bool:
        """Whether both differ in their size at most."""
        return replace(self, size=other.size) == other

    @property
    def muted_by_memory(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for memory, index in sorted(self.muted):
            found.setdefault(memory, []).append(index)
        return found


def read_cohort_atlas(request: AtlasRequest) -> Work:
    """The atlas of a cohort, from the cache where nothing changed since it was made.

    A slide that cannot be read is named in it, and the rest goes on.
    """

    def work(report: Report, cancel: CancelToken) -> CohortAtlas:
        report(0, len(request.entries), READING)
        kept = _Kept.of(request)
        found = kept.load()
        if found is None:
            found = _read(request, report, cancel)
            kept.save(*found)
        atlas, index = found
        entries = {(entry.case_id, entry.path.stem): entry for entry in request.entries}
        return CohortAtlas(atlas, index, request.size, entries)

    return work


def _read(request: AtlasRequest, report: Report, cancel: CancelToken) -> tuple[Atlas, PatchIndex]:
    from momkd_core.atlas import atlas_of_results
    from momkd_core.atlas_record import AtlasFailure
    from momkd_core.patch_index import PatchIndexBuilder

    failures: list[AtlasFailure] = []
    card, total = request.model.card, len(request.entries)
    index = PatchIndexBuilder(request.model, total)

    def found() -> Iterator[Found]:
        for at, entry in enumerate(request.entries):
            cancel.raise_if_cancelled()
            report(at, total, READING)
            try:
                encoded = encode(entry.source, request.model, lambda *_: None, cancel)
            except MomkdError as error:
                cancel.raise_if_cancelled()
                failures.append(AtlasFailure(entry.case_id, entry.path.stem, str(error)))
                continue
            index.add(Case(entry.case_id, entry.patient_id, ()), encoded)
            value = entry.values.get(card.task, "")
            label = value if value in (card.positive, card.negative) else None
            yield entry.case_id, entry.patient_id, encoded.result(request.muted_by_memory), label

    count = request.size.count
    atlas = atlas_of_results(
        request.model,
        found(),
        top=count,
        typical=count,
        counter_examples=count,
        per_patient=request.size.per_patient,
    )
    return replace(atlas, failures=tuple(failures)), index.index()


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

    def load(self) -> tuple[Atlas, PatchIndex] | None:
        """None where there is nothing, or nothing that can be read."""
        from momkd_core.atlas_record import read_atlas
        from momkd_core.patch_index import PatchIndex

        if not self.atlas.is_file() or not self.index.is_file():
            return None
        try:
            return read_atlas(self.atlas), PatchIndex.load(self.index)
        except MomkdError as error:
            log.warning("%s", error)
            return None

    def save(self, atlas: Atlas, index: PatchIndex) -> None:
        """Keeps both where the cache can be written; a cohort that failed in part is read again."""
        if atlas.failures:
            return
        try:
            write_text(self.atlas, json.dumps(atlas.as_json()))
            index.save(self.index)
        except MomkdError as error:
            log.warning("%s", error)
            return
        with suppress(OSError):  # another window may do the same
            kept = sorted(self.atlas.parent.iterdir(), key=lambda file: -file.stat().st_mtime)
            for file in kept[_MOST_FILES:]:
                file.unlink(missing_ok=True)


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

    def find(outcome: Outcome, patch: int, count: int) -> list[GalleryPatch]:
        encoded, result = outcome.encoded, outcome.result
        if encoded.model.origin_sha256 != cohort.index.model_sha256:
            return []  # its vectors mean nothing to another model
        x, y = (int(v) for v in result.coords[patch])
        itself = (result.slide_name, x, y)
        found = []
        for place, cosine in cohort.index.nearest(encoded.projected[patch], count + 1):
            if (place.slide, place.x, place.y) != itself:
                at = cohort.place(place.case_id, place.slide, place.x, place.y, place.size)
                found.append(GalleryPatch(at, cosine, case=place.case_id, patient=place.patient_id))
        return found[:count]

    return find
