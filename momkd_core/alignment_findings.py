"""Wrong resolutions, sizes and places of a bag's patches, each with its cause and cure in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from momkd_core.features import FeatureBag
from momkd_core.geometry import Mpp
from momkd_core.placement import Placement, find_placement
from momkd_core.slide import Slide
from momkd_core.tissue import TissueMask
from momkd_core.trident_layout import NOMINAL

Cause = Literal[
    "drawing", "resolution", "patch_size", "slide_size", "bounds", "scale", "moved", "outside",
    "tissue",
]  # fmt: skip
_MPP_TOLERANCE = 0.02
#: Share of patches that hold tissue below which features do not belong to a slide.
_LEAST_ON_TISSUE = 0.8
_FRACTION_TOLERANCE = 0.05  # mean difference of tissue fractions of the same squares
_TIMES = {0.25: "four times as large", 0.5: "twice as large", 2.0: "half as large"}
_TIMES[4.0] = "a quarter as large"


@dataclass(frozen=True)
class Finding:
    """Something that does not fit: a cause and a cure, each a sentence."""

    kind: Cause
    cause: str
    cure: str


def length_text(pixels: float, mpp: Mpp | None) -> str:
    """``12.3 px (3.1 µm)``; without microns where the resolution is unknown."""
    if mpp is None:
        return f"{pixels:.1f} px"
    microns = pixels * mpp.mean
    return (
        f"{pixels:.1f} px ({microns:,.0f} µm)"
        if microns >= 10
        else (f"{pixels:.1f} px ({microns:.2g} µm)")
    )


def direction_text(x: float, y: float) -> str:
    """Where a displacement points, without its negligible part."""
    words = []
    longest = max(abs(x), abs(y))
    if abs(x) > 0.3 * longest:
        words.append("to the right" if x > 0 else "to the left")
    if abs(y) > 0.3 * longest:
        words.append("below" if y > 0 else "above")
    return " and ".join(words)


# -- what the file says --------------------------------------------------------------------------


def check_resolution(slide: Slide, bag: FeatureBag) -> Finding | str | None:
    made_at = _positive(bag.attributes.get("slide_mpp"))
    known = slide.known_mpp
    if known is None:
        return "The slide's resolution is unknown: it cannot be compared."
    if made_at is None:
        return None
    if abs(made_at / known.mean - 1) <= _MPP_TOLERANCE:
        return f"The resolution is the same as at extraction: {known.mean:.4g} µm/px."
    return Finding(
        "resolution",
        f"Patches were cut for a slide of {made_at:.4g} µm/px, which now counts as "
        f"{known.mean:.4g} µm/px",
        f"State {made_at:.4g} µm/px as the slide's resolution, or extract it again",
    )


def check_patch_size(slide: Slide, bag: FeatureBag) -> Finding | str | None:
    made_at = _positive(bag.attributes.get("slide_mpp"))
    known = Mpp(made_at, made_at) if made_at is not None else slide.known_mpp
    if bag.patch_size is None or bag.target_mpp is None or known is None:
        return None
    if bag.attributes.get(NOMINAL):
        return None  # magnifications are rounded, and the file is right by them
    wanted = bag.patch_size * bag.target_mpp / known.mean
    if abs(bag.size_level0 - wanted) <= max(1.0, _MPP_TOLERANCE * wanted):
        return (
            f"Patches of {bag.patch_size} px at {bag.target_mpp:g} µm/px measure "
            f"{bag.size_level0} px of the slide, as they should."
        )
    implied = bag.patch_size * bag.target_mpp / bag.size_level0
    return Finding(
        "patch_size",
        f"Patches of {bag.patch_size} px at {bag.target_mpp:g} µm/px should measure {wanted:.0f} px "
        f"of this slide, but the file says {bag.size_level0} px, which is right at {implied:.4g} "
        "µm/px",
        "Check the slide's resolution; if it is right, the attribute patch_size_level0 is wrong: "
        "extract the slide again",
    )


# -- where the patches lie -----------------------------------------------------------------------


def check_place(slide: Slide, bag: FeatureBag, mask: TissueMask, facts: list[str]) -> list[Finding]:
    """Size of the slide, offsets and scales; what follows from one of them is not found again."""
    size = _check_slide_size(slide, bag)
    if size is not None:
        return [size]
    wrong = _check_fractions(bag, mask)
    # Fractions that vary and agree are proof; else other places are tried.
    proven = wrong is None and bag.tissue_fraction is not None and bag.tissue_fraction.std() > 0.1
    placement = find_placement(slide, bag, mask)
    blamed = None if proven else _blame(slide, placement)
    if blamed is not None:
        return [blamed]
    touching = float((mask.fractions(bag.coords, bag.size_level0) >= 0.05).mean())
    if placement.outside > 0:
        return [
            Finding(
                "outside",
                f"{round(placement.outside * len(bag.coords))} of {len(bag.coords)} patches lie beside "
                f"the slide, which measures {slide.width} x {slide.height} px",
                "Open the slide that the features were made from, or extract this one",
            )
        ]
    if wrong is None and touching < _LEAST_ON_TISSUE:
        wrong = Finding(
            "tissue",
            f"Only {touching:.0%} of the patches hold tissue of this slide, and no offset or scale "
            "that was tried fits better",
            "The features are probably those of another slide: extract this one",
        )
    if wrong is not None:
        return [wrong]
    facts.append(
        f"All patches lie on the slide and {touching:.0%} of them hold tissue; no offset or scale "
        "fits better."
    )
    return []


def _check_slide_size(slide: Slide, bag: FeatureBag) -> Finding | None:
    width = _positive(bag.attributes.get("level0_width"))
    height = _positive(bag.attributes.get("level0_height"))
    if width is None or height is None or (width, height) == (slide.width, slide.height):
        return None
    ratio = slide.width / width
    even = abs(slide.height / height / ratio - 1) < 0.01
    nearest = min(_TIMES, key=lambda times: abs(np.log(ratio / times)))
    words = ""
    if even and abs(ratio / nearest - 1) < 0.02:
        words = f" ({_TIMES[nearest]})"
    return Finding(
        "slide_size",
        f"The features were made on a slide of {width:.0f} x {height:.0f} px{words}, this one has "
        f"{slide.width} x {slide.height} px",
        "Open the slide that the features were made from, or extract this one",
    )


def _blame(slide: Slide, placement: Placement) -> Finding | None:
    """The finding for coordinates that fit better elsewhere."""
    if placement.kind == "bounds":
        return _bounds_finding(*(round(v) for v in placement.offset))
    if placement.kind == "scale":
        return Finding(
            "scale",
            f"These coordinates look like those of a slide {_TIMES[placement.scale]}: multiplied "
            f"by {placement.scale:g} they fit the tissue ({placement.fit:.0%} against "
            f"{placement.fit_as_is:.0%})",
            "Extract this slide, or open the one that the features were made from; coordinates must "
            "be level-0 pixels",
        )
    if placement.kind == "moved":
        x, y = placement.offset
        length = length_text(float(np.hypot(x, y)), slide.known_mpp)
        return Finding(
            "moved",
            f"The patches fit the tissue better when moved by {length} {direction_text(x, y)} "
            f"({placement.fit:.0%} against {placement.fit_as_is:.0%}): their coordinates count from "
            "another corner",
            f"Shift the coordinates by about ({x:.0f}, {y:.0f}) px, or extract the slide again",
        )
    return None


def _bounds_finding(x: int, y: int) -> Finding:
    """For coordinates that need (x, y) added; the scanned area's corner or its negative."""
    if x + y > 0:
        return Finding(
            "bounds",
            f"The coordinates count from the corner of the scanned area, ({x}, {y}) px, as QuPath's "
            "do, and not from the slide's own corner",
            f"Add ({x}, {y}) to the coordinates of the feature file, or extract the slide again",
        )
    return Finding(
        "bounds",
        f"The coordinates include the corner of a scanned area, ({-x}, {-y}) px, which this slide "
        "does not count",
        f"Subtract ({-x}, {-y}) from the coordinates of the feature file, or extract the slide again",
    )


def _check_fractions(bag: FeatureBag, mask: TissueMask) -> Finding | None:
    if bag.tissue_fraction is None:
        return None
    here = mask.fractions(bag.coords, bag.size_level0)
    difference = float(np.abs(here - bag.tissue_fraction).mean())
    if difference <= _FRACTION_TOLERANCE:
        return None
    return Finding(
        "tissue",
        "The tissue fractions in the file are not those of this slide at these places (they differ "
        f"by {difference:.0%} on average)",
        "The features are those of another slide, or of other places of this one: extract it again",
    )


def _positive(value: object) -> float | None:
    if isinstance(value, (int, float)) and np.isfinite(value) and value > 0:
        return float(value)
    return None
