"""Results kept by content: found again when nothing changed, never when something did."""

from __future__ import annotations

import os
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from momkd_core import load_model, predict
from momkd_core.result_store import Reading, ResultStore
from momkd_core.slide_summary import SlideSummary


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path / "kept" / "results.sqlite")


@pytest.fixture
def reading(features_folder: Path, cohort_path: Path, tmp_path: Path) -> Reading:
    features = Path(shutil.copy(features_folder / "case_00.h5", tmp_path))
    slide = Path(shutil.copy(cohort_path.parent / "slides" / "case_00.tif", tmp_path))
    return Reading(features, slide, None, "model", {})


def test_a_result_is_found_by_content_alone(
    store: ResultStore, reading: Reading, model_path: Path, features_folder: Path, tmp_path: Path
) -> None:
    summary = SlideSummary.of(predict(load_model(model_path), reading.source))
    assert store.find(reading) is None
    store.keep(reading, summary)
    store.close()
    again = ResultStore(store.path)  # another process
    assert again.find(reading) == summary
    moved = Path(shutil.copy(reading.source, tmp_path / "moved.h5"))
    assert again.find(replace(reading, source=moved)) == summary
    assert again.find(replace(reading, muted={"positive": []})) == summary
    others = (
        replace(reading, model_sha256="other"),
        replace(reading, muted={"positive": [1]}),
        replace(reading, mpp=0.25),
        replace(reading, source=features_folder / "case_01.h5"),
        replace(reading, slide=None),
    )
    assert [again.find(other) for other in others] == [None] * len(others)
    shutil.copy(features_folder / "case_01.h5", reading.source)
    os.utime(reading.source)
    assert again.find(reading) is None
    again.close()


def test_a_cache_that_cannot_be_used_costs_no_result(
    store: ResultStore, reading: Reading, model_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    summary = SlideSummary.of(predict(load_model(model_path), reading.source))
    store.path.parent.mkdir()
    store.path.write_bytes(b"no database at all, but long enough to be taken for one" * 40)
    assert store.find(reading) is None and "cannot be used" in caplog.text
    assert store.path.with_suffix(".damaged").exists()
    store.keep(reading, summary)
    assert store.find(reading) == summary
    with sqlite3.connect(store.path) as database:
        database.execute('update results set summary = \'{"of": "another version"}\'')
    database.close()
    assert store.find(reading) is None
    reading.source.unlink()
    assert store.find(reading) is None  # who reads the slide says what is wrong with it
    store.close()


def test_what_was_met_before_is_recalled_without_opening_a_file(
    store: ResultStore, reading: Reading, model_path: Path, tmp_path: Path
) -> None:
    summary = SlideSummary.of(predict(load_model(model_path), reading.source))
    alone = replace(reading, slide=None)
    store.keep(alone, summary)
    # The slide has not been met: that is not the same as features without a slide.
    assert store.recall([alone, reading]) == [summary, None]
    store.keep(reading, replace(summary, probability=0.5))
    moved = replace(reading, source=Path(shutil.copy(reading.source, tmp_path / "moved.h5")))
    missing = replace(reading, source=tmp_path / "missing.h5")
    muted = replace(reading, muted={"positive": [1]})
    found = store.recall([missing, moved, muted, reading])
    assert found == [None, None, None, replace(summary, probability=0.5)]
    assert store.find(moved) == found[-1]  # hashed, it is the same
    assert store.recall([moved]) == found[-1:]
    store.close()
