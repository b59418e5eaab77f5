"""The verdicts of a review, in an SQLite file or a PostgreSQL database; both behave alike.

A review is a history: a change is a new row, and so is an undo. What counts is each reviewer's last
row on each subject. Rows are numbered in the order in which they were saved.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, select
from sqlalchemy.engine import URL

from momkd_core.errors import ReviewError
from momkd_core.review_database import address, connect, log_writes_ahead
from momkd_core.review_failures import named_failures, shown_place
from momkd_core.review_schema import is_prepared, lock, prepare, term_table, verdict_table
from momkd_core.storage import review_file
from momkd_core.verdicts import (
    LONGEST_TERM,
    TERMS,
    Subject,
    Verdict,
    reviewer_name,
    storable,
)

__all__ = ["ReviewStore", "Subject", "Verdict", "open_review", "review_file"]


def open_review(where: str | Path | None = None, *, create: bool = True) -> ReviewStore:
    """Opens a review, making it where there is none yet.

    Args:
        where: path of an SQLite file, or ``postgresql://user@host/database``; None is
            :func:`review_file`.
        create: False refuses a file that does not exist, which may be a slip of the pen.

    Raises:
        ReviewError: no review, not reachable, not writable, of a newer version; or PostgreSQL
            without psycopg.
    """
    return ReviewStore(address(where or review_file()), create=create)


class ReviewStore:
    """An open review. Every method may be called from any thread and raises :class:`ReviewError`.

    Attributes:
        place: where it lies, for people; never with a password.
    """

    def __init__(self, url: URL, *, create: bool) -> None:
        self.place = shown_place(url)
        self._engine = connect(url, self.place, create=create)
        try:
            self._prepare()
        except BaseException:
            self._engine.dispose()
            raise

    def __enter__(self) -> ReviewStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of file or server. Nothing waits to be saved: each call saves at once."""
        self._engine.dispose()

    def record(self, verdict: Verdict) -> Verdict:
        """Adds a row; what this reviewer said of the subject before stays in the history.

        Returns:
            the verdict as saved, with its number.

        Raises:
            ReviewError: also where its term is not one of :meth:`terms`.
        """
        with self._writing() as connection:
            known = _terms(connection)
            if verdict.term is not None and verdict.term not in known:
                raise ReviewError(
                    f"{verdict.term!r} is not a term of this review",
                    f"Choose one of {', '.join(known)}, or add it to the review first",
                )
            return _add(connection, replace(verdict, undoes=None))

    def undo(self, reviewer: str, model_sha256: str, subject: Subject) -> Verdict | None:
        """Takes back this reviewer's last row on the subject; again goes one further back.

        Returns:
            the row added: what counted before, or a withdrawal; None where nothing is left to undo.
        """
        with self._writing() as connection:
            rows = _read(connection, *_filters(model_sha256, subject, reviewer_name(reviewer)))
            undone_before = {row.undoes for row in rows}
            standing = [r for r in rows if r.undoes is None and r.number not in undone_before]
            if not standing:
                return None
            undone = standing.pop()
            now = datetime.now(UTC)
            if standing:
                return _add(connection, replace(standing[-1], time=now, undoes=undone.number))
            withdrawal = Verdict(
                subject=subject,
                reviewer=undone.reviewer,
                model_sha256=model_sha256,
                time=now,
                blinded=undone.blinded,
                withdrawn=True,
                undoes=undone.number,
            )
            return _add(connection, withdrawal)

    def current(
        self,
        model_sha256: str | None = None,
        subject: Subject | None = None,
        reviewer: str | None = None,
    ) -> list[Verdict]:
        """What counts: the last row of each reviewer on each subject, unless withdrawn.

        Each of the three restricts where it is given. In the order in which rows were saved.
        """
        chosen = _filters(model_sha256, subject, reviewer)
        t = verdict_table.c
        groups = (t.model_sha256, t.reviewer, t.memory, t.component, t.case_id)
        latest = select(func.max(t.number)).where(*chosen).group_by(*groups)
        with self._reading() as connection:
            return _read(connection, t.number.in_(latest), t.withdrawn.is_(False))

    def history(
        self,
        model_sha256: str | None = None,
        subject: Subject | None = None,
        reviewer: str | None = None,
        since: int = 0,
    ) -> list[Verdict]:
        """All rows numbered above ``since``, withdrawals and undos among them, in saved order.

        A row that appears later has a higher number, so that asking again with the last number
        seen misses nothing that others saved meanwhile.
        """
        chosen = _filters(model_sha256, subject, reviewer)
        with self._reading() as connection:
            return _read(connection, *chosen, verdict_table.c.number > since)

    def terms(self) -> tuple[str, ...]:
        """The controlled list, then what reviewers added, in the order of adding."""
        with self._reading() as connection:
            return _terms(connection)

    def add_term(self, term: str, reviewer: str) -> str:
        """Adds a term for all reviewers; one that differs in case alone is the one there is.

        Returns:
            the term as the list has it.
        """
        term = " ".join(term.split())
        if not term:
            raise ReviewError("The new term is empty", "Type a word for the tissue")
        storable(term, "A term", LONGEST_TERM)
        name = reviewer_name(reviewer)
        with self._writing() as connection:
            for known in _terms(connection):
                if known.casefold() == term.casefold():
                    return known
            row = {"term": term, "reviewer": name, "time": datetime.now(UTC)}
            connection.execute(insert(term_table).values(row))
            return term

    def _prepare(self) -> None:
        with self._reading() as connection:
            prepared = is_prepared(connection, self.place)
        if prepared:
            return
        log_writes_ahead(self._engine)
        with self._writing() as connection:
            if not is_prepared(connection, self.place):  # another program may have been faster
                prepare(connection)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with named_failures(self.place), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with (
            named_failures(self.place),
            self._engine.execution_options(writes=True).begin() as connection,
        ):
            lock(connection)
            yield connection


