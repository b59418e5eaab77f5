"""The cases of a cohort and what models said of each: the rows of the work list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from momkd_core.slide_summary import SlideSummary
from momkd_viewer.state.analysis import Asked, CaseEntry


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


@dataclass(frozen=True, slots=True)
class WorkListRow:
    """One slide of the list, ready to be shown.

    Attributes:
        label: as recorded; empty where the cohort has none.
        wrong: whether the prediction departs from a label that the model knows.
        trouble: why models could not read it, those that are not shown too; empty where all could.
    """

    entry: CaseEntry
    label: str
    finding: CaseFinding | None
    ready: bool
    wrong: bool
    trouble: str = ""


@dataclass(frozen=True)
class Shown:
    """Whose findings are shown: a model's of ``task``, which tells ``classes`` apart; None's."""

    asked: Asked | None = None
    task: str = ""
    classes: tuple[str, ...] = ()


class WorkList:
    """Slides (or features alone) in the cohort's order, with findings by model and file.

    A finding costs the same in a cohort of ten thousand: what is left is counted, not looked for.

    Attributes:
        entries: replaced, never changed in place: whoever keeps it sees that the cohort is another.
        awaited: slides that are still being made, which cannot be opened yet.
    """

    def __init__(self, entries: Sequence[CaseEntry] = (), awaited: Iterable[Path] = ()) -> None:
        self.entries = list(entries)
        self.awaited = set(awaited)
        self._paths = [entry.path for entry in self.entries]
        self._positions: dict[Path, list[int]] = {}
        for position, path in enumerate(self._paths):
            self._positions.setdefault(path, []).append(position)
        self._wanted: dict[Asked, str] = {}
        self._findings: dict[Asked, dict[Path, CaseFinding]] = {}
        self._left: dict[Path, None] = {}  # a dictionary keeps the cohort's order
        self._failed: set[Path] = set()
        self._changed: set[int] = set()

    # -- findings --------------------------------------------------------------------------------

    def add(self, asked: Asked, path: Path, finding: CaseFinding) -> None:
        known = self._findings.setdefault(asked, {})
        if known.get(path) == finding:
            return
        known[path] = finding
        self._changed.update(self._positions.get(path, ()))
        if asked not in self._wanted:
            return
        if path in self._left and not self.lacking(path):
            del self._left[path]
        self._judge(path)

    def finding(self, asked: Asked | None, path: Path) -> CaseFinding | None:
        return self._findings.get(asked, {}).get(path) if asked else None

    def outcomes(self, asked: Asked) -> Mapping[Path, CaseFinding]:
        """All findings of a model by file; later ones will be in it, too."""
        return MappingProxyType(self._findings.setdefault(asked, {}))

    def forget(self, path: Path) -> None:
        """Drops what was found on a slide, by all models."""
        for known in self._findings.values():
            known.pop(path, None)
        self._changed.update(self._positions.get(path, ()))
        self._count()

    def forget_failures(self) -> None:
        """So that they are tried again."""
        for known in self._findings.values():
            for path in [path for path, finding in known.items() if finding.failure is not None]:
                del known[path]
                self._changed.update(self._positions.get(path, ()))
        self._count()

    # -- what is left ----------------------------------------------------------------------------

    def want(self, titles: Mapping[Asked, str]) -> None:
        """Says which models every slide is to be read by, and what each is called."""
        if titles != self._wanted:
            before, self._wanted = self._failed, dict(titles)
            self._count()
            for path in before | self._failed:
                self._changed.update(self._positions.get(path, ()))

    def lacking(self, path: Path) -> list[Asked]:
        """Models that are wanted and have no finding on a slide."""
        return [asked for asked in self._wanted if path not in self._findings.get(asked, {})]

    @property
    def wanted(self) -> Mapping[Asked, str]:
        return MappingProxyType(self._wanted)

    @property
    def left(self) -> Mapping[Path, None]:
        """Slides that can be opened and lack a finding, in the cohort's order."""
        return MappingProxyType(self._left)

    @property
    def failed(self) -> frozenset[Path]:
        """Slides that a wanted model could not read."""
        return frozenset(self._failed)

    @property
    def slides(self) -> int:
        """How many slides there are; a slide that is listed twice counts once."""
        return len(self._positions)

    def _count(self) -> None:
        """Finds anew what is left and what failed: for changes that are rare."""
        wanted = [self._findings.get(asked, {}) for asked in self._wanted]
        ready = (path for path in self._positions if path not in self.awaited)
        self._left = {path: None for path in ready if any(path not in known for known in wanted)}
        self._failed = {
            path
            for known in wanted
            for path, finding in known.items()
            if finding.failure is not None
        }

    def _judge(self, path: Path) -> None:
        found = (self.finding(asked, path) for asked in self._wanted)
        if any(finding is not None and finding.failure is not None for finding in found):
            self._failed.add(path)
        else:
            self._failed.discard(path)

    # -- slides ----------------------------------------------------------------------------------

    def entry(self, path: Path) -> CaseEntry | None:
        """The first row of a file; None where it is not listed."""
        positions = self._positions.get(path)
        return self.entries[positions[0]] if positions else None

    def state_resolution(self, path: Path, mpp: float) -> None:
        """Keeps a resolution that the user stated for a slide; findings without it are void."""
        self.entries = [
            replace(entry, source=entry.source.with_mpp(mpp)) if entry.path == path else entry
            for entry in self.entries
        ]
        self.forget(path)

    def make_ready(self, path: Path) -> None:
        """A slide that was awaited can be opened."""
        self.awaited.discard(path)
        self._changed.update(self._positions.get(path, ()))
        self._count()

    def give_up_awaited(self, reason: str) -> None:
        """Slides that were being made will not come: that is what every model says of them."""
        given_up, self.awaited = self.awaited, set()
        for path in given_up:
            self._changed.update(self._positions.get(path, ()))
            for asked in self._wanted:
                self.add(asked, path, CaseFinding(failure=reason))
        self._count()

    # -- rows ------------------------------------------------------------------------------------

    def rows(self, shown: Shown) -> list[WorkListRow]:
        """All rows, which are taken to be shown: see :meth:`changed_rows`."""
        self._changed.clear()
        return self._rows(range(len(self.entries)), shown)

    def changed_rows(self, shown: Shown) -> dict[int, WorkListRow]:
        """By position: rows that may say something else than when they were last asked for."""
        changed, self._changed = sorted(self._changed), set()
        return dict(zip(changed, self._rows(changed, shown), strict=True))

    def _rows(self, positions: Iterable[int], shown: Shown) -> list[WorkListRow]:
        known = self._findings.get(shown.asked, {}) if shown.asked else {}
        rows = []
        for position in positions:
            entry, path = self.entries[position], self._paths[position]
            label, finding = entry.values.get(shown.task, ""), known.get(path)
            said = finding.predicted if finding is not None else ""
            wrong = bool(said) and label in shown.classes and label != said
            trouble = self._trouble(path) if path in self._failed else ""
            ready = path not in self.awaited
            rows.append(WorkListRow(entry, label, finding, ready, wrong, trouble))
        return rows

    def _trouble(self, path: Path) -> str:
        """A failure once, named by model where several are open and not all of them say it."""
        said: dict[str, list[str]] = {}
        for asked, title in self._wanted.items():
            finding = self.finding(asked, path)
            if finding is not None and finding.failure is not None:
                said.setdefault(finding.failure, []).append(title)
        return "\n".join(
            failure if len(titles) == len(self._wanted) else f"{', '.join(titles)}: {failure}"
            for failure, titles in said.items()
        )
