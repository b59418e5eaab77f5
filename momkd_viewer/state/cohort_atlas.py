"""What a model's components are over a whole cohort, ready for galleries and the patch inspector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from momkd_core.component_names import other_memory
from momkd_viewer.state.analysis import CaseEntry
from momkd_viewer.state.blinding import blinded
from momkd_viewer.state.component_patches import (
    Gallery,
    GalleryKind,
    GalleryPatch,
    PatchPlace,
    Rival,
)
from momkd_viewer.state.overlay_values import ComponentName

if TYPE_CHECKING:  # torch takes seconds, which the window should not wait for
    from momkd_core.atlas_record import Atlas, AtlasComponent, AtlasPatch
    from momkd_core.patch_index import PatchIndex

#: More of a kind are not kept of one component: nobody looks at them, and files grow.
MOST_KEPT = 2000


@dataclass(frozen=True)
class AtlasSize:
    """How many patches of each kind an atlas keeps of a component, and of one patient at most."""

    count: int = 200
    per_patient: int = 3

    @classmethod
    def of(cls, count: int, per_patient: int) -> AtlasSize:
        """One that serves a wish: steps of 200, so that a little more asks for nothing new."""
        return cls(min(MOST_KEPT, -(-count // 200) * 200), per_patient)

    def serves(self, other: AtlasSize) -> bool:
        """Whether it holds what the other asks for."""
        return self.count >= other.count and self.per_patient == other.per_patient


@dataclass(frozen=True)
class CohortAtlas:
    """An atlas with where its patches lie.

    Attributes:
        size: what it was made for.
        entries: its rows by case and name of the slide.
        index: some of the cohort's patches, to be searched by likeness.
    """

    atlas: Atlas
    index: PatchIndex
    size: AtlasSize
    entries: Mapping[tuple[str, str], CaseEntry]

    @property
    def failures(self) -> str:
        """How many slides are not in it; '' where all are."""
        count = len(self.atlas.failures)
        return f"{count} slide{'s' if count > 1 else ''} could not be read" if count else ""

    def gallery(
        self, name: ComponentName, kind: GalleryKind, count: int, per_patient: int
    ) -> Gallery:
        """At most ``count`` patches of a component, and at most so many of one patient."""
        component = self.atlas.component(name.memory, name.index)
        found = self._patches(component, name, kind)
        taken: dict[str, int] = {}
        patches: list[GalleryPatch] = []
        for patch in found:
            taken[patch.patient] = taken.get(patch.patient, 0) + 1
            if taken[patch.patient] <= per_patient and len(patches) < count:
                patches.append(patch)
        available = {
            "top": self.atlas.patches,
            "typical": component.patches,
            "counter": len(found),
        }[kind]
        return Gallery(
            tuple(patches),
            available,
            len({patch.place.slide for patch in patches if patch.place is not None}),
            len({patch.patient for patch in patches}),
            "" if patches else self._reason(component, name, kind),
            self.note(component),
        )

    def note(self, component: AtlasComponent) -> str:
        """Prevalence and attention, of each class too, and in how many slides and patients.

        Blinded: neither classes nor attention, which give polarity away.
        """
        if blinded():
            shares: tuple[str, ...] = (_share("of patches", component.prevalence, None),)
        else:
            shares = (
                _share("of patches", component.prevalence, component.prevalence_by_class),
                _share("of attention", component.attention, component.attention_by_class),
            )
        return " · ".join(
            part
            for part in (
                *shares,
                f"wins in {component.slides} of {self.atlas.slides} slides, "
                f"{component.patients} of {self.atlas.patients} patients",
                self.failures,
            )
            if part
        )

    def _patches(
        self, component: AtlasComponent, name: ComponentName, kind: GalleryKind
    ) -> list[GalleryPatch]:
        if kind == "counter":
            opposite = other_memory(name.memory)
            return [
                self._patch(
                    one.patch,
                    Rival(
                        ComponentName(opposite, one.winner),
                        one.winner_similarity,
                        one.winner_similarity - one.patch.similarity,
                    ),
                )
                for one in component.counter_examples
            ]
        return [self._patch(one) for one in (component.top if kind == "top" else component.typical)]

    def _patch(self, patch: AtlasPatch, rival: Rival | None = None) -> GalleryPatch:
        return GalleryPatch(
            self.place(patch.case_id, patch.slide, patch.x, patch.y, patch.size),
            patch.similarity,
            case=patch.case_id,
            patient=patch.patient_id,
            rival=rival,
        )

    def place(self, case_id: str, slide: str, x: int, y: int, size: int) -> PatchPlace:
        """Where a patch of one of its slides lies."""
        entry = self.entries[case_id, slide]
        return PatchPlace(entry.path, x, y, size, entry.source.mpp)

    def _reason(self, component: AtlasComponent, name: ComponentName, kind: GalleryKind) -> str:
        if not self.atlas.slides:
            first = self.atlas.failures[0].error if self.atlas.failures else ""
            return f"No slide of the cohort could be read. {first}".rstrip()
        if not component.top:
            return f"{name.text} is muted: nothing is matched with it."
        if kind == "typical":
            return f"{name.text} is the best match of no patch of the cohort."
        return "The opposite memory wins no patch of the cohort."


def _share(what: str, value: float, by_class: Mapping[str, float] | None) -> str:
    classes = ", ".join(f"{name} {share:.1%}" for name, share in (by_class or {}).items())
    return f"{value:.1%} {what}" + (f" ({classes})" if classes else "")
