"""Named views of a workspace: which cases, in which order, in which columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from momkd_core.case_triage import DEFAULT_ORDER, FACTORS
from momkd_core.triage_flags import GLASS
from momkd_viewer.state.workspace_filter import Filter
from momkd_viewer.state.workspace_order import TRIAGE, Ordering

#: Background focus that counts as attention on glass.
ON_GLASS = GLASS


@dataclass(frozen=True)
class View:
    """A view.

    Attributes:
        task: key of the question that filter and triage are about; '' for the first.
        columns: keys of those that are shown; None: the usual ones.
        widths: of columns by key, in pixels, where the user chose one.
    """

    name: str = ""
    task: str = ""
    filter: Filter = field(default_factory=Filter)
    ordering: Ordering = field(default_factory=Ordering)
    columns: tuple[str, ...] | None = None
    widths: Mapping[str, int] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether all it asks for is asked now; not where that tells of the answer while blinded."""
        return self.filter == self.filter.open

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "task": self.task,
            "filter": self.filter.as_json(),
            "order": {
                "by": self.ordering.by,
                "descending": self.ordering.descending,
                "factors": list(self.ordering.factors),
            },
            "columns": None if self.columns is None else list(self.columns),
            "widths": dict(self.widths),
        }

    @classmethod
    def from_json(cls, kept: object) -> View:
        """What is not usable is as in a new view."""
        if not isinstance(kept, dict):
            return cls()
        columns, widths = kept.get("columns"), kept.get("widths")
        return cls(
            _text(kept.get("name")),
            _text(kept.get("task")),
            Filter.from_json(kept.get("filter")),
            _ordering(kept.get("order")),
            tuple(map(str, columns)) if isinstance(columns, list) else None,
            {str(k): w for k, w in widths.items() if isinstance(w, int) and 20 <= w <= 2000}
            if isinstance(widths, dict)
            else {},
        )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _ordering(kept: object) -> Ordering:
    if not isinstance(kept, dict):
        return Ordering()
    factors = kept.get("factors")
    known = tuple(f for f in factors if f in FACTORS) if isinstance(factors, list) else ()
    return Ordering(
        _text(kept.get("by")) or TRIAGE, kept.get("descending") is True, known or DEFAULT_ORDER
    )


#: What every workspace offers; columns and task stay as they are.
BUILT_IN = (
    View("All cases"),
    View("Wrong, on glass", filter=Filter(correctness="wrong", background=(ON_GLASS, 1.0))),
    View(
        "Undecided",
        filter=Filter(flag="undecided"),
        ordering=Ordering(factors=("doubt",)),
    ),
    View("Not reviewed", filter=Filter(reviewed="no")),
    View("Failed", filter=Filter(state="failed")),
)


def taken(current: View, wanted: View) -> View:
    """The view that follows when one is chosen from the menu."""
    if wanted in BUILT_IN:
        return replace(current, name=wanted.name, filter=wanted.filter, ordering=wanted.ordering)
    return wanted
