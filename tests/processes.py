"""Processes that tests start: however a test ends, none of them is left, nor a pipe to one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_LIMIT_S = 240  # a limit, not a measure: the cores may be shared


@contextmanager
def momkd(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """``momkd`` with one thread."""
    with subprocess.Popen(
        [sys.executable, "-m", "momkd_core.cli.main", *(str(a) for a in arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def finish(process: subprocess.Popen[str]) -> str:
    """What a process that ends well said."""
    said, errors = process.communicate(timeout=_LIMIT_S)
    assert process.returncode == 0, errors
    return said
