"""Trainings that are killed or interrupted, as processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from processes import momkd
from safetensors.torch import load_file
from synthetic import TINY, write_feature_cohort

from momkd_core.cli.main import main

EPOCHS = 30


def training(folder: Path, out: str) -> list[str]:
    arguments = ["train", folder / "cohort.csv", "--expression", folder / "expression.csv", *TINY]
    more = ["--fold", "0", "--epochs", EPOCHS, "--set", f"patience={EPOCHS}", "--out", folder / out]
    return [str(argument) for argument in (*arguments, *more)]


def wait_for_epochs(run: subprocess.Popen[str], fold: Path, epochs: int) -> None:
    """Until so many are in history.csv, which is readable while the training runs."""
    end = time.monotonic() + 240  # a limit, not a measure: the cores may be shared
    while time.monotonic() < end:
        try:
            if len((fold / "history.csv").read_text().splitlines()) > epochs:
                return
        except FileNotFoundError:
            pass
        assert run.poll() is None, run.communicate()
        time.sleep(0.005)
    pytest.fail("no epoch was written")


def test_a_killed_training_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    write_feature_cohort(tmp_path)
    fold = tmp_path / "broken" / "folds" / "0"
    with momkd(*training(tmp_path, "broken")) as broken:
        wait_for_epochs(broken, fold, 2)
        broken.send_signal(signal.SIGKILL)
        assert broken.wait() == -signal.SIGKILL
    done = len((fold / "history.csv").read_text().splitlines()) - 1
    assert 2 <= done < EPOCHS and not (fold / "predictions.csv").exists()
    for run in ("broken", "whole"):  # in this process, which knows nothing of the other
        assert main(training(tmp_path, run)) == 0

    folds = [tmp_path / name / "folds" / "0" for name in ("whole", "broken")]
    for name in ("predictions.csv", "leakage.json", "split.json"):
        first, second = ((folder / name).read_bytes() for folder in folds)
        assert first == second, name
    weights = [load_file(folder / "model.safetensors") for folder in folds]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert (folds[0] / "model.safetensors").read_bytes() == (
        folds[1] / "model.safetensors"
    ).read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_an_interrupted_training_says_so(tmp_path: Path) -> None:
    write_feature_cohort(tmp_path)
    with momkd(*training(tmp_path, "run")) as run:
        wait_for_epochs(run, tmp_path / "run" / "folds" / "0", 1)
        run.send_signal(signal.SIGINT)
        output, errors = run.communicate(timeout=180)
    assert run.returncode == 130
    assert output == "" and "Traceback" not in errors
    assert errors.splitlines()[-1] == (
        "stopped: what was finished is kept; the same command goes on"
    )
