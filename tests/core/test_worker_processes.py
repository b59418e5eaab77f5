"""Work side by side in processes: one that dies takes nothing along, and all stop together."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from momkd_core.errors import Cancelled, CohortError, MomkdError
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.worker_processes import Piece, run_pieces


def work(path: Path, report: Report, cancel: CancelToken) -> None:
    """Does what the name of its file says."""
    what = path.stem
    if what == "dies":
        os.kill(os.getpid(), 9)
    if what == "fails":
        raise CohortError("No such case", "Choose another")
    if what == "breaks":
        raise KeyError("gene")
    path.write_text("begun")
    report(0, 1, os.environ["OMP_NUM_THREADS"])
    while what == "waits":
        cancel.raise_if_cancelled()
        time.sleep(0.01)
    path.write_text("done")


def pieces(folder: Path, *names: str) -> list[Piece]:
    return [Piece(n, work, folder / f"{n}.txt", folder / f"{n}.log") for n in names]


def test_what_dies_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    outcomes: dict[str, MomkdError | None] = {}
    told: list[str] = []
    run_pieces(
        pieces(tmp_path, "dies", "fails", "breaks", "goes on"),
        2,
        report=lambda done, total, what: told.append(what),
        ended=lambda piece, error: outcomes.update({piece.name: error}),
        cancel=CancelToken(),
    )
    assert outcomes["goes on"] is None and (tmp_path / "goes on.txt").read_text() == "done"
    assert "signal 9" in str(outcomes["dies"])
    assert str(outcomes["fails"]) == "No such case. Choose another."
    assert "KeyError" in str(outcomes["breaks"])
    assert "Traceback" in (tmp_path / "breaks.log").read_text()
    assert any("goes on 1 0/1" in what for what in told), "its libraries have one thread"


def test_all_stop_on_request(tmp_path: Path) -> None:
    cancel = CancelToken()

    def report(done: int, total: int, what: str) -> None:
        if (tmp_path / "waits.txt").exists():
            cancel.cancel()

    asked = pieces(tmp_path, "waits", "later")
    with pytest.raises(Cancelled):
        run_pieces(asked, 1, report=report, ended=lambda *_: None, cancel=cancel)
    assert (tmp_path / "waits.txt").read_text() == "begun"
    assert "stopped" in (tmp_path / "waits.log").read_text()
    assert not (tmp_path / "later.txt").exists()
    run_pieces([], 1, report=silent, ended=lambda *_: None, cancel=CancelToken())
