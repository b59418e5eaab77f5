"""Names that may tell who a patient is, and what is shown in their place.

A name gets its number when it is first met and keeps it for the session, masked or not: switching the
mask on and off never renumbers. Numbers are not kept beyond it, so that no list of them lies about.
"""

from __future__ import annotations

import re
from pathlib import Path

_SEPARATOR = " · "  # between a case and its slide, where a case has several

#: A case of a table that was refused: it was never listed, so it is met in the message alone.
_FOREIGN_CASE = re.compile(r"\b(case_id|patient_id|slide) '[^']*'")


class NameMask:
    """Attributes:
    on: whether names are masked.
    """

    def __init__(self, *, on: bool = False) -> None:
        self.on = on
        self._slides: dict[str, int] = {}
        self._cases: dict[str, int] = {}
        self._files: dict[str, int] = {}

    # -- what is met -----------------------------------------------------------------------------

    def meet_slide(self, path: Path) -> None:
        _number(self._slides, str(path))

    def meet_case(self, row: str, path: Path) -> None:
        """A row of the case list: its case, and its slide where the case has several."""
        _number(self._cases, _case_of(row, path))
        self.meet_slide(path)

    def meet_file(self, path: Path) -> None:
        """A file that is no slide: a cohort's table or folder, which may be named after a patient."""
        _number(self._files, str(path))

    # -- what is shown ---------------------------------------------------------------------------

    def slide(self, path: Path, *, suffix: bool = True) -> str:
        """What a slide is called: its file's name, or ``Slide 3``."""
        number = _number(self._slides, str(path))
        if self.on:
            return f"Slide {number}"
        return path.name if suffix else path.stem

    def case(self, row: str, path: Path) -> str:
        """What a row of the case list is called: its name, or ``Case 2`` (``Case 2 · Slide 3``)."""
        case = _case_of(row, path)
        number = _number(self._cases, case)
        if not self.on:
            return row
        return f"Case {number}" + (f"{_SEPARATOR}{self.slide(path)}" if case != row else "")

    def text(self, text: str) -> str:
        """A message with every name that was met masked; as it is while the mask is off."""
        if not self.on:
            return text
        for name, shown in self._replacements():
            # Whole names only: a case "1" must not change every 1 of a message.
            text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)", shown, text)
        return _FOREIGN_CASE.sub(r"\1 '…'", text)

    def _replacements(self) -> list[tuple[str, str]]:
        found: dict[str, str] = {}
        for title, numbers in (("Slide", self._slides), ("File", self._files)):
            for path, number in numbers.items():
                shown = f"{title} {number}"
                for name in (path, Path(path).name, Path(path).stem):
                    found.setdefault(name, shown)
        for case, number in self._cases.items():
            found.setdefault(case, f"Case {number}")
        return sorted(found.items(), key=lambda entry: -len(entry[0]))


def _number(numbers: dict[str, int], name: str) -> int:
    return numbers.setdefault(name, len(numbers) + 1)


def _case_of(row: str, path: Path) -> str:
    ending = f"{_SEPARATOR}{path.stem}"
    return row[: -len(ending)] if row.endswith(ending) else row
