"""Open models, the results they gave for the open slide, and which one is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from momkd_core.result import ComponentUse, SlideResult
from momkd_core.slide_summary import SlideSummary
from momkd_viewer.state.component_portrait import mean_drifts
from momkd_viewer.state.overlay_colours import PatchRaster, rasterise
from momkd_viewer.state.overlay_values import ComponentName
from momkd_viewer.state.source import Source

if TYPE_CHECKING:  # torch takes seconds, which the window should not wait for
    from momkd_core.checkpoint import Model
    from momkd_core.prediction import EncodedSlide

TOP_PATCHES = 4
#: Which components are left out: ``{"positive": [3]}``.
Muted = Mapping[str, list[int]]
#: The same as a set, which keys and comparisons want: ``{("positive", 3)}``.
MutedSet = frozenset[tuple[str, int]]


def muted_set(muted: Mapping[str, Sequence[int]]) -> MutedSet:
    """As a set."""
    return frozenset((memory, index) for memory, found in muted.items() for index in found)


def by_memory(muted: MutedSet) -> dict[str, list[int]]:
    """As the engine takes it, in order; a memory of which nothing is muted is not in it."""
    found: dict[str, list[int]] = {}
    for memory, index in sorted(muted):
        found.setdefault(memory, []).append(index)
    return found


@dataclass(frozen=True)
class ComponentSummary:
    """A component on one slide: its use, and its top patches with their similarities."""

    use: ComponentUse
    patches: tuple[int, ...]
    similarities: tuple[float, ...]


@dataclass(frozen=True)
class Outcome:
    """A result with what drawing it needs, computed away from the GUI thread.

    Attributes:
        summary: what the work list shows of it.
        encoded: the slide after the graph encoder, from which it is read again when a component is
            muted.
        unmuted: the result with no component muted; None where none is.
    """

    result: SlideResult
    summary: SlideSummary
    raster: PatchRaster
    components: tuple[ComponentSummary, ...]
    encoded: EncodedSlide
    unmuted: SlideResult | None = None

    @classmethod
    def of(cls, encoded: EncodedSlide, muted: Muted | None = None) -> Outcome:
        """Reads the memory without the muted components, by default the model's own.

        Raises:
            SettingsError: no such component, or a whole memory.
        """
        result = encoded.result(muted)
        unmuted = encoded.result({}) if result.muted else None
        summaries = []
        for use in result.components():
            assert result.match is not None  # else there are no components
            patches = result.top_patches(use.memory, use.index, TOP_PATCHES)
            similarities = result.match.of(use.memory)[patches, use.index]
            summaries.append(
                ComponentSummary(
                    use, tuple(int(p) for p in patches), tuple(float(s) for s in similarities)
                )
            )
        raster = rasterise(result.coords, result.size_level0)
        summary = SlideSummary.of(result)
        return cls(result, summary, raster, tuple(summaries), encoded, unmuted)


#: A model's hash with a set of muted components: what findings of the work list belong to.
Asked = tuple[str, MutedSet]


@dataclass(frozen=True)
class Reader:
    """A model without some of its components, as the cases of a cohort are read by it."""

    model: Model
    muted: MutedSet

    @property
    def asked(self) -> Asked:
        return self.model.sha256, self.muted

    @property
    def muted_by_memory(self) -> dict[str, list[int]]:
        return by_memory(self.muted)


@dataclass
class OpenModel:
    """A model in the window.

    Attributes:
        outcome: for the open slide, or None before analysis.
        failure: why there is none, as a sentence, or None.
        muted: components left out, by memory, on this slide and the next ones; a curated model
            brings its own, which can be taken back in.
    """

    model: Model
    outcome: Outcome | None = None
    failure: str | None = None
    muted: MutedSet = frozenset()

    @classmethod
    def of(cls, model: Model) -> OpenModel:
        """A model as its file is: without the components that it mutes itself."""
        return cls(model, muted=muted_set(model.card.muted))

    @cached_property
    def drifts(self) -> dict[ComponentName, float]:
        """See :func:`~momkd_viewer.state.component_portrait.mean_drifts`."""
        return mean_drifts(self.model.card)

    @property
    def reader(self) -> Reader:
        return Reader(self.model, self.muted)

    @property
    def muted_by_memory(self) -> dict[str, list[int]]:
        return self.reader.muted_by_memory


@dataclass
class Analysis:
    """The models in the order they were opened; one is chosen for overlay and browser."""

    models: list[OpenModel] = field(default_factory=list)
    chosen: int | None = None

    def add(self, model: Model) -> int:
        """Adds a model, or finds it where its file is open already; returns its position."""
        for position, entry in enumerate(self.models):
            if entry.model.sha256 == model.sha256:
                return position
        self.models.append(OpenModel.of(model))
        if self.chosen is None:
            self.chosen = 0
        return len(self.models) - 1

    def remove(self, position: int) -> None:
        del self.models[position]
        if not self.models:
            self.chosen = None
        elif self.chosen is not None and self.chosen >= position:
            self.chosen = max(0, self.chosen - 1)

    def forget_results(self) -> None:
        """For another slide: the models stay, what they said does not."""
        for entry in self.models:
            entry.outcome = entry.failure = None

    @property
    def shown(self) -> OpenModel | None:
        return None if self.chosen is None else self.models[self.chosen]

    @property
    def pending(self) -> list[OpenModel]:
        """Models that have neither a result nor a failure yet."""
        return [m for m in self.models if m.outcome is None and m.failure is None]


@dataclass(frozen=True)
class CaseEntry:
    """A row of the case list.

    Attributes:
        source: its slide, its features, or both.
        values: the other columns of its row, labels among them.
        several: whether its case has other slides, too.
    """

    case_id: str
    source: Source
    values: Mapping[str, str] = field(default_factory=dict)
    several: bool = False

    @property
    def name(self) -> str:
        """The case; with its slide where it has several."""
        return f"{self.case_id} · {self.path.stem}" if self.several else self.case_id

    @property
    def patient_id(self) -> str:
        """The case itself where the table names no patients."""
        return self.values.get("patient_id") or self.case_id

    @property
    def path(self) -> Path:
        """The file that the row is known by."""
        return self.source.path
