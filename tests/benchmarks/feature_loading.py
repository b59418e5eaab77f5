"""How fast a feature file is read, against a bare read of half precision in one piece.

    python tests/benchmarks/feature_loading.py

The baseline is ``h5py``'s own read of the same numbers, float16, contiguous, without a look at them; a
plain read (``numpy.fromfile``) stands beside it. All are read from the system's cache, in turn, and
timed by what the thread was at work, so that a busy machine does not count.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from momkd_core.features import FeatureBag, read_features, write_features


def chunked_as_trident(path: Path, bag: FeatureBag) -> None:
    """As TRIDENT's ``save_h5``: a chunk a row."""
    with h5py.File(path, "w") as file:
        shape = bag.features.shape
        stored = file.create_dataset(
            "features", shape, np.float32, chunks=(1, shape[1]), maxshape=(None, shape[1])
        )
        stored[:] = bag.features
        file["coords"] = bag.coords
        file["coords"].attrs["patch_size_level0"] = bag.size_level0


def bare(path: Path) -> object:
    with h5py.File(path) as file:
        return file["features"][:]


def in_turn(reads: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median milliseconds of each, one after the other in every round."""
    found: dict[str, list[float]] = {name: [] for name in reads}
    for _ in range(rounds + 1):
        for name, read in reads.items():
            started = time.thread_time()
            held = read()
            found[name].append(1e3 * (time.thread_time() - started))
            del held
    return {name: statistics.median(times[1:]) for name, times in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patches", type=int, default=10_000)
    parser.add_argument("--width", type=int, default=1536)
    parser.add_argument("--rounds", type=int, default=41)
    options = parser.parse_args()
    random = np.random.default_rng(0)
    features = random.normal(size=(options.patches, options.width)).astype(np.float32)
    coords = np.stack(np.divmod(np.arange(options.patches), 100), axis=1) * 256
    known = {"encoder": "uni2-h", "target_mpp": 0.5, "patch_size": 256, "overlap": 0}
    bag = FeatureBag(features, coords, 256, np.ones(options.patches, np.float32), **known)
    with tempfile.TemporaryDirectory() as folder:
        half, single, rows, plain = (
            Path(folder) / name for name in ("half.h5", "single.h5", "rows.h5", "plain.bin")
        )
        write_features(half, bag, "float16")
        write_features(single, bag)
        chunked_as_trident(rows, bag)
        features.astype(np.float16).tofile(plain)
        found = in_turn(
            {
                "float16 by h5py alone (baseline)": lambda: bare(half),
                "float16 by numpy.fromfile": lambda: np.fromfile(plain, np.float16),
                "float16, read_features": lambda: read_features(half),
                "  and made float32": lambda: read_features(half).features,
                "float32 by h5py alone": lambda: bare(single),
                "float32, read_features": lambda: read_features(single),
                "TRIDENT's rows, by h5py alone": lambda: bare(rows),
                "TRIDENT's rows, read_features": lambda: read_features(rows),
            },
            options.rounds,
        )
    print(f"{options.patches} x {options.width}, median of {options.rounds}")
    baseline = next(iter(found.values()))
    for name, milliseconds in found.items():
        print(f"{name:34} {milliseconds:7.2f} ms  {milliseconds / baseline:5.2f} x")


if __name__ == "__main__":
    main()
