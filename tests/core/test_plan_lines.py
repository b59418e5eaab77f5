"""A plan in numbers worked out by hand, and as it is printed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from momkd_core import extraction_plan, large_run_cost
from momkd_core.cli.plan_lines import cost_lines, plan_lines
from momkd_core.cohort_extraction import EncoderChoice
from momkd_core.encoders import load_encoder
from momkd_core.extraction import SlideJob
from momkd_core.extraction_plan import ExtractionPlan, PlanRequest
from momkd_core.extraction_probe import PaceProbe, TissueProbe
from momkd_core.progress import CancelToken, silent
from momkd_core.settings import ExtractionSettings
from momkd_core.slide import FOR_PATCHES


@pytest.fixture
def request_(tmp_path: Path) -> PlanRequest:
    jobs = [SlideJob(tmp_path / f"{n}.tif", None, tmp_path / f"{n}.h5") for n in range(3)]
    encoder = EncoderChoice("efficientnet-lite0")
    return PlanRequest(jobs, ExtractionSettings(), encoder, workers=2, processes=2, threads=1)


@pytest.fixture
def plan(request_: PlanRequest, monkeypatch: pytest.MonkeyPatch) -> ExtractionPlan:
    """Three slides of 1,000 squares; two were looked at and have 400 and 600 patches."""
    monkeypatch.setattr(extraction_plan, "peak_memory", lambda: 10**9)
    monkeypatch.setattr(extraction_plan, "cores", lambda: 2)
    found = extraction_plan._Probes(request_, lambda name, error: None, silent, CancelToken())
    targets = [job.target for job in request_.jobs]
    found.squares = dict.fromkeys(targets, 1000)
    for target, patches in zip(targets, (400, 600), strict=False):
        found.tissue[target] = TissueProbe(target.name, 1000, patches, 0.5)
    found.paces = [PaceProbe("0.tif", 64, 0.01, 0.04, True, 0.0, 1280, (2e3, 5e3), 7 * 10**6)]
    found.encoder, found.loading = load_encoder(device="cpu"), 4.0
    return extraction_plan._estimated(request_, found)


def test_time_disk_and_memory_are_those_of_the_probes(plan: ExtractionPlan) -> None:
    assert (plan.patches.expected, plan.patches.low, plan.patches.high) == (1500, 1000, 2000)
    # Looking is halved by two processes, encoding too; reading is not: each reads with two threads.
    fixed, patch = 4 + 3 * 0.5 / 2, 0.01 + 0.04 / 2
    seconds = [fixed + count * patch for count in (1500, 1000, 2000)]
    found = plan.seconds
    assert [found.expected, found.low, found.high] == pytest.approx(seconds)
    assert plan.feature_bytes == 3 * 2e3 + 1500 * 5e3
    held = 600 * 4 * 1280  # of the largest slide
    assert plan.unfinished_bytes == 2 * held
    written = 600 * 5e3 + 2e3
    assert plan.memory_bytes == 2 * (10**9 + FOR_PATCHES + 7 * 10**6 + held + written)


def test_a_disk_that_is_too_small_is_said(plan: ExtractionPlan, request_: PlanRequest) -> None:
    needed = int(plan.feature_bytes + plan.unfinished_bytes)

    def disk(free: int) -> str:
        lines = plan_lines(replace(plan, free_bytes=free), request_)
        return next(line for line in lines if line.startswith("disk: "))

    assert disk(needed + 1).endswith("are free")
    assert disk(needed).endswith("are free: NOT ENOUGH")


def test_the_large_run_is_told_with_its_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_run_cost, "product_rate", lambda device: 1e12)
    cost = large_run_cost.large_run_cost("cpu", reading_rate=100.0, value_bytes=4.0)
    told = list(cost_lines(cost))
    assert "1,000 slides as of five TCGA cohorts" in told[1]
    assert "1,000 x 14,165 = 14,165,000 " in told[2]
    assert "/ 1 TFLOP/s (measured, matrix products alone) = at least 61 days" in told[4]
    assert "= 336 patches/s; 12 h" in told[5]
    assert "one GPU takes 3.4 x its reader threads" in told[6]
    assert told[8].endswith("1,536 values x 4 bytes = 87 GB")
    assert list(cost_lines(None)) == []
