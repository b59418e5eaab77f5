"""Predict a slide, a feature file, or every case of a cohort; histology alone.

example:
  momkd predict slide.svs --model runs/her2/folds/0/model.safetensors --out result --json
  momkd predict cohort.csv --model runs/her2 --out results
  momkd predict cohort.csv --model runs/her2 --out results --cluster auto
  momkd predict slide.svs --model her2.safetensors --region slide.svs.annotations.geojson
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from momkd_core.cli.console import Progress, print_failure, print_log_place
from momkd_core.cli.options import (
    add_features,
    add_json,
    add_mute,
    add_slide_mpp,
    add_workers,
)
from momkd_core.cli.place import add_workplace, asked_workplace, asks_for_workplace
from momkd_core.errors import SettingsError, SlideError

if TYPE_CHECKING:
    from momkd_core.checkpoint import Model
    from momkd_core.cohort_prediction import CaseResult
    from momkd_core.region import Region
    from momkd_core.result import SlideResult


_COLUMNS = (
    "case_id", "probability", "predicted", "threshold", "background_focus", "effective_patches",
    "strangeness", "outside",
)  # fmt: skip
OUTSIDE = "outside what this model knows: do not trust the prediction"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "input",
        type=Path,
        metavar="INPUT",
        help="slide, folder of one DICOM slide, .h5, or cohort CSV",
    )
    parser.add_argument(
        "--model", type=Path, required=True, metavar="MODEL", help="model file or run folder"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="write result files there")
    parser.add_argument(
        "--dicom",
        action="store_true",
        help="also write affinity and attention as DICOM parametric maps; for DICOM slides",
    )
    add_mute(parser)
    parser.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        default="float32",
        help="of the matrix products; bfloat16 where the processor has it, to about 0.005 of the "
        "probability (default %(default)s)",
    )
    parser.add_argument(
        "--region",
        type=Path,
        metavar="GEOJSON",
        help="only the patches inside this file's areas, as annotated here or in QuPath",
    )
    parser.add_argument(
        "--region-name", metavar="NAME", help="of that file only the areas of this name or class"
    )
    add_features(parser)
    add_slide_mpp(parser)
    add_workers(parser)
    add_workplace(parser, "cases of a cohort")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    from momkd_core.checkpoint import load_model
    from momkd_core.dicom_maps import check_maps, read_source
    from momkd_core.prediction import parse_muted
    from momkd_core.slide_folder import the_slide

    model = load_model(options.model)
    muted = parse_muted(options.mute)
    if options.region is None and options.region_name is not None:
        raise SettingsError("--region-name has no file to look in", "Name it with --region")
    if options.dicom and options.out is None:
        raise SettingsError("--dicom has no folder to write to", "Name it with --out")
    if options.dicom:
        check_maps(model.card)
    if options.input.suffix.lower() == ".csv":
        if options.region is not None:
            raise SettingsError(
                "--region belongs to one slide, not to a cohort", "Predict its slide by itself"
            )
        return _cohort(options, model, muted)
    if asks_for_workplace(options):
        raise SettingsError(
            "Cases of a cohort go side by side, a slide does not",
            "Leave --processes, --cluster and what belongs to them out",
        )
    options.input = the_slide(options.input)
    if options.dicom:
        read_source(options.input)  # fails before minutes of work rather than after
    _single(options, model, muted)
    return 0


def _single(options: argparse.Namespace, model: Model, muted: dict[str, list[int]] | None) -> None:
    from momkd_core.dicom_maps import write_maps
    from momkd_core.export import to_json, write_prediction
    from momkd_core.prediction import predict

    with Progress() as progress:
        result = predict(
            model,
            options.input,
            mpp=options.slide_mpp,
            muted=muted,
            report=progress,
            workers=options.workers,
            precision=options.precision,
            region=_region(options),
        )
    case_id = options.input.stem
    if options.out is not None:
        write_prediction(result, case_id, options.out)
        if options.dicom:
            write_maps(result, options.input, options.out)
    if options.json:
        print(to_json(result.as_json(case_id)))
    else:
        _print_result(result, model)


def _region(options: argparse.Namespace) -> Region | None:
    """The named areas in level-0 pixels: their file counts from the slide's scanned area."""
    if options.region is None:
        return None
    from momkd_core.feature_folder import FEATURE_SUFFIXES
    from momkd_core.features import read_header
    from momkd_core.region import read_region
    from momkd_core.slide import Slide

    if options.input.suffix.lower() in FEATURE_SUFFIXES:
        offset = read_header(options.input).bounds_offset
    else:
        with Slide(options.input) as slide:
            offset = slide.bounds_offset
    return read_region(options.region, offset=offset, name=options.region_name)


