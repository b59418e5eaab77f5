"""What extracting a cohort will take: patches, time, disk and memory, from a few probes.

Every slide is opened, so that one that cannot be read is named now. Some, drawn by lot, are probed:
:mod:`momkd_core.extraction_probe`. The rest is arithmetic on their means, and on their extremes.
"""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from momkd_core.cohort_extraction import EncoderChoice, loaded_encoder
from momkd_core.errors import MomkdError, OutputError, SettingsError
from momkd_core.extraction import SlideJob, check_extracted
from momkd_core.extraction_probe import PaceProbe, TissueProbe, probe_pace, probe_tissue
from momkd_core.extraction_time import SideBySide, run_seconds, side_by_side
from momkd_core.features import StoredType
from momkd_core.patch_encoder import PatchEncoder
from momkd_core.patch_estimate import Estimate, estimated_patches
from momkd_core.patches import full_grid
from momkd_core.pieces import threads_of
from momkd_core.processor import cores, gpu_peak_memory, peak_memory
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.settings import ExtractionSettings
from momkd_core.slide import FOR_PATCHES, Slide

#: Slides whose tissue is looked at unless said otherwise, and those of them that are timed.
MASKS, PACES = 20, 6

Failed = Callable[[str, MomkdError], None]


@dataclass(frozen=True)
class PlanRequest:
    """An extraction as it would be begun.

    Attributes:
        threads: of each process; None as they come.
        processes: that extract side by side.
        masks: slides whose tissue is looked at.
        dtype: how features are stored.
    """

    jobs: Sequence[SlideJob]
    settings: ExtractionSettings
    encoder: EncoderChoice
    workers: int
    overwrite: bool = False
    processes: int = 1
    threads: int | None = None
    masks: int = MASKS
    dtype: StoredType = "float32"


@dataclass(frozen=True)
class ExtractionPlan:
    """What the probes say.

    Attributes:
        slides: to extract; ``kept`` have their features already, ``failed`` cannot be planned.
        squares: of all of them, before the tissue rule.
        patches: exact where all slides were looked at, else with an interval of about 95 %.
        seconds: of the whole run; its range is that of the slowest and the fastest probe.
        loading_seconds: of these, once a process: the encoder loaded, compiled where that pays.
        slide_seconds: of these, a slide: opened, its tissue found.
        feature_bytes: of all feature files; ``unfinished_bytes`` more while slides are unfinished.
        free_bytes: where the features go.
        memory_bytes: at its peak, of all processes: of probing, the largest slide, patches that wait,
            and a full cache of tiles; None where it is unknown.
        gpu_bytes: of tensors at their peak, of all processes; CUDA's own and what PyTorch keeps in
            reserve come on top. None without an NVIDIA GPU.
        device: of the encoder.
        tissue, paces: the probes.
    """

    slides: int
    kept: int
    failed: int
    squares: int
    patches: Estimate
    seconds: Estimate
    loading_seconds: float
    slide_seconds: float
    feature_bytes: float
    unfinished_bytes: float
    free_bytes: int
    memory_bytes: float | None
    gpu_bytes: float | None
    device: str
    processes: int
    tissue: tuple[TissueProbe, ...]
    paces: tuple[PaceProbe, ...]

    @property
    def fits(self) -> bool:
        """Whether the disk holds it, with what lies there while slides are unfinished."""
        return self.feature_bytes + self.unfinished_bytes < self.free_bytes

    @property
    def reading_rate(self) -> float:
        """Patches a second that this machine reads and decodes; needs paces."""
        return 1 / _mean([pace.reading for pace in self.paces])

    @property
    def value_bytes(self) -> float:
        """Of a value in a feature file; needs paces."""
        return self.paces[-1].value_bytes


def plan_extraction(
    request: PlanRequest,
    *,
    failed: Failed,
    report: Report = silent,
    cancel: CancelToken | None = None,
) -> ExtractionPlan:
    """Looks, measures, and estimates; writes nothing but a temporary feature file.

    Args:
        failed: told the name of each slide that cannot be planned, and why.

    Raises:
        EncoderError, SettingsError: the encoder cannot be used.
        Cancelled: on request.
    """
    cancel = cancel or CancelToken()
    found = _Probes(request, failed, report, cancel)
    found.find_kept()
    found.open_all()
    if found.squares:
        if request.threads is None:
            found.probe()
        else:
            with threads_of(request.threads):
                found.probe()
    return _estimated(request, found)


