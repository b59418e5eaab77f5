"""An evidence bundle: what a model says of a slide, why, and what experts say to that, in one zip.

It opens in any browser (unpacked), in QuPath (its GeoJSON), and in the viewer (as it is). Names, label
pictures and places of files stay out unless asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from momkd_core import __version__
from momkd_core.annotation_files import AnnotationFile, annotations_text, features_of
from momkd_core.checkpoint import Model, software_versions
from momkd_core.evidence_file import (
    ANNOTATIONS,
    OVERLAY,
    PAGE,
    PATCHES,
    BundleContent,
    check_path,
    read_bundle,
    write_files,
)
from momkd_core.evidence_model import model_file, model_file_names, shown_card
from momkd_core.evidence_page import page
from momkd_core.evidence_pictures import Tint, png
from momkd_core.evidence_record import (
    Answer,
    BundleRecord,
    ComponentRecord,
    ModelRecord,
    ResultRecord,
    SlideRecord,
    VerdictRecord,
    ViewRecord,
)
from momkd_core.export import overlay, patches_csv, to_json
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.pseudonyms import Pseudonyms
from momkd_core.result import SlideResult
from momkd_core.slide import RgbImage
from momkd_core.storage import sha256_of_bytes
from momkd_core.verdicts import Verdict

__all__ = ["BundleContent", "Evidence", "View", "read_bundle", "write_bundle"]


@dataclass(frozen=True)
class View:
    """A picture of the slide; its file is ``<name>.png``. The first one is ``overview``.

    Attributes:
        image: with legend and scale bar.
        picture: without; the whole slide from edge to edge.
        tint: what lies over it; None for the slide alone.
    """

    name: str
    caption: str
    image: RgbImage
    picture: RgbImage
    tint: Tint | None


@dataclass(frozen=True)
class Evidence:
    """All that goes into a bundle; :func:`momkd_core.evidence_gathering.gather` makes it of a slide.

    Attributes:
        result: of ``model`` on ``slide``, with ``result.muted`` left out.
        slide_path: its place, which is only told as a name, and only where ``identities`` is set.
        unmuted: the result with all components, where some are muted.
        components: positive ones first; empty for the mean of several folds.
        montages: of the components' top patches, by memory and index.
        labels: pictures of the slide's label, by name; given only where somebody asked for them.
        case_id, patient_id: None where unknown.
        verdicts: on this model; those on another case stay out.
        viewer: JSON that only the window understands.
        identities: names of case, patient, slide and people are told.
        include_model: the bundle holds the model file, so that it opens elsewhere.
    """

    model: Model
    result: SlideResult
    slide: SlideRecord
    slide_path: Path
    views: tuple[View, ...]
    components: tuple[ComponentRecord, ...] = ()
    montages: Mapping[tuple[str, int], RgbImage] = field(default_factory=dict)
    unmuted: SlideResult | None = None
    labels: Mapping[str, RgbImage] = field(default_factory=dict)
    case_id: str | None = None
    patient_id: str | None = None
    verdicts: Sequence[Verdict] = ()
    annotations: AnnotationFile = field(default_factory=AnnotationFile)
    viewer: Mapping[str, Any] = field(default_factory=dict)
    identities: bool = False
    include_model: bool = True


def write_bundle(
    path: Path,
    evidence: Evidence,
    *,
    report: Report = silent,
    cancel: CancelToken | None = None,
) -> BundleRecord:
    """Writes a bundle atomically; what it says.

    Raises:
        BundleError: the path does not end in .zip, or the model's file is gone or changed.
        OutputError: it cannot be written.
        Cancelled: on request; nothing is written then.
    """
    check_path(path)
    names = pseudonyms_of(evidence)
    files = _pictures(evidence) | _tables(evidence, names)
    model_files, altered = _model_files(evidence, names)
    files |= model_files
    record = record_of(evidence, names, tuple(model_files), altered)
    files[PAGE] = page(record).encode()
    hashes = {name: sha256_of_bytes(content) for name, content in files.items()}
    record = record.model_copy(update={"files": hashes})
    write_files(path, to_json(record.model_dump(mode="json")).encode(), files, report, cancel)
    return record


def pseudonyms_of(evidence: Evidence) -> Pseudonyms:
    """What stands for the names; reviewers are numbered in the order of their judgements."""
    return Pseudonyms(
        evidence.case_id,
        evidence.patient_id,
        evidence.slide_path,
        (one.reviewer for one in _verdicts(evidence)),
        told=evidence.identities,
    )


def record_of(
    evidence: Evidence,
    names: Pseudonyms,
    model_files: tuple[str, ...] = (),
    files_altered: bool = False,
) -> BundleRecord:
    """All that is said of a slide, without any name that is not to be told.

    Args:
        names: of :func:`pseudonyms_of`.
        model_files, files_altered: see :class:`~momkd_core.evidence_record.ModelRecord`.
    """
    return BundleRecord(
        program=__version__,
        versions=software_versions(),
        written=datetime.now(UTC).replace(microsecond=0),
        identities=evidence.identities,
        case=names.case,
        patient=names.patient,
        slide=evidence.slide.model_copy(update={"name": names.slide}),
        model=_model(evidence, names, model_files, files_altered),
        result=_result(evidence, names),
        components=tuple(
            one.model_copy(update={"picture": _montage_name(one)})
            if (one.memory, one.index) in evidence.montages
            else one
            for one in evidence.components
        ),
        verdicts=tuple(_verdict(one, names) for one in _verdicts(evidence)),
        views=_views(evidence),
        annotations=len(evidence.annotations.annotations),
        viewer=names.everywhere(dict(evidence.viewer)),
    )


def _verdicts(evidence: Evidence) -> list[Verdict]:
    """Those on the case or on no case, in the order of their judgements: numbers follow time."""
    return sorted(
        (one for one in evidence.verdicts if one.subject.case_id in (None, evidence.case_id)),
        key=lambda one: (one.time, one.number),
    )


def _pictures(evidence: Evidence) -> dict[str, bytes]:
    found = {f"{view.name}.png": png(view.image) for view in evidence.views}
    found |= {f"{name}.png": png(image) for name, image in evidence.labels.items()}
    for component in evidence.components:
        image = evidence.montages.get((component.memory, component.index))
        if image is not None:
            found[_montage_name(component)] = png(image)
    return found


def _montage_name(component: ComponentRecord) -> str:
    return f"components/{component.memory}_{component.index:02d}.png"


def _views(evidence: Evidence) -> tuple[ViewRecord, ...]:
    shown = [ViewRecord(file=f"{one.name}.png", caption=one.caption) for one in evidence.views]
    labels = [
        ViewRecord(file=f"{name}.png", caption=f"The slide's {name} picture")
        for name in evidence.labels
    ]
    return (*shown, *labels)


def _tables(evidence: Evidence, names: Pseudonyms) -> dict[str, bytes]:
    # The overlay's ids are made of the slide's name.
    result = replace(evidence.result, slide_name=names.slide)
    slide = evidence.slide
    features = features_of(evidence.annotations, slide.bounds_offset, slide.mpp)
    return {
        PATCHES: patches_csv(result).encode(),
        OVERLAY: json.dumps(overlay(replace(result, bounds_offset=slide.bounds_offset))).encode(),
        ANNOTATIONS: annotations_text(names.everywhere(features)).encode(),
    }


def _model_files(evidence: Evidence, names: Pseudonyms) -> tuple[dict[str, bytes], bool]:
    """The model's files, none where it is left out; and whether names were taken out of them."""
    model = evidence.model
    files: dict[str, bytes] = {}
    altered = False
    if evidence.include_model:
        for name, member in zip(model_file_names(model), model.members, strict=True):
            files[name], changed = model_file(member, names)
            altered |= changed
    return files, altered


