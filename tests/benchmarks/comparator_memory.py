"""Peak memory and time of one slide by each comparison system, in a process of its own.

python tests/benchmarks/comparator_memory.py [--patches 50000] [--width 1536] [METHOD …]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time

import torch

from momkd_core.comparators.registry import COMPARATORS, comparator


def measure(method: str, patches: int, width: int) -> None:
    network = comparator(method)(width).eval()
    features = torch.randn(patches, width)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    started = time.perf_counter()
    with torch.no_grad():
        network.score(features)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{method:<10} {patches} patches: {peak:.2f} GiB ({before:.2f} before), {seconds:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("methods", nargs="*", default=list(COMPARATORS), metavar="METHOD")
    parser.add_argument("--patches", type=int, default=50_000)
    parser.add_argument("--width", type=int, default=1536)
    parser.add_argument("--here", action="store_true", help="in this process")
    options = parser.parse_args()
    for method in options.methods:
        if options.here:
            measure(method, options.patches, options.width)
        else:
            size = ["--patches", str(options.patches), "--width", str(options.width)]
            subprocess.run([sys.executable, __file__, "--here", *size, method], check=True)


if __name__ == "__main__":
    main()
