"""What runs on a machine of a Ray cluster: a look at what it is, and pieces of work."""

from __future__ import annotations

import os
import platform
import socket
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from momkd_core.errors import ClusterError
from momkd_core.pieces import Outcome, Piece, do, short
from momkd_core.progress import CancelToken

_TELL_S = 0.5  # between two reports of a piece
_SEE_S = 5.0  # for a new file to show on another machine


class Mailbox:
    """What pieces report, until it is taken: an actor."""

    def __init__(self) -> None:
        self._told: dict[str, str] = {}

    def put(self, name: str, told: str) -> None:
        self._told[name] = told

    def take(self) -> list[tuple[str, str]]:
        told, self._told = self._told, {}
        return list(told.items())


def versions() -> dict[str, str]:
    """What results depend on; nothing is imported for it, which would keep the others waiting."""
    return {
        "momkd": _version("momkd-viewer"),
        "torch": _version("torch").partition("+")[0],  # builds for GPUs go by the same number
        "Python": ".".join(platform.python_version_tuple()[:2]),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "that is not installed"


def probe(cwd: str, token: str) -> tuple[dict[str, str], str]:
    """On a machine: its versions, and which of two paths it does not see; '' where it sees both."""
    end = time.monotonic() + _SEE_S
    while time.monotonic() < end and not Path(token).exists():
        time.sleep(0.1)
    unseen = [path for path in (cwd, str(Path(token).parent)) if not Path(path).exists()]
    if not unseen and not Path(token).exists():
        unseen = [f"{Path(token).parent} of this machine"]
    return versions(), unseen[0] if unseen else ""


def do_there(piece: Piece, threads: int, mailbox: Any, cwd: str, reads: list[str]) -> Outcome:
    """On a machine: a piece, from the folder that relative paths count from."""
    for path in (cwd, *reads):
        if not Path(path).exists():
            return Outcome(error=unseen_error(path, socket.gethostname()))
    os.chdir(cwd)
    last = 0.0

    def report(done: int, total: int, what: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _TELL_S:
            last = now
            mailbox.put.remote(piece.name, short(done, total, what))

    return do(piece, threads, report, CancelToken())


def unseen_error(path: str, host: str) -> ClusterError:
    return ClusterError(
        f"{host} does not see {path}",
        "All machines need the cohort, its slides and the output folder at the same paths, on a shared "
        "file system",
    )
