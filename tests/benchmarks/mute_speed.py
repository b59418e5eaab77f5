"""How long muting a component takes, beside analysing the slide anew.

    python tests/benchmarks/mute_speed.py [--patches 20000] [--components 16 64] [--rounds 9]

1536 features, the default widths, features in memory already. Medians; ratios against full inference in
the same run. Contenders take turns.

full inference  graph, encoder, memory, and what the window draws, from features
window          the window's job when a component is muted: result, raster, top patches
engine          the result alone
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from engine_speed import timed, tissue

from momkd_core.checkpoint import FoldModel, Model
from momkd_core.features import FeatureBag
from momkd_core.model.network import MoMKD
from momkd_core.model_card import ModelCard
from momkd_core.prediction import encode
from momkd_core.progress import CancelToken, silent
from momkd_core.settings import ModelSettings
from momkd_viewer.jobs.slide_work import read_again
from momkd_viewer.state.analysis import Outcome

GOAL_MS = 150
MUTED = {"positive": [3]}


def model_of(components: int) -> Model:
    torch.manual_seed(0)
    settings = ModelSettings(feature_width=1536, components=components)
    card = ModelCard(task="task", positive="yes", negative="no", model=settings)
    path = Path("model.safetensors")
    return Model(path, (FoldModel(path, MoMKD(settings).eval(), card, "0" * 64),))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--patches", type=int, default=20_000)
    parser.add_argument("--components", type=int, nargs="+", default=[16, 64])
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    random = np.random.default_rng(0)
    bag = FeatureBag(
        random.normal(size=(options.patches, 1536)).astype(np.float32),
        tissue(options.patches),
        size_level0=512,
        tissue_fraction=random.random(options.patches).astype(np.float32),
    )
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    for components in options.components:
        model = model_of(components)
        encoded = encode(model, bag)
        again = read_again(encoded, MUTED)
        found = timed(
            {
                "full inference": lambda m=model: Outcome.of(encode(m, bag)),
                "window": lambda w=again: w(silent, CancelToken()),
                "engine": lambda e=encoded: e.result(MUTED),
            },
            options.rounds,
        )
        for name, ms in found.items():
            told = "" if name != "window" else f"  goal {GOAL_MS} ms"
            print(
                f"{options.patches} patches, 2 x {components} components, {name:<14} {ms:7.1f} ms  "
                f"{found['full inference'] / ms:6.1f} x full inference{told}"
            )


if __name__ == "__main__":
    main()
