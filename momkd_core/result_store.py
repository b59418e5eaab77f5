"""What models said of slides, kept by content: a killed cohort goes on, nothing is read twice.

A cache: one that is damaged or cannot be written costs time and no result.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

from momkd_core.errors import MomkdError
from momkd_core.feature_folder import FEATURE_SUFFIXES
from momkd_core.slide import Slide
from momkd_core.slide_summary import SlideSummary
from momkd_core.storage import cache_folder, sha256_of_file

log = logging.getLogger(__name__)

# Raised whenever the same slide and model would give other numbers: what was kept is found no more.
_VERSION = 1
_SCHEMA = """
create table if not exists contents (
    path text primary key, size integer not null, changed integer not null, content text not null
);
create table if not exists results (key text primary key, summary text not null);
"""
_PATIENCE_S = 10.0  # for another window that writes

_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Reading:
    """A slide to be read by a model.

    Attributes:
        source: its features, or the slide itself.
        slide: where the tissue is taken from if the features lack it; None where it is not known.
        mpp: stated resolution, or None.
        muted: components left out.
    """

    source: Path
    slide: Path | None
    mpp: float | None
    model_sha256: str
    muted: Mapping[str, Sequence[int]]


class ResultStore:
    """Summaries by content of slide, features, model and muting; may be used from several threads.

    Args:
        path: an SQLite file; by default one in the user's cache.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or cache_folder() / "results.sqlite"
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def find(self, reading: Reading) -> SlideSummary | None:
        """What was kept of it; None where nothing, or where its files cannot be read."""
        return self._trying(lambda database: self._find(database, reading), None)

    def recall(self, readings: Sequence[Reading]) -> list[SlideSummary | None]:
        """What was kept of each, quickly: no file is opened, so one that was moved is not known yet."""

        def work(database: sqlite3.Connection) -> list[SlideSummary | None]:
            @cache  # several models read one slide
            def content(path: Path) -> str:
                known = self._known_content(database, path)
                if known is None:
                    raise LookupError(path)
                return known

            return [self._recall(database, reading, content) for reading in readings]

        return self._trying(work, [None] * len(readings))

    def keep(self, reading: Reading, summary: SlideSummary) -> None:
        """Keeps a result at once: a process that is killed the next moment has it still."""
        self._trying(lambda database: self._keep(database, reading, summary), None)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _find(self, database: sqlite3.Connection, reading: Reading) -> SlideSummary | None:
        content = partial(self._content, database)
        return self._summary(database, _key(reading, content))

    def _recall(
        self, database: sqlite3.Connection, reading: Reading, content: Callable[[Path], str]
    ) -> SlideSummary | None:
        try:
            return self._summary(database, _key(reading, content))
        except (OSError, LookupError):
            return None

    def _summary(self, database: sqlite3.Connection, key: str) -> SlideSummary | None:
        row = database.execute("select summary from results where key = ?", (key,)).fetchone()
        if row is None:
            return None
        try:
            return SlideSummary(**json.loads(row[0]))
        except (ValueError, TypeError):
            return None  # of another version

    def _keep(self, database: sqlite3.Connection, reading: Reading, summary: SlideSummary) -> None:
        key = _key(reading, partial(self._content, database))
        values = (key, json.dumps(summary.as_json()))
        with database:
            database.execute("insert or replace into results values (?, ?)", values)

    # -- contents --------------------------------------------------------------------------------

    def _content(self, database: sqlite3.Connection, path: Path) -> str:
        """What a file holds; hashed again only where its size or its time changed."""
        stat, content = path.stat(), self._known_content(database, path)
        if content is None:
            content = _hash(path)
            with database:
                database.execute(
                    "insert or replace into contents values (?, ?, ?, ?)",
                    (str(path.absolute()), stat.st_size, stat.st_mtime_ns, content),
                )
        return content

    def _known_content(self, database: sqlite3.Connection, path: Path) -> str | None:
        stat = path.stat()
        row = database.execute(
            "select content from contents where path = ? and size = ? and changed = ?",
            (str(path.absolute()), stat.st_size, stat.st_mtime_ns),
        ).fetchone()
        return None if row is None else str(row[0])

    # -- the file --------------------------------------------------------------------------------

    def _trying(self, work: Callable[[sqlite3.Connection], _Found], otherwise: _Found) -> _Found:
        with self._lock:
            try:
                return work(self._open())
            except sqlite3.DatabaseError as error:
                log.warning("The results kept in %s cannot be used (%s)", self.path, error)
                self._set_aside(error)
            except (OSError, MomkdError) as error:  # shown where the slide is read
                log.info("Nothing is kept of a slide: %s", error)
            return otherwise

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            opened = sqlite3.connect(self.path, _PATIENCE_S, check_same_thread=False)
            try:
                opened.execute("pragma journal_mode = wal")
                opened.executescript(_SCHEMA)
            except sqlite3.Error:
                opened.close()
                raise
            self._connection = opened
        return self._connection

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        """A damaged file would be in the way for ever; one that is merely locked or full stays."""
        if self._connection is not None:
            with closing(self._connection):
                self._connection = None
        if isinstance(error, sqlite3.OperationalError):
            return
        try:
            self.path.replace(self.path.with_suffix(".damaged"))
        except OSError as failure:
            log.warning("%s cannot be set aside: %s", self.path, failure)


def _key(reading: Reading, content: Callable[[Path], str]) -> str:
    """What a result is kept by; ``content`` says what a file holds."""
    muted = {memory: sorted(found) for memory, found in reading.muted.items() if found}
    slide = reading.slide if reading.slide != reading.source else None
    parts = (
        _VERSION,
        content(reading.source),
        content(slide) if slide is not None and slide.exists() else None,
        reading.mpp,
        reading.model_sha256,
        sorted(muted.items()),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _hash(path: Path) -> str:
    """Of a feature file all bytes; of a slide what OpenSlide knows it by."""
    if path.suffix.lower() in FEATURE_SUFFIXES:
        return sha256_of_file(path)
    with Slide(path) as slide:
        return slide.identity