def _model(
    evidence: Evidence, names: Pseudonyms, files: tuple[str, ...], altered: bool
) -> ModelRecord:
    model = evidence.model
    named = model.is_ensemble or model.card.fold is not None
    cards = (json.loads(member.card.as_json()) for member in model.members)
    return ModelRecord(
        sha256=model.sha256,
        # A file's name may be told only where names are.
        source=model.source if named or names.told else "one model file",
        cards=tuple(shown_card(card, names) for card in cards),
        files=files,
        files_altered=altered,
    )


def _result(evidence: Evidence, names: Pseudonyms) -> ResultRecord:
    result, model = evidence.result, evidence.model
    return ResultRecord(
        **_answer(result).model_dump(),
        threshold=result.threshold,
        fold_thresholds=tuple(member.card.threshold for member in model.members),
        fold_probabilities=result.member_probabilities,
        patches=len(result),
        size_level0=result.size_level0,
        region=None if result.region is None else names.text(result.region),
        patches_of_slide=result.patches_of_slide,
        effective_patches=result.effective_patches,
        strangeness=result.strangeness,
        outside=result.outside,
        encoder=result.encoder,
        muted={memory: tuple(indices) for memory, indices in result.muted.items()},
        unmuted=None if evidence.unmuted is None else _answer(evidence.unmuted),
    )


def _answer(result: SlideResult) -> Answer:
    return Answer(
        probability=result.probability,
        predicted=result.predicted,
        background_focus=result.background_focus,
    )


def _verdict(verdict: Verdict, names: Pseudonyms) -> VerdictRecord:
    subject = verdict.subject
    return VerdictRecord.model_validate(
        {
            "memory": subject.memory,
            "index": subject.index,
            "case": None if subject.case_id is None else names.case,
            "term": verdict.term,
            "credible": verdict.credible,
            "note": names.text(verdict.note),
            "reviewer": names.person(verdict.reviewer),
            "time": verdict.time,
            "model_sha256": verdict.model_sha256,
            "blinded": verdict.blinded,
            "number": verdict.number,
            "withdrawn": verdict.withdrawn,
        }
    )
