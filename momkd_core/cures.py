"""Three things to try against attention on background; each gives a slide's result as it would be then.

None of them retrains anything. ``mask-background`` and ``stricter-tissue`` take patches away, so the
background focus has to fall: that alone is no cure, which is why they are compared by their errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from momkd_core.checkpoint import Model
from momkd_core.component_names import component_names
from momkd_core.component_tissue import ComponentTissue
from momkd_core.errors import FeatureError, SettingsError, TissueError
from momkd_core.features import FeatureBag
from momkd_core.model.attention import Muted
from momkd_core.prediction import EncodedSlide, chosen_muted
from momkd_core.result import SlideResult
from momkd_core.settings import ExtractionSettings
from momkd_core.triage_flags import percent


@dataclass(frozen=True)
class SlideAtHand:
    """A slide as a cure gets it.

    Attributes:
        encoded: as the model has read it; ``bag`` are its patches.
        slide: its file; None where the cohort names features alone.
        extract: the slide's features by other settings, from the cache where they are known.
    """

    model: Model
    encoded: EncodedSlide
    slide: Path | None
    extract: Callable[[Path, ExtractionSettings], FeatureBag]

    @property
    def bag(self) -> FeatureBag:
        return self.encoded.bag

    @property
    def name(self) -> str:
        return self.encoded.name


class Cure(Protocol):
    """One of the three.

    Attributes:
        name: on the command line.
    """

    name: ClassVar[str]

    @property
    def does(self) -> str:
        """What it does, in words."""

    @property
    def muted(self) -> Muted | None:
        """What a prediction under it leaves out; None for what the model's card says."""

    def check(self, model: Model) -> None:
        """Raises :class:`SettingsError` where it cannot be used on any slide."""

    def result(self, at_hand: SlideAtHand) -> SlideResult:
        """The slide under the cure. Raises :class:`~momkd_core.errors.MomkdError`."""


@dataclass(frozen=True)
class MaskBackground:
    """Leaves out patches with little tissue; graph, attention and answer are made anew without them.

    Attributes:
        limit: the smallest tissue fraction that stays.
    """

    name: ClassVar[str] = "mask-background"
    limit: float = 0.25
    muted: ClassVar[None] = None

    @property
    def does(self) -> str:
        return f"patches with less than {percent(self.limit)} tissue are left out"

    def check(self, model: Model) -> None:
        _check_limit(self.name, self.limit)

    def result(self, at_hand: SlideAtHand) -> SlideResult:
        bag, fraction = at_hand.bag, at_hand.bag.tissue_fraction
        if fraction is None:
            raise FeatureError(
                f"Which patches of {at_hand.name} are background is unknown: "
                f"{bag.tissue_reason or 'its features hold no tissue fractions'}",
                "Name its slide in the cohort, or extract it with momkd extract",
            )
        kept = np.flatnonzero(fraction >= self.limit)
        if len(kept) < 2:
            raise TissueError(
                f"Of {len(bag)} patches of {at_hand.name}, {len(kept)} have a tissue fraction of at "
                f"least {self.limit:g}",
                f"At least 2 are needed: --cure {self.name}:X with a lower limit",
            )
        masked = replace(
            bag,
            features=bag.features[kept],
            coords=bag.coords[kept],
            tissue_fraction=fraction[kept],
        )
        return EncodedSlide(at_hand.model, masked, at_hand.name).result()


