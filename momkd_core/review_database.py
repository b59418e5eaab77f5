"""Where a review lies, and the connection to it: an SQLite file or a PostgreSQL server."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from momkd_core.errors import ReviewError
from momkd_core.review_failures import named_failures

_BUSY_S = 15.0
# A server that went away without a word is noticed within seconds, not TCP's quarter of an hour.
_POSTGRESQL_OPTIONS = {"connect_timeout": 10, "tcp_user_timeout": 15_000}


def address(where: str | Path) -> URL:
    """The address of a path or of a ``postgresql://`` URL. Raises :class:`ReviewError`."""
    scheme, separator, rest = str(where).partition("://")
    if not separator:
        return URL.create("sqlite", database=str(Path(where).expanduser()))
    if scheme not in ("postgresql", "postgres"):
        raise ReviewError(
            f"Verdicts cannot be kept in {scheme}",
            "Give the path of a file, or postgresql://user@host/database",
        )
    # Its parts would otherwise be cut within the password, and show in messages.
    if rest.partition("?")[0].count("@") > 1:
        raise ReviewError(
            "The address of the database holds more than one @",
            "Write an @ within a password as %40",
        )
    try:
        return make_url(str(where)).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):
        # Without the cause, which may quote a password.
        raise ReviewError(
            "The address of the database cannot be read",
            "Write postgresql://user@host:port/database, with special characters as %xx",
        ) from None


def connect(url: URL, place: str, *, create: bool) -> Engine:
    """A pool of connections, of which one was tried.

    Args:
        url: from :func:`address`.
        place: how messages call it.
        create: False refuses a file that does not exist.

    Raises:
        ReviewError: no file, no server, not let in, or psycopg is not installed.
    """
    if url.get_backend_name() == "sqlite":
        return _file(Path(str(url.database)), url, create=create)
    options = {k: v for k, v in _POSTGRESQL_OPTIONS.items() if k not in url.query}
    try:
        # Asked before each use, so that a restarted server is no failure.
        engine = create_engine(url, pool_pre_ping=True, connect_args=options)
    except ImportError as error:
        raise ReviewError(
            "PostgreSQL needs the package psycopg",
            'Install it with: pip install "momkd-viewer[team]"',
        ) from error
    with named_failures(place):
        engine.connect().close()
    return engine


def log_writes_ahead(engine: Engine) -> None:
    """Lets readers and a writer of an SQLite file work side by side, from now on.

    SQLite does not wait its turn for this change, so we do. Raises :class:`ReviewError`.
    """
    if engine.dialect.name != "sqlite":
        return
    path = str(engine.url.database)
    end = time.monotonic() + _BUSY_S
    with named_failures(path), closing(sqlite3.connect(path, timeout=_BUSY_S)) as connection:
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                    raise
                time.sleep(0.02)


def _file(path: Path, url: URL, *, create: bool) -> Engine:
    if not create and not path.exists():
        raise ReviewError(f"{path} does not exist", "Check where the verdicts were recorded")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReviewError(
            f"{path.parent} cannot be made ({error.strerror})", "Name another place for verdicts"
        ) from error
    engine = create_engine(url, connect_args={"timeout": _BUSY_S})
    event.listen(engine, "connect", _leave_transactions_to_us)
    event.listen(engine, "begin", _begin)
    return engine


def _leave_transactions_to_us(connection: sqlite3.Connection, _: Any) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA synchronous = FULL")  # a recorded verdict survives a power cut


def _begin(connection: Connection) -> None:
    """Writers queue at the start: of two that read first, one could not go on."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
