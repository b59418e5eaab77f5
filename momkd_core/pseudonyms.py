"""What stands for a patient, a case, a slide and its readers where their names are not to be told."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CASE, PATIENT, SLIDE = "Case 1", "Patient 1", "Slide 1"

_SHORTEST = 3  # a case called "1" must not change every 1 of a note
_ABSOLUTE = re.compile(r"(?:file:|[A-Za-z]:[\\/]|[\\/])\S")


class Pseudonyms:
    """Stands in for the names of one case.

    Args:
        case_id, patient_id: None where unknown.
        slide: its file.
        people: names to number, in this order.
        told: names stay as they are.
    """

    def __init__(
        self,
        case_id: str | None,
        patient_id: str | None,
        slide: Path | None,
        people: Iterable[str],
        *,
        told: bool,
    ) -> None:
        self.told = told
        self._case_id, self._patient_id, self._slide = case_id, patient_id, slide
        self._people: dict[str, str] = {}
        for name in people:
            self._people.setdefault(name, f"Reviewer {len(self._people) + 1}")
        self._shown = self._replacements()
        names = sorted(self._shown, key=len, reverse=True)
        whole = "|".join(re.escape(name) for name in names)
        # Whole names only, in any case: notes are typed by hand.
        self._known = re.compile(rf"(?<!\w)(?:{whole})(?!\w)", re.IGNORECASE) if names else None

    def _replacements(self) -> dict[str, str]:
        """From a name in lower case to what stands for it."""
        found: dict[str, str] = {}
        named: list[tuple[str | None, str]] = [(self._case_id, CASE), (self._patient_id, PATIENT)]
        if self._slide is not None:
            named += [
                (str(self._slide), SLIDE),
                (self._slide.name, SLIDE),
                (self._slide.stem, SLIDE),
            ]
        named += list(self._people.items())
        for name, shown in named:
            if name and len(name) >= _SHORTEST:
                found.setdefault(name.lower(), shown)
        return found

    @property
    def case(self) -> str:
        return self._case_id or CASE if self.told else CASE

    @property
    def patient(self) -> str | None:
        return self._patient_id if self.told else None

    @property
    def slide(self) -> str:
        return self._slide.name if self.told and self._slide else SLIDE

    def person(self, name: str) -> str:
        """A reader of this case, or anyone else, who is numbered after them."""
        if self.told:
            return name
        return self._people.setdefault(name, f"Reviewer {len(self._people) + 1}")

    def text(self, text: str) -> str:
        """What somebody typed, with known names replaced; no other name can be recognised."""
        if self.told or self._known is None:
            return text
        return self._known.sub(lambda match: self._shown[match.group().lower()], text)

    def everywhere(self, value: Any) -> Any:
        """JSON with known names replaced in all strings, and places of files left out."""
        if self.told:
            return value
        if isinstance(value, str):
            return "…" if _ABSOLUTE.match(value) else self.text(value)
        if isinstance(value, dict):
            return {self.everywhere(key): self.everywhere(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.everywhere(item) for item in value]
        return value
