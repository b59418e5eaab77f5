"""The cases that cures are tried on, a row each: before, and under each cure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from momkd_viewer.state.cure_table import KINDS, Named, TriedCase, sentence

if TYPE_CHECKING:  # torch takes seconds, which the window should not wait for
    from momkd_core.cohort_change import CaseChange


@dataclass(frozen=True)
class CureCell:
    """A case under a cure; ``flips`` and ``wrong`` are said in the text, too."""

    text: str
    flips: bool = False
    wrong: bool = False
    tip: str = ""


@dataclass(frozen=True)
class CureRow:
    """A case before, and under each cure.

    Attributes:
        case_id: as the cohort names it; ``shown`` may be masked.
        label: as recorded; '' where there is none that the model knows.
        cells: in the order of :data:`KINDS`; None for a cure that is not tried.
    """

    case_id: str
    shown: str
    label: str
    before: str
    cells: tuple[CureCell | None, ...]

    @property
    def flips(self) -> bool:
        """Whether another class is predicted under at least one cure."""
        return any(cell is not None and cell.flips for cell in self.cells)


def cure_row(tried: TriedCase, named: Named, worded: Named) -> CureRow | None:
    """A case of the table; None for one that could not be read, which every column names."""
    before = tried.before
    if before is None:
        return None
    cells: list[CureCell | None] = []
    for kind in KINDS:
        if kind.name in tried.changes:
            cells.append(_cell(tried.changes[kind.name], tried.notes[kind.name]))
        elif kind.name in tried.failures:
            why = worded(str(tried.failures[kind.name].error))
            cells.append(CureCell("not tried", tip=why))
        else:
            cells.append(None)
    wrong = before.label is not None and before.predicted != before.label
    said = f"{before.probability:.3f} {before.predicted}{' ✗' if wrong else ''}"
    case = before.case.case_id
    return CureRow(case, named(case), before.label or "", said, tuple(cells))


def _cell(case: CaseChange, note: str) -> CureCell:
    became = f": {case.became}" if case.became else ""
    flip = f", flips to {case.predicted_after}{became}" if case.flipped else ""
    return CureCell(
        f"{case.probability_after:.3f}{flip}",
        case.flipped,
        case.became == "wrong",
        sentence(note),
    )
