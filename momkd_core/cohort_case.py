"""A case of a cohort and its slides."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class CohortSlide:
    """One row: a slide and/or its features.

    Attributes:
        line: line number in the CSV, for messages.
        slide, features: absolute paths, or None where the row has none.
        mpp: stated resolution of the slide, microns per pixel.
    """

    line: int
    slide: Path | None
    features: Path | None
    mpp: float | None

    @property
    def stem(self) -> str:
        path = self.slide or self.features
        assert path is not None  # rows without either are refused on reading
        return path.stem


@dataclass(frozen=True)
class Case:
    """One case with its slides and the values of its other columns ('' where empty)."""

    case_id: str
    patient_id: str
    slides: tuple[CohortSlide, ...]
    values: dict[str, str] = field(default_factory=dict)
