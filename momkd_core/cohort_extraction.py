"""Features of all slides of a cohort, slide by slide, wherever there is room for one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from momkd_core.encoders import find_encoder
from momkd_core.errors import MomkdError, OutputError, SettingsError
from momkd_core.extraction import SlideJob, extract_file
from momkd_core.features import StoredType
from momkd_core.patch_encoder import PatchEncoder, Precision
from momkd_core.pieces import Outcome, Piece, Workplace, repeat
from momkd_core.processor import best_device
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.settings import ExtractionSettings

log = logging.getLogger(__name__)

LOGS = "logs"  # folder beside the feature files, of slides that other processes extract


@dataclass(frozen=True)
class EncoderChoice:
    """The encoder of a cohort, to be loaded where slides are extracted.

    Attributes:
        name, weights: as of :func:`momkd_core.encoders.find_encoder`.
    """

    name: str
    weights: str | None = None
    precision: Precision = "float32"


@dataclass(frozen=True)
class SlideRequest:
    """A slide and how it is extracted; the arguments of ``extract_file``."""

    job: SlideJob
    settings: ExtractionSettings
    encoder: EncoderChoice
    workers: int
    overwrite: bool
    dtype: StoredType
    together: int


@dataclass
class Extracted:
    """How many slides were extracted, were there already, or failed."""

    made: int = 0
    kept: int = 0
    failed: int = 0


def extract_cohort(
    jobs: Sequence[SlideJob],
    settings: ExtractionSettings,
    place: Workplace,
    *,
    encoder: EncoderChoice,
    workers: int,
    overwrite: bool = False,
    dtype: StoredType = "float32",
    failed: Callable[[str, MomkdError], None],
    report: Report = silent,
    cancel: CancelToken | None = None,
) -> Extracted:
    """Extracts all; one that fails is told to ``failed`` by its name, and the rest goes on.

    Args:
        workers, overwrite, dtype: as of :func:`momkd_core.extraction.extract_file`.

    Raises:
        OutputError, SettingsError: what fails every slide alike, such as a full disk.
        ClusterError: the workplace cannot be used.
        Cancelled: on request; slides that are finished stay, of others the patches encoded so far.
    """
    pieces = [
        Piece(
            job.slide.name,
            extract_slide,
            SlideRequest(job, settings, encoder, workers, overwrite, dtype, len(jobs)),
            job.target.parent / LOGS / f"{job.target.stem}.log",
            reads=(job.slide, *([job.regions.folder] if job.regions else [])),
        )
        for job in jobs
    ]
    count = Extracted()

    def ended(piece: Piece, outcome: Outcome) -> None:
        repeat(piece, outcome)
        error = outcome.error
        if isinstance(error, OutputError | SettingsError):
            raise error
        if error is not None:
            count.failed += 1
            failed(piece.name, error)
            return
        count.made += bool(outcome.value)
        count.kept += not outcome.value

    place.run(
        pieces, doing="extracting", report=report, ended=ended, cancel=cancel or CancelToken()
    )
    return count


def extract_slide(request: SlideRequest, report: Report, cancel: CancelToken) -> bool:
    """A piece of the work: one slide. As :func:`momkd_core.extraction.extract_file`."""
    return extract_file(
        request.job,
        _encoder(request.encoder),
        request.settings,
        workers=request.workers,
        overwrite=request.overwrite,
        dtype=request.dtype,
        report=report,
        cancel=cancel,
        together=request.together,
    )


@lru_cache(maxsize=1)
def _encoder(chosen: EncoderChoice) -> PatchEncoder:
    """Loaded once a process."""
    return find_encoder(chosen.name, chosen.weights).load(best_device(), chosen.precision)
