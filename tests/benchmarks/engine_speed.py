"""One training step and one inference of the engine, beside plain torch-geometric and the floor.

    python tests/benchmarks/engine_speed.py [--patches 1000 4000 12000] [--rounds 7] [--no-compiler]

1536 features, D = 512, D_N = 128, 16 components, 768 genes, float32, PyTorch's own number of threads.
Contenders take turns, round by round, in one process; medians and ratios are printed.

floor         the step's matrix products alone, forward and, in training, backward
torch-geometric  the same model, its graph as edges through ``GATv2Conv``
ours, bfloat16   compiled, matrix products in bfloat16, where the processor has it
ours          the same model, its graph as a table; compiled where there is a C++ compiler
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from momkd_core.graph import edge_index, nearest_neighbours
from momkd_core.model.neighbour_attention import EAGER, compiled_kernels
from momkd_core.model.neighbourhood import Neighbourhood, as_neighbourhood
from momkd_core.model.network import MoMKD
from momkd_core.processor import bfloat16_is_fast, keep_freed_memory
from momkd_core.settings import ModelSettings, TrainingSettings
from momkd_core.training_step import clip, new_optimiser

SETTINGS = ModelSettings(feature_width=1536, genes=768, hidden_width=512, memory_width=128)
TRAINING = TrainingSettings(memory="momentum")
Graph = Tensor | Neighbourhood


def tissue(patches: int) -> np.ndarray:
    """Corners of a round piece of tissue on the patch grid, (patches, 2)."""
    side = int(np.ceil(np.sqrt(patches * 1.4)))
    y, x = np.mgrid[:side, :side]
    distance = (y - side / 2) ** 2 + (x - side / 2) ** 2
    chosen = np.sort(np.argsort(distance.ravel(), kind="stable")[:patches])
    return np.stack([x.ravel()[chosen], y.ravel()[chosen]], axis=1) * 512


def products(features: Tensor, training: bool) -> Callable[[], None]:
    """The matrix products of a step: three projections of the features, three of encoded patches,
    and the similarities; their gradients, but for that of the features."""
    s = SETTINGS
    wide = [torch.randn(s.hidden_width, s.feature_width) for _ in range(3)]
    narrow = [torch.randn(s.hidden_width, s.hidden_width) for _ in range(2)]
    narrow.append(torch.randn(s.memory_width, s.hidden_width))
    memory = torch.randn(2 * s.components, s.memory_width)
    encoded = torch.randn(len(features), s.hidden_width)
    projected = torch.randn(len(features), s.memory_width)

    def run() -> None:
        for inputs, weights in ((features, wide), (encoded, narrow), (projected, [memory])):
            for weight in weights:
                out = inputs @ weight.T
                if training and weight is not memory:
                    out.T @ inputs
                if training and weight.shape[1] != s.feature_width:
                    out @ weight

    return run


def step(network: MoMKD, features: Tensor, graph: Graph, expression: Tensor) -> Callable[[], None]:
    optimiser = new_optimiser(network, TRAINING)

    def run() -> None:
        network.train()
        output = network(features, graph, expression)
        terms = network.loss(output, 1, expression, TRAINING)
        optimiser.zero_grad(set_to_none=True)
        terms.total.backward()
        clip(network, TRAINING)
        optimiser.step()

    return run


def inference(
    network: MoMKD, features: Tensor, graph: Graph, *, rounded: bool = False
) -> Callable[[], None]:
    def run() -> None:
        network.eval()
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=rounded):
            network(features, graph)

    return run


def timed(contenders: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Median milliseconds, after one round to warm up."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, work in contenders.items():
            start = time.perf_counter()
            work()
            if turn:
                found[name].append(1e3 * (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--patches", type=int, nargs="+", default=[1000, 4000, 12000])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-compiler", action="store_true", help="leave compiled kernels out")
    options = parser.parse_args()
    # For every contender alike: torch-geometric gains most by it.
    keep_freed_memory()
    kinds = {"ours, no compiler": EAGER}
    if not options.no_compiler:
        start = time.perf_counter()
        if compiled_kernels() is not EAGER:
            kinds["ours, compiled"] = compiled_kernels()
        print(f"kernels compiled or taken from disk in {time.perf_counter() - start:.1f} s")
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, medians of {options.rounds}"
    )
    for patches in options.patches:
        compare(patches, kinds, options.rounds)


def compare(patches: int, kinds: dict[str, object], rounds: int) -> None:
    torch.manual_seed(0)
    edges = edge_index(nearest_neighbours(tissue(patches)))
    table = as_neighbourhood(edges, patches)
    assert table is not None
    features, expression = torch.randn(patches, SETTINGS.feature_width), torch.randn(SETTINGS.genes)
    network = MoMKD(SETTINGS)
    networks: dict[str, tuple[MoMKD, Graph]] = {"torch-geometric": (network, edges)}
    for name, kernels in kinds.items():
        other = copy.deepcopy(network)
        other.use_kernels(kernels)
        networks[name] = (other, table)
    reference = network.eval()(features, edges).logits
    for name, (one, graph) in networks.items():
        off = (one.eval()(features, graph).logits - reference).abs().max() / reference.abs().max()
        assert off < 1e-5, f"{name} is off by {off}"
    for what in ("inference", "training"):
        contenders = {"floor": products(features, training=what == "training")}
        for name, (one, graph) in networks.items():
            contenders[name] = (
                inference(one, features, graph)
                if what == "inference"
                else step(one, features, graph, expression)
            )
        if what == "inference" and bfloat16_is_fast() and "ours, compiled" in networks:
            one, graph = networks["ours, compiled"]
            contenders["ours, bfloat16"] = inference(one, features, graph, rounded=True)
        found = timed(contenders, rounds)
        for name, ms in found.items():
            print(
                f"{patches:>6} patches  {what:<9}  {name:<18} {ms:8.1f} ms  "
                f"{ms / found['floor']:5.2f} x floor  "
                f"{found['torch-geometric'] / ms:5.2f} x as fast as torch-geometric"
            )


if __name__ == "__main__":
    main()
