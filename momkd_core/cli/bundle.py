"""Write the evidence for a slide as one zip, or say what a bundle holds.

example:
  momkd bundle slide.svs --model her2.safetensors --out evidence.zip
  momkd bundle --check evidence.zip
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from momkd_core.cli.console import Progress
from momkd_core.cli.options import add_json, add_slide_mpp, add_workers, positive_count
from momkd_core.errors import SettingsError

if TYPE_CHECKING:
    from momkd_core.checkpoint import Model
    from momkd_core.evidence_record import BundleRecord
    from momkd_core.verdicts import Verdict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("slide", type=Path, nargs="?", metavar="SLIDE")
    parser.add_argument(
        "--model", type=Path, metavar="MODEL", help="model file or run folder; goes into the bundle"
    )
    parser.add_argument("--out", type=Path, metavar="FILE.zip")
    parser.add_argument(
        "--features", type=Path, metavar="F.h5", help="the slide's features, where they are there"
    )
    parser.add_argument(
        "--mute", metavar="LIST", help="leave components out, e.g. positive:3,negative:0"
    )
    parser.add_argument(
        "--annotations", type=Path, metavar="GEOJSON", help="annotations of the slide that go in"
    )
    parser.add_argument(
        "--review", metavar="WHERE", help="verdicts on the model and the case go in, from here"
    )
    parser.add_argument(
        "--case", metavar="ID", help="the case in the review (default: the slide's file stem)"
    )
    parser.add_argument(
        "--top",
        type=positive_count,
        default=9,
        metavar="K",
        help="patches shown of each component (default %(default)s)",
    )
    parser.add_argument(
        "--identities",
        action="store_true",
        help="tell names of slide, case and people; by default they are Slide 1, Case 1, Reviewer 1",
    )
    parser.add_argument(
        "--label-image",
        action="store_true",
        help="put the slide's label and macro pictures in, which often name the patient",
    )
    parser.add_argument(
        "--no-model", action="store_true", help="leave the model file out of the bundle"
    )
    parser.add_argument(
        "--check", type=Path, metavar="FILE.zip", help="check a bundle and say what it holds"
    )
    add_slide_mpp(parser)
    add_workers(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> None:
    from momkd_core.evidence import read_bundle
    from momkd_core.export import to_json

    if options.check is not None:
        if options.slide is not None:
            raise SettingsError("--check goes with no slide", "Write either a bundle or check one")
        record = read_bundle(options.check).record
    else:
        record = _write(options)
        print(f"{options.out} written", file=sys.stderr)
    if options.json:
        print(to_json(record.model_dump(mode="json")))
    else:
        _print(record)


def _write(options: argparse.Namespace) -> BundleRecord:
    from momkd_core.annotation_files import AnnotationFile, read_annotations
    from momkd_core.checkpoint import load_model
    from momkd_core.evidence import write_bundle
    from momkd_core.evidence_file import check_path
    from momkd_core.evidence_gathering import gather
    from momkd_core.prediction import EncodedSlide, load_bag, parse_muted
    from momkd_core.slide import Slide

    for name, value in (
        ("SLIDE", options.slide),
        ("--model", options.model),
        ("--out", options.out),
    ):
        if value is None:
            raise SettingsError(f"{name} is missing", "Give SLIDE, --model and --out; or --check")
    check_path(options.out)
    model, muted = load_model(options.model), parse_muted(options.mute)
    with Slide(options.slide, mpp=options.slide_mpp) as slide, Progress() as progress:
        annotations = AnnotationFile()
        if options.annotations is not None:
            annotations = read_annotations(options.annotations, offset=slide.bounds_offset)
        bag = load_bag(
            model.card,
            options.features or options.slide,
            mpp=options.slide_mpp,
            report=progress,
            workers=options.workers,
            slide=options.slide,
        )
        encoded = EncodedSlide(model, bag, slide.path.stem)
        result = encoded.result(muted)
        evidence = gather(
            slide,
            model,
            result,
            unmuted=encoded.result({}) if result.muted else None,
            top=options.top,
            label_image=options.label_image,
            report=progress,
        )
        return write_bundle(
            options.out,
            replace(
                evidence,
                case_id=options.case or slide.path.stem,
                verdicts=_verdicts(options.review, model),
                annotations=annotations,
                identities=options.identities,
                include_model=not options.no_model,
            ),
            report=progress,
        )


def _verdicts(review: str | None, model: Model) -> list[Verdict]:
    if review is None:
        return []
    from momkd_core.review import open_review

    with open_review(review, create=False) as store:
        return store.current(model.origin_sha256)


def _print(record: BundleRecord) -> None:
    slide, result, model = record.slide, record.result, record.model
    mpp = f"{slide.mpp[0]:.4g} µm/px ({slide.mpp_from})" if slide.mpp else "unknown"
    muted = ", ".join(one.name for one in record.components if one.muted) or "none"
    size = f"{slide.fingerprint.width} x {slide.fingerprint.height} px"
    print(f"bundle      of {record.written:%Y-%m-%d %H:%M} UTC, program {record.program}")
    print(f"names       {'told' if record.identities else 'not told'}: {record.case}, {slide.name}")
    print(f"slide       {size}, {mpp}")
    print(f"model       {model.sha256[:16]}… ({', '.join(model.files) or 'not in the bundle'})")
    print(f"{model.card['task']:<11} {result.predicted}, probability {result.probability:.3f}")
    print(f"muted       {muted}")
    print(f"verdicts    {len(record.verdicts)}, annotations {record.annotations}")
    print(f"components  {len(record.components)}, patches {result.patches}")
    print(f"files       {len(record.files) + 1}")
