"""What to keep in mind while reading a report, the gravest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from momkd_core.cohort_case import Case
from momkd_core.cohort_prediction import CaseResult
from momkd_core.encoders import DEFAULT_ENCODER, encoder_identity
from momkd_core.evidence import Evidence
from momkd_core.evidence_record import BundleRecord
from momkd_core.pseudonyms import Pseudonyms
from momkd_core.triage import triage_of
from momkd_core.triage_flags import Flag


def caveats(evidence: Evidence, record: BundleRecord, names: Pseudonyms) -> tuple[Flag, ...]:
    """The flags that triage gives the case, then what holds for model, slide and report.

    Args:
        record: what is said of the evidence.
        names: those of ``record``.
    """
    found = (
        *_of_case(evidence, names),
        *_of_model(evidence, names.told),
        *_of_slide(record),
        *_of_reading(record),
    )
    return tuple(Flag(one.words, names.text(one.reason)) for one in found)


def _of_case(evidence: Evidence, names: Pseudonyms) -> Iterator[Flag]:
    result = replace(evidence.result, slide_name=names.slide)
    case = Case(names.case, names.patient or names.case, ())
    answered = CaseResult.of(evidence.model, case, [result])
    yield from triage_of(evidence.model.decision, answered).flags
    if result.strangeness is None:
        yield Flag(
            "familiarity unknown",
            "the model's file does not say what its training slides look like",
        )


def _of_model(evidence: Evidence, told: bool) -> Iterator[Flag]:
    result, model = evidence.result, evidence.model
    if result.encoder == DEFAULT_ENCODER:
        yield Flag(
            "demo-grade encoder", f"{result.encoder}: {encoder_identity(result.encoder).note}"
        )
    for warning in model.warnings:
        # It names the run by its folder, which is told as little as other places of files.
        yield Flag(
            "folds missing", warning if told else warning.replace(str(model.path), "the run")
        )
    # Who curated it stands in the model card, under the name that may be told.
    if said := model.card.model_copy(update={"curation": ()}).remark:
        yield Flag("its maker says", said)
    if not model.card.is_momkd:
        yield Flag("no components", f"{model.card.method} has no memory")
    elif model.is_ensemble:
        yield Flag("no components", "each fold has a memory of its own, and a mean has none")


def _of_slide(record: BundleRecord) -> Iterator[Flag]:
    slide, result = record.slide, record.result
    if slide.mpp is None:
        yield Flag(
            "resolution unknown", "there is no scale bar, and patches may have another scale"
        )
    elif slide.mpp_from == "stated":
        yield Flag(
            "resolution stated", "the scale bar rests on what a user stated, not on the file"
        )
    if result.region is not None:
        yield Flag("a region", f"the answer is of {result.region} alone")


def _of_reading(record: BundleRecord) -> Iterator[Flag]:
    yield Flag(
        "attention is the model's",
        "it shows what the model uses, not what is there; a component is what its patches have in "
        "common for this encoder, which may be stain or focus",
    )
    if not record.identities:
        yield Flag(
            "names",
            "known ones are replaced; one written on the glass, or typed and unknown to the program, "
            "is not",
        )
