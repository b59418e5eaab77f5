"""Log files that cost the log, never the work, where they cannot be written (a full disk, say)."""

from __future__ import annotations

import logging
import logging.handlers
from contextlib import suppress
from pathlib import Path

_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


class _Quiet(logging.FileHandler):
    """Says nothing of its own failures: logging would print a traceback for every line."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass

    def close(self) -> None:
        with suppress(OSError):
            super().close()


class _QuietRotating(_Quiet, logging.handlers.RotatingFileHandler):
    pass


def new_log(path: Path, *, rotating: bool = False) -> logging.FileHandler:
    """A handler that appends to a file; of a few megabytes at most where it rotates. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler: logging.FileHandler
    if rotating:
        handler = _QuietRotating(path, maxBytes=2_000_000, backupCount=2, encoding="utf-8")
    else:
        handler = _Quiet(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter(_FORMAT))
    return handler
