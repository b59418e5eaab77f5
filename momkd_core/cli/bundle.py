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
from momkd_core.cli.options import add_json
from momkd_core.cli.slide_evidence import add_slide_evidence, slide_evidence
from momkd_core.errors import SettingsError

if TYPE_CHECKING:
    from momkd_core.evidence_record import BundleRecord


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("slide", type=Path, nargs="?", metavar="SLIDE")
    parser.add_argument(
        "--model", type=Path, metavar="MODEL", help="model file or run folder; goes into the bundle"
    )
    parser.add_argument("--out", type=Path, metavar="FILE.zip")
    parser.add_argument(
        "--annotations", type=Path, metavar="GEOJSON", help="annotations of the slide that go in"
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
    add_slide_evidence(parser)
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
    from momkd_core.evidence import write_bundle
    from momkd_core.evidence_file import check_path
    from momkd_core.slide import Slide

    for name, value in (
        ("SLIDE", options.slide),
        ("--model", options.model),
        ("--out", options.out),
    ):
        if value is None:
            raise SettingsError(f"{name} is missing", "Give SLIDE, --model and --out; or --check")
    check_path(options.out)
    with Slide(options.slide, mpp=options.slide_mpp) as slide, Progress() as progress:
        annotations = AnnotationFile()
        if options.annotations is not None:
            annotations = read_annotations(options.annotations, offset=slide.bounds_offset)
        evidence = replace(
            slide_evidence(options, slide, progress, label_image=options.label_image),
            annotations=annotations,
            include_model=not options.no_model,
        )
        return write_bundle(options.out, evidence, report=progress)


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
