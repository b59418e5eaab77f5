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
        # What replaces what, as of so many names.
        self._known = (0, 0, 0)
        self._shown: dict[str, str] = {}
        self._whole = re.compile(r"\b\B")  # nothing

    # -- what is met -----------------------------------------------------------------------------

    def meet_slide(self, path: Path) -> None:
        _number(self._slides, str(path))

    def meet_case(self, row: str, path: Path) -> None:
        """A row of the case list: its case, and its slide where the case has several."""
        _number(self._cases, _case_of(row, path))
        self.meet_slide(path)

    def meet_file(self, path: Path) -> None:
        """A file that is no slide (a table, an export), which may be named after a patient."""
        _number(self._files, str(path))

    # -- what is shown ---------------------------------------------------------------------------

    def slide(self, path: Path, *, suffix: bool = True) -> str:
        """What a slide is called: its file's name, or ``Slide 3``."""
        number = _number(self._slides, str(path))
        if self.on:
            return f"Slide {number}"
        return path.name if suffix else path.stem

    def file(self, path: Path) -> str:
        """What a table or folder is called: its name and that of the folder it is in, or ``File 2``."""
        number = _number(self._files, str(path))
        return f"File {number}" if self.on else f"{path.parent.name}/{path.name}"

    def case(self, row: str, path: Path) -> str:
        """What a row of the case list is called: its name, or ``Case 2`` (``Case 2 · Slide 3``)."""
        case = _case_of(row, path)
        number = _number(self._cases, case)
        if not self.on:
            return row
        return f"Case {number}" + (f"{_SEPARATOR}{self.slide(path)}" if case != row else "")

    def case_alone(self, case: str) -> str:
        """What a case is called that may be of no cohort that was opened."""
        if not self.on:
            return case
        return f"Case {self._cases[case]}" if case in self._cases else "another case"

    def text(self, text: str) -> str:
        """A message with every name that was met masked; as it is while the mask is off."""
        if not self.on:
            return text
        known = (len(self._slides), len(self._cases), len(self._files))
        if known != self._known:  # names are met, never forgotten; a large cohort has many
            self._known, self._shown = known, self._replacements()
            # The longest first, and all in one pass: what is put in is not a name to be masked again.
            names = "|".join(re.escape(name) for name in sorted(self._shown, key=len, reverse=True))
            # Whole names only: a case "1" must not change every 1, or 1.5, of a message.
            self._whole = re.compile(
                rf"(?<![\w.-])(?:{names})(?![\w-]|\.\d+\b)" if names else r"\b\B"
            )
        text = self._whole.sub(lambda found: self._shown[found[0]], text)
        return _FOREIGN_CASE.sub(r"\1 '…'", text)

    def _replacements(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for path, number in self._slides.items():
            for name in (*_paths(path), Path(path).name, Path(path).stem):
                found.setdefault(name, f"Slide {number}")
        for path, number in self._files.items():
            for name in (*_paths(path), Path(path).name):
                found.setdefault(name, f"File {number}")
        for case, number in self._cases.items():
            found.setdefault(case, f"Case {number}")
        # Folders last: one that was met itself keeps its number.
        for path in (*self._slides, *self._files):
            for folder in {
                str(Path(name).parent) for name in _paths(path) if Path(name).parent.name
            }:
                found.setdefault(folder, "…")
        found.pop("", None)  # the root's name
        return found


def _number(numbers: dict[str, int], name: str) -> int:
    return numbers.setdefault(name, len(numbers) + 1)


def _paths(path: str) -> tuple[str, str]:
    """How messages may spell a path."""
    return path, str(Path(path).absolute())


def _case_of(row: str, path: Path) -> str:
    """The case of a row of the case list, which names its slide too where there are several."""
    ending = f"{_SEPARATOR}{path.stem}"
    return row[: -len(ending)] if row.endswith(ending) else row
