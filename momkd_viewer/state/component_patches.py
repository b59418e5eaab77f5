"""Which patches stand for a component: the most similar, typical ones, and counter-examples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from momkd_core.atlas_picks import ComponentPicks, SlidePatches, Wanted
from momkd_core.component_names import other_memory
from momkd_core.result import SlideResult
from momkd_viewer.state.overlay_values import ComponentName
from momkd_viewer.state.source import Source

GalleryKind = Literal["top", "typical", "counter"]
#: What a gallery can show: kind, its name, what it means.
GALLERIES: tuple[tuple[GalleryKind, str, str], ...] = (
    ("top", "Top", "The most similar patches, whoever won them"),
    ("typical", "Typical", "Of the patches it wins, those in the middle of its range"),
    ("counter", "Counter-examples", "The most similar patches that the opposite memory won"),
)


@dataclass(frozen=True)
class PatchPlace:
    """Where a patch lies.

    Attributes:
        slide: the file; that of its features, where there are features alone.
        x, y: its level-0 corner; ``size`` its side.
        mpp: of the slide, where it was stated and not read from the file.
    """

    slide: Path
    x: int
    y: int
    size: int
    mpp: float | None = None

    @property
    def has_pixels(self) -> bool:
        """Whether there is a slide to take a picture of it from."""
        return Source.of(self.slide).slide is not None


@dataclass(frozen=True)
class Rival:
    """Who won a counter-example.

    Attributes:
        margin: by how much its similarity exceeds the component's, 0 or more.
    """

    component: ComponentName
    similarity: float
    margin: float


@dataclass(frozen=True)
class GalleryPatch:
    """A patch of a gallery.

    Attributes:
        place: None where its slide is not known: it has no picture then.
        similarity: to the component, as the model measures it.
        position: in the open slide's result; None for other slides.
        case, patient: of a cohort; '' on a slide alone.
        rival: of a counter-example.
    """

    place: PatchPlace | None
    similarity: float
    position: int | None = None
    case: str = ""
    patient: str = ""
    rival: Rival | None = None


@dataclass(frozen=True)
class Gallery:
    """What a gallery shows, and what there is altogether.

    Attributes:
        patches: in their order.
        available: how many patches there are of this kind.
        slides, patients: how many ``patches`` come from.
        reason: why there are none; '' where there are.
        note: what else is known of the component in their scope.
    """

    patches: tuple[GalleryPatch, ...]
    available: int
    slides: int
    patients: int
    reason: str = ""
    note: str = ""


def slide_gallery(
    result: SlideResult, slide: Path, name: ComponentName, kind: GalleryKind, count: int
) -> Gallery:
    """At most ``count`` patches of one slide, chosen as an atlas of it alone would."""
    assert result.match is not None, result.no_components
    if not np.isfinite(result.match.of(name.memory)[:, name.index]).all():
        return Gallery((), 0, 0, 0, f"{name.text} is muted: nothing is matched with it.")
    opposite = other_memory(name.memory)
    picks = ComponentPicks(name.memory, name.index, Wanted(count, count, count, per_patient=count))
    picks.add(SlidePatches(result, number=0, patient=0))
    if kind == "top":
        rows, available = picks.top(), len(result)
    elif kind == "typical":
        won = result.winners(name.memory) == name.index
        rows, available = picks.typical(), int(np.count_nonzero(won))
    else:
        assert result.affinity is not None, result.no_components
        lost = result.affinity < 0 if opposite == "negative" else result.affinity > 0
        rows, available = picks.counter_examples(), int(np.count_nonzero(lost))
    patches = tuple(
        GalleryPatch(
            PatchPlace(slide, int(row["x"]), int(row["y"]), result.size_level0),
            float(row["similarity"]),
            int(row["patch"]),
            rival=Rival(
                ComponentName(opposite, int(row["winner"])),
                float(row["winner_similarity"]),
                float(row["winner_similarity"] - row["similarity"]),
            )
            if kind == "counter"
            else None,
        )
        for row in rows
    )
    reason = ""
    if not patches:
        reason = {
            "top": "There are no patches.",
            "typical": f"{name.text} is the best match of no patch here.",
            "counter": "The opposite memory wins no patch here.",
        }[kind]
    return Gallery(patches, available, min(1, len(patches)), min(1, len(patches)), reason)
