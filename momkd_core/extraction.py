"""Slides to feature files, and to the user's cache."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from momkd_core.encoders import encoder_identity, load_encoder
from momkd_core.errors import FeatureError, OutputError
from momkd_core.features import FeatureBag, StoredType, read_features, read_header, write_features
from momkd_core.patch_encoder import PatchEncoder
from momkd_core.progress import CancelToken, Report, silent
from momkd_core.region import Region
from momkd_core.settings import ExtractionSettings
from momkd_core.slide import DEFAULT_WORKERS, Slide
from momkd_core.slide_encoding import extract_bag, work_key
from momkd_core.slide_regions import SlideRegions, region_key
from momkd_core.storage import cache_folder

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SlideJob:
    """One slide to extract: which file, its stated resolution, where the features go.

    Attributes:
        regions: where the areas are that patches are cut from; None takes the whole slide.
    """

    slide: Path
    mpp: float | None
    target: Path
    regions: SlideRegions | None = None

    def region(self) -> Region | None:
        """Those areas, counted from the scanned area. Raises AnnotationError."""
        return None if self.regions is None else self.regions.read(self.slide, self.target.stem)


class EncoderLoader:
    """Loads each encoder once and shares it, between threads too; call it with a name.

    Args:
        device: None takes the best one.
    """

    def __init__(self, device: str | None = None) -> None:
        self._device = device
        self._loaded: dict[str, PatchEncoder] = {}
        self._lock = threading.Lock()

    def __call__(self, name: str) -> PatchEncoder:
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = load_encoder(name, device=self._device)
            return self._loaded[name]


def extract_file(
    job: SlideJob,
    encoder: PatchEncoder,
    settings: ExtractionSettings,
    *,
    workers: int = DEFAULT_WORKERS,
    overwrite: bool = False,
    dtype: StoredType = "float32",
    report: Report = silent,
    cancel: CancelToken | None = None,
    together: int = 1,
) -> bool:
    """Extracts one slide into ``job.target``; returns False where that was done before.

    Args:
        dtype: how the features are stored.

    Raises:
        FeatureError: the target exists and was made in another way, or ``dtype`` cannot hold them.
        AnnotationError: its regions cannot be read.
        SlideError, TissueError, OutputError, Cancelled: as :func:`extract_bag`.
    """
    region = job.region()
    if job.target.exists() and not overwrite:
        _check_existing(job, encoder, settings, dtype, region)
        return False
    with Slide(job.slide, mpp=job.mpp) as slide:
        extract_bag(
            slide,
            encoder,
            settings,
            workers=workers,
            report=report,
            cancel=cancel,
            keep_in=job.target.parent,
            save=lambda bag: write_features(job.target, bag, dtype),
            together=together,
            region=region,
        )
    return True


def cached_bag(
    path: Path,
    settings: ExtractionSettings,
    load: EncoderLoader,
    *,
    mpp: float | None = None,
    report: Report = silent,
    cancel: CancelToken | None = None,
    workers: int = DEFAULT_WORKERS,
) -> FeatureBag:
    """Features of a slide, from the user's cache where the same work was done before.

    The key covers the slide's content, the stated resolution, the encoder's weights and the
    settings. A cache that cannot be written is logged and otherwise ignored.
    """
    identity = encoder_identity(settings.encoder)
    with Slide(path, mpp=mpp) as slide:  # also when cached: a file gone unreadable must say so
        target = cache_folder() / "features" / f"{work_key(slide, settings, identity)}.h5"
        if target.exists():
            try:
                return read_features(target)
            except FeatureError as error:
                log.warning("Cached features are extracted again: %s", error)
        encoder = load(settings.encoder)
        keep_in: Path | None = target.parent
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            log.warning("The feature cache cannot be written: %s", error)
            keep_in = None
        return extract_bag(
            slide,
            encoder,
            settings,
            workers=workers,
            report=report,
            cancel=cancel,
            keep_in=keep_in,
            save=(lambda bag: _cache(target, bag)) if keep_in is not None else None,
        )


def _cache(target: Path, bag: FeatureBag) -> None:
    try:
        write_features(target, bag)
    except OutputError as error:
        log.warning("Features were not cached: %s", error)


def _check_existing(
    job: SlideJob,
    encoder: PatchEncoder,
    settings: ExtractionSettings,
    dtype: StoredType,
    region: Region | None,
) -> None:
    """Refuses to take features made in another way for the ones that were asked for."""
    bag = read_header(job.target)
    identity = encoder.identity
    attributes = bag.attributes
    compared = {
        "encoder": (bag.encoder, identity.name),
        "encoder weights": (bag.encoder_sha256, identity.weights_sha256),
        "target mpp": (bag.target_mpp, settings.target_mpp),
        "patch size": (bag.patch_size, settings.patch_size),
        "overlap": (bag.overlap, settings.overlap),
        "min tissue": (attributes.get("min_tissue"), settings.min_tissue),
        "precision": (attributes.get("precision"), encoder.precision),
        "features stored as": (bag.stored.dtype.name, dtype),
        "regions": (
            attributes.get("regions_sha256", "none"),
            "none" if region is None else region_key(region),
        ),
    }
    if bag.encoder_preprocessing is not None:
        stated = (bag.encoder_preprocessing, identity.preprocessing)
        compared["patches prepared as:"] = stated
    if job.mpp is not None:
        compared["slide mpp"] = (attributes.get("slide_mpp"), job.mpp)
    for name, (found, wanted) in compared.items():
        if found != wanted:
            raise FeatureError(
                f"{job.target.name} exists and was made with {name} {found}, not {wanted}",
                "Choose another --out folder, or pass --overwrite",
            )
