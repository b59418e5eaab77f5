"""The cases of a cohort and what a model said of each: the rows of the work list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from momkd_core.slide_summary import SlideSummary
from momkd_viewer.state.analysis import CaseEntry


@dataclass(frozen=True)
class CaseFinding:
    """What a model said of one slide: ``summary``, or a ``failure`` that says why there is none."""

    predicted: str = ""
    summary: SlideSummary | None = None
    failure: str | None = None

    @property
    def probability(self) -> float | None:
        return None if self.summary is None else self.summary.probability

    @property
    def background_focus(self) -> float | None:
        """Share of the attention on empty glass, or None where unknown."""
        return None if self.summary is None else self.summary.background_focus


@dataclass(frozen=True)
class WorkListRow:
    """One slide of the list, ready to be shown.

    Attributes:
        label: as recorded; empty where the cohort has none.
        wrong: whether the prediction departs from a label that the model knows.
    """

    entry: CaseEntry
    label: str
    finding: CaseFinding | None
    ready: bool
    wrong: bool


#: A model with a set of muted components: what findings belong to.
Asked = tuple[str, frozenset[tuple[str, int]]]


@dataclass
class WorkList:
    """Slides (or features alone) in the cohort's order, with findings by model and file.

    Attributes:
        awaited: slides that are still being made, which cannot be opened yet.
    """

    entries: list[CaseEntry] = field(default_factory=list)
    awaited: set[Path] = field(default_factory=set)
    _findings: dict[Asked, dict[Path, CaseFinding]] = field(default_factory=dict)

    def add(self, asked: Asked, path: Path, finding: CaseFinding) -> None:
        self._findings.setdefault(asked, {})[path] = finding

    def finding(self, asked: Asked | None, path: Path) -> CaseFinding | None:
        return self._findings.get(asked, {}).get(path) if asked else None

    def outcomes(self, asked: Asked) -> Mapping[Path, CaseFinding]:
        """What a model said, by file; what is found later is in it, too."""
        return self._findings.setdefault(asked, {})

    def missing(self, asked: Asked) -> list[CaseEntry]:
        """Slides that can be opened and have no finding of this model yet."""
        known = self._findings.get(asked, {})
        return [e for e in self.entries if e.path not in known and e.path not in self.awaited]

    def forget(self, path: Path) -> None:
        """Drops what was found on a slide, by all models."""
        for known in self._findings.values():
            known.pop(path, None)

    def forget_failures(self) -> None:
        """So that they are tried again."""
        for known in self._findings.values():
            for path in [path for path, finding in known.items() if finding.failure is not None]:
                del known[path]

    def rows(
        self, asked: Asked | None, task: str, classes: tuple[str, ...] = ()
    ) -> list[WorkListRow]:
        """Rows for a model of ``task`` that tells ``classes`` apart."""
        rows = []
        for entry in self.entries:
            label, finding = entry.values.get(task, ""), self.finding(asked, entry.path)
            said = finding.predicted if finding is not None else ""
            wrong = bool(said) and label in classes and label != said
            rows.append(WorkListRow(entry, label, finding, entry.path not in self.awaited, wrong))
        return rows
