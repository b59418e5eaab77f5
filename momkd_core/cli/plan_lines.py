"""A plan of an extraction, as it is printed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from momkd_core.storage import byte_count

if TYPE_CHECKING:
    from momkd_core.extraction_plan import ExtractionPlan, PlanRequest
    from momkd_core.large_run_cost import LargeRunCost
    from momkd_core.patch_estimate import Estimate


def plan_lines(plan: ExtractionPlan, request: PlanRequest) -> Iterator[str]:
    """What the user's own cohort takes."""
    kept = f", {plan.kept} have their features already" if plan.kept else ""
    failed = f", {plan.failed} cannot be used" if plan.failed else ""
    yield f"slides: {plan.slides}{kept}{failed}"
    if not plan.paces:
        return
    looked = len(plan.tissue)
    how = "all were looked at" if looked == plan.slides else f"from the tissue of {looked} slides"
    share = 100 * plan.patches.expected / max(1, plan.squares)
    yield f"patches: {_told(plan.patches, _count)}, {share:.0f} % of the squares; {how}"
    readings = [pace.reading for pace in plan.paces]
    encodings = [pace.encoding for pace in plan.paces]
    joined = "in turns" if plan.paces[0].in_turns else "side by side"
    encoder = f"{request.settings.encoder} on {plan.device}, {request.encoder.precision}"
    yield (
        f"a patch: encoder {_span(encodings)} ({encoder}), reading {_span(readings)} "
        f"({request.workers} threads), {joined}; timed: {len(plan.paces)}"
    )
    side = f", {plan.processes} processes side by side" if plan.processes > 1 else ""
    yield (
        f"time: {_told(plan.seconds, duration)}, of which {duration(plan.loading_seconds)} once to get "
        f"the encoder ready and {plan.slide_seconds:.2g} s a slide to find tissue{side}"
    )
    full = "" if plan.fits else ": NOT ENOUGH"
    features, unfinished = byte_count(plan.feature_bytes), byte_count(plan.unfinished_bytes)
    yield (
        f"disk: {features} of features, {unfinished} more while slides are unfinished; "
        f"{byte_count(plan.free_bytes)} are free{full}"
    )
    gpu = (
        f", and {byte_count(plan.gpu_bytes)} of the GPU beside CUDA's own" if plan.gpu_bytes else ""
    )
    memory = "unknown here" if plan.memory_bytes is None else byte_count(plan.memory_bytes)
    yield f"memory: {memory}{gpu}"


def cost_lines(cost: LargeRunCost | None) -> Iterator[str]:
    """What 1,000 slides take elsewhere, with the arithmetic; nothing where nothing was measured."""
    if cost is None:
        return
    from momkd_core import large_run_cost as large

    work = 2 * cost.multiply_adds
    count = f"{cost.patches:,}"
    yield ""
    yield (
        f"for scale, {large.SLIDES:,} slides as of five TCGA cohorts, BRCA among them, with UNI2-h at "
        "256 px, 0.5 µm/px:"
    )
    source = f"{large.SOURCE_PATCHES:,} of {large.SOURCE_SLIDES:,} TCGA slides at 20x"
    yield (
        f"  patches: {large.SLIDES:,} x {cost.patches_a_slide:,} = {count} ({source}: Chen et al., "
        "ICCV 2021)"
    )
    yield (
        f"  work: {cost.tokens} tokens x {cost.parameters / 1e6:.0f} M parameters + attention = "
        f"{cost.multiply_adds / 1e9:.0f} G multiply-adds a patch, x 2 = {work / 1e12:.3f} TFLOP"
    )
    yield (
        f"  this machine: {count} x {work / 1e12:.3f} TFLOP / {cost.machine_rate / 1e12:.3g} TFLOP/s "
        f"(measured, matrix products alone) = at least {duration(cost.machine_seconds)}"
    )
    peak = f"{large.GPU_PEAK / 1e12:.0f} TFLOP/s in bfloat16 (data sheet)"
    yield (
        f"  one GPU: {large.GPU}, {peak} x {100 * large.UTILISATION:.0f} % (assumed) / "
        f"{work / 1e12:.3f} TFLOP = {cost.gpu_rate:.0f} patches/s; {duration(cost.gpu_seconds)}"
    )
    if cost.reading_rate is not None and cost.readers is not None:
        yield (
            f"    if slides are read that fast: this machine reads {cost.reading_rate:.0f} patches/s "
            "(measured, of the slides and the patch size above), so one GPU takes "
            f"{cost.readers:.2g} x its reader threads"
        )
    yield (
        f"  {large.CLUSTER_GPUS} such GPUs: {duration(cost.gpu_seconds)} / {large.CLUSTER_GPUS} = "
        f"{duration(cost.cluster_seconds)}, read as fast by all"
    )
    value = cost.feature_bytes / cost.patches / large.WIDTH
    yield (
        f"  disk: {count} x {large.WIDTH:,} values x {value:.2g} bytes = "
        f"{byte_count(cost.feature_bytes)}"
    )


def duration(seconds: float) -> str:
    """In the unit that suits it: 42 s, 7.5 min, 11 h, 3.2 days."""
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 1.5 * length:
            return f"{_short(seconds / length)} {unit}"
    return f"{_short(seconds)} s"


def _told(found: Estimate, words: Callable[[float], str]) -> str:
    low, expected, high = (words(value) for value in (found.low, found.expected, found.high))
    return expected if low == high else f"{expected} ({low} to {high})"


def _count(value: float) -> str:
    return f"{round(value):,}"


def _span(seconds: list[float]) -> str:
    """Milliseconds, lowest to highest."""
    low, high = (f"{1e3 * value:.3g}" for value in (min(seconds), max(seconds)))
    return f"{low} ms" if low == high else f"{low} to {high} ms"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
