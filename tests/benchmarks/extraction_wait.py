"""How long the encoder waits in an extraction, and how fast reading is beside plain OpenSlide.

    python tests/benchmarks/extraction_wait.py [SLIDE …] [--rounds 5] [--workers 2] [--skip-encoder]

busy      the share of the time of extracting a slide (opened, masked, read, encoded, written) in which
          the bundled encoder computes; without loading and compiling it, which happens once
reading   the pixels of all patches, as extraction reads them, against plain OpenSlide in the same round
          with the same number of threads and a fresh cache of tiles: ``read_region`` of each patch and
          nothing else, and what gives the same pixels (then made RGB and resized)

Contenders take turns, round by round, so that a machine whose speed drifts drifts for all of them;
medians of the rounds' ratios are printed. Without SLIDE, one is drawn: 8,000 x 6,000 px, JPEG.
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
    """Counts the seconds in which an encoder computes."""

    def __init__(self, encoder: PatchEncoder) -> None:
        self.busy = 0.0
        self._encode = encoder.encode
        encoder.encode = self._timed  # type: ignore[method-assign]

    def _timed(self, patches: np.ndarray) -> np.ndarray:
        start = time.perf_counter()
        try:
            return self._encode(patches)
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
    with openslide.OpenSlide(slide) as opened, ThreadPoolExecutor(workers) as pool:
        side = round(grid.size_level0 / opened.level_downsamples[level])
        wanted = SETTINGS.patch_size

        def read(corner: np.ndarray) -> None:
            region = opened.read_region((int(corner[0]), int(corner[1])), level, (side, side))
            if same_pixels:
                rgb = region.convert("RGB")
                np.asarray(
                    rgb
                    if side == wanted
                    else rgb.resize((wanted, wanted), Image.Resampling.BILINEAR)
                )

        for _ in pool.map(read, grid.coords):
            pass


def reading(slide: Path, workers: int, rounds: int) -> tuple[list[float], list[float], list[float]]:
    """Patches a second of ours; our rate over that of either plain reader, in each round."""
    with Slide(slide) as opened:
        grid = plan(opened, SETTINGS)
        level = opened.level_for_downsample(max(grid.size_level0 / SETTINGS.patch_size, 1.0))
    rates, regions, pixels = [], [], []
    for turn in range(rounds + 1):
        region = seconds(lambda: plain(slide, grid, workers, level=level, same_pixels=False))
        own = seconds(lambda turn=turn: ours(slide, grid, workers, turn + 1))
        pixel = seconds(lambda: plain(slide, grid, workers, level=level, same_pixels=True))
        if turn:
            rates.append(len(grid) / own)
            regions.append(region / own)
            pixels.append(pixel / own)
    return rates, regions, pixels


def told(values: list[float], form: str) -> str:
    low, median, high = min(values), statistics.median(values), max(values)
    return f"{median:{form}} ({low:{form}} to {high:{form}})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("slides", type=Path, nargs="*", metavar="SLIDE")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--skip-encoder", action="store_true", help="measure reading alone")
    options = parser.parse_args()
    print(f"{torch.get_num_threads()} threads, {options.workers} readers, {options.rounds} rounds")
    with tempfile.TemporaryDirectory() as folder:
        for slide in options.slides or [drawn_slide(Path(folder))]:
            rates, regions, pixels = reading(slide, options.workers, options.rounds)
            print(
                f"{slide.name}: reading {told(rates, '.0f')} patches/s, {told(regions, '.2f')} x plain "
                f"read_region, {told(pixels, '.2f')} x with the same pixels"
            )
            if not options.skip_encoder:
                shares = busy(slide, options.workers, options.rounds)
                print(f"{slide.name}: encoder busy {told(shares, '.1%')} of the time")


if __name__ == "__main__":
    main()
