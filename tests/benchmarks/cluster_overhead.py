"""A cohort extracted by two Ray workers of this machine, against two local processes: run by hand.

    python tests/benchmarks/cluster_overhead.py COHORT [--rounds 3] [--slide-mpp X]

Baseline: ``momkd extract --processes 2``. Contender: the same with ``--cluster``, on a Ray head of two
processors that is started before and runs already, as that of a lab does. Both are whole commands, from
loading torch to the last file, in turn; printed are seconds, the median of the rounds' ratios, and
whether all files hold the same features.
"""

from __future__ import annotations

import argparse
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

BIN = Path(sys.executable).parent
PORT = 6399


#: Of the head and of what joins it: newer Rays ask for a token.
ENVIRONMENT = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


def extract(cohort: Path, out: Path, *more: str) -> float:
    """Seconds of one extraction."""
    command = [BIN / "momkd", "extract", cohort, "--out", out, *more]
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=ENVIRONMENT)
    return time.perf_counter() - started


def same(one: Path, other: Path) -> bool:
    """Whether two folders hold the same features under the same names."""
    files = sorted(path.name for path in one.glob("*.h5"))
    if not files or files != sorted(path.name for path in other.glob("*.h5")):
        return False
    for name in files:
        with h5py.File(one / name) as ours, h5py.File(other / name) as theirs:
            if not np.array_equal(ours["features"][:], theirs["features"][:]):
                return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slide-mpp")
    options = parser.parse_args()
    more = ("--slide-mpp", options.slide_mpp) if options.slide_mpp else ()
    ray = [
        BIN / "ray",
        "start",
        "--head",
        f"--port={PORT}",
        "--num-cpus=2",
        "--disable-usage-stats",
    ]
    subprocess.run(ray, check=True, capture_output=True, env=ENVIRONMENT)
    ratios = []
    try:
        for turn in range(options.rounds):
            with tempfile.TemporaryDirectory() as folder:
                local, cluster = Path(folder, "local"), Path(folder, "cluster")
                base = extract(options.cohort, local, "--processes", "2", *more)
                ours = extract(options.cohort, cluster, "--cluster", f"127.0.0.1:{PORT}", *more)
                ratios.append(ours / base)
                print(
                    f"round {turn + 1}: two processes {base:.1f} s, two Ray workers {ours:.1f} s, "
                    f"ratio {ours / base:.2f}, same features: {same(local, cluster)}",
                    flush=True,
                )
    finally:
        subprocess.run([BIN / "ray", "stop"], check=False, capture_output=True, env=ENVIRONMENT)
    print(f"median ratio {statistics.median(ratios):.2f} of {len(ratios)} rounds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
