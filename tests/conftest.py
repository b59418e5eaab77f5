"""Fixtures for all tests: offscreen Qt, private cache and log, small slides and a trained run."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# On a busy machine, threads that wait for each other make small networks ten times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from filelock import FileLock
from postgresql import Server, running_server, server_programs
from synthetic import TRAINING, tissue_image, write_cohort, write_slide


def pytest_configure() -> None:
    # Behind a shell's "&" an interrupt is ignored, and processes that the tests interrupt inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Imports, which come now, make half a million objects and hardly any garbage.
    gc.disable()


def pytest_collection_finish() -> None:
    """Leaves what was imported out of garbage collection from here on."""
    import_module("torch._dynamo")  # the first training would load it, too late for this

    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def private_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Cache and log of the tests, so that the user's own are neither used nor touched."""
    folder = tmp_path_factory.mktemp("user")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOMKD_CACHE", str(folder / "cache"))
        patch.setenv("MOMKD_LOG", str(folder / "log.txt"))
        patch.setenv("MOMKD_DATA", str(folder / "data"))
        yield


Made = Callable[[str, Callable[[Path], None]], Path]


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Makes a folder once for all test processes: whoever comes second waits for the first."""
    # Every process of pytest-xdist has a folder of its own inside the common one.
    apart = "PYTEST_XDIST_WORKER" in os.environ
    common = tmp_path_factory.getbasetemp().parent if apart else tmp_path_factory.getbasetemp()

    def made(name: str, make: Callable[[Path], None]) -> Path:
        folder, finished = common / "made" / name, common / "made" / f"{name}.finished"
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(common / "made" / f"{name}.lock"):
            if not finished.exists():
                make(folder)
                finished.touch()
        return folder

    return made


@pytest.fixture(scope="session")
def slide_path(made_once: Made) -> Path:
    """A slide of 1536 x 1280 px at 0.5 µm/px with one ellipse of tissue."""

    def make(folder: Path) -> None:
        write_slide(folder / "tissue.tif", tissue_image(1536, 1280, seed=3))

    return made_once("slide", make) / "tissue.tif"


@pytest.fixture(scope="session")
def cohort_path(made_once: Made) -> Path:
    """Twelve cases with slides, two labels, and expression beside it."""
    return made_once("cohort", lambda folder: write_cohort(folder) and None) / "cohort.csv"


@pytest.fixture(scope="session")
def features_folder(cohort_path: Path, made_once: Made) -> Path:
    """Features of the cohort: patches of 128 px, which the encoder takes four times as fast."""
    from momkd_core.cli.main import main

    def make(folder: Path) -> None:
        assert main(["extract", str(cohort_path), "--out", str(folder), "--patch-size", "128"]) == 0

    return made_once("features", make)


@pytest.fixture(scope="session")
def demo_cache(made_once: Made) -> Path:
    """A user's cache after the README's command, with a miniature of the demo, where it was never run.

    What draws this demo on must be told the same sizes (:mod:`small_demo`).
    ``demo.png`` in it is the picture that the command takes.
    """

    def make(folder: Path) -> None:
        viewer = [sys.executable, Path(__file__).with_name("small_demo.py")]
        subprocess.run(
            [*viewer, "--demo", "--screenshot", folder / "demo.png"],
            env={**os.environ, "MOMKD_CACHE": str(folder)},
            check=True,
            timeout=900,
        )

    return made_once("demo", make)


@pytest.fixture(scope="session")
def demo_folder(demo_cache: Path) -> Path:
    """The demo cohort of four cases that lies in it."""
    (folder,) = demo_cache.glob("demo-*/")
    return folder


@pytest.fixture(scope="session")
def run_folder(cohort_path: Path, features_folder: Path, made_once: Made) -> Path:
    """A finished run of three small folds."""
    from momkd_core.cli.main import main

    expression = cohort_path.parent / "expression.csv"
    arguments = ["train", cohort_path, "--expression", expression, "--features", features_folder]

    def make(folder: Path) -> None:
        assert main([*(str(a) for a in arguments), "--out", str(folder / "grade"), *TRAINING]) == 0

    return made_once("runs", make) / "grade"


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
