"""Which patches stand for a component: the most similar, typical ones, and counter-examples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

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
    """At most ``count`` patches of one slide.

    Counter-examples come from what the opposite memory wins: its best similarity is the higher.
    """
    assert result.match is not None, result.no_components
    own = result.match.of(name.memory)[:, name.index]
    if not np.isfinite(own).all():
        return Gallery((), 0, 0, 0, f"{name.text} is muted: nothing is matched with it.")
    opposite = "negative" if name.memory == "positive" else "positive"
    order = np.argsort(-own, kind="stable")
    if kind == "top":
        chosen, available = order[:count], len(order)
    elif kind == "typical":
        won = order[result.winners(name.memory)[order] == name.index]
        chosen, available = from_middle(won, count), len(won)
    else:
        lost = order[_won_by(result, opposite)[order]]
        chosen, available = lost[:count], len(lost)
    patches = tuple(_patch(result, slide, name, kind, opposite, int(p)) for p in chosen)
    reason = ""
    if not patches:
        reason = {
            "top": "There are no patches.",
            "typical": f"{name.text} is the best match of no patch here.",
            "counter": "The opposite memory wins no patch here.",
        }[kind]
    return Gallery(patches, available, min(1, len(patches)), min(1, len(patches)), reason)


def from_middle(ordered: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """``count`` of the entries, spread evenly over the middle half, in their order.

    From outside of it only where it has fewer.
    """
    last = len(ordered) - 1
    if count == 1:
        return ordered[last // 2 : last // 2 + 1]
    spare = max(0.0, min(0.25 * last, (len(ordered) - count) / 2))
    places = np.linspace(spare, last - spare, max(0, min(count, len(ordered))))
    return ordered[np.floor(places + 1e-9).astype(np.int64)]


def _won_by(result: SlideResult, memory: str) -> NDArray[np.bool_]:
    """(N,) whether a memory's best similarity is the higher of both; none at a tie."""
    assert result.affinity is not None, result.no_components
    won = result.affinity > 0 if memory == "positive" else result.affinity < 0
    return np.asarray(won)


def _patch(
    result: SlideResult,
    slide: Path,
    name: ComponentName,
    kind: GalleryKind,
    opposite: str,
    patch: int,
) -> GalleryPatch:
    assert result.match is not None
    x, y = (int(v) for v in result.coords[patch])
    similarity = float(result.match.of(name.memory)[patch, name.index])
    rival = None
    if kind == "counter":
        theirs = result.match.of(opposite)[patch]
        winner = int(theirs.argmax())
        best = float(theirs[winner])
        rival = Rival(ComponentName(opposite, winner), best, best - similarity)
    place = PatchPlace(slide, x, y, result.size_level0)
    return GalleryPatch(place, similarity, patch, rival=rival)
