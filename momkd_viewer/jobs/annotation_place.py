"""Where a slide's annotations are kept: beside it, or in the user's own folder.

In the user's folder a file is named after what the slide is (:attr:`~momkd_core.slide.Slide.identity`)
and after where it lies. So a slide that was moved finds what was drawn on it, and copies of a slide,
once drawn on, have annotations of their own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from momkd_core.annotation_files import Offset
from momkd_core.slide import SLIDE_SUFFIXES, Slide
from momkd_core.storage import annotation_folder, content_key


@dataclass(frozen=True)
class AnnotationPlace:
    """Where a slide's annotations are and how they are written.

    Attributes:
        slide: the slide's file.
        offset: level-0 corner of the scanned area.
        microns_per_pixel: along x and y, where known.
        identity: of the slide, wherever it lies.
        spot: of where it lies.
    """

    slide: Path
    offset: Offset
    microns_per_pixel: tuple[float, float] | None
    identity: str
    spot: str

    @classmethod
    def of(cls, slide: Slide) -> AnnotationPlace:
        known = slide.known_mpp
        spot = hashlib.sha256(str(slide.path.resolve()).encode()).hexdigest()[:12]
        scale = (known.x, known.y) if known else None
        return cls(slide.path.absolute(), slide.bounds_offset, scale, slide.identity, spot)

    @property
    def beside(self) -> Path:
        """With the slide's whole name: ``a.svs`` and ``a.tif`` may lie in one folder."""
        return self.slide.with_name(f"{self.slide.name}.annotations.geojson")

    def targets(self, refused: frozenset[Path]) -> list[Path]:
        """Where annotations are written, in this order; never where a file could not be read."""
        own, number = self._own(""), 2
        while own in refused:
            own, number = self._own(f".{number}"), number + 1
        return [own] if self.beside in refused else [self.beside, own]

    # -- what may be there -----------------------------------------------------------------------

    @property
    def files(self) -> list[Path]:
        """Of this slide, here."""
        return [self.beside, *_in_own_folder(f"{self.identity}.{self.spot}*")]

    @property
    def older_files(self) -> list[Path]:
        """The same under the names that were given before: by stem, and by path and time."""
        by_stem = [] if self.sharers else [self.by_stem]
        try:
            return [*by_stem, *_in_own_folder(f"*.{content_key(self.slide)}*")]
        except OSError:  # the slide is gone meanwhile
            return by_stem

    @property
    def files_elsewhere(self) -> list[Path]:
        """Of this slide, where it lay before."""
        return [path for path in _in_own_folder(f"{self.identity}.*") if path not in self.files]

    @property
    def by_stem(self) -> Path:
        """The older name beside the slide."""
        return self.slide.with_name(f"{self.slide.stem}.annotations.geojson")

    @property
    def sharers(self) -> list[str]:
        """Other slides of the folder whose annotations would have, or have, that name too."""
        name, stem = self.slide.name.casefold(), self.slide.stem.casefold()
        try:
            names = sorted(other.name for other in self.slide.parent.iterdir())
        except OSError:  # it may be read, but not listed
            return []
        return [
            other
            for other, plain in ((one, Path(one.casefold())) for one in names)
            if plain.name != name
            if stem in (plain.stem, plain.name) and plain.suffix in SLIDE_SUFFIXES
        ]

    def _own(self, ending: str) -> Path:
        return annotation_folder() / f"{self.identity}.{self.spot}{ending}.geojson"


def _in_own_folder(pattern: str) -> list[Path]:
    return sorted(annotation_folder().glob(f"{pattern}.geojson"))
