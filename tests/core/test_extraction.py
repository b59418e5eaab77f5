"""Slides to features: resuming, caching, refusing."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from synthetic import damage_tile

from momkd_core.encoders import load_encoder
from momkd_core.errors import Cancelled, FeatureError, SlideError
from momkd_core.extraction import EncoderLoader, SlideJob, cached_bag, extract_file
from momkd_core.features import read_features
from momkd_core.patch_encoder import PatchEncoder
from momkd_core.progress import CancelToken
from momkd_core.settings import ExtractionSettings

SETTINGS = ExtractionSettings(patch_size=96, min_tissue=0.0)


@pytest.fixture(scope="module")
def encoder() -> PatchEncoder:
    return load_encoder(device="cpu")


def test_a_stopped_extraction_resumes_where_it_was(
    slide_path: Path, tmp_path: Path, encoder: PatchEncoder
) -> None:
    job = SlideJob(slide_path, None, tmp_path / "stopped" / "a.h5")
    cancel = CancelToken()
    reports: list[int] = []

    def stop(done: int, total: int, what: str) -> None:
        if done >= 96:
            cancel.cancel()

    with pytest.raises(Cancelled):
        extract_file(job, encoder, SETTINGS, report=stop, cancel=cancel)
    assert not job.target.exists()
    extract_file(job, encoder, SETTINGS, report=lambda done, total, what: reports.append(done))
    assert reports[1] == 96, "the second run starts where the first stopped"

    whole = SlideJob(slide_path, None, tmp_path / "whole" / "a.h5")
    extract_file(whole, encoder, SETTINGS)
    resumed, direct = read_features(job.target), read_features(whole.target)
    np.testing.assert_array_equal(resumed.features, direct.features)
    np.testing.assert_array_equal(resumed.coords, direct.coords)
    assert [path.name for path in job.target.parent.iterdir()] == ["a.h5"]


def test_finished_work_is_not_repeated_and_other_settings_are_refused(
    slide_path: Path, tmp_path: Path, encoder: PatchEncoder
) -> None:
    job = SlideJob(slide_path, None, tmp_path / "a.h5")
    settings = ExtractionSettings(patch_size=256)
    assert extract_file(job, encoder, settings)
    assert not extract_file(job, encoder, settings)
    with pytest.raises(FeatureError, match="other settings|was made with"):
        extract_file(job, encoder, ExtractionSettings(patch_size=512))
    assert extract_file(job, encoder, ExtractionSettings(patch_size=512), overwrite=True)


def test_half_precision_is_the_same_work_stored_in_half_the_space(
    slide_path: Path, tmp_path: Path, encoder: PatchEncoder
) -> None:
    settings = ExtractionSettings(patch_size=256)
    half, single = (SlideJob(slide_path, None, tmp_path / name / "a.h5") for name in "hs")
    assert extract_file(half, encoder, settings, dtype="float16")
    assert extract_file(single, encoder, settings)
    found, exact = read_features(half.target), read_features(single.target)
    np.testing.assert_array_equal(found.stored, exact.features.astype(np.float16))
    assert (found.encoder_sha256, found.target_mpp) == (exact.encoder_sha256, exact.target_mpp)
    assert not extract_file(half, encoder, settings, dtype="float16")
    with pytest.raises(FeatureError, match="features stored as float16, not float32"):
        extract_file(half, encoder, settings)


def test_what_half_precision_cannot_hold_is_not_encoded_again(
    slide_path: Path, tmp_path: Path, encoder: PatchEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, settings = (
        SlideJob(slide_path, None, tmp_path / "a.h5"),
        ExtractionSettings(patch_size=256),
    )
    encode = encoder.encode_each
    monkeypatch.setattr(encoder, "encode_each", lambda chunks: (1e6 * f for f in encode(chunks)))
    with pytest.raises(FeatureError, match="beyond float16"):
        extract_file(job, encoder, settings, dtype="float16")
    monkeypatch.setattr(encoder, "encode_each", lambda chunks: map(pytest.fail, chunks))
    assert extract_file(job, encoder, settings)
    assert read_features(job.target).features.max() > 1e5


def test_a_slide_with_an_unreadable_patch_is_refused_by_its_place(
    slide_path: Path, tmp_path: Path, encoder: PatchEncoder
) -> None:
    """No features without that patch; and the place that is named is the bad one, not one beside it."""
    damaged = damage_tile(Path(shutil.copy(slide_path, tmp_path / "a.tif")), 2, 1)
    job = SlideJob(damaged, None, tmp_path / "features" / "a.h5")
    settings = ExtractionSettings(patch_size=64, min_tissue=0.0)
    for _ in range(5):  # in whatever order the threads meet it
        with pytest.raises(
            SlideError, match=r"a\.tif cannot be read at level 0, pixel \(512, 256\)"
        ):
            extract_file(job, encoder, settings, workers=4)
    assert not list(job.target.parent.glob("*.h5"))
    shutil.copy(slide_path, damaged)  # the cure
    assert extract_file(job, encoder, ExtractionSettings(patch_size=256), workers=4)


def test_the_cache_serves_the_same_slide_and_only_that(
    slide_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOMKD_CACHE", str(tmp_path))
    settings = ExtractionSettings(patch_size=256)
    loads: list[str] = []

    class Counting(EncoderLoader):
        def __call__(self, name: str) -> PatchEncoder:
            loads.append(name)
            return super().__call__(name)

    loader = Counting(device="cpu")
    first = cached_bag(slide_path, settings, loader)
    again = cached_bag(slide_path, settings, loader)
    assert len(loads) == 1
    np.testing.assert_array_equal(first.features, again.features)
    cached_bag(slide_path, settings, loader, mpp=0.4)
    assert len(loads) == 2, "another resolution is other work"


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit of a file's size")
def test_a_cache_that_is_full_costs_the_cache(
    slide_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    monkeypatch.setenv("MOMKD_CACHE", str(tmp_path / "full"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (70_000, before[1]))
    try:
        found = cached_bag(slide_path, SETTINGS, EncoderLoader(device="cpu"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list((tmp_path / "full").rglob("*.h5"))
    monkeypatch.setenv("MOMKD_CACHE", str(tmp_path / "free"))
    free = cached_bag(slide_path, SETTINGS, EncoderLoader(device="cpu"))
    np.testing.assert_array_equal(found.features, free.features)
