"""Agreement between reviewers as a table, ready to read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from momkd_core.agreement import Agreement, Kappa
from momkd_core.verdicts import Subject
from momkd_viewer.state.overlay_values import ComponentName

#: Columns with what they mean.
COLUMNS = (
    ("Subject", "Component, case, or component in one case"),
    ("Answers", "Of each reviewer"),
    ("Pairs agree", "Share of the pairs of reviewers that gave the same answer"),
    ("Kappa", "Of a component, over the cases it was judged in by two reviewers or more"),
)


@dataclass(frozen=True)
class AgreementTable:
    """Attributes:
    summary: over everything, in a sentence or two.
    rows: one text a column of :data:`COLUMNS`.
    """

    summary: str
    rows: tuple[tuple[str, ...], ...]


def kappa_text(kappa: Kappa, of: str) -> str:
    """``kappa 0.62 over 14 components``, or why there is none."""
    if kappa.value is None:
        return f"no kappa: {kappa.reason}"
    return f"kappa {kappa.value:.2f} over {kappa.subjects} {of}"


def subject_text(subject: Subject, named: Callable[[str], str]) -> str:
    """A subject as the window names it.

    Args:
        named: how a case is called; names may be masked.
    """
    component = ""
    if subject.memory is not None and subject.index is not None:
        component = ComponentName(subject.memory, subject.index).text
    case = "" if subject.case_id is None else named(subject.case_id)
    return " in ".join(filter(None, (component, case)))


def agreement_table(found: Agreement, named: Callable[[str], str]) -> AgreementTable:
    """The table of one question; ``named`` as in :func:`subject_text`."""
    kappas = {(c.memory, c.index): c.kappa for c in found.components}
    rows = []
    for one in found.subjects:
        share = "" if one.agreeing is None else f"{one.agreeing:.0%}"
        answers = ", ".join(f"{who}: {answer}" for who, answer in one.answers.items())
        rows.append((subject_text(one.subject, named), answers, share, ""))
    for (memory, index), kappa in kappas.items():
        name = f"{ComponentName(memory, index).text} over its cases"
        rows.append((name, ", ".join(kappa.reviewers), "", kappa_text(kappa, "cases")))
    blinded = f"{found.blinded} of {found.verdicts} answers were given blinded"
    if not found.blinded:
        blinded = "None of the answers was given blinded: reviewers may have led each other"
    who = ", ".join(found.overall.reviewers) or "nobody yet"
    summary = f"{kappa_text(found.overall, 'subjects')}. Reviewers: {who}. {blinded}."
    return AgreementTable(summary[0].upper() + summary[1:], tuple(rows))
