"""What is tried again, how often, and what is not."""

from __future__ import annotations

import errno
import os
import threading

import pytest

from momkd_core import patience
from momkd_core.errors import Cancelled, OutputError, ShareError, SlideError
from momkd_core.patience import Patience, is_hiccup
from momkd_core.progress import CancelToken


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSES_S", (0.0, 0.0, 0.0))


def failure(number: int) -> SlideError:
    error = SlideError("a.tif cannot be read", "Copy it again")
    error.__cause__ = OSError(number, os.strerror(number))
    return error


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN])
def test_a_hiccup_is_known_by_what_it_came_from(number: int) -> None:
    assert is_hiccup(OSError(number, os.strerror(number))) and is_hiccup(failure(number))
    assert is_hiccup(RuntimeError(f"Couldn't open a.svs: {os.strerror(number)}"))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.ENOENT, errno.EDQUOT])
def test_what_will_not_pass_is_raised_at_once(number: int) -> None:
    attempts: list[int] = []

    def work() -> None:
        attempts.append(1)
        raise OutputError("full", "free some") from OSError(number, os.strerror(number))

    with pytest.raises(OutputError, match="full"):
        Patience(CancelToken()).run(work, "a.tif")
    assert len(attempts) == 1


def test_attempts_are_counted_anew_when_the_work_has_come_further() -> None:
    done = 0

    def work() -> int:
        nonlocal done
        if done < 10:
            done += 1
            raise failure(errno.EIO)
        return done

    tried = Patience(CancelToken())
    assert tried.run(work, "a.tif", lambda: done) == 10 and tried.hiccups == 10
    done = 0
    with pytest.raises(ShareError, match="in 4 attempts"):
        Patience(CancelToken()).run(work, "a.tif")

    def write() -> None:
        raise OutputError("out cannot be written", "Check out") from OSError(errno.ESTALE, "stale")

    with pytest.raises(OutputError, match="out cannot be written, in 4 attempts .* Check out"):
        Patience(CancelToken()).run(write, "a.tif")


def test_a_pause_ends_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSES_S", (60.0,))
    cancel = CancelToken()

    def work() -> None:
        threading.Timer(0.05, cancel.cancel).start()
        raise failure(errno.EIO)

    with pytest.raises(Cancelled):
        Patience(cancel).run(work, "a.tif")
