"""Fixtures for all tests: offscreen Qt, private cache and log, small slides and a trained run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# On a busy machine, threads that wait for each other make small networks ten times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from postgresql import Server, running_server, server_programs
from synthetic import TRAINING, tissue_image, write_cohort, write_slide


@pytest.fixture(scope="session", autouse=True)
def private_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Cache and log of the tests, so that the user's own are neither used nor touched."""
    folder = tmp_path_factory.mktemp("user")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOMKD_CACHE", str(folder / "cache"))
        patch.setenv("MOMKD_LOG", str(folder / "log.txt"))
        patch.setenv("MOMKD_DATA", str(folder / "data"))
        yield


@pytest.fixture(scope="session")
def slide_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slide of 1536 x 1280 px at 0.5 µm/px with one ellipse of tissue."""
    path = tmp_path_factory.mktemp("slide") / "tissue.tif"
    return write_slide(path, tissue_image(1536, 1280, seed=3))


@pytest.fixture(scope="session")
def cohort_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve cases with slides, two labels, and expression beside it."""
    return write_cohort(tmp_path_factory.mktemp("cohort"))


@pytest.fixture(scope="session")
def features_folder(cohort_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Features of the cohort: patches of 128 px, which the encoder takes four times as fast."""
    from momkd_core.cli.main import main

    folder = tmp_path_factory.mktemp("features")
    assert main(["extract", str(cohort_path), "--out", str(folder), "--patch-size", "128"]) == 0
    return folder


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo cohort of four cases, drawn by the console script, in processes of its own."""
    folder = tmp_path_factory.mktemp("demo") / "cohort"
    momkd = Path(sys.executable).parent / "momkd"
    subprocess.run([momkd, "demo", folder, "--cases", "4"], check=True, timeout=900)
    return folder


@pytest.fixture(scope="session")
def run_folder(
    cohort_path: Path, features_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A finished run of three small folds."""
    from momkd_core.cli.main import main

    out = tmp_path_factory.mktemp("runs") / "grade"
    expression = cohort_path.parent / "expression.csv"
    arguments = ["train", cohort_path, "--expression", expression, "--features", features_folder]
    assert main([*(str(a) for a in arguments), "--out", str(out), *TRAINING]) == 0
    return out


@pytest.fixture
def model_path(run_folder: Path) -> Path:
    return run_folder / "folds" / "0" / "model.safetensors"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server that these tests alone use."""
    programs = server_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed here: bash resources/install test")
    with running_server(programs) as running:
        yield running
