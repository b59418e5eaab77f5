"""What a model file says of its model; JSON in the file's metadata."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from momkd_core.component_names import component_names
from momkd_core.component_profile import ComponentProfile
from momkd_core.curation_record import CurationStep
from momkd_core.settings import (
    COMPARATOR_SETTINGS,
    MOMKD,
    ExtractionSettings,
    ModelSettings,
    Preset,
    TrainingSettings,
)

_FORMAT = 1
_STANDING_NOTE = "Research use only, not a medical device."


class ModelCard(BaseModel):
    """What a model is, was made from, and is fit for."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: int = _FORMAT
    method: str = MOMKD
    task: str = Field(description="the label column")
    positive: str = Field(description="class value of probability 1")
    negative: str
    organ: str | None = None
    stain: str | None = None
    preset: Preset = "paper"
    threshold: float = Field(0.5, ge=0, le=1)
    extraction: ExtractionSettings | None = Field(
        None, description="how slides become features; None where the features' file did not say"
    )
    encoder: str | None = None
    encoder_sha256: str | None = None
    encoder_preprocessing: str | None = None
    cut_from: str | None = Field(
        None, description="what patches were kept of; None in files that do not say"
    )
    model: ModelSettings
    training: TrainingSettings | None = None
    genes: tuple[str, ...] = ()
    profiles: tuple[ComponentProfile, ...] = Field(
        default=(), description="its components over the training cases; empty in older files"
    )
    fold: int | None = None
    cohort_fingerprint: str | None = None
    metrics: dict[str, Any] = Field(default_factory=dict)
    familiarity_limit: float | None = Field(
        default=None,
        gt=0,
        description="distance from the training patches up to which a slide is familiar",
    )
    familiarity_cases: int = Field(
        default=0, ge=0, description="validation slides that set the limit"
    )
    muted: dict[str, tuple[int, ...]] = Field(
        default_factory=dict, description="components left out unless a prediction says otherwise"
    )
    curation: tuple[CurationStep, ...] = ()
    versions: dict[str, str] = Field(default_factory=dict)
    note: str = _STANDING_NOTE

    @property
    def is_momkd(self) -> bool:
        """Whether it has memories and components; False for a comparison system."""
        return self.method == MOMKD

    def as_json(self) -> str:
        """As a model file holds it: without settings that mean nothing to a comparison system."""
        if self.is_momkd:
            return self.model_dump_json()
        theirs = dict.fromkeys(ModelCard.model_fields, True) | {
            "model": {"feature_width": True, "genes": True},
            "training": dict.fromkeys(COMPARATOR_SETTINGS, True),
        }
        return self.model_dump_json(include=theirs)

    @property
    def remark(self) -> str:
        """What its maker added to the standing note, and its curator; '' where nothing."""
        said = self.note.removeprefix(_STANDING_NOTE).strip()
        return " ".join(part for part in (said, self.curated) if part)

    @property
    def curated(self) -> str:
        """Who saved it without which components, and what that does not change; '' where nobody."""
        if not self.muted or not self.curation:
            return ""
        last = self.curation[-1]
        return (
            f"Saved without {component_names(self.muted)} by {last.who} on {last.when[:10]} "
            f"({last.why}); threshold and metrics are those of the model with them."
        )

    def profile_of(self, memory: str, index: int) -> ComponentProfile | None:
        """What a component was in training; None where the file does not say."""
        found = (p for p in self.profiles if (p.memory, p.index) == (memory, index))
        return next(found, None)

    def described(
        self, organ: str | None = None, stain: str | None = None, note: str | None = None
    ) -> ModelCard:
        """The card with what its maker says; a note is added to the standing one."""
        return self.model_copy(
            update={
                "organ": organ or self.organ,
                "stain": stain or self.stain,
                "note": f"{self.note} {note}" if note else self.note,
            }
        )
