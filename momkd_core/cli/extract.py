"""Cut the tissue of slides into patches and encode them, one .h5 a slide; resumes.

A slide that fails is named and the rest goes on; the exit code is 1 then.

example:
  momkd extract cohort.csv --out features --target-mpp 0.5 --patch-size 256
"""

from __future__ import annotations

import argparse
import logging
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from momkd_core.cli.console import Progress, print_log_place
from momkd_core.cli.options import (
    add_dtype,
    add_encoder_weights,
    add_json,
    add_slide_mpp,
    add_workers,
    cohort_input,
    extraction_values,
    positive_count,
    positive_number,
)
from momkd_core.cli.place import add_workplace, asked_workplace
from momkd_core.cli.plan_lines import cost_lines, plan_lines
from momkd_core.errors import SettingsError
from momkd_core.settings import ExtractionSettings, validated
from momkd_core.worker_processes import Here

if TYPE_CHECKING:
    from momkd_core.cohort_extraction import EncoderChoice, Extracted
    from momkd_core.extraction import SlideJob
    from momkd_core.slide_regions import SlideRegions

log = logging.getLogger(__name__)

_PROBES = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "cohort", type=Path, metavar="COHORT", help="cohort CSV, a slide, or a folder of slides"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder of the feature files"
    )
    parser.add_argument(
        "--encoder",
        default=ExtractionSettings.model_fields["encoder"].default,
        metavar="NAME",
        help="patch encoder: a name of momkd encoders, timm:NAME, or the JSON file of an exported "
        "program (default %(default)s)",
    )
    add_encoder_weights(parser, "--encoder-weights")
    parser.add_argument(
        "--target-mpp",
        type=positive_number,
        default=0.5,
        metavar="X",
        help="resolution of the patches, microns per pixel (default %(default)s)",
    )
    parser.add_argument(
        "--patch-size",
        type=positive_count,
        default=256,
        metavar="PX",
        help="side of a patch in pixels at that resolution (default %(default)s)",
    )
    parser.add_argument("--overlap", type=int, default=0, metavar="PX", help="default 0")
    parser.add_argument(
        "--min-tissue",
        type=float,
        default=0.05,
        metavar="F",
        help="leave out patches with a smaller tissue fraction (default %(default)s)",
    )
    parser.add_argument(
        "--precision",
        choices=("float32", "bfloat16", "float16"),
        default="float32",
        help="arithmetic of the encoder; float16 on an NVIDIA GPU only (default %(default)s)",
    )
    add_dtype(parser)
    parser.add_argument(
        "--regions",
        type=Path,
        metavar="DIR",
        help="keep only patches whose centre lies in an area of <slide stem>.geojson, as QuPath "
        "exports annotations; a slide without such a file fails",
    )
    parser.add_argument(
        "--regions-class", metavar="NAME", help="of these files only areas of this class"
    )
    add_workers(parser)
    add_slide_mpp(parser)
    parser.add_argument("--overwrite", action="store_true", help="extract again what exists")
    parser.add_argument(
        "--plan",
        action="store_true",
        help="say what it will take (patches, time, disk, memory) by probing some slides",
    )
    parser.add_argument(
        "--probes",
        type=positive_count,
        metavar="N",
        help=f"slides whose tissue --plan looks at; it times six of them (default {_PROBES})",
    )
    add_json(parser)
    add_workplace(parser, "slides")


def run(options: argparse.Namespace) -> int:
    # Imported here: torch takes seconds, which --help and wrong usage should not cost.
    from momkd_core.cohort_extraction import EncoderChoice, extract_cohort
    from momkd_core.encoders import find_encoder
    from momkd_core.extraction import SlideJob

    chosen = find_encoder(options.encoder, options.encoder_weights)
    settings = validated(
        ExtractionSettings,
        extraction_values(options, chosen.name),
        "momkd extract --help says what is possible",
    )
    cohort = cohort_input(options.cohort)
    regions = _regions(options)
    jobs = [
        SlideJob(job.slide, job.mpp or options.slide_mpp, job.target, regions)
        for job in cohort.jobs(options.out)
    ]
    encoder = EncoderChoice(options.encoder, options.encoder_weights, options.precision)
    if options.probes is not None and not options.plan:
        raise SettingsError("--probes are of a plan", "Add --plan, or leave them out")
    if options.plan:
        return _plan(options, jobs, settings, encoder)
    log.info("encoder %s, %s, %s", chosen.name, chosen.licence, chosen.note)
    print(f"encoder {chosen.name}: {chosen.note} ({chosen.licence})", file=sys.stderr)
    with asked_workplace(options, options.out) as place, Progress() as progress:
        count = extract_cohort(
            jobs,
            settings,
            place or Here(),
            encoder=encoder,
            workers=options.workers,
            overwrite=options.overwrite,
            dtype=options.dtype,
            failed=progress.failure,
            report=progress,
        )
    return _told(options, count)


def _told(options: argparse.Namespace, count: Extracted) -> int:
    from momkd_core.export import to_json

    if options.json:
        print(to_json(asdict(count)))
    else:
        hiccups = "1 hiccup" if count.hiccups == 1 else f"{count.hiccups} hiccups"
        survived = f"; {hiccups} of disk or share survived" if count.hiccups else ""
        print(
            f"{count.made} slides extracted to {options.out}, {count.kept} were there already, "
            f"{len(count.failed)} failed{survived}"
        )
    if count.failed:
        print_log_place()
    return 1 if count.failed else 0


def _regions(options: argparse.Namespace) -> SlideRegions | None:
    from momkd_core.slide_regions import SlideRegions

    if options.regions is None:
        if options.regions_class is not None:
            raise SettingsError(
                "--regions-class has no files to look in", "Name their folder with --regions"
            )
        return None
    if not options.regions.is_dir():
        raise SettingsError(
            f"{options.regions} is no folder", "Name the folder of the GeoJSON files with --regions"
        )
    return SlideRegions(options.regions.absolute(), options.regions_class)


def _plan(
    options: argparse.Namespace,
    jobs: list[SlideJob],
    settings: ExtractionSettings,
    encoder: EncoderChoice,
) -> int:
    from momkd_core.export import to_json
    from momkd_core.extraction_plan import PlanRequest, plan_extraction
    from momkd_core.large_run_cost import large_run_cost

    if options.cluster is not None:
        raise SettingsError(
            "--plan measures this machine, not a cluster",
            "Leave --cluster out, and divide the time by the tasks that the cluster runs at once",
        )
    request = PlanRequest(
        jobs,
        settings,
        encoder,
        workers=options.workers,
        overwrite=options.overwrite,
        processes=options.processes or 1,
        threads=options.cpus_per_task if options.processes else None,
        masks=options.probes or _PROBES,
        dtype=options.dtype,
    )
    with asked_workplace(options, None), Progress() as progress:  # refuses what a run refuses
        plan = plan_extraction(request, failed=progress.failure, report=progress)
    cost = None
    if plan.paces:
        cost = large_run_cost(
            plan.device, reading_rate=plan.reading_rate, value_bytes=plan.value_bytes
        )
    if options.json:
        print(to_json({"plan": asdict(plan), "large_run": asdict(cost) if cost else None}))
    else:
        print(*plan_lines(plan, request), *cost_lines(cost), sep="\n")
    if plan.failed:
        print_log_place()
    return 0 if plan.fits and not plan.failed else 1
