"""What one patch is to the model: its similarity to every component of both memories."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from momkd_core.component_names import MEMORIES
from momkd_core.result import SlideResult
from momkd_viewer.state.component_patches import PatchPlace
from momkd_viewer.state.overlay_values import ComponentName, OverlayChoice
from momkd_viewer.state.patch_facts import Fact, patch_facts


@dataclass(frozen=True)
class SimilarityRow:
    """One component and the patch's similarity to it.

    Attributes:
        length: of its bar, 0 (the patch's lowest) to 1 (its highest).
        wins: whether it is the best of its memory.
    """

    component: ComponentName
    similarity: float
    length: float
    wins: bool


@dataclass(frozen=True)
class Inspection:
    """A patch of the open slide.

    Attributes:
        patch: its position in the result.
        facts: affinity, attention, winners and margin, in words.
        rows: every component that is not muted, most similar first.
        muted: how many are left out.
    """

    patch: int
    place: PatchPlace
    facts: tuple[Fact, ...]
    rows: tuple[SimilarityRow, ...]
    muted: int


def inspect(result: SlideResult, slide: Path, patch: int) -> Inspection:
    """Everything the memories say of a patch. There are no rows without components."""
    x, y = (int(v) for v in result.coords[patch])
    found: list[tuple[ComponentName, float, bool]] = []
    muted = 0
    for memory in MEMORIES if result.match is not None else ():
        assert result.match is not None
        similarities = result.match.of(memory)[patch]
        winner = int(similarities.argmax())
        for index, value in enumerate(similarities):
            if np.isfinite(value):
                found.append((ComponentName(memory, index), float(value), index == winner))
            else:
                muted += 1
    low = min((value for _, value, _ in found), default=0.0)
    span = max((value for _, value, _ in found), default=0.0) - low or 1.0
    rows = [SimilarityRow(name, value, (value - low) / span, wins) for name, value, wins in found]
    return Inspection(
        patch,
        PatchPlace(slide, x, y, result.size_level0),
        tuple(patch_facts(result, patch, OverlayChoice("none"), None)),
        tuple(sorted(rows, key=lambda row: -row.similarity)),
        muted,
    )