@dataclass(frozen=True)
class MuteBackground:
    """Mutes the components that live on background; no patch is taken away.

    Which ones is decided over the cohort, by :meth:`chosen`.

    Attributes:
        limit: of the attention-weighted mean tissue fraction of a component's patches.
        muted: with those that the model's card mutes; None before they are chosen.
    """

    name: ClassVar[str] = "mute-background"
    limit: float = 0.5
    muted: dict[str, list[int]] | None = None

    @property
    def does(self) -> str:
        rule = f"components whose patches have on average less than {percent(self.limit)} tissue"
        if self.muted is None:
            return f"{rule}, by attention, are muted"
        return f"{rule}, by attention, are muted: {component_names(self.muted) or 'none'}"

    def check(self, model: Model) -> None:
        _check_limit(self.name, self.limit)
        model.require_components()

    def chosen(self, model: Model, slides: Iterable[SlideResult]) -> MuteBackground:
        """With the components that live on background in these slides.

        Raises:
            FeatureError: no slide's tissue is known.
        """
        own = chosen_muted(model, None)
        tissue = ComponentTissue(model.card.model.components)
        known = 0
        for slide in slides:
            tissue.add(slide)
            known += slide.tissue_fraction is not None
        if not known:
            raise FeatureError(
                "No slide's tissue is known, so no component can be said to live on background",
                "Name the slides in the cohort, or extract them with momkd extract",
            )
        found = tissue.on_background(self.limit, own)
        both = {memory: sorted({*own.get(memory, ()), *more}) for memory, more in found.items()}
        return replace(self, muted=own | both)

    def result(self, at_hand: SlideAtHand) -> SlideResult:
        assert self.muted is not None, "the components are chosen over a cohort first"
        return at_hand.encoded.result(self.muted)


@dataclass(frozen=True)
class StricterTissue:
    """Extracts the slide again, with a stricter rule of what is a patch of tissue.

    On features of this program it is :class:`MaskBackground` of the same limit; on imported ones the
    patch grid is ours, too.

    Attributes:
        limit: ``min_tissue`` of the extraction.
    """

    name: ClassVar[str] = "stricter-tissue"
    limit: float = 0.5
    muted: ClassVar[None] = None

    @property
    def does(self) -> str:
        return f"slides are extracted again with at least {percent(self.limit)} tissue a patch"

    def check(self, model: Model) -> None:
        _check_limit(self.name, self.limit)
        extraction = model.card.extraction
        if extraction is None:
            raise SettingsError(
                "The model does not say how its features were made, so no slide can be extracted again",
                f"Use {MaskBackground.name}",
            )
        if self.limit <= extraction.min_tissue:
            raise SettingsError(
                f"{self.name}:{self.limit:g} is not stricter than the model's own extraction, which "
                f"keeps patches from {extraction.min_tissue:g} on",
                f"Choose a higher one: --cure {self.name}:X",
            )

    def result(self, at_hand: SlideAtHand) -> SlideResult:
        extraction = at_hand.model.card.extraction
        assert extraction is not None  # checked before anything starts
        if at_hand.slide is None:
            raise FeatureError(
                f"{at_hand.name} has features but no slide, so it cannot be extracted again",
                f"Name its slide in the cohort, or use {MaskBackground.name}",
            )
        stricter = extraction.model_copy(update={"min_tissue": self.limit})
        bag = at_hand.extract(at_hand.slide, stricter)
        return EncodedSlide(at_hand.model, bag, at_hand.name).result()


CURES = (MaskBackground, MuteBackground, StricterTissue)


def parse_cure(text: str) -> Cure:
    """``mask-background``, or ``mask-background:0.4`` with a limit. Raises :class:`SettingsError`."""
    name, separator, limit = text.partition(":")
    known = {kind.name: kind for kind in CURES}
    if name not in known:
        raise SettingsError(f"There is no cure {name!r}", f"Choose one of: {', '.join(known)}")
    if not separator:
        return known[name]()
    try:
        cure = known[name](limit=float(limit))
    except ValueError as error:
        raise SettingsError(
            f"{limit!r} is no tissue fraction", f"Write for instance {name}:0.4"
        ) from error
    _check_limit(name, cure.limit)
    return cure


def all_cures(model: Model) -> tuple[list[Cure], list[SettingsError]]:
    """Those that the model allows, with their default limits, and why the others are not among them."""
    found: list[Cure] = []
    refused = []
    for kind in CURES:
        cure: Cure = kind()
        try:
            cure.check(model)
        except SettingsError as error:
            refused.append(error)
        else:
            found.append(cure)
    return found, refused


def _check_limit(name: str, limit: float) -> None:
    if not 0 < limit <= 1:
        raise SettingsError(
            f"{name}:{limit:g} is no tissue fraction", f"Write one above 0 and up to 1: {name}:0.4"
        )
