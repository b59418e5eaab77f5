"""What a model trained on a demo cohort looks at, in truth: run by hand.

Every fold is asked about its own test cases only. Printed are attention and area by tissue type, and
what the top patches of each component are.

    python tests/benchmarks/demo_truth.py DEMO_FOLDER FEATURES RUN
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from momkd_core.checkpoint import fold_folders, load_model
from momkd_core.cohort import read_cohort
from momkd_core.component_names import MEMORIES
from momkd_core.demo import DemoCohort
from momkd_core.demo.section import Tissue
from momkd_core.demo.truth import read_truth, tissue_shares
from momkd_core.features import read_features
from momkd_core.prediction import EncodedSlide
from momkd_core.result import SlideResult

_TOP = 9
_NAMES = [tissue.name.lower() for tissue in Tissue]


def held_out(demo: DemoCohort, features: Path, run: Path) -> Iterator[dict[str, Any]]:
    """Results of every test slide with its patches' tissue shares (N, 11), fold by fold."""
    cases = {case.case_id: case for case in read_cohort(demo.table).cases}
    for folder in fold_folders(run):
        model = load_model(folder / "model.safetensors")
        for case_id in json.loads((folder / "split.json").read_text())["test"]:
            for slide in cases[case_id].slides:
                bag = read_features(features / f"{slide.stem}.h5")
                result = EncodedSlide(model, bag, slide.stem).result()
                kind = read_truth(demo.truth / f"{slide.stem}.png")
                yield {
                    "fold": int(folder.name),
                    "case": case_id,
                    "label": cases[case_id].values[model.card.task],
                    "result": result,
                    "truth": tissue_shares(kind, result.coords, result.size_level0),
                }


def attention_by_tissue(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Share of area and of attention by tissue type, mean over slides."""
    area = np.mean([row["truth"].mean(axis=0) for row in rows], axis=0)
    mass = np.mean([row["result"].attention @ row["truth"] for row in rows], axis=0)
    table = pd.DataFrame({"area": area, "attention": mass}, index=_NAMES)
    table["ratio"] = table["attention"] / table["area"]
    return table[table["area"] > 0]


def component_truth(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Of each component of each fold: its share of attention, and what its top patches are."""
    found = []
    for fold in sorted({row["fold"] for row in rows}):
        mine = [row for row in rows if row["fold"] == fold]
        results: list[SlideResult] = [row["result"] for row in mine]
        uses = [result.components() for result in results]
        for memory in MEMORIES:
            similarity = [result.match.of(memory) for result in results]
            stacked = np.concatenate(similarity)
            truth = np.concatenate([row["truth"] for row in mine])
            for index in range(stacked.shape[1]):
                attention = np.mean(
                    [
                        use.attention
                        for slide in uses
                        for use in slide
                        if use.memory == memory and use.index == index
                    ]
                )
                top = np.argsort(-stacked[:, index], kind="stable")[:_TOP]
                kinds = truth[top].mean(axis=0)
                order = np.argsort(-kinds)[:3]
                found.append(
                    {
                        "fold": fold,
                        "component": f"{memory}:{index}",
                        "attention": round(float(attention), 3),
                        "top patches": ", ".join(f"{_NAMES[k]} {kinds[k]:.0%}" for k in order),
                        "tumour": round(float(kinds[Tissue.TUMOUR] + kinds[Tissue.IN_SITU]), 2),
                    }
                )
    return pd.DataFrame(found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("demo", type=Path)
    parser.add_argument("features", type=Path)
    parser.add_argument("run", type=Path)
    options = parser.parse_args()
    demo = DemoCohort(options.demo)
    rows = list(held_out(demo, options.features, options.run))
    print(f"{len(rows)} held-out slides\n\nShare of area and of attention by tissue type")
    print(attention_by_tissue(rows).round(3).to_string())
    components = component_truth(rows)
    used = components[components["attention"] > 0.02]
    print(f"\n{len(used)} of {len(components)} components carry more than 2 % of attention")
    print(used.to_string(index=False))
    for memory in MEMORIES:
        mine = used[used["component"].str.startswith(memory)]
        weighted = np.average(mine["tumour"], weights=mine["attention"])
        print(f"{memory}: tumour and in-situ among top patches, attention-weighted {weighted:.0%}")
    focus = [row["result"].background_focus for row in rows]
    print(f"background focus: median {np.median(focus):.1%}, highest {max(focus):.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
