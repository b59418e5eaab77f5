"""Tissue under patches whose features came without it: read from the slide's own mask, once."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from momkd_core.errors import FeatureError, MomkdError, OutputError
from momkd_core.features import FeatureBag
from momkd_core.slide import Slide
from momkd_core.storage import atomic_path, cache_folder, content_key
from momkd_core.tissue import find_tissue

log = logging.getLogger(__name__)

# Raised whenever the mask of a slide changes: what was kept of another one is found no more.
_VERSION = 1


def with_tissue(bag: FeatureBag, slide: Path | None, *, mpp: float | None = None) -> FeatureBag:
    """The bag with tissue fractions: its own, else the slide's; else ``tissue_reason`` says why not.

    Args:
        slide: the one that the features were made of, where it is named.
        mpp: the slide's own resolution, overriding its file.
    """
    if bag.tissue_fraction is not None or slide is None:
        return bag
    try:
        return bag.with_facts(tissue_fraction=slide_fractions(bag, slide, mpp=mpp))
    except MomkdError as error:
        log.info("No tissue fractions: %s", error)
        return bag.with_facts(tissue_reason=error.cause)


def slide_fractions(
    bag: FeatureBag, slide: Path, *, mpp: float | None = None
) -> NDArray[np.float32]:
    """(N,) tissue fractions of a bag's patches, from the slide or from the cache.

    Raises:
        FeatureError: the patches do not lie on this slide.
        SlideError: it cannot be read.
    """
    with Slide(slide, mpp=mpp) as opened:  # also when cached: the patches must be this slide's
        _check_place(bag, opened)
        target = cache_folder() / "tissue" / f"{_key(bag, slide, mpp)}.npy"
        kept = _read(target, len(bag))
        if kept is not None:
            return kept
        fractions = find_tissue(opened).fractions(bag.coords, bag.size_level0)
    try:
        with atomic_path(target) as temporary:
            np.save(temporary, fractions, allow_pickle=False)
    except OutputError as error:
        log.warning("Tissue fractions were not cached: %s", error)
    return fractions


def _check_place(bag: FeatureBag, slide: Slide) -> None:
    """A mask read at another slide's places would give numbers that mean nothing."""
    stated = [bag.attributes.get(f"level0_{side}") for side in ("width", "height")]
    size = (slide.width, slide.height)
    if None not in stated and tuple(stated) != size:
        raise FeatureError(
            f"The features were made of a slide of {stated[0]} x {stated[1]} px, but "
            f"{slide.path.name} has {size[0]} x {size[1]}",
            "Name the slide that they were made of",
        )
    beyond = ((bag.coords >= size) | (bag.coords <= -bag.size_level0)).any(axis=1)
    if beyond.any():
        raise FeatureError(
            f"{int(beyond.sum())} of {len(bag)} patches lie outside {slide.path.name} "
            f"({size[0]} x {size[1]} px)",
            "Name the slide that the features were made of",
        )


def _key(bag: FeatureBag, slide: Path, mpp: float | None) -> str:
    """Of the slide's content and of the patches' places."""
    parts = (_VERSION, content_key(slide), mpp, bag.size_level0, len(bag))
    digest = hashlib.sha256(repr(parts).encode())
    digest.update(np.ascontiguousarray(bag.coords).data)
    return digest.hexdigest()[:40]


def _read(path: Path, count: int) -> NDArray[np.float32] | None:
    """What is kept, or None."""
    try:
        kept = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError) as error:
        log.warning("%s is read from the slide again: %s", path.name, error)
        return None
    if kept.shape != (count,) or kept.dtype != np.float32:
        return None
    found: NDArray[np.float32] = kept
    return found
