"""A cohort's features: what stops all slides, what stops one, and what passes by itself."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from synthetic import damage_tile

from momkd_core import cohort_extraction, patience
from momkd_core.cli.main import main
from momkd_core.extraction import SlideJob
from momkd_core.features import read_features
from momkd_core.patch_encoder import PatchEncoder
from momkd_core.slide_handle import SlideHandle


def test_an_encoder_that_cannot_be_loaded_fails_once_not_slide_by_slide(
    cohort_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lab.onnx").write_bytes(b"no program")
    stated = {"name": "lab", "width": 3, "size": 64, "mean": [0.5] * 3, "std": [0.5] * 3}
    definition = tmp_path / "lab.json"
    definition.write_text(json.dumps(stated | {"licence": "MIT", "note": "none"}))
    out = tmp_path / "features"
    assert main(["extract", str(cohort_path), "--out", str(out), "--encoder", str(definition)]) == 1
    said = capsys.readouterr().err
    assert said.count("error: ") == 1 and "case_" not in said
    assert not list(out.glob("*.h5"))


@pytest.fixture
def three(cohort_path: Path, tmp_path: Path) -> Path:
    """Three slides of the cohort whose features ``features_folder`` has."""
    folder = tmp_path / "slides"
    folder.mkdir()
    for path in sorted((cohort_path.parent / "slides").iterdir())[:3]:
        shutil.copy(path, folder)
    return folder


def extract(slides: Path, out: Path) -> int:
    return main(["extract", str(slides), "--out", str(out), "--patch-size", "128"])


def assert_whole(out: Path, whole: Path, count: int) -> None:
    """Feature files of so many slides, as in ``whole``, and nothing left over."""
    names = [path.name for path in sorted(out.glob("*.h5"))]
    assert len(names) == count and not list(out.glob(".*"))
    for name in names:
        found, wanted = read_features(out / name), read_features(whole / name)
        np.testing.assert_array_equal(found.features, wanted.features)
        np.testing.assert_array_equal(found.coords, wanted.coords)


def test_patches_that_cannot_be_encoded_cost_their_slide_and_no_other(
    three: Path,
    features_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    slides = 0
    prepare, features = PatchEncoder.prepare, PatchEncoder._features

    def counted(encoder: PatchEncoder, patches: int, size: int) -> None:
        nonlocal slides
        slides += 1
        prepare(encoder, patches, size)

    def second_is_nan(encoder: PatchEncoder, batch: torch.Tensor) -> torch.Tensor:
        return features(encoder, batch) * (np.nan if slides == 2 else 1.0)

    monkeypatch.setattr(PatchEncoder, "prepare", counted)
    monkeypatch.setattr(PatchEncoder, "_features", second_is_nan)
    assert extract(three, tmp_path / "out") == 1
    told = capsys.readouterr()
    assert "2 slides extracted" in told.out and "1 failed" in told.out
    assert told.err.count("error: ") == 1
    assert "error: case_01.tif: " in told.err and "answers NaN" in told.err
    monkeypatch.undo()
    assert extract(three, tmp_path / "out") == 0
    assert_whole(tmp_path / "out", features_folder, 3)


class FlakyShare:
    """Fails reads of slides and the last step of writes, so many times each, as a share would."""

    def __init__(self, patch: pytest.MonkeyPatch, *, name: str, reads: int, writes: int) -> None:
        self.reads, self.writes = reads, writes
        use, fsync = SlideHandle.use, os.fsync
        patch.setattr(patience, "PAUSES_S", (0.01, 0.02, 0.03))

        def flaky_use(handle: SlideHandle, read: Any) -> Any:
            # The first reads are of the overview: let it fail among the patches.
            if handle._path.name == name and "packed" in read.__qualname__ and self.reads:
                self.reads -= 1
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
            return use(handle, read)

        def flaky_fsync(number: int) -> None:
            if self.writes:
                self.writes -= 1
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            fsync(number)

        patch.setattr(SlideHandle, "use", flaky_use)
        patch.setattr(os, "fsync", flaky_fsync)


def test_hiccups_of_a_share_are_survived_and_told(
    three: Path,
    features_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    FlakyShare(monkeypatch, name="case_01.tif", reads=4, writes=2)
    assert extract(three, tmp_path / "out") == 0
    told = capsys.readouterr()
    assert "3 slides extracted" in told.out
    # Both writes, and the reads: one or several, since two threads may fail in one attempt.
    survived = re.search(r"(\d+) hiccups of disk or share survived", told.out)
    assert survived and 3 <= int(survived[1]) <= 6
    assert told.err.count("warning: ") == 2, "one a slide, however many hiccups it had"
    assert_whole(tmp_path / "out", features_folder, 3)


def test_a_share_that_stays_away_costs_the_slide_and_no_other(
    three: Path,
    features_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    FlakyShare(monkeypatch, name="case_01.tif", reads=10**6, writes=0)
    assert extract(three, tmp_path / "out") == 1
    told = capsys.readouterr()
    assert "2 slides extracted" in told.out and "1 failed" in told.out
    assert "error: case_01.tif: " in told.err and "in 4 attempts" in told.err
    assert "give the same command again" in told.err
    monkeypatch.undo()
    assert extract(three, tmp_path / "out") == 0
    assert_whole(tmp_path / "out", features_folder, 3)


def test_a_file_that_cannot_be_deleted_costs_nothing(
    three: Path,
    features_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The features are saved by then: the slide is extracted, not begun again."""
    unlink = Path.unlink

    def failing(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".partial":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", failing)
    assert extract(three, tmp_path / "out") == 0
    told = capsys.readouterr()
    assert told.out.startswith("3 slides extracted") and "hiccup" not in told.out
    assert told.err.count("warning: ") == 3 and "cannot be deleted" in told.err
    monkeypatch.undo()
    for path in (tmp_path / "out").glob(".*.partial"):
        path.unlink()
    assert_whole(tmp_path / "out", features_folder, 3)


def test_a_damaged_slide_is_not_tried_again(
    three: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    damage_tile(three / "case_01.tif", 1, 1)
    begun: list[str] = []
    once = cohort_extraction.extract_file

    def counted(job: SlideJob, *arguments: Any, **options: Any) -> bool:
        begun.append(job.slide.name)
        return once(job, *arguments, **options)

    monkeypatch.setattr(cohort_extraction, "extract_file", counted)
    assert extract(three, tmp_path / "out") == 1
    told = capsys.readouterr()
    assert "1 failed" in told.out and "hiccup" not in told.out
    assert "error: case_01.tif: " in told.err and "truncated or corrupt" in told.err
    assert sorted(begun) == sorted(path.name for path in three.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit of a file's size")
def test_a_slide_whose_file_may_not_grow_goes_on_where_it_was(
    three: Path, features_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A limit of file sizes stands in for a full disk where none can be made."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (70_000, before[1]))
    try:
        assert extract(three, tmp_path / "out") == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    said = capsys.readouterr().err
    assert said.count("error: ") == 1 and "needed" in said and "give the same command again" in said
    assert not list((tmp_path / "out").glob("*.h5"))
    assert extract(three, tmp_path / "out") == 0
    assert_whole(tmp_path / "out", features_folder, 3)


@contextmanager
def full_disk(folder: Path, kilobytes: int) -> Iterator[None]:
    """A file system in memory at ``folder``; skips where none may be mounted."""
    folder.mkdir()
    if not shutil.which("mount") or os.name != "posix" or os.geteuid() != 0:
        pytest.skip("a file system of its own takes root")
    options = ["-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    if subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("processes", [(), ("--processes", "2")])
def test_a_full_disk_stops_all_by_name_and_the_same_command_goes_on(
    three: Path,
    features_folder: Path,
    tmp_path: Path,
    processes: tuple[str, ...],
    capfd: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    asked = ["extract", str(three), "--out", str(out), "--patch-size", "128", *processes]
    with full_disk(out, 300):
        assert main(asked) == 1
        said = capfd.readouterr().err
        assert said.count("error: The disk is full while writing ") == 1 and "Traceback" not in said
        assert "kB needed, " in said and "free on the disk" in said
        for path in out.glob("*.h5"):
            read_features(path)
        subprocess.run(["mount", "-o", "remount,size=4m", str(out)], check=True)
        assert main(asked) == 0
        assert_whole(out, features_folder, 3)
