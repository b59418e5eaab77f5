"""Files and servers that fail a review: named, with what to do, and nothing lost."""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from postgresql import PASSWORD, Server, free_port
from reviewing import verdict
from sqlalchemy import event

from momkd_core.errors import ReviewError
from momkd_core.review import open_review


def test_files_that_hold_no_review_are_refused_and_left_alone(tmp_path: Path) -> None:
    letter, foreign = tmp_path / "letter.sqlite", tmp_path / "foreign.sqlite"
    letter.write_text("Dear colleague, " * 500)
    with closing(sqlite3.connect(foreign)) as connection:
        connection.execute("CREATE TABLE moz_places (url)")
    for path, cause in ((letter, "is not a database"), (foreign, "of another program")):
        before = path.read_bytes()
        with pytest.raises(ReviewError, match=cause):
            open_review(path)
        assert path.read_bytes() == before
    with pytest.raises(ReviewError, match=r"letter\.sqlite cannot be made"):
        open_review(letter / "review.sqlite")
    with pytest.raises(ReviewError, match="cannot be opened"):
        open_review(tmp_path)
    with pytest.raises(ReviewError, match="does not exist"):
        open_review(tmp_path / "typo.sqlite", create=False)
    assert not (tmp_path / "typo.sqlite").exists()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nothing in the folder can be written meanwhile, not by tests that run as root either."""
    root = os.geteuid() == 0
    for path in (*folder.iterdir(), folder):
        path.chmod(0o444 if path.is_file() else 0o555)
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_a_place_that_cannot_be_written_is_named() -> None:
    # Not among pytest's folders, which root keeps closed to others.
    with tempfile.TemporaryDirectory(prefix="momkd-read-only-") as name:
        folder = Path(name)
        with open_review(folder / "review.sqlite") as review:
            kept = review.record(verdict())
        with read_only(folder):
            with pytest.raises(ReviewError, match=r"cannot be opened or made\. Check that its"):
                open_review(folder / "new.sqlite")
            with pytest.raises(ReviewError, match="cannot be"):
                open_review(folder / "review.sqlite").record(verdict())
            with pytest.raises(ReviewError, match="new cannot be made"):
                open_review(folder / "new" / "review.sqlite")
        with open_review(folder / "review.sqlite") as review:
            assert review.history() == [kept]


def test_a_full_disk_is_named_and_costs_no_earlier_verdict(tmp_path: Path) -> None:
    with open_review(tmp_path / "review.sqlite") as review:
        pages = "PRAGMA max_page_count = 20"  # SQLite's own way to say that nothing more fits
        event.listen(review._engine, "begin", lambda c: c.exec_driver_sql(pages))
        saved = []
        with pytest.raises(ReviewError, match=r"disk is full\. Free some space"):
            for _ in range(30):
                saved.append(review.record(verdict(note="x" * 9000)))
    with open_review(tmp_path / "review.sqlite") as review:
        assert saved and review.history() == saved
        review.record(verdict())


def test_a_server_that_lets_nobody_in_is_named_without_the_password(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"127.0.0.1:{server.port}"
    secret = "wr0ng-secret"
    places = {
        server.url(password=secret): "password authentication failed.*Check user and password",
        f"postgresql://reviewer:{secret}@127.0.0.1:{free_port()}/x": "Check that the server runs",
        server.url("nowhere"): "does not exist.*createdb",
        f"postgresql://reviewer:{secret}@x@{address}/x": "more than one @.*%40",
        f"postgresql://reviewer:{secret}@127.0.0.1:port/x": "cannot be read",
        f"mysql://reviewer:{secret}@{address}/x": "cannot be kept in mysql",
        f"postgresql://{address}/x?user=reviewer&password={secret}": "password authentication",
    }
    for url, cause in places.items():
        with pytest.raises(ReviewError, match=cause) as caught:
            open_review(url)
        assert secret not in str(caught.value) and PASSWORD not in str(caught.value)
        assert secret not in str(caught.value.__cause__)
    with open_review(server.new_database()) as review:
        assert PASSWORD not in review.place and f"reviewer@{address}/" in review.place
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ReviewError, match=r"needs the package psycopg.*momkd-viewer\[team\]"):
        open_review(server.url())


def test_a_role_that_may_only_add_rows_can_review_and_one_that_may_not_is_told(
    server: Server,
) -> None:
    url = server.new_database()
    open_review(url).close()
    name = url.rpartition("/")[2]
    with psycopg.connect(url, autocommit=True) as connection:
        for role, rights in (("adder", "SELECT, INSERT"), ("reader", "SELECT")):
            connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'".encode())
            tables = "review_schema, review_term, review_verdict"
            connection.execute(f"GRANT {rights} ON {tables} TO {role}".encode())
        connection.execute(b"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO adder")
    with open_review(server.url(name).replace("reviewer:", "adder:")) as review:
        added = review.record(verdict())
    with open_review(server.url(name).replace("reviewer:", "reader:")) as review:
        assert review.current() == [added]
        with pytest.raises(ReviewError, match="does not let you"):
            review.record(verdict())


def test_a_server_that_restarts_or_goes_away_loses_nothing(server: Server) -> None:
    with open_review(server.new_database()) as review:
        first = review.record(verdict())
        server.control("restart", "-m", "fast")
        second = review.record(verdict(term="fat"))
        with pytest.raises(ReviewError, match=r"connection to .* was lost"), review._writing() as c:
            server.control("stop", "-m", "immediate")
            c.exec_driver_sql("SELECT 1")
        try:
            with pytest.raises(ReviewError, match="was not reached.*Check that the server runs"):
                review.record(verdict())
        finally:
            server.control("start")
        assert review.history() == [first, second]
