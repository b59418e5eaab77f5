"""Bags a second of training, one at a time and several side by side.

    python tests/benchmarks/small_bags.py [--patches 26] [--together 8 16 32 64] [--rounds 5]

607 features, 768 genes, the default widths: the cohort tcga_brca_hif. A round trains 128 bags; medians.
Baseline: one bag a step, as in the paper, with the patch graph through torch-geometric's own layer.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from engine_speed import timed, tissue

from momkd_core.graph import edge_index, nearest_neighbours
from momkd_core.model.neighbourhood import patch_graph
from momkd_core.model.network import MoMKD
from momkd_core.settings import ModelSettings, TrainingSettings
from momkd_core.training_slides import SlideGraph, SlideStore, TrainingSlide
from momkd_core.training_step import forward_pass, new_optimiser, take_step

SETTINGS = ModelSettings(feature_width=607, genes=768)
BAGS = 128


class Held(SlideStore):
    """Slides that are in memory already."""

    def __init__(self, graphs: dict[Path, SlideGraph]) -> None:
        super().__init__(SETTINGS)
        self._graphs = graphs

    def __getitem__(self, path: Path) -> SlideGraph:
        return self._graphs[path]


def epoch(slides: list[TrainingSlide], store: SlideStore, together: int) -> Callable[[], None]:
    torch.manual_seed(0)
    network, settings = MoMKD(SETTINGS).train(), TrainingSettings(bags_per_pass=together)
    optimiser = new_optimiser(network, settings)

    def run() -> None:
        for start in range(0, len(slides), together):
            found = forward_pass(network, slides[start : start + together], store, settings)
            found.terms.total.backward()
            take_step(network, optimiser, settings)

    return run


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--patches", type=int, default=26)
    parser.add_argument("--together", type=int, nargs="+", default=[8, 16, 32, 64])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    random = np.random.default_rng(0)
    edges = edge_index(nearest_neighbours(tissue(options.patches)))
    table = patch_graph(edges, options.patches)
    plain, quick, slides = {}, {}, []
    for index in range(BAGS):
        path = Path(f"{index}.h5")
        features = torch.from_numpy(random.normal(size=(options.patches, 607)).astype(np.float32))
        plain[path], quick[path] = SlideGraph(features, edges), SlideGraph(features, table)
        genes = random.normal(size=768).astype(np.float32)
        slides.append(TrainingSlide(str(index), path, index % 2, genes))
    baseline = "1, torch-geometric"
    contenders = {baseline: epoch(slides, Held(plain), 1), "1": epoch(slides, Held(quick), 1)}
    contenders |= {str(n): epoch(slides, Held(quick), n) for n in options.together}
    found = timed(contenders, options.rounds)
    for name, ms in found.items():
        print(
            f"{options.patches} patches, bags a step {name:<19} {1e3 * BAGS / ms:7.0f} bags/s  "
            f"{found['1'] / ms:5.2f} x one at a time  "
            f"{found[baseline] / ms:5.2f} x torch-geometric one at a time"
        )


if __name__ == "__main__":
    main()
