"""Evidence bundles are written, read, and joined with their slides, as jobs.

The engine is imported inside the jobs: torch takes seconds, during which the window is there already.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from momkd_core.annotation_files import AnnotationFile
from momkd_core.annotations import union_of_areas
from momkd_core.errors import BundleError, MomkdError
from momkd_core.progress import CancelToken, Report
from momkd_core.region import Region
from momkd_core.slide import SLIDE_SUFFIXES, Slide
from momkd_viewer.jobs.runner import Work
from momkd_viewer.state.analysis import Outcome
from momkd_viewer.state.source import Source
from momkd_viewer.state.view_state import ViewState

if TYPE_CHECKING:
    from momkd_core.checkpoint import Model
    from momkd_core.evidence_file import BundleContent
    from momkd_core.evidence_record import BundleRecord
    from momkd_core.verdicts import Verdict


@dataclass(frozen=True)
class EvidenceChoice:
    """What goes into a bundle beside the result.

    Attributes:
        identities: names of case, patient, slide and people.
        label_image: pictures of the glass's label, which often name the patient.
        top: patches shown of each component.
    """

    model: bool = True
    verdicts: bool = True
    identities: bool = False
    label_image: bool = False
    top: int = 9


@dataclass(frozen=True)
class EvidenceRequest:
    """What a bundle is written of.

    Attributes:
        source: what was analysed; it has a slide.
        review: where verdicts are kept: a path or URL.
    """

    path: Path
    source: Source
    model: Model
    outcome: Outcome
    case_id: str
    patient_id: str | None
    annotations: AnnotationFile
    state: ViewState
    review: str
    choice: EvidenceChoice


def write_evidence(request: EvidenceRequest) -> Work:
    """Writes the bundle, on a handle of its own: the slide may be closed meanwhile."""

    def work(report: Report, cancel: CancelToken) -> Path:
        from momkd_core.evidence import write_bundle
        from momkd_core.evidence_file import check_path
        from momkd_core.evidence_gathering import gather

        choice, source, outcome = request.choice, request.source, request.outcome
        check_path(request.path)
        verdicts = current_verdicts(request.review, request.model) if choice.verdicts else []
        assert source.slide is not None
        with Slide(source.slide, mpp=source.mpp) as slide:
            evidence = gather(
                slide,
                request.model,
                outcome.result,
                unmuted=outcome.unmuted,
                top=choice.top,
                label_image=choice.label_image,
                report=report,
                cancel=cancel,
            )
        state = request.state
        if choice.identities:
            folder = request.path.parent
            state = replace(
                state,
                slide=_from(folder, source.slide),
                features=None if source.features is None else _from(folder, source.features),
            )
        write_bundle(
            request.path,
            replace(
                evidence,
                case_id=request.case_id,
                patient_id=request.patient_id,
                verdicts=verdicts,
                annotations=request.annotations,
                viewer=state.as_json(),
                identities=choice.identities,
                include_model=choice.model,
            ),
            report=report,
            cancel=cancel,
        )
        return request.path

    return work


def current_verdicts(where: str, model: Model) -> list[Verdict]:
    """What reviewers say of the model; nothing where there is no review yet."""
    from momkd_core.review import open_review

    if "://" not in where and not Path(where).exists():
        return []
    with open_review(where, create=False) as review:
        return review.current(model.origin_sha256)


def _from(folder: Path, path: Path) -> str | None:
    """A path as seen from a folder; None where there is no way, as between drives."""
    try:
        return os.path.relpath(path.absolute(), folder.absolute())
    except ValueError:
        return None


# -- opening -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OpenedEvidence:
    """A bundle that was read.

    Attributes:
        model: None where the bundle has none.
        state: what the window showed; None where it cannot be known.
        source: the bundle's slide, at the resolution that was used; None where it was not found.
        region: the area that the model was asked about; None for the whole slide.
        remarks: what could not be taken over.
    """

    content: BundleContent
    model: Model | None
    state: ViewState | None
    source: Source | None
    region: Region | None
    remarks: tuple[str, ...] = ()

    @property
    def record(self) -> BundleRecord:
        return self.content.record


def open_evidence(path: Path, folder: Path, near: tuple[Source, ...]) -> Work:
    """Reads and checks a bundle, loads its model, and looks for its slide.

    Args:
        folder: the model is unpacked there.
        near: slides to try: those that are open, listed, or were open before.
    """

    def work(report: Report, cancel: CancelToken) -> OpenedEvidence:
        report(0, 0, f"opening {path.name}")
        from momkd_core.checkpoint import load_model
        from momkd_core.evidence import read_bundle

        content = read_bundle(path)
        cancel.raise_if_cancelled()
        unpacked = content.unpack_model(folder)
        model = None if unpacked is None else load_model(unpacked)
        remarks: list[str] = []
        try:
            state = ViewState.from_json(content.record.viewer)
        except BundleError as error:
            state, remarks = None, [str(error)]
        region = _region(content)
        if content.record.result.region is not None and region is None:
            remarks.append(
                f"The model was asked about {content.record.result.region} alone, and the bundle "
                "holds no area of that name: the whole slide is analysed."
            )
        report(0, 0, "looking for the bundle's slide")
        source = _find(content.record, _candidates(path, state, near), cancel)
        return OpenedEvidence(content, model, state, source, region, tuple(remarks))

    return work


def _region(content: BundleContent) -> Region | None:
    name = content.record.result.region
    areas = [one for one in content.annotations.annotations if one.is_area and one.title == name]
    geometry = union_of_areas(areas)
    return None if geometry is None or name is None else Region(name, geometry)


def _candidates(
    path: Path, state: ViewState | None, near: tuple[Source, ...]
) -> Iterator[tuple[Source, bool]]:
    """Slides that may be the bundle's, and whether each is tried though its file has another size."""
    if state is not None and state.slide is not None:
        features = None if state.features is None else (path.parent / state.features).resolve()
        yield Source((path.parent / state.slide).resolve(), features), True
    for source in near:
        if source.slide is not None:
            yield source, False
    for beside in sorted(path.parent.iterdir()):
        if beside.suffix.lower() in SLIDE_SUFFIXES:
            yield Source(beside), False


