"""What an atlas says, as data: every component of a model with its patches over a cohort."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from momkd_core.component_names import Memory
from momkd_core.component_profile import ComponentProfile
from momkd_core.errors import AtlasError

_FORMAT = 1


@dataclass(frozen=True)
class AtlasPatch:
    """One patch of the atlas.

    Attributes:
        slide: its file's stem.
        x, y, size: level-0 corner and side.
        similarity: to the component that it is shown for.
    """

    case_id: str
    patient_id: str
    slide: str
    x: int
    y: int
    size: int
    similarity: float
    affinity: float
    attention: float


@dataclass(frozen=True)
class CounterExample:
    """A patch that is close to a component, and yet the opposite memory wins it.

    Attributes:
        patch: with its similarity to the component.
        winner, winner_similarity: the best component of the opposite memory.
        margin: affinity towards the opposite memory, above 0.
    """

    patch: AtlasPatch
    winner: int
    winner_similarity: float
    margin: float


@dataclass(frozen=True)
class NearComponent:
    """Another component of the model, with the cosine between the two."""

    memory: Memory
    index: int
    cosine: float


@dataclass(frozen=True)
class AtlasComponent:
    """One component over a cohort.

    Attributes:
        patches: how many it wins within its memory.
        prevalence: their share of all patches.
        attention: mean over slides of the attention on them.
        slides, patients: how many have at least one such patch.
        top: its most similar patches, best first.
        typical: of the patches that it wins, some from the middle half of their similarities.
        counter_examples: the most similar patches that the opposite memory wins, best first.
        prevalence_by_class, attention_by_class: the same over the slides of each class that the cohort
            states, by class value; empty where it states none.
        nearest: the most similar components of either memory, best first.
        profile: what it was in training; None where the model does not say.
    """

    memory: Memory
    index: int
    patches: int
    prevalence: float
    attention: float
    slides: int
    patients: int
    top: tuple[AtlasPatch, ...] = ()
    typical: tuple[AtlasPatch, ...] = ()
    counter_examples: tuple[CounterExample, ...] = ()
    prevalence_by_class: dict[str, float] = field(default_factory=dict)
    attention_by_class: dict[str, float] = field(default_factory=dict)
    nearest: tuple[NearComponent, ...] = ()
    profile: ComponentProfile | None = None


@dataclass(frozen=True)
class AtlasFailure:
    """A slide that could not be predicted; its case is not in the atlas."""

    case_id: str
    slide: str
    error: str


@dataclass(frozen=True)
class Atlas:
    """All components of a model over a cohort, positive ones first.

    Attributes:
        cases, patients, slides, patches: what it was made from.
    """

    model_sha256: str
    cases: int
    patients: int
    slides: int
    patches: int
    components: tuple[AtlasComponent, ...]
    failures: tuple[AtlasFailure, ...] = ()

    def component(self, memory: str, index: int) -> AtlasComponent:
        """One of them. Raises :class:`KeyError` where there is none."""
        for found in self.components:
            if (found.memory, found.index) == (memory, index):
                return found
        raise KeyError(f"{memory} {index}")

    def as_json(self) -> dict[str, Any]:
        """The content of ``atlas.json``."""
        content: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        return {"format": _FORMAT, **content, "errors": content.pop("failures")}

    @staticmethod
    def from_json(content: object) -> Atlas:
        """From what :meth:`as_json` gave.

        Raises:
            AtlasError: it is something else, damaged, or of a newer version.
        """
        if not isinstance(content, dict) or "components" not in content:
            raise AtlasError("This is no atlas", "Name the atlas.json that momkd atlas wrote")
        if content.get("format") != _FORMAT:
            raise AtlasError(
                f"The atlas has format {content.get('format')}, this version reads {_FORMAT}",
                "Make it again with momkd atlas",
            )
        known = {name: value for name, value in content.items() if name not in ("format", "errors")}
        try:
            return _ADAPTER.validate_python({**known, "failures": content.get("errors", [])})
        except ValidationError as error:
            place = ".".join(map(str, error.errors()[0]["loc"]))
            raise AtlasError(
                f"The atlas is damaged ({place}: {error.errors()[0]['msg']})",
                "Make it again with momkd atlas",
            ) from error


_ADAPTER = TypeAdapter(Atlas)


def read_atlas(path: Path) -> Atlas:
    """Reads an ``atlas.json``. Raises :class:`AtlasError` where that is impossible."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AtlasError(f"{path} cannot be read ({error})", "Make it with momkd atlas") from error
    return Atlas.from_json(content)
