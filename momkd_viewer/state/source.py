"""What a case is looked at and analysed from: a slide, its features, or both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from momkd_core.feature_folder import FEATURE_SUFFIXES


@dataclass(frozen=True)
class Source:
    """The files of one slide; at least one is there.

    Attributes:
        slide: what is looked at; None where only its features are known.
        features: a feature file, analysed in place of the pixels where it exists.
        mpp: stated resolution of the slide, microns per pixel.
    """

    slide: Path | None
    features: Path | None = None
    mpp: float | None = None

    def __post_init__(self) -> None:
        assert self.slide is not None or self.features is not None

    @classmethod
    def of(cls, path: Path, mpp: float | None = None, features: Path | None = None) -> Source:
        """A slide with its features, or a feature file alone."""
        if path.suffix.lower() in FEATURE_SUFFIXES:
            return cls(None, path, mpp)
        return cls(path, features, mpp)

    @property
    def path(self) -> Path:
        """The file that it is known by: the slide, or the features where there is none."""
        path = self.slide or self.features
        assert path is not None
        return path

    @property
    def analysed(self) -> Path:
        """The file that a model is run on."""
        usable = self.features is not None and (self.slide is None or self.features.is_file())
        return self.features if usable and self.features is not None else self.path

    def with_mpp(self, mpp: float | None) -> Source:
        """The same at a stated resolution; None: as it is."""
        return self if mpp is None else replace(self, mpp=mpp)
