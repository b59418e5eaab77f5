"""How long the encoder waits in an extraction, and how fast reading is beside plain OpenSlide.

    python tests/benchmarks/extraction_wait.py [SLIDE …] [--rounds 7] [--workers 2] [--skip-encoder]

busy      the share of the time of extracting a slide (opened, masked, read, encoded, written) in which
          the bundled encoder computes; without loading and compiling it, which happens once
reading   patches at the slide's own resolution, which takes reading and decoding and nothing else, as
          extraction reads them; against ``read_region`` of each patch by plain OpenSlide, with as many
          threads and a fresh cache of tiles
resized   the same at 0.5 µm/px, against plain OpenSlide made RGB and resized by Pillow: the same pixels

Contenders take turns, round by round, so that a machine whose speed drifts drifts for all of them.
Medians of the rounds' ratios are printed, of the time that passed and of the processors' time: where
others use the machine, the second is the steadier one. Without SLIDE, one of 8,000 x 6,000 px is drawn.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openslide
import torch
from PIL import Image

from momkd_core.encoders import load_encoder
from momkd_core.extraction import SlideJob, extract_file
from momkd_core.patch_encoder import PatchEncoder
from momkd_core.patch_reading import read_patches
from momkd_core.patches import PatchGrid
from momkd_core.processor import keep_freed_memory
from momkd_core.settings import ExtractionSettings
from momkd_core.slide import FOR_PATCHES, Slide
from momkd_core.slide_encoding import plan

SETTINGS = ExtractionSettings()


def drawn_slide(folder: Path) -> Path:
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from synthetic import tissue_image, write_slide

    image = tissue_image(8000, 6000, seed=1)
    return write_slide(folder / "drawn.tif", image, levels=4, compression="jpeg")


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


class Watched:
    """Counts the seconds in which an encoder computes; on a processor, where beginning is computing."""

    def __init__(self, encoder: PatchEncoder) -> None:
        self.busy = 0.0
        self._begun = encoder._begun
        encoder._begun = self._timed  # type: ignore[method-assign]

    def _timed(self, patches: np.ndarray) -> list[torch.Tensor]:
        start = time.perf_counter()
        try:
            return self._begun(patches)
        finally:
            self.busy += time.perf_counter() - start


def busy(slide: Path, workers: int, rounds: int) -> list[float]:
    """The encoder's share of extracting a slide, in each round after the first."""
    encoder = load_encoder(device="cpu")
    encoder.compile(SETTINGS.patch_size)
    watched = Watched(encoder)
    shares = []
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(rounds + 1):
            watched.busy = 0.0
            job = SlideJob(slide, None, Path(folder) / f"{turn}.h5")
            whole = seconds(lambda job=job: extract_file(job, encoder, SETTINGS, workers=workers))
            if turn:
                shares.append(watched.busy / whole)
    return shares


def ours(slide: Path, grid: PatchGrid, workers: int, turn: int) -> None:
    # A cache of another size is another cache, empty.
    with Slide(slide, cache=FOR_PATCHES + turn) as opened:
        for _ in read_patches(opened, grid, SETTINGS.patch_size, workers, in_turns=True):
            pass


def plain(slide: Path, grid: PatchGrid, workers: int, *, level: int, same_pixels: bool) -> None:
    """Each patch alone, with a cache as large as ours: its memory is as new."""
    wanted = (SETTINGS.patch_size, SETTINGS.patch_size)
    with openslide.OpenSlide(slide) as opened, ThreadPoolExecutor(workers) as pool:
        opened.set_cache(openslide.OpenSlideCache(FOR_PATCHES))
        side = round(grid.size_level0 / opened.level_downsamples[level])

        def read(corner: np.ndarray) -> None:
            region = opened.read_region((int(corner[0]), int(corner[1])), level, (side, side))
            if same_pixels:
                np.asarray(region.convert("RGB").resize(wanted, Image.Resampling.BILINEAR))

        for _ in pool.map(read, grid.coords):
            pass


def reading(slide: Path, workers: int, rounds: int, *, resized: bool) -> str:
    """Our rate, and its ratio to plain OpenSlide's, in words."""
    with Slide(slide) as opened:
        mpp = SETTINGS.target_mpp if resized else opened.mpp.mean
        grid = plan(opened, ExtractionSettings(target_mpp=mpp))
        level = opened.level_for_downsample(max(grid.size_level0 / SETTINGS.patch_size, 1.0))
    rates, passed, computed = [], [], []
    for turn in range(rounds + 1):
        own = used(lambda turn=turn: ours(slide, grid, workers, turn + 1 + 1000 * resized))
        their = used(lambda: plain(slide, grid, workers, level=level, same_pixels=resized))
        if turn:
            rates.append(len(grid) / own[0])
            passed.append(their[0] / own[0])
            computed.append(their[1] / own[1])
    return (
        f"{told(rates, '.0f')} patches/s, {told(passed, '.2f')} x plain OpenSlide, by processors' "
        f"time {told(computed, '.2f')}"
    )


def used(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds that passed, and seconds of the processors."""
    start, busy_before = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - busy_before


def told(values: list[float], form: str) -> str:
    low, median, high = min(values), statistics.median(values), max(values)
    return f"{median:{form}} ({low:{form}} to {high:{form}})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("slides", type=Path, nargs="*", metavar="SLIDE")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--skip-encoder", action="store_true", help="measure reading alone")
    options = parser.parse_args()
    keep_freed_memory()  # as the encoder does where it is loaded
    print(f"{torch.get_num_threads()} threads, {options.workers} readers, {options.rounds} rounds")
    with tempfile.TemporaryDirectory() as folder:
        for slide in options.slides or [drawn_slide(Path(folder))]:
            for name, resized in (("reading", False), ("resized", True)):
                found = reading(slide, options.workers, options.rounds, resized=resized)
                print(f"{slide.name}: {name} {found}")
            if not options.skip_encoder:
                shares = busy(slide, options.workers, options.rounds)
                print(f"{slide.name}: encoder busy {told(shares, '.1%')} of the time")


if __name__ == "__main__":
    main()