def _filters(
    model_sha256: str | None, subject: Subject | None, reviewer: str | None
) -> list[ColumnElement[bool]]:
    t = verdict_table.c
    chosen: list[ColumnElement[bool]] = []
    if model_sha256 is not None:
        chosen.append(t.model_sha256 == model_sha256)
    if reviewer is not None:
        chosen.append(t.reviewer == reviewer_name(reviewer))
    if subject is not None:
        # A comparison with None becomes IS NULL.
        chosen += [
            t.memory == subject.memory,
            t.component == subject.index,
            t.case_id == subject.case_id,
        ]
    return chosen


def _read(connection: Connection, *chosen: ColumnElement[bool]) -> list[Verdict]:
    rows = connection.execute(select(verdict_table).where(*chosen).order_by(verdict_table.c.number))
    return [_verdict(row) for row in rows]


def _verdict(row: Sequence[Any]) -> Verdict:
    # In the order of the table's columns: of ten thousand rows, names would take the longest.
    number, model, memory, index, case_id, term, credible, note, reviewer, time, *marks = row
    blinded, withdrawn, undoes = marks
    return Verdict(
        subject=Subject(memory, index, case_id),
        reviewer=reviewer,
        model_sha256=model,
        term=term,
        credible=credible,
        note=note,
        time=time,
        blinded=blinded,
        withdrawn=withdrawn,
        number=number,
        undoes=undoes,
    )


def _add(connection: Connection, verdict: Verdict) -> Verdict:
    row = {
        "model_sha256": verdict.model_sha256,
        "memory": verdict.subject.memory,
        "component": verdict.subject.index,
        "case_id": verdict.subject.case_id,
        "term": verdict.term,
        "credible": verdict.credible,
        "note": verdict.note,
        "reviewer": verdict.reviewer,
        "time": verdict.time,
        "blinded": verdict.blinded,
        "withdrawn": verdict.withdrawn,
        "undoes": verdict.undoes,
    }
    added = connection.execute(insert(verdict_table).values(row))
    key = added.inserted_primary_key
    assert key is not None
    return replace(verdict, number=key[0])


def _terms(connection: Connection) -> tuple[str, ...]:
    added = connection.scalars(select(term_table.c.term).order_by(term_table.c.number))
    return (*TERMS, *added)