def _print_result(result: SlideResult, model: Model) -> None:
    card = model.card
    focus = result.background_focus
    print(f"{card.task}: {result.predicted}")
    print(
        f"probability of {card.positive}  {result.probability:.3f} (threshold {result.threshold:.3f})"
    )
    for memory, indices in result.muted.items():
        print(f"muted                  {memory} {', '.join(str(index) for index in indices)}")
    if result.region is not None:
        print(f"inside                 {result.region}, of {result.patches_of_slide} patches")
    effective = result.effective_patches
    spread = "" if effective is None else f", effective {effective:.1f}"
    print(f"patches                {len(result)}{spread}")
    told_focus = f"unknown: {result.background_focus_reason}" if focus is None else f"{focus:.3f}"
    print(f"background focus       {told_focus}")
    if result.strangeness is not None:
        told = OUTSIDE if result.outside else "like the slides the model was tuned on"
        print(f"strangeness            {result.strangeness:.2f} ({told})")
    print(card.note)
    if card.curated:
        print(card.curated)


def _cohort(options: argparse.Namespace, model: Model, muted: dict[str, list[int]] | None) -> int:
    from momkd_core.case_pieces import predict_side_by_side
    from momkd_core.cohort import read_cohort
    from momkd_core.cohort_prediction import CaseFailure, predict_cohort
    from momkd_core.export import to_json
    from momkd_core.storage import remove, write_table

    found: dict[str, dict[str, Any]] = {}
    errors: list[dict[str, str]] = []
    cohort = read_cohort(options.input)
    asked = {
        "features_folder": options.features, "mpp": options.slide_mpp, "muted": muted,
        "workers": options.workers, "precision": options.precision,
    }  # fmt: skip
    if options.out is not None:
        remove(options.out / "cases.csv")  # which is of another run, if this one stops
    with asked_workplace(options, options.out) as place, Progress() as progress:

        def ended(outcome: CaseResult | CaseFailure) -> None:
            if isinstance(outcome, CaseFailure):
                progress.close()
                print_failure(f"case {outcome.case_id}", outcome.error)
                errors.append(outcome.as_json())
                return
            if options.out is not None:
                errors.extend(_write_case(outcome, options.out, dicom=options.dicom))
            found[outcome.case.case_id] = _case_json(outcome)

        if place is None:
            for outcome in predict_cohort(model, cohort, report=progress, **asked):
                ended(outcome)
        else:
            predict_side_by_side(model, cohort, place, ended=ended, report=progress, **asked)
    order = {case.case_id: position for position, case in enumerate(cohort.cases)}
    cases = [found[case_id] for case_id in order if case_id in found]
    errors.sort(key=lambda error: order[error["case_id"]])
    if options.out is not None and cases:
        write_table(options.out / "cases.csv", _COLUMNS, cases)
    if options.json:
        print(to_json({"cases": cases, "errors": errors}))
    else:
        print(f"case_id\tpredicted\tprobability of {model.card.positive}")
        for case in cases:
            told = f"\t{OUTSIDE}" if case["outside"] else ""
            print(f"{case['case_id']}\t{case['predicted']}\t{case['probability']:.3f}{told}")
        print(f"{len(cases)} cases predicted, {len(errors)} failed", file=sys.stderr)
    if errors:
        print_log_place()
    return 1 if errors else 0


def _write_case(outcome: CaseResult, out: Path, *, dicom: bool) -> list[dict[str, str]]:
    """The files of a case; the slides of which no DICOM could be made, as errors."""
    from momkd_core.cohort_prediction import CaseFailure
    from momkd_core.dicom_maps import write_maps
    from momkd_core.export import write_prediction

    folder, failures = out / outcome.case.case_id, []
    several = len(outcome.slides) > 1
    for row, slide in zip(outcome.case.slides, outcome.slides, strict=True):
        into = folder / slide.slide_name if several else folder
        write_prediction(slide, outcome.case.case_id, into)
        if not dicom:
            continue
        try:
            write_maps(slide, row.slide or row.features or into, into)
        except SlideError as error:
            print_failure(f"case {outcome.case.case_id}", error)
            failures.append(CaseFailure(outcome.case.case_id, row.stem, error).as_json())
    return failures


def _strangest(slides: Sequence[SlideResult]) -> dict[str, Any]:
    """Of a case with several slides: that of its strangest one."""
    known = [slide for slide in slides if slide.strangeness is not None]
    worst = max(known, key=lambda slide: slide.strangeness or 0.0, default=None)
    return {
        "strangeness": worst.strangeness if worst else None,
        "outside": worst.outside if worst else None,
    }


def _case_json(outcome: CaseResult) -> dict[str, Any]:
    """A one-slide case as its slide; a case with several also lists them."""
    case_id = outcome.case.case_id
    if len(outcome.slides) == 1:
        return outcome.slides[0].as_json(case_id)
    slides = [slide.as_json(case_id) for slide in outcome.slides]
    first = slides[0]
    return {
        **dict.fromkeys(first),  # what has no meaning for a case as a whole is null
        **{key: first[key] for key in ("case_id", "muted", "model_sha256", "encoder")},
        "probability": outcome.probability,
        "predicted": outcome.predicted,
        "threshold": outcome.threshold,
        "patches": sum(slide["patches"] for slide in slides),
        "background_focus": outcome.background_focus,
        "background_focus_reason": outcome.background_focus_reason or None,
        "effective_patches": outcome.effective_patches,
        **_strangest(outcome.slides),
        "slides": [
            {"slide": result.slide_name, **content}
            for result, content in zip(outcome.slides, slides, strict=True)
        ],
    }
