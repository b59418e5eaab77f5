"""What ``momkd extract --plan`` says, beside the extraction that follows it.

    python tests/benchmarks/plan_truth.py COHORT [--parts 6]

The cohort is dealt into parts; each is planned, extracted, and compared, so that a machine whose speed
drifts drifts for both. Planning loads the encoder, so loading is taken out of the planned time.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from momkd_core.cli.options import cohort_input
from momkd_core.cohort_extraction import EncoderChoice, extract_cohort
from momkd_core.errors import MomkdError
from momkd_core.extraction import SlideJob
from momkd_core.extraction_plan import ExtractionPlan, PlanRequest, plan_extraction
from momkd_core.features import read_places
from momkd_core.settings import ExtractionSettings
from momkd_core.worker_processes import Here

SETTINGS = ExtractionSettings()
ENCODER = EncoderChoice(SETTINGS.encoder)


def failed(name: str, error: MomkdError) -> None:
    raise error


def measured(jobs: list[SlideJob]) -> tuple[float, int, int]:
    """Seconds, patches and bytes of extracting these slides."""
    start = time.perf_counter()
    extract_cohort(jobs, SETTINGS, Here(), encoder=ENCODER, workers=2, failed=failed)
    seconds = time.perf_counter() - start
    patches = sum(len(read_places(job.target)) for job in jobs)
    return seconds, patches, sum(job.target.stat().st_size for job in jobs)


def ratios(plan: ExtractionPlan, found: tuple[float, int, int]) -> tuple[float, float, float]:
    planned = plan.seconds.expected - plan.loading_seconds
    return planned / found[0], plan.patches.expected / found[1], plan.feature_bytes / found[2]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--parts", type=int, default=6)
    options = parser.parse_args()
    planned, taken = 0.0, 0.0
    parts: list[tuple[float, float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        jobs = [
            SlideJob(job.slide, job.mpp, job.target)
            for job in cohort_input(options.cohort).jobs(Path(folder))
        ]
        for part in range(options.parts):
            chosen = jobs[part :: options.parts]
            request = PlanRequest(
                chosen, SETTINGS, ENCODER, workers=2, masks=max(2, len(chosen) // 3)
            )
            plan = plan_extraction(request, failed=failed)
            found = measured(chosen)
            parts.append(ratios(plan, found))
            planned += plan.seconds.expected - plan.loading_seconds
            taken += found[0]
            print(
                f"part {part + 1}: {len(chosen)} slides, {found[0]:.1f} s, planned / measured: "
                "time {:.2f}, patches {:.2f}, disk {:.2f}".format(*parts[-1])
            )
    medians = [statistics.median(values) for values in zip(*parts, strict=True)]
    print(
        f"{len(jobs)} slides: planned / measured time {planned / taken:.2f} of the sums; medians of "
        "the parts: time {:.2f}, patches {:.2f}, disk {:.2f}".format(*medians)
    )


if __name__ == "__main__":
    main()
