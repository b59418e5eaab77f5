"""What ``bundle.json`` of an evidence bundle says."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from momkd_core.component_names import Memory, component_name

FORMAT = 1

#: Of models and bundles alike.
NOTICE = "Research use only, not a medical device."


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Fingerprint(_Record):
    """Tells a slide again without its name.

    Attributes:
        quickhash: OpenSlide's quickhash-1, which renaming and stripping the label leave as it is.
        width, height: level-0 pixels.
        bytes: of the file.
        ends: see :func:`~momkd_core.storage.ends_key`; None in bundles of older versions.
    """

    quickhash: str | None
    width: int
    height: int
    bytes: int
    ends: str | None = None

    def fits(self, other: Fingerprint) -> bool:
        """Whether both are of one slide; where there is no hash, by the file's size and both its ends.

        By its size alone where the ends are unknown.
        """
        if (self.width, self.height) != (other.width, other.height):
            return False
        if self.quickhash and other.quickhash:
            return self.quickhash == other.quickhash
        if self.ends and other.ends:
            return self.ends == other.ends
        return self.bytes == other.bytes


class SlideRecord(_Record):
    """The slide.

    Attributes:
        mpp: microns per pixel along x and y that were used, and ``mpp_from`` where they are from.
        profile_present: whether the file has an ICC profile.
        profile_applied: whether the bundle's pictures were turned into sRGB with it; models always
            read the file's own pixels.
        bounds_offset: level-0 corner that the GeoJSON files count from, as QuPath does.
    """

    name: str
    fingerprint: Fingerprint
    mpp: tuple[float, float] | None
    mpp_from: Literal["file", "stated"] | None
    profile_present: bool
    profile_applied: bool
    objective: float | None
    vendor: str | None
    bounds_offset: tuple[int, int] = (0, 0)


class ModelRecord(_Record):
    """The model.

    Attributes:
        sha256: of the file that answered; of its folds' hashes for a run.
        source: where it comes from, for people.
        cards: one, or one a fold.
        files: its files in the bundle; empty where it was left out.
        files_altered: names were taken out of those files, so their hashes differ from the model's.
    """

    sha256: str
    source: str
    cards: tuple[dict[str, Any], ...] = Field(min_length=1)
    files: tuple[str, ...] = ()
    files_altered: bool = False

    @property
    def card(self) -> dict[str, Any]:
        return self.cards[0]


class Answer(_Record):
    """What the model said; ``muted`` is what it was not allowed to use."""

    probability: float
    predicted: str
    background_focus: float | None


class ResultRecord(Answer):
    """What the model said, and of what.

    Attributes:
        threshold: of the probability; each fold's own in ``fold_thresholds``.
        size_level0: side of a patch in level-0 pixels.
        region: name of the area that it was restricted to.
        unmuted: the same without muting, where components were muted.
    """

    threshold: float
    fold_thresholds: tuple[float, ...] = ()
    fold_probabilities: tuple[float, ...] = ()
    patches: int
    size_level0: int
    region: str | None = None
    patches_of_slide: int | None = None
    effective_patches: float | None
    strangeness: float | None
    outside: bool | None
    encoder: str | None
    muted: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    unmuted: Answer | None = None


class PatchRecord(_Record):
    """One patch: level-0 corner, side, and what the model says of it."""

    x: int
    y: int
    size: int
    similarity: float
    affinity: float
    attention: float


class ComponentRecord(_Record):
    """One component on this slide.

    Attributes:
        share, attention: see :class:`~momkd_core.result.ComponentUse`.
        top: its most similar patches, best first; of a muted one, as it would be unmuted.
        picture: their montage, row by row; None where there is none.
    """

    memory: Memory
    index: int = Field(ge=0)
    share: float
    attention: float
    muted: bool
    top: tuple[PatchRecord, ...] = ()
    picture: str | None = None

    @property
    def name(self) -> str:
        """For instance ``C⁺3``."""
        return component_name(self.memory, self.index)


class VerdictRecord(_Record):
    """An expert's judgement on a component, on the case, or on a component in the case."""

    memory: Memory | None
    index: int | None
    case: str | None
    term: str | None
    credible: Literal["yes", "no", "unsure"] | None
    note: str
    reviewer: str
    time: datetime
    model_sha256: str
    blinded: bool
    number: int
    withdrawn: bool

    @property
    def about(self) -> str:
        """What it judges, for people."""
        if self.memory is None or self.index is None:
            return "the case"
        name = component_name(self.memory, self.index)
        return name if self.case is None else f"{name} in this case"


class ViewRecord(_Record):
    """A picture of the whole slide, or of its label where that was asked for."""

    file: str
    caption: str


class BundleRecord(_Record):
    """All of ``bundle.json``.

    Attributes:
        identities: whether names are real; else a case is Case 1, a slide Slide 1.
        viewer: the window's own state, which only the window understands.
        files: SHA-256 of every other file of the bundle.
    """

    format: int = FORMAT
    program: str
    versions: dict[str, str]
    written: datetime
    identities: bool
    case: str
    patient: str | None
    slide: SlideRecord
    model: ModelRecord
    result: ResultRecord
    components: tuple[ComponentRecord, ...]
    verdicts: tuple[VerdictRecord, ...]
    views: tuple[ViewRecord, ...]
    annotations: int
    viewer: dict[str, Any] = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)