class _Probes:
    """What is found of a cohort's slides, in three rounds over them."""

    def __init__(
        self, request: PlanRequest, failed: Failed, report: Report, cancel: CancelToken
    ) -> None:
        self.squares: dict[Path, int] = {}
        self.tissue: dict[Path, TissueProbe] = {}
        self.paces: list[PaceProbe] = []
        self.loading = 0.0
        self.encoder: PatchEncoder | None = None
        self.failures = 0
        self._request, self._failed, self._report = request, failed, report
        self._cancel = cancel
        self._jobs: list[SlideJob] = []
        self.kept = 0

    def find_kept(self) -> None:
        """Counts the slides whose features are there, made as they are asked for."""
        for job in self._request.jobs:
            if self._request.overwrite or not job.target.exists():
                self._jobs.append(job)
                continue
            encoder = self._loaded()
            try:
                check_extracted(job, encoder, self._request.settings, self._request.dtype)
                self.kept += 1
            except MomkdError as error:
                self._fail(job, error)

    def open_all(self) -> None:
        """Counts the squares of every other slide."""
        for position, job in enumerate(self._jobs):
            self._report(position, len(self._jobs), "opening slides")
            self._cancel.raise_if_cancelled()
            try:
                with Slide(job.slide, mpp=job.mpp) as slide:
                    self.squares[job.target] = len(full_grid(slide, self._request.settings))
            except MomkdError as error:
                self._fail(job, error)
        self._report(len(self._jobs), len(self._jobs), "opening slides")

    def probe(self) -> None:
        """Looks at slides drawn by lot until enough of them could be looked at."""
        encoder = self._loaded()
        drawn = [job for job in self._jobs if job.target in self.squares]
        random.Random(0).shuffle(drawn)
        wanted = min(self._request.masks, len(drawn))
        for job in drawn:
            if len(self.tissue) == wanted:
                break
            self._report(len(self.tissue), wanted, "probing slides")
            self._cancel.raise_if_cancelled()
            try:
                self._probe(job, encoder)
            except (OutputError, SettingsError):  # fails every slide alike
                raise
            except MomkdError as error:
                self._fail(job, error)
                self.tissue.pop(job.target, None)
                del self.squares[job.target]
        self._report(len(self.tissue), len(self.tissue), "probing slides")

    def _loaded(self) -> PatchEncoder:
        if self.encoder is None:
            start = time.perf_counter()
            self.encoder = loaded_encoder(self._request.encoder)
            self.loading = time.perf_counter() - start
        return self.encoder

    def _probe(self, job: SlideJob, encoder: PatchEncoder) -> None:
        request = self._request
        self.tissue[job.target], grid = probe_tissue(job, request.settings)
        if len(self.paces) < PACES:
            pace = probe_pace(
                job,
                grid,
                encoder,
                request.settings,
                workers=request.workers,
                together=len(request.jobs),
                dtype=request.dtype,
            )
            self.paces.append(pace)
            self.loading += pace.getting_ready

    def _fail(self, job: SlideJob, error: MomkdError) -> None:
        self.failures += 1
        self._failed(job.slide.name, error)


def _estimated(request: PlanRequest, found: _Probes) -> ExtractionPlan:
    patches, largest = estimated_patches(found.squares, found.tissue)
    encoder = found.encoder
    processes = max(1, min(request.processes, len(found.squares)))
    looking = _mean([probe.seconds for probe in found.tissue.values()])
    side = _side(request, encoder, processes)
    width = encoder.identity.width if encoder is not None else 0
    empty, each = found.paces[-1].file_bytes if found.paces else (0.0, 0.0)
    held = largest * 4.0 * width  # float32, in memory and on disk, until the slide is finished
    ahead = found.paces[-1].ahead_bytes if found.paces else 0
    written = largest * each + empty  # its file is made in memory
    memory, gpu = peak_memory(), gpu_peak_memory()
    return ExtractionPlan(
        slides=len(found.squares),
        kept=found.kept,
        failed=found.failures,
        squares=sum(found.squares.values()),
        patches=patches,
        seconds=run_seconds(
            patches, found.paces, side, once=found.loading, looking=looking * len(found.squares)
        ),
        loading_seconds=found.loading,
        slide_seconds=looking,
        feature_bytes=len(found.squares) * empty + patches.expected * each,
        unfinished_bytes=held * processes,
        free_bytes=shutil.disk_usage(_existing(request.jobs[0].target.parent)).free,
        memory_bytes=None
        if memory is None
        else (memory + FOR_PATCHES + ahead + held + written) * processes,
        gpu_bytes=None if gpu is None else float(gpu * processes),
        device=str(encoder.device) if encoder is not None else "",
        processes=processes,
        tissue=tuple(found.tissue.values()),
        paces=tuple(found.paces),
    )


def _side(request: PlanRequest, encoder: PatchEncoder | None, processes: int) -> SideBySide:
    if encoder is None:
        return SideBySide()
    return side_by_side(
        processes,
        cores(),
        threads=request.threads,
        workers=request.workers,
        on_processor=encoder.on_processor,
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _existing(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that is there already."""
    folder = folder.absolute()
    return next(path for path in (folder, *folder.parents) if path.is_dir())
