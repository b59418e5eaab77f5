"""What readers made of cases: which were reviewed, and the verdicts on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from momkd_viewer.state.components import VerdictMark


@dataclass(frozen=True)
class Reviewed:
    """Who ticked a case off, and when.

    Attributes:
        who: '' where the reader has not signed anything yet.
    """

    who: str
    when: datetime

    @property
    def text(self) -> str:
        """Ready to read."""
        signed = f"{self.who}, " if self.who else ""
        return f"{signed}{self.when.astimezone():%d %b %Y %H:%M}"


@dataclass
class CaseMarks:
    """Marks by case id."""

    reviewed: dict[str, Reviewed] = field(default_factory=dict)
    verdicts: dict[str, VerdictMark] = field(default_factory=dict)

    def toggle(self, case_id: str, who: str, when: datetime) -> bool:
        """Ticks a case off, or takes that back; whether it is ticked off now."""
        if self.reviewed.pop(case_id, None) is not None:
            return False
        self.reviewed[case_id] = Reviewed(who, when)
        return True
