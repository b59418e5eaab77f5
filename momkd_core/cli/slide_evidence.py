"""The evidence for one slide, from the options that bundle and report share."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from momkd_core.cli.options import add_slide_mpp, add_workers, positive_count

if TYPE_CHECKING:
    from momkd_core.checkpoint import Model
    from momkd_core.evidence import Evidence
    from momkd_core.progress import Report
    from momkd_core.slide import Slide
    from momkd_core.verdicts import Verdict


def add_slide_evidence(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--features", type=Path, metavar="F.h5", help="the slide's features, where they are there"
    )
    parser.add_argument(
        "--mute", metavar="LIST", help="leave components out, e.g. positive:3,negative:0"
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
    add_slide_mpp(parser)
    add_workers(parser)


def slide_evidence(
    options: argparse.Namespace, slide: Slide, report: Report, *, label_image: bool = False
) -> Evidence:
    """What ``options.model`` says of a slide, with the review's verdicts. Raises MomkdError."""
    from momkd_core.checkpoint import load_model
    from momkd_core.evidence_gathering import gather
    from momkd_core.prediction import EncodedSlide, load_bag, parse_muted

    model, muted = load_model(options.model), parse_muted(options.mute)
    verdicts = _verdicts(options.review, model)
    bag = load_bag(
        model.card,
        options.features or slide.path,
        mpp=options.slide_mpp,
        report=report,
        workers=options.workers,
        slide=slide.path,
    )
    encoded = EncodedSlide(model, bag, slide.path.stem)
    result = encoded.result(muted)
    evidence = gather(
        slide,
        model,
        result,
        unmuted=encoded.result({}) if result.muted else None,
        top=options.top,
        label_image=label_image,
        report=report,
    )
    return replace(
        evidence,
        case_id=options.case or slide.path.stem,
        verdicts=verdicts,
        identities=options.identities,
    )


def _verdicts(review: str | None, model: Model) -> list[Verdict]:
    if review is None:
        return []
    from momkd_core.review import open_review

    with open_review(review, create=False) as store:
        return store.current(model.origin_sha256)
