"""What failures of a database mean for a reviewer. Passwords are never part of what is said."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from momkd_core.errors import ReviewError

_SQLITE = {
    "SQLITE_NOTADB": ("is not a database", "Name another file: this one is left as it is"),
    "SQLITE_CORRUPT": (
        "is damaged",
        "Restore it from a backup; momkd verdicts --csv saves the rest",
    ),
    "SQLITE_FULL": (
        "could not be written: the disk is full",
        "Free some space and judge again; earlier verdicts are kept",
    ),
    "SQLITE_READONLY": (
        "cannot be written",
        "Change the permissions of the file and its folder, or name another place",
    ),
    "SQLITE_CANTOPEN": (
        "cannot be opened or made",
        "Check that its folder exists and that you may write there",
    ),
    "SQLITE_BUSY": (
        "is kept busy by another program",
        "Close what else has it open and try again; nothing was recorded",
    ),
    "SQLITE_IOERR": (
        "could not be read or written by the disk",
        "Check the disk; on a network drive use PostgreSQL instead",
    ),
}
# By the first characters of PostgreSQL's SQLSTATE.
_POSTGRESQL = {
    "42501": (
        "does not let you do that",
        "Ask its administrator for the right to read and add rows of the review_ tables",
    ),
    "25006": ("can only be read", "Connect to the server that can be written"),
    "53100": (
        "has a full disk",
        "Tell its administrator and judge again; earlier verdicts are kept",
    ),
    "53300": ("has no connection free", "Close other programs, or ask its administrator for more"),
    "55P03": (
        "is kept busy by another reviewer's program",
        "Try again in a moment; nothing was recorded",
    ),
}
_LOST_CURE = (
    "Check server and network, see whether your last verdict is listed, and repeat it if it is not"
)


def shown_place(url: URL) -> str:
    """Where a review lies, for people: without any password, nor options that may hold one."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    user = f"{url.username}@" if url.username else ""
    port = f":{url.port}" if url.port else ""
    return f"postgresql://{user}{url.host or ''}{port}/{url.database or ''}"


@contextmanager
def named_failures(place: str) -> Iterator[None]:
    """Turns failures of the database into :class:`ReviewError` with cause and cure."""
    try:
        yield
    except sqlite3.Error as error:
        raise _named(place, error) from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise ReviewError(f"The connection to {place} was lost", _LOST_CURE) from error
        raise _named(place, error.orig or error) from error
    except SQLAlchemyError as error:
        raise ReviewError(f"{place} failed ({error})", "Try again") from error


def _named(place: str, error: BaseException) -> ReviewError:
    words = " ".join(str(error).split())
    code = getattr(error, "sqlite_errorname", None)
    if code:
        said = next((said for name, said in _SQLITE.items() if code.startswith(name)), None)
    else:
        state = getattr(error, "sqlstate", None)
        if state is None:
            return ReviewError(f"{place} was not reached ({words})", _connection_cure(words))
        said = _POSTGRESQL.get(state)
    cause, cure = said or (f"failed ({words})", "Check the file, or the server and its log")
    return ReviewError(f"{place} {cause}", cure)


def _connection_cure(words: str) -> str:
    """What to do about a server that let nobody in, by what it said."""
    if "password" in words or "authentication" in words:
        return "Check user and password; ~/.pgpass keeps a password out of commands"
    if "does not exist" in words:
        return "Check the names of user and database; createdb makes a database"
    return "Check that the server runs, its address and port, and the network"
