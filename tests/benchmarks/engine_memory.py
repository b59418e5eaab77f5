"""Peak memory of a step, and how time grows with the bag: ours beside plain torch-geometric.

    python tests/benchmarks/engine_memory.py [--patches 12000] [--growth 1000 10000 30000 100000]

Each measurement is a process of its own; its peak is what the step adds to what was there before it
(the features among it). Settings as in engine_speed.py: 1536 features, D = 512. With --growth,
the step's time is printed per 1,000 patches beside the smallest bag's, and the whole process's peak.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import torch
from engine_speed import SETTINGS, Graph, inference, step, tissue

from momkd_core.graph import edge_index, nearest_neighbours
from momkd_core.model.neighbour_attention import compiled_kernels
from momkd_core.model.neighbourhood import patch_graph
from momkd_core.model.network import MoMKD

KINDS = ("torch-geometric", "ours, no compiler", "ours, compiled")
MIB = 2**20


def graph_of(patches: int, kind: str) -> Graph:
    edges = edge_index(nearest_neighbours(tissue(patches)))
    return edges if kind == "torch-geometric" else patch_graph(edges, patches)


def measure(kind: str, what: str, patches: int) -> dict[str, float]:
    torch.manual_seed(0)
    network, expression = MoMKD(SETTINGS), torch.randn(SETTINGS.genes)
    if kind == "ours, compiled":
        network.use_kernels(compiled_kernels())

    def work(count: int) -> object:
        features = torch.randn(count, SETTINGS.feature_width)
        graph = graph_of(count, kind)
        if what == "training":
            return step(network, features, graph, expression)
        return inference(network, features, graph)

    work(50)()  # what libraries keep for themselves  # type: ignore[operator]
    run = work(patches)
    statm = Path("/proc/self/statm").read_text(encoding="ascii").split()
    before = int(statm[1]) * resource.getpagesize() / MIB
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        run()  # type: ignore[operator]
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"before": before, "peak": peak, "seconds": min(seconds)}


def in_a_process(kind: str, what: str, patches: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--measure", kind, what, str(patches)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--patches", type=int, default=12000)
    parser.add_argument("--growth", type=int, nargs="*", default=[])
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        kind, what, patches = options.measure
        print(json.dumps(measure(kind, what, int(patches))))
        return
    for what in ("training", "inference"):
        baseline = 0.0
        for kind in KINDS:
            found = in_a_process(kind, what, options.patches)
            added = found["peak"] - found["before"]
            baseline = baseline or added
            print(
                f"{options.patches} patches  {what:<9}  {kind:<18} adds {added:6.0f} MiB  "
                f"{added / baseline:.2f} x torch-geometric"
            )
    for what in ("training", "inference"):
        first = 0.0
        for patches in options.growth:
            found = in_a_process(KINDS[1], what, patches)
            rate = found["seconds"] / patches * 1e6
            first = first or rate
            print(
                f"{patches:>7} patches  {what:<9}  {found['seconds']:7.2f} s  "
                f"{rate:6.1f} ms per 1,000 ({rate / first:.2f} x the smallest bag's)  "
                f"process peak {found['peak'] / 1024:.1f} GiB"
            )


if __name__ == "__main__":
    main()
