"""The tables of a review, the same in SQLite and PostgreSQL. Rows are added, never changed.

The database itself refuses changes (triggers), so that no other program rewrites a history unnoticed.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Dialect,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    insert,
    inspect,
    select,
    text,
)

from momkd_core.errors import ReviewError

VERSION = 1
# Any number will do that other programs in a shared PostgreSQL database do not use.
_LOCK = 7_203_114_406


class UtcTime(TypeDecorator[datetime]):
    """A time in UTC with its zone; SQLite would hand it back without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _number() -> Column[int]:
    """A key that counts up; SQLite counts only plain integers."""
    kind = BigInteger().with_variant(Integer, "sqlite")
    return Column("number", kind, primary_key=True, autoincrement=True)


_metadata = MetaData()
schema_table = Table("review_schema", _metadata, Column("version", Integer, nullable=False))
term_table = Table(
    "review_term",
    _metadata,
    _number(),
    Column("term", Text, nullable=False, unique=True),
    Column("reviewer", Text, nullable=False),
    Column("time", UtcTime, nullable=False),
    sqlite_autoincrement=True,
)
verdict_table = Table(
    "review_verdict",
    _metadata,
    _number(),
    Column("model_sha256", Text, nullable=False),
    Column("memory", Text),
    Column("component", Integer),
    Column("case_id", Text),
    Column("term", Text),
    Column("credible", Text),
    Column("note", Text, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("time", UtcTime, nullable=False),
    Column("blinded", Boolean, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("undoes", BigInteger),
    Index("review_verdict_of_model", "model_sha256", "reviewer"),
    sqlite_autoincrement=True,
)
_REFUSAL = "a review is only ever added to"
_APPEND_ONLY = {
    "sqlite": [
        f"CREATE TRIGGER {table}_no_{change} BEFORE {change} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        for table in ("review_term", "review_verdict")
        for change in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION review_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$",
        *(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION review_append_only()"
            for table in ("review_term", "review_verdict")
        ),
    ],
}


def lock(connection: Connection) -> None:
    """Makes writers take turns until the transaction ends, so that numbers follow its order.

    SQLite's writers do so from BEGIN IMMEDIATE on. In PostgreSQL an advisory lock needs no right
    beyond adding rows, and a client that hangs or dies with it loses it.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = '15s'"))
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '10s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def is_prepared(connection: Connection, place: str) -> bool:
    """Whether the database holds a review already.

    Raises:
        ReviewError: a newer program made it, or an SQLite file belongs to another program.
    """
    names = inspect(connection).get_table_names()
    if schema_table.name not in names:
        if names and connection.dialect.name == "sqlite":
            raise ReviewError(
                f"{place} is a database of another program", "Name a file of its own for verdicts"
            )
        return False
    version = connection.scalar(select(schema_table.c.version))
    if version is not None and version > VERSION:
        raise ReviewError(
            f"{place} was made by a newer version of this program (review format {version})",
            "Update momkd-viewer; nothing was changed",
        )
    return version is not None


def prepare(connection: Connection) -> None:
    """Makes the tables; the caller holds :func:`lock`."""
    _metadata.create_all(connection)
    connection.execute(insert(schema_table).values(version=VERSION))
    for statement in _APPEND_ONLY[connection.dialect.name]:
        connection.exec_driver_sql(statement)
