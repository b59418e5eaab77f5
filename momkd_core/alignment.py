"""Do features, slide and picture lie on one another? A self-test that blames the right thing.

A heatmap in the wrong place has few causes: the viewer draws elsewhere than extraction read; the
resolution or the patch size is another one than was stated; the coordinates count from the scanned
area's corner; they were made on a slide of another size; or the features are another slide's. Each is
tested on its own, and what merely follows from another finding is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from momkd_core.alignment_findings import (
    Finding,
    check_patch_size,
    check_place,
    check_resolution,
    direction_text,
    length_text,
)
from momkd_core.features import FeatureBag
from momkd_core.geometry import Mpp
from momkd_core.placement import patches_on_tissue
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.registration import PatchPair, Reader, compare_patches, spread_patches
from momkd_core.slide import Slide
from momkd_core.tissue import find_tissue

SAMPLES = 24


@dataclass(frozen=True)
class AlignmentReport:
    """What was tested and what was found.

    Attributes:
        pairs: sampled patches both ways; empty without a second reader.
        shift: median displacement (x, y) of what is drawn, level-0 pixels; None where no pair could
            be registered.
        mpp: of the slide, where known.
        on_tissue: share of patch centres that lie on tissue.
        facts: sentences about what fits.
        findings: what does not, the cause of most first.
    """

    patches: int
    size_level0: int
    pairs: tuple[PatchPair, ...]
    shift: tuple[float, float] | None
    mpp: Mpp | None
    on_tissue: float
    facts: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def aligned(self) -> bool:
        return not self.findings


def check_alignment(
    slide: Slide,
    bag: FeatureBag,
    draw: Reader | None = None,
    *,
    drawn_downsample: float = 1.0,
    samples: int = SAMPLES,
    report: Report = silent,
    cancel: CancelToken | None = None,
) -> AlignmentReport:
    """Tests whether a bag's patches lie where they should on a slide.

    Args:
        draw: reads a square as a viewer draws it; None leaves that test out.
        drawn_downsample: level-0 pixels per pixel that ``draw`` works with: it cannot place finer.
        samples: how many patches are compared.

    Raises:
        SlideError: the slide cannot be read.
        Cancelled: on request.
    """
    cancel = cancel or CancelToken()
    facts: list[str] = []
    findings: list[Finding] = []
    report(0, 0, "looking for tissue")
    mask = find_tissue(slide)
    cancel.raise_if_cancelled()
    for check in (check_resolution, check_patch_size):
        _add(check(slide, bag), facts, findings)
    findings += check_place(slide, bag, mask, facts)
    pairs: tuple[PatchPair, ...] = ()
    shift = None
    if draw is not None:
        chosen = spread_patches(bag, samples, slide.width, slide.height)
        pairs = compare_patches(slide, bag, chosen, draw, report=report, cancel=cancel)
        shift = _median_shift(pairs)
        _add(_check_drawing(slide, bag, pairs, shift, drawn_downsample), facts, findings)
    return AlignmentReport(
        patches=len(bag.coords),
        size_level0=bag.size_level0,
        pairs=pairs,
        shift=shift,
        mpp=slide.known_mpp,
        on_tissue=patches_on_tissue(mask, bag.coords, bag.size_level0),
        facts=tuple(facts),
        findings=tuple(findings),
    )


def _add(outcome: Finding | str | None, facts: list[str], findings: list[Finding]) -> None:
    if isinstance(outcome, Finding):
        findings.append(outcome)
    elif outcome is not None:
        facts.append(outcome)


# -- what the viewer draws -----------------------------------------------------------------------


def _median_shift(pairs: tuple[PatchPair, ...]) -> tuple[float, float] | None:
    shifts = [pair.shift for pair in pairs if pair.shift is not None]
    if not shifts:
        return None
    x, y = np.median(np.array(shifts), axis=0)
    return float(x), float(y)


def _check_drawing(
    slide: Slide,
    bag: FeatureBag,
    pairs: tuple[PatchPair, ...],
    shift: tuple[float, float] | None,
    downsample: float,
) -> Finding | str:
    registered = sum(pair.shift is not None for pair in pairs)
    if shift is None:
        return "No patch has enough structure to compare what is drawn with what was read."
    alike = float(np.median([pair.agreement for pair in pairs if pair.shift is not None]))
    length = float(np.hypot(*shift))
    size = length_text(length, slide.known_mpp)
    # Neither the picture nor the patch is sampled finer than its own pixels.
    step = max(1.0, downsample, max((pair.step for pair in pairs), default=1.0))
    if alike < 0.5:
        return Finding(
            "drawing",
            f"What is drawn at the patches is not what is read there (correlation {alike:.2f})",
            "Close the slide and open it again; if that does not help, report it with the log file",
        )
    if length > 1.5 * step:
        return Finding(
            "drawing",
            f"The viewer draws the slide {size} {direction_text(*shift)} of where patches are read "
            f"(median of {registered} patches)",
            "The overlay is right for the patches, the picture beneath is not: report it with the "
            "log file",
        )
    return (
        f"The picture is drawn where patches are read: median shift {size} over {registered} "
        f"patches, compared at {step:.1f} px of the slide per pixel."
    )
