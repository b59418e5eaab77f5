"""Features of all slides of a cohort, slide by slide, wherever there is room for one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from momkd_core.encoders import find_encoder
from momkd_core.errors import EncoderError, MomkdError, OutputError, SettingsError, SlideError
from momkd_core.extraction import SlideJob, extract_file
from momkd_core.features import StoredType
from momkd_core.patch_encoder import PatchEncoder, Precision
from momkd_core.patience import Patience
from momkd_core.pieces import Outcome, Piece, Workplace, repeat
from momkd_core.processor import best_device
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.settings import ExtractionSettings

log = logging.getLogger(__name__)

#: What fails every slide alike, and so stops all. An encoder that was loaded fails slides one by one.
OF_ALL_SLIDES = (EncoderError, OutputError, SettingsError)

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
    """How many slides were extracted or were there already, and which failed.

    Attributes:
        failed: by name, with the reason.
        hiccups: of disks and shares, which slides that did not fail have survived.
    """

    made: int = 0
    kept: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    hiccups: int = 0


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
        EncoderError, OutputError, SettingsError: what fails every slide alike, such as a full disk.
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
        if isinstance(error, OF_ALL_SLIDES):
            raise error
        if error is not None:
            count.failed[piece.name] = str(error)
            failed(piece.name, error)
            return
        count.made += outcome.value.made
        count.kept += outcome.value.kept
        count.hiccups += outcome.value.hiccups

    place.run(
        pieces, doing="extracting", report=report, ended=ended, cancel=cancel or CancelToken()
    )
    return count


def extract_slide(request: SlideRequest, report: Report, cancel: CancelToken) -> Extracted:
    """A piece of the work: one slide, begun again from its last batch after a hiccup.

    Raises:
        ShareError: there were too many in a row.
        EncoderError: the encoder cannot be loaded.
        SlideError: it cannot encode the patches of this slide.
        MomkdError: as :func:`momkd_core.extraction.extract_file`.
    """
    reached = 0

    def watched(done: int, total: int, what: str) -> None:
        nonlocal reached
        reached = max(reached, done)
        report(done, total, what)

    encoder = loaded_encoder(request.encoder)
    patience = Patience(cancel)
    try:
        made = patience.run(
            lambda: extract_file(
                request.job,
                encoder,
                request.settings,
                workers=request.workers,
                overwrite=request.overwrite,
                dtype=request.dtype,
                report=watched,
                cancel=cancel,
                together=request.together,
            ),
            request.job.slide.name,
            lambda: reached,
        )
    except EncoderError as error:  # it was loaded: other slides may go well
        raise SlideError(error.cause, error.cure) from error
    return Extracted(made=int(made), kept=int(not made), hiccups=patience.hiccups)


@lru_cache(maxsize=1)
def loaded_encoder(chosen: EncoderChoice) -> PatchEncoder:
    """Loaded once a process. Raises EncoderError or SettingsError."""
    return find_encoder(chosen.name, chosen.weights).load(best_device(), chosen.precision)
