"""The script of ``viewer_speed.py`` in napari, on the same slide: how a general viewer does.

    pip install napari dask      # for this benchmark alone
    DISPLAY=:99 QT_QPA_PLATFORM=xcb NAPARI_ASYNC=1 python tests/benchmarks/napari_speed.py --slide FILE

Levels are lazy dask arrays over OpenSlide, in the file's own levels, sliced asynchronously. The canvas
is 1920 x 1080 px. Printed: time to add the image, milliseconds of every step of the script with its
events (p50, p99, longest), steps a second that were kept up, resident memory.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("NAPARI_ASYNC", "1")

import dask.array as da
import napari
import numpy as np
import openslide
from large_slide import large_slide
from PySide6.QtWidgets import QApplication
from view_script import steps

from momkd_core.storage import cache_folder

_CHUNK = 512


def level_array(slide: openslide.OpenSlide, level: int) -> da.Array:
    """A level as (h, w, 3) uint8, read in squares of 512 px."""
    width, height = slide.level_dimensions[level]
    downsample = slide.level_downsamples[level]

    def read(block_info: dict[object, dict[str, list[tuple[int, int]]]]) -> np.ndarray:
        (top, bottom), (left, right) = block_info[None]["array-location"][:2]
        corner = (round(left * downsample), round(top * downsample))
        region = slide.read_region(corner, level, (right - left, bottom - top))
        return np.asarray(region.convert("RGB"))

    chunks = (_parts(height), _parts(width), (3,))
    return da.map_blocks(read, chunks=chunks, dtype=np.uint8)


def _parts(length: int) -> tuple[int, ...]:
    whole, rest = divmod(length, _CHUNK)
    return (_CHUNK,) * whole + ((rest,) if rest else ())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slide", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    slide = openslide.OpenSlide(str(options.slide or large_slide(cache_folder() / "benchmarks", 2)))
    viewer = napari.Viewer(show=True)
    canvas = viewer.window._qt_viewer.canvas.native
    canvas.setFixedSize(1920, 1080)
    for _ in range(20):
        QApplication.processEvents()
    start = time.perf_counter()
    layer = viewer.add_image(
        [level_array(slide, level) for level in range(slide.level_count)],
        multiscale=True,
        rgb=True,
        contrast_limits=(0, 255),
    )
    while not layer.loaded:
        QApplication.processEvents()
    QApplication.processEvents()
    print(f"napari {napari.__version__}: image shown after {time.perf_counter() - start:.2f} s")
    height, width = slide.level_dimensions[0][::-1]
    took: list[float] = []
    script = steps(options.seconds, seed=1)
    began = time.perf_counter()
    for step in script:
        at = time.perf_counter()
        camera = viewer.scene.camera
        if step.kind == "pan":
            y, x = camera.center[-2:]
            camera.center = (0, y + step.dy / camera.zoom, x + step.dx / camera.zoom)
        elif step.kind == "zoom":
            camera.zoom *= step.factor
        elif step.kind == "jump":
            camera.center = (0, step.dy * height, step.dx * width)
        QApplication.processEvents()
        if step.kind != "rest":
            took.append(1e3 * (time.perf_counter() - at))
        while time.perf_counter() - at < 0.016:
            QApplication.processEvents()
            time.sleep(0.0003)
    seconds = time.perf_counter() - began
    ordered = sorted(took)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    print(
        f"napari: {len(script) / seconds:.0f} of 62 steps a second; a step with its events p50 "
        f"{statistics.median(took):.1f} ms, p99 {ordered[int(0.99 * len(ordered))]:.1f} ms, longest "
        f"{ordered[-1]:.0f} ms; resident {pages * os.sysconf('SC_PAGE_SIZE') / 2**20:.0f} MiB"
    )
    viewer.close()


if __name__ == "__main__":
    main()
