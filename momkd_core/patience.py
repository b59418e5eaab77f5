"""Hiccups: failures of a disk or share that pass by themselves, and beginning again after one."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Iterator
from typing import TypeVar

from momkd_core.errors import MomkdError, OutputError, ShareError
from momkd_core.progress import CancelToken

log = logging.getLogger(__name__)

_Result = TypeVar("_Result")

#: Seconds before each further attempt.
PAUSES_S = (0.5, 2.0, 8.0)

# Not every system has each of them.
_PASSING = frozenset(
    getattr(errno, name)
    for name in (
        "EIO ESTALE ETIMEDOUT EAGAIN EINTR EBUSY EREMOTEIO ECOMM ENOTCONN ECONNRESET ECONNABORTED "
        "ECONNREFUSED EHOSTDOWN EHOSTUNREACH ENETDOWN ENETUNREACH ENETRESET ESHUTDOWN ENOLINK"
    ).split()
    if hasattr(errno, name)
)


def is_hiccup(error: BaseException) -> bool:
    """Whether an error, or the one that it was raised from, may be gone in a moment.

    OpenSlide tells the system's reason in words where it cannot open a file, at the end of its message
    (https://github.com/openslide/openslide, src/openslide-file.c).
    """
    return any(_passes(one) for one in _causes(error))


def _passes(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _PASSING
    text = str(error)
    return not isinstance(error, MomkdError) and any(
        text.endswith(os.strerror(number)) for number in _PASSING
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


class Patience:
    """Begins work again that a hiccup ended, after pauses that grow.

    Attributes:
        hiccups: how many there were.
    """

    def __init__(self, cancel: CancelToken) -> None:
        self.hiccups = 0
        self._cancel, self._pauses = cancel, PAUSES_S

    def run(
        self, work: Callable[[], _Result], what: str, done: Callable[[], int] = lambda: 0
    ) -> _Result:
        """What ``work`` gives; it has to go on where it was, or to begin anew.

        Args:
            what: it works on, for the log: the first hiccup is a warning.
            done: how far it has come: hiccups are counted anew when it has come further.

        Raises:
            ShareError: as many attempts in a row as there are pauses, and one, ended in hiccups.
            OutputError: likewise, of what is written, which serves all slides.
            Cancelled: on request, also in a pause.
            MomkdError, OSError: of the work, for any other reason.
        """
        reached, failed = 0, 0
        while True:
            try:
                return work()
            except (MomkdError, OSError) as error:
                if not is_hiccup(error):
                    raise
                if done() > reached:
                    reached, failed = done(), 0
                self._tell(what, error)
                if failed == len(self._pauses):
                    raise _given_up(what, error, failed + 1, sum(self._pauses)) from error
                self._cancel.wait(self._pauses[failed])
                failed += 1

    def _tell(self, what: str, error: Exception) -> None:
        level = logging.INFO if self.hiccups else logging.WARNING
        log.log(level, "%s: %s; trying again", what, _cause(error))
        self.hiccups += 1


def _cause(error: Exception) -> str:
    return error.cause if isinstance(error, MomkdError) else str(error)


def _given_up(what: str, error: Exception, attempts: int, seconds: float) -> MomkdError:
    cause = f"{_cause(error)}, in {attempts} attempts with pauses of {seconds:g} s"
    if isinstance(error, OutputError):
        return OutputError(cause, error.cure)
    return ShareError(cause, f"Check the disk or share of {what}, then give the same command again")
