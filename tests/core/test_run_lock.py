"""One process a fold: who trains in a run folder, and how it is asked to stop."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from momkd_core.cli.main import main
from momkd_core.errors import TrainingError
from momkd_core.run_lock import Trainer, hold_run, stop, trainers

HOLDER = """
import sys, time
from pathlib import Path
from momkd_core.cli.console import ends_on_request
from momkd_core.run_lock import hold_run
with ends_on_request(), hold_run(Path(sys.argv[1]), [0, 1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that trains folds 0 and 1."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path / "run"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_fold_is_trained_by_one_process(
    holder: subprocess.Popen[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert trainers(run) == [Trainer(holder.pid, socket.gethostname())]
    with pytest.raises(TrainingError, match=f"another process.*number {holder.pid}"):
        hold_run(run, [1, 2]).__enter__()
    asked = "train c.csv --expression e.csv --label l --positive p --out".split()
    assert main([*asked, str(run)]) == 1
    assert "being trained by another process" in capsys.readouterr().err
    with hold_run(run, [2]), hold_run(run, [2]):  # beside it, and a second time by this process
        assert len(trainers(run)) == 2
    assert trainers(run) == [Trainer(holder.pid, socket.gethostname())]


def test_a_killed_training_holds_nothing(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    run = tmp_path / "run"
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    # What it left says its number, which may be another program's by now.
    assert (run / "running" / "0.json").exists() and trainers(run) == []
    assert not stop(run)
    with hold_run(run, [0, 1]):
        assert trainers(run) == [Trainer(os.getpid(), socket.gethostname())]
    assert list(run.iterdir()) == [], "the folder was there before"
    with hold_run(run / "a" / "b", [0]):
        assert trainers(run / "a" / "b")
    assert list(run.iterdir()) == [], "what trains nothing leaves no folder"


def test_a_training_is_asked_to_stop(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert stop(run)
    assert holder.wait(timeout=60) == -signal.SIGINT or holder.returncode == 1  # as by Ctrl+C
    end = time.monotonic() + 10
    while run.exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert not run.exists() and trainers(run) == []


def test_a_training_elsewhere_is_not_stopped_here(tmp_path: Path) -> None:
    with hold_run(tmp_path / "run", [0]):
        about = tmp_path / "run" / "running" / "0.json"
        about.write_text(f'{{"pid": {os.getpid()}, "host": "node-7"}}')
        with pytest.raises(TrainingError, match="on another computer, node-7"):
            stop(tmp_path / "run")
