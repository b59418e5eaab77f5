"""Slides and folds side by side, in processes and on a Ray cluster, by the command."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import h5py
import numpy as np
import pytest
from processes import finish, momkd

from momkd_core.cli.main import main


def within(*arguments: object) -> int:
    """The exit code of the same in this process."""
    return main([str(a) for a in arguments])


def features(folder: Path) -> dict[str, np.ndarray]:
    found = {}
    for path in sorted(folder.glob("*.h5")):
        with h5py.File(path) as file:
            found[path.name] = file["features"][:]
    return found


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return list(one) == list(other) and all(np.array_equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def asked(cohort_path: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    """Three slides, small patches that overlap: many of them."""
    folder = tmp_path_factory.mktemp("three")
    rows = cohort_path.read_text().splitlines()[:4]
    (folder / "cohort.csv").write_text("\n".join(rows))
    (folder / "slides").symlink_to(cohort_path.parent / "slides")
    return ("extract", folder / "cohort.csv", "--patch-size", 64, "--overlap", 44)


@pytest.fixture(scope="module")
def alone(asked: tuple[object, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("alone")
    assert within(*asked, "--out", out) == 0
    return out


def test_slides_in_two_processes_have_the_same_features(
    asked: tuple[object, ...], alone: Path, tmp_path: Path
) -> None:
    with momkd(*asked, "--out", tmp_path, "--processes", 2) as process:
        told = finish(process)
    assert "3 slides extracted" in told and same(features(tmp_path), features(alone))


@pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed (extra cluster)")
@pytest.mark.skipif(sys.platform != "linux", reason="finds Ray's processes in /proc")
def test_a_killed_worker_of_a_cluster_loses_nothing(
    asked: tuple[object, ...], alone: Path, tmp_path: Path
) -> None:
    with momkd(*asked, "--out", tmp_path, "--cluster", "local") as process:
        end = time.monotonic() + 240
        while not (list(tmp_path.glob(".*.partial")) and working(process.pid)):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end, "no piece was begun"
            time.sleep(0.05)
        os.kill(working(process.pid)[0], signal.SIGKILL)
        told = finish(process)
    assert "3 slides extracted" in told and "0 failed" in told
    assert same(features(tmp_path), features(alone))


def working(driver: int) -> list[int]:
    """Processes below ``driver`` in which Ray does a piece."""
    parents: dict[int, int] = {}
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
            title = (folder / "cmdline").read_bytes()
        except OSError:  # it has just ended
            continue
        parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
        if title.startswith(b"ray::do_there"):
            found.append(int(folder.name))

    def below(pid: int) -> bool:
        while pid > 1 and pid != driver:
            pid = parents.get(pid, 0)
        return pid == driver

    return [pid for pid in found if below(pid)]


def test_folds_in_two_processes_predict_the_same(
    cohort_path: Path, features_folder: Path, tmp_path: Path
) -> None:
    command = [
        "train", cohort_path, "--expression", cohort_path.parent / "expression.csv",
        "--label", "grade", "--positive", "high", "--features", features_folder, "--folds", 2,
        "--epochs", 2, "--set", "components=4", "--set", "hidden_width=32",
    ]  # fmt: skip
    assert within(*command, "--out", tmp_path / "alone") == 0
    with momkd(*command, "--out", tmp_path / "two", "--processes", 2) as process:
        finish(process)
    for fold in ("0", "1"):
        one, two = (
            (tmp_path / run / "folds" / fold / "predictions.csv").read_bytes()
            for run in ("alone", "two")
        )
        assert one == two


def test_cases_in_two_processes_are_predicted_the_same(
    cohort_path: Path, run_folder: Path, tmp_path: Path
) -> None:
    """The second case of three is of a slide that cannot be read."""
    (tmp_path / "slides").mkdir()
    header, *rows = cohort_path.read_text().splitlines()[:4]
    for row in rows:
        name = row.split(",")[header.split(",").index("slide")]
        (tmp_path / name).symlink_to(cohort_path.parent / name)
        if row is rows[1]:
            (tmp_path / name).unlink()
            (tmp_path / name).write_text("no slide")
    (tmp_path / "cohort.csv").write_text("\n".join([header, *rows]))
    command = ["predict", tmp_path / "cohort.csv", "--model", run_folder, "--json", "--out"]
    with (
        momkd(*command, tmp_path / "one") as one,
        momkd(*command, tmp_path / "two", "--processes", 2) as two,
    ):
        told, by_two = (json.loads(process.communicate(timeout=240)[0]) for process in (one, two))
    assert one.returncode == two.returncode == 1
    assert told == by_two and len(told["cases"]) == 2 and len(told["errors"]) == 1
    written = {path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*")}
    assert len(written) == 7 and Path("cases.csv") in written
    for path in written:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()


def test_an_address_that_does_not_answer_is_named(
    asked: tuple[object, ...], tmp_path: Path
) -> None:
    with momkd(*asked, "--out", tmp_path, "--cluster", "127.0.0.1:1") as process:
        _, error = process.communicate(timeout=120)
    assert process.returncode == 1 and "Traceback" not in error
    missing = find_spec("ray") is None
    assert ("momkd-viewer[cluster]" if missing else "does not answer") in error
