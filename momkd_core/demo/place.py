"""Where the parts of a demo cohort are. Imports nothing heavy: a window asks it before it draws."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

#: Raised whenever the same seed gives other pictures: a cohort of another version is not continued.
VERSION = 1


@dataclass(frozen=True)
class DemoCohort:
    """A demo cohort in a folder, written or to be written."""

    folder: Path

    @property
    def manifest(self) -> Path:
        return self.folder / "demo.json"

    @property
    def table(self) -> Path:
        return self.folder / "cohort.csv"

    @property
    def expression(self) -> Path:
        """Written last: where it is, the cohort is complete."""
        return self.folder / "expression.csv.gz"

    @property
    def truth(self) -> Path:
        return self.folder / "truth"

    def slide(self, stem: str) -> Path:
        return self.folder / "slides" / f"{stem}.tif"

    def is_drawn(self, stem: str) -> bool:
        """Whether a slide and its truth are there."""
        parts = (self.slide(stem), self.truth / f"{stem}.png", self.truth / f"{stem}.csv")
        return all(part.exists() for part in parts)
