"""A review is opened, read and added to away from the window; agreement is computed there too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from momkd_core.agreement import Agreement, agreement
from momkd_core.progress import CancelToken, Report
from momkd_core.verdicts import TERMS, Verdict
from momkd_viewer.jobs.runner import Work
from momkd_viewer.state.review import Change, Undo

if TYPE_CHECKING:  # its database library is loaded in the first job, not with the window
    from momkd_core.review import ReviewStore


@dataclass(frozen=True)
class ReviewNews:
    """What a review holds beyond what was read before."""

    terms: tuple[str, ...]
    rows: tuple[Verdict, ...]


class ReviewAccess:
    """A review that is opened when it is first needed; for the jobs of one runner with one worker.

    Args:
        where: a path or ``postgresql://`` URL.

    Every method raises :class:`~momkd_core.errors.ReviewError`.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self._store: ReviewStore | None = None
        # What was to be saved last, with the number of the last row before it.
        self._tried: tuple[Change, int] | None = None

    @property
    def on_server(self) -> bool:
        """Whether others may add to it while nobody here looks."""
        return "://" in self.where

    def read(self, model_sha256: str, since: int) -> ReviewNews:
        """Rows on a model numbered above ``since``. A file that is not there yet is not made for it."""
        if self._store is None and not self.on_server and not Path(self.where).exists():
            return ReviewNews(TERMS, ())
        store = self._opened()
        return ReviewNews(store.terms(), tuple(store.history(model_sha256, since=since)))

    def save(self, change: Change) -> None:
        """Adds a change, unless it was added before: an answer may be lost, and the change not."""
        store = self._opened()
        before = store.history(change.model_sha256, change.subject, change.reviewer)
        if self._tried is None or self._tried[0] is not change:
            self._tried = change, before[-1].number if before else 0
        since = [row for row in before if row.number > self._tried[1]]
        if isinstance(change, Undo):
            if not any(row.undoes is not None for row in since):
                store.undo(change.reviewer, change.model_sha256, change.subject)
        elif not any(row.undoes is None and row.time == change.time for row in since):
            term = change.term and store.add_term(change.term, change.reviewer)
            store.record(replace(change, term=term))

    def close(self) -> None:
        """Lets go of file or server; it is opened again where it is needed again."""
        store, self._store = self._store, None
        if store is not None:
            store.close()

    def _opened(self) -> ReviewStore:
        if self._store is None:
            from momkd_core.review import open_review

            self._store = open_review(self.where)
        return self._store


@dataclass(frozen=True)
class Comparison:
    """How far reviewers agree on one model.

    Attributes:
        term, credible: on both questions, over all subjects.
        components, cases: on tissue, over components as such, and over cases as a whole.
    """

    term: Agreement
    credible: Agreement
    components: Agreement
    cases: Agreement


def compare(verdicts: Sequence[Verdict]) -> Work:
    """Compares what counts; returns a :class:`Comparison`."""

    def work(report: Report, cancel: CancelToken) -> Comparison:
        components = [v for v in verdicts if v.subject.case_id is None]
        cases = [v for v in verdicts if v.subject.index is None]
        return Comparison(
            agreement(verdicts, "term"),
            agreement(verdicts, "credible"),
            agreement(components, "term"),
            agreement(cases, "term"),
        )

    return work


def read_review(access: ReviewAccess, model_sha256: str, since: int) -> Work:
    """Returns :class:`ReviewNews`."""
    return lambda report, cancel: access.read(model_sha256, since)


def save_change(access: ReviewAccess, change: Change) -> Work:
    """Saves one change; returns None."""
    return lambda report, cancel: access.save(change)


def close_review(access: ReviewAccess) -> Work:
    """Lets go of it; returns None."""
    return lambda report, cancel: access.close()
