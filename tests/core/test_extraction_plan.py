"""What a plan says, beside what the extraction then does."""

from __future__ import annotations

import json
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic import tissue_image, write_slide

from momkd_core import patch_reading
from momkd_core.cli.main import main
from momkd_core.encoders import load_encoder
from momkd_core.extraction import SlideJob
from momkd_core.extraction_probe import probe_pace, probe_tissue
from momkd_core.features import read_places
from momkd_core.large_run_cost import multiply_adds, parameters, tokens
from momkd_core.settings import ExtractionSettings


def plan(cohort: Path, out: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict:
    """The plan as JSON, of patches of 128 px as in ``features_folder``."""
    capsys.readouterr()
    main(
        [
            "extract",
            str(cohort),
            "--out",
            str(out),
            "--patch-size",
            "128",
            "--plan",
            "--json",
            *more,
        ]
    )
    return json.loads(capsys.readouterr().out)["plan"]


def test_patches_and_disk_are_those_of_the_extraction(
    cohort_path: Path, features_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = list(features_folder.glob("*.h5"))
    truth = sum(len(read_places(path)) for path in files)
    found = plan(cohort_path, tmp_path / "none", capsys)
    assert found["patches"] == {"expected": truth, "low": truth, "high": truth}
    assert found["feature_bytes"] == pytest.approx(sum(f.stat().st_size for f in files), rel=0.02)
    assert found["seconds"]["low"] <= found["seconds"]["expected"] <= found["seconds"]["high"]
    assert not (tmp_path / "none").exists(), "a plan writes nothing there"


def test_the_range_of_a_few_probes_holds_the_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(10):
        image = tissue_image(600, 400, seed=number, margin=0.02 + 0.04 * (number % 5))
        write_slide(tmp_path / "slides" / f"{number}.tif", image, levels=1)
    whole = plan(tmp_path / "slides", tmp_path / "none", capsys, "--patch-size", "64")
    few = plan(
        tmp_path / "slides", tmp_path / "none", capsys, "--patch-size", "64", "--probes", "5"
    )
    truth = whole["patches"]["expected"]
    assert whole["patches"]["low"] == whole["patches"]["high"] == truth
    assert few["patches"]["low"] < truth < few["patches"]["high"]
    assert few["patches"]["expected"] == pytest.approx(truth, rel=0.2)


def test_what_is_there_already_is_not_planned_again(
    cohort_path: Path, features_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = plan(cohort_path, features_folder, capsys)
    assert (found["slides"], found["kept"], found["paces"]) == (0, 12, [])
    asked = ["extract", str(cohort_path), "--out", str(features_folder), "--plan"]
    assert main([*asked, "--patch-size", "128"]) == 0
    assert capsys.readouterr().out == "slides: 0, 12 have their features already\n"
    assert main(asked) == 1, "an extraction would refuse them"
    told = capsys.readouterr()
    assert told.out.startswith("slides: 0, 12 cannot be used\n")
    assert told.err.count("exists and was made with patch size 128, not 256") == 12


def test_a_slide_that_cannot_be_used_is_named_and_the_rest_is_planned(
    cohort_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slides = tmp_path / "slides"
    slides.mkdir()
    for path in sorted((cohort_path.parent / "slides").iterdir())[:3]:
        shutil.copy(path, slides)
    (slides / "broken.tif").write_bytes(b"II*\0 cut off")
    asked = [
        "extract",
        str(slides),
        "--out",
        str(tmp_path / "out"),
        "--patch-size",
        "128",
        "--plan",
    ]
    assert main(asked) == 1
    told = capsys.readouterr()
    assert told.err.count("error: ") == 1 and "error: broken.tif: " in told.err
    lines = told.out.splitlines()
    assert lines[0] == "slides: 3, 1 cannot be used" and "all were looked at" in lines[1]
    assert [line.split(":")[0] for line in lines[2:6]] == ["a patch", "time", "disk", "memory"]
    assert main([*asked, "--cluster", "local"]) == 1
    assert "--plan measures this machine" in capsys.readouterr().err
    assert main([*asked, "--cpus-per-task", "2"]) == 1
    assert "--cpus-per-task is for --processes" in capsys.readouterr().err


def test_beside_a_gpu_every_reader_thread_is_timed(
    slide_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load_encoder(device="cpu")
    encoder.on_processor = False
    reading: set[str] = set()
    read_chunk = patch_reading.read_chunk

    def watched(*arguments: Any) -> NDArray[np.uint8]:
        reading.add(threading.current_thread().name)
        if len(reading) < 4:
            time.sleep(0.05)  # so that none does the work of two
        return read_chunk(*arguments)

    monkeypatch.setattr(patch_reading, "read_chunk", watched)
    settings = ExtractionSettings(patch_size=64, min_tissue=0.0)
    job = SlideJob(slide_path, None, Path("none"))
    _, grid = probe_tissue(job, settings)
    pace = probe_pace(job, grid, encoder, settings, workers=4, together=1)
    assert len(reading) == 4
    assert pace.ahead_bytes == 4 * 2 * 32 * 64 * 64 * 3


def test_the_network_of_the_large_run_is_counted_rightly() -> None:
    # The model card says 681 M; the rest is biases, norms and positions.
    assert parameters() == pytest.approx(681e6, rel=0.002)
    # Each token meets nearly all parameters once, and attention adds 3 %.
    assert multiply_adds() / (tokens() * parameters()) == pytest.approx(1.03, abs=0.005)
