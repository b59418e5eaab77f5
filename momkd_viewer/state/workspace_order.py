"""In which order the cases of a workspace are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from momkd_core.case_triage import DEFAULT_ORDER, FACTORS
from momkd_viewer.state.blinding import blinded
from momkd_viewer.state.case_marks import CaseMarks
from momkd_viewer.state.workspace import Answers, Workspace
from momkd_viewer.state.workspace_columns import Column, shown_text

Rows = NDArray[np.intp]

TRIAGE, COHORT = "triage", "cohort"
#: Factors in words, in the order in which a menu offers them.
FACTOR_WORDS = {
    "wrong": "wrong",
    "background": "background focus",
    "margin": "margin",
    "doubt": "nearness to the threshold",
    "concentration": "concentration of attention",
    "strangeness": "strangeness",
}
#: What tells nothing of the answer, and orders cases while the reader judges blinded, too.
_OPEN_FACTORS = ("background", "concentration", "strangeness")


@dataclass(frozen=True)
class Ordering:
    """An order of cases.

    Attributes:
        by: TRIAGE, COHORT, or a column's key.
        descending: for a column.
        factors: what triage multiplies.
    """

    by: str = TRIAGE
    descending: bool = False
    factors: tuple[str, ...] = DEFAULT_ORDER

    @property
    def words(self) -> str:
        """For a button."""
        if self.by == COHORT:
            return "as in the cohort"
        if self.by != TRIAGE:
            return "by a column"
        shown = self.shown_factors
        return " × ".join(FACTOR_WORDS[name] for name in shown) or "as in the cohort"

    @property
    def shown_factors(self) -> tuple[str, ...]:
        """Those that may order cases now."""
        return tuple(f for f in FACTORS if f in self.factors and f in offered_factors())


def offered_factors() -> tuple[str, ...]:
    """What may be chosen now: nothing that tells of the answer while the reader judges blinded."""
    return _OPEN_FACTORS if blinded() else tuple(FACTOR_WORDS)


def arranged(
    workspace: Workspace,
    ordering: Ordering,
    task: str,
    columns: Sequence[Column],
    marks: CaseMarks,
    *,
    masked: bool,
) -> Rows:
    """All cases in an order, as positions in the cohort.

    Args:
        task: the question that triage is about.
        columns: those that may be seen now; an order by any other is that of the cohort.
    """
    if ordering.by == TRIAGE:
        answers, factors = workspace.answers_of(task), ordering.shown_factors
        if answers is not None and factors:
            return triage_order(answers, factors)
    column = next((one for one in columns if one.key == ordering.by), None)
    if column is None or (masked and column.kind == "case"):  # numbered as the cohort is
        rows = np.arange(len(workspace))
        return rows[::-1] if column is not None and ordering.descending else rows
    return _by_column(workspace, column, marks, descending=ordering.descending)


def triage_order(answers: Answers, factors: Sequence[str]) -> Rows:
    """As :func:`momkd_core.case_triage.in_order` has them; then what failed, then what is missing."""
    product = np.ones(len(answers.of))
    rest = product.copy()
    for name in factors:
        values = answers.number(name)
        product *= np.nan_to_num(values)
        if name != "wrong":
            rest *= np.where(np.isnan(values), 1.0, values)
    correct = answers.number("correct")
    rank = np.where(np.isnan(correct), 1.0, 2 * correct)
    if blinded():
        rank[:] = 0.0
    return np.lexsort((-rest, rank, -product, answers.status))


def _by_column(workspace: Workspace, column: Column, marks: CaseMarks, *, descending: bool) -> Rows:
    """What is unknown comes last either way; equals stay in the cohort's order."""
    if column.number is not None:
        values = workspace.answers[column.question].number(column.number)
    else:
        texts = [
            shown_text(workspace, column, at, marks).casefold() for at in range(len(workspace))
        ]
        ranks = {text: float(rank) for rank, text in enumerate(sorted(set(texts)))}
        values = np.array([ranks[text] if text else np.nan for text in texts])
    return np.argsort(-values if descending else values, kind="stable")