def _find(
    record: BundleRecord, candidates: Iterator[tuple[Source, bool]], cancel: CancelToken
) -> Source | None:
    """The first that is the bundle's slide; files are told apart by their size before one is opened."""
    for source, always in candidates:
        cancel.raise_if_cancelled()
        try:
            assert source.slide is not None
            size = source.slide.stat().st_size
            if always or size == record.slide.fingerprint.bytes:
                return _checked(record, source)
        except (OSError, MomkdError):
            continue  # gone, no slide, or another one: the next may be it
    return None


def check_slide(record: BundleRecord, path: Path) -> Work:
    """Whether a slide that the user names is the bundle's; raises BundleError where it is not."""

    def work(report: Report, cancel: CancelToken) -> Source:
        report(0, 0, f"opening {path.name}")
        return _checked(record, Source(path))

    return work


def _checked(record: BundleRecord, source: Source) -> Source:
    """The source at the resolution that the bundle used.

    Raises:
        BundleError: it is another slide.
        SlideError: it cannot be opened.
    """
    from momkd_core.evidence_gathering import fingerprint

    assert source.slide is not None
    with Slide(source.slide) as slide:
        found, wanted = fingerprint(slide), record.slide.fingerprint
    if not found.fits(wanted):
        same_size = (found.width, found.height) == (wanted.width, wanted.height)
        raise BundleError(
            f"{source.slide.name} is not the slide of this bundle ({found.width:,} × "
            f"{found.height:,} px, the bundle's is {wanted.width:,} × {wanted.height:,} px"
            + (", but its content differs)" if same_size else ")"),
            "Choose the slide that the bundle was written of",
        )
    slide_record = record.slide
    stated = slide_record.mpp_from == "stated" and slide_record.mpp is not None
    return replace(source, mpp=slide_record.mpp[0] if stated and slide_record.mpp else None)
