"""Work in pieces: one that dies is begun once more and takes nothing along, and all stop together."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import pytest

from momkd_core.errors import Cancelled, CohortError, SettingsError
from momkd_core.pieces import Needs, Outcome, Piece, Workplace
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.worker_processes import Here, Processes
from momkd_core.workplaces import workplace


def work(path: Path, report: Report, cancel: CancelToken) -> str:
    """Does what the name of its file says."""
    what = path.stem
    first = not path.exists()
    path.write_text("begun")
    if what == "dies" or (what == "dies once" and first):
        os.kill(os.getpid(), 9)
    if what == "warns":
        logging.getLogger("momkd_core.features").warning("no encoder named")
        logging.getLogger("a library").warning("old")
    if what == "fails":
        raise CohortError("No such case", "Choose another")
    if what == "breaks":
        raise KeyError("gene")
    report(0, 1, os.environ.get("OMP_NUM_THREADS", ""))
    while what == "waits":
        cancel.raise_if_cancelled()
        time.sleep(0.01)
    path.write_text("done")
    return what


def pieces(folder: Path, *names: str) -> list[Piece]:
    return [Piece(n, work, folder / f"{n}.txt", folder / f"{n}.log") for n in names]


def outcomes(place: Workplace, asked: list[Piece], told: list[str]) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}
    place.run(
        asked,
        doing="training",
        report=lambda done, total, what: told.append(what),
        ended=lambda piece, outcome: found.update({piece.name: outcome}),
        cancel=CancelToken(),
    )
    return found


def test_what_dies_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    told: list[str] = []
    names = ("dies", "fails", "dies once", "breaks", "warns", "goes on")
    found = outcomes(Processes(2), pieces(tmp_path, *names), told)
    for name in ("goes on", "dies once"):
        assert found[name] == Outcome(name) and (tmp_path / f"{name}.txt").read_text() == "done"
    assert "2 times (signal 9)" in str(found["dies"].error)
    assert str(found["fails"].error) == "No such case. Choose another."
    assert "KeyError" in str(found["breaks"].error)
    assert "Traceback" in (tmp_path / "breaks.log").read_text()
    assert "Traceback" in found["breaks"].trace
    assert found["warns"] == Outcome("warns", warnings=("no encoder named",))
    assert "old" in (tmp_path / "warns.log").read_text()
    assert any("goes on 1 0/1" in what for what in told), "its libraries have one thread"


def test_here_one_after_another(tmp_path: Path) -> None:
    found = outcomes(Here(), pieces(tmp_path, "fails", "goes on"), [])
    assert found["goes on"].value == "goes on" and isinstance(found["fails"].error, CohortError)


def test_all_stop_on_request(tmp_path: Path) -> None:
    cancel = CancelToken()

    def report(done: int, total: int, what: str) -> None:
        if (tmp_path / "waits.txt").exists():
            cancel.cancel()

    asked = pieces(tmp_path, "waits", "later")
    place = Processes(1)
    with pytest.raises(Cancelled):
        place.run(asked, doing="training", report=report, ended=lambda *_: None, cancel=cancel)
    assert (tmp_path / "waits.txt").read_text() == "begun"
    assert "stopped" in (tmp_path / "waits.log").read_text()
    assert not (tmp_path / "later.txt").exists()
    place.run([], doing="", report=silent, ended=lambda *_: None, cancel=CancelToken())


def test_threads_of_no_process_are_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(SettingsError, match="--cpus-per-task is for --processes and --cluster"),
        workplace(tmp_path, processes=None, cluster=None, needs=Needs(cpus=2)),
    ):
        pass
