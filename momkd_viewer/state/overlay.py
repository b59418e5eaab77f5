"""From a result and a choice to the colour of every patch, and the legend that explains it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from momkd_core.colour_scale import (
    Scale,
    affinity_scale,
    attention_scale,
    rgb,
    sequential_scale,
)
from momkd_core.component_names import MEMORIES
from momkd_core.result import SlideResult
from momkd_viewer.state.blinding import blinded
from momkd_viewer.state.legend import Category, LegendContent, Ramp
from momkd_viewer.state.overlay_colours import (
    CATEGORIES,
    OTHER,
    Rgba,
)
from momkd_viewer.state.overlay_values import (
    POLAR,
    WINNERS,
    ComponentName,
    Floats,
    OverlayChoice,
    missing,
    number,
    shown_values,
    within,
)

#: What the two ends of affinity mean: the negative and the positive class.
Classes = tuple[str, str]


@dataclass(frozen=True)
class PatchColours:
    """An overlay, patch by patch.

    Attributes:
        rgba: (N, 4), alpha 255, or 0 for patches out of range; None where there is nothing to show.
        values: (N,) what the range refers to; None with ``rgba``.
    """

    rgba: Rgba | None
    values: Floats | None
    legend: LegendContent


def colour_patches(result: SlideResult, choice: OverlayChoice, classes: Classes) -> PatchColours:
    """Colours and legend of a choice other than none."""
    reason = missing(result, choice)
    if reason is not None:
        return PatchColours(None, None, LegendContent(_title(choice), notes=(reason,)))
    values = shown_values(result, choice)
    inside = within(values, choice)
    rgba = np.zeros((len(result), 4), np.uint8)
    rgba[:, 3] = np.where(inside, 255, 0)
    ramp: Ramp | None = None
    categories: tuple[Category, ...] = ()
    if choice.is_categorical:
        rgba[:, :3], categories = _categories(result, WINNERS[choice.kind], inside)
    else:
        scale = _scale(result, choice, values)
        rgba[:, :3] = scale.apply(values)
        ramp = _ramp(scale, choice, classes)
    notes = _notes(choice, inside)
    return PatchColours(rgba, values, LegendContent(_title(choice), ramp, categories, notes))


def _scale(result: SlideResult, choice: OverlayChoice, values: Floats) -> Scale:
    """The map of a continuous overlay's values (N,); the range never stretches it."""
    if choice.is_ranked:
        # Ranks have no sign and no zero: a diverging map would claim both.
        return sequential_scale(0.0, 1.0, "rank")
    if choice.kind == "affinity":
        return affinity_scale(values)
    if choice.kind == "attention":
        assert result.attention is not None
        return attention_scale(result.attention)
    if choice.kind == "tissue":
        return sequential_scale(0.0, 1.0, "")
    assert result.match is not None
    # One map for all components of a memory, so that they can be compared.
    memories = MEMORIES if blinded() else (choice.component.memory,)
    similarities = np.concatenate([result.match.of(memory).ravel() for memory in memories])
    known = similarities[np.isfinite(similarities)]
    return sequential_scale(float(known.min()), float(known.max()), "similarity")


def _ramp(scale: Scale, choice: OverlayChoice, classes: Classes) -> Ramp:
    middle = (scale.low + scale.high) / 2
    low, mid, high = (number(value, choice) for value in (scale.low, middle, scale.high))
    if choice.is_ranked:
        return Ramp(scale.colours, (low, mid, high), ("lowest", "highest"))
    captions = {
        "affinity": classes,
        "attention": ("less", "more"),
        "tissue": ("glass", "tissue"),
        "similarity": ("unlike", "like"),
    }[choice.kind]
    return Ramp(scale.colours, (low, mid, high), captions)


def _categories(
    result: SlideResult, memory: str, inside: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], tuple[Category, ...]]:
    """(N, 3) colours by winning component, and their legend: the most frequent ones have colours.

    Shares are of all patches, whatever the range, so that a colour does not change with it.
    """
    winners = result.winners(memory)
    assert result.match is not None
    count = result.match.of(memory).shape[1]
    share = np.bincount(winners, minlength=count) / len(winners)
    order = np.argsort(-share, kind="stable")
    order = order[share[order] > 0]
    coloured, rest = order[: len(CATEGORIES)], order[len(CATEGORIES) :]
    table = np.tile(np.array(rgb(OTHER), np.uint8), (count, 1))
    entries = []
    for component, colour in zip(coloured, CATEGORIES, strict=False):
        table[component] = rgb(colour)
        name = ComponentName(memory, int(component)).text
        entries.append(Category(rgb(colour), name, float(share[component])))
    if len(rest):
        name = f"other ({len(rest)} component{'s' if len(rest) > 1 else ''})"
        entries.append(Category(rgb(OTHER), name, float(share[rest].sum())))
    return table[winners], tuple(entries)


def _title(choice: OverlayChoice) -> str:
    if blinded() and choice.kind in POLAR:
        return "Overlay"
    return {
        "affinity": "Affinity C⁺ − C⁻",
        "attention": "Attention, × even share",
        "positive_winner": "Winning positive component",
        "negative_winner": "Winning negative component",
        "similarity": f"Similarity to {choice.component.text}",
        "tissue": "Tissue fraction",
        "none": "",
    }[choice.kind]


def _notes(choice: OverlayChoice, inside: NDArray[np.bool_]) -> tuple[str, ...]:
    notes = []
    if choice.is_ranked:
        notes.append(f"ranks among the slide's {len(inside):,} patches")
    elif choice.kind == "affinity":
        notes.append("this slide's range, zero in the middle")
    elif choice.kind == "similarity":
        which = "components" if blinded() else choice.component.text[:2]
        notes.append(f"one range for all {which} of this slide")
    if choice.has_range:
        notes.append(f"{_range(choice)}: {inside.mean():.0%} of patches")
    if choice.is_smooth:
        notes.append("smoothed between patches")
    return tuple(notes)


def _range(choice: OverlayChoice) -> str:
    what = "similarity" if choice.is_categorical else "only"
    low = None if choice.low is None else number(choice.low, choice)
    high = None if choice.high is None else number(choice.high, choice)
    if low is None:
        return f"{what} up to {high}"
    if high is None:
        return f"{what} from {low}"
    return f"{what} {low} to {high}"
