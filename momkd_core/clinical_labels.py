"""Labels of a cohort out of clinical columns: which values count, and what became of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from momkd_core.clinical_table import ClinicalRow, ClinicalTable, is_nothing
from momkd_core.errors import CohortError


@dataclass(frozen=True)
class LabelRule:
    """A label column of the cohort.

    Attributes:
        name: of the label.
        column: of the clinical table that it is taken from.
        values: those that are kept, as the table spells them; None keeps all.
    """

    name: str
    column: str
    values: tuple[str, ...] | None = None


@dataclass
class LabelCount:
    """What became of the values of a label, counted by case.

    Attributes:
        column: of the table.
        taken: cases by value.
        emptied: cases by a value that is none of those asked for; their label is empty.
        missing: cases without any value.
        conflicts: cases whose rows disagree, with their values; their label is empty.
    """

    column: str
    taken: Counter[str] = field(default_factory=Counter)
    emptied: Counter[str] = field(default_factory=Counter)
    missing: int = 0
    conflicts: dict[str, list[str]] = field(default_factory=dict)

    def label(self, rule: LabelRule, case: str, rows: Iterable[ClinicalRow]) -> str:
        """The label of a case, '' where it has none, counted."""
        stated = {row.cells.get(rule.column, "") for row in rows}
        values = sorted(value for value in stated if not is_nothing(value))
        if not values:
            self.missing += 1
            return ""
        if len(values) > 1:
            self.conflicts[case] = values
            return ""
        if rule.values is not None and values[0] not in rule.values:
            self.emptied[values[0]] += 1
            return ""
        self.taken[values[0]] += 1
        return values[0]


def check_rules(rules: Sequence[LabelRule], tables: Sequence[ClinicalTable]) -> None:
    """Refuses a rule that no table, or more than one, can fill.

    Raises:
        CohortError: no such column, one in two tables, or a value that it never has or that is none.
    """
    for rule in rules:
        nothing = [value for value in rule.values or () if is_nothing(value)]
        if nothing:
            raise CohortError(
                f"{nothing[0]!r} of label {rule.name!r} says that there is no value",
                "Leave it out: such cases get an empty label",
            )
        holding = [table for table in tables if rule.column in table.columns]
        if len(holding) > 1:
            raise CohortError(
                f"Column {rule.column!r} is in {' and in '.join(t.name for t in holding)}",
                "Leave one of the tables out, or rename the column in it",
            )
        (holding or list(tables))[0].require_column(rule.column)
        present = Counter(row.cells.get(rule.column, "") for row in holding[0].rows)
        never = [value for value in rule.values or () if value not in present]
        if never:
            common = ", ".join(f"{value!r} ({count})" for value, count in present.most_common(8))
            raise CohortError(
                f"Column {rule.column!r} of {holding[0].name} never has the value {never[0]!r} "
                f"(it has: {common})",
                "Spell the values as the table does",
            )
