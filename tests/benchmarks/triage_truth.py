"""What triage finds of the trouble that was planted in a demo cohort: run by hand.

Every fold of a run is asked about its own test cases only. Printed are precision and recall of the
flags against what was planted, how early the planted cases come, and the run's background focus and
AUC; of several runs side by side, for instance with and without background in the memory:

    momkd train demo/cohort.csv … --out full
    momkd train demo/cohort.csv … --out clean --set background_weight=0
    python tests/benchmarks/triage_truth.py DEMO_FOLDER FEATURES full clean
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from momkd_core.case_triage import CaseTriage, in_order
from momkd_core.checkpoint import fold_folders, load_model
from momkd_core.cohort import read_cohort
from momkd_core.demo import DemoCohort
from momkd_core.demo.plan import Trouble
from momkd_core.triage import triage

#: What each flag, by its last words, should find.
_WANTED = {
    "wrong": {"her2": (Trouble.WRONG_HER2,), "pr": (Trouble.WRONG_PR,)},
    "of attention on glass": dict.fromkeys(
        ("her2", "pr"), (Trouble.MUCH_GLASS, Trouble.PEN_COVERED)
    ),
}


def held_out(demo: DemoCohort, features: Path, run: Path) -> tuple[str, list[CaseTriage]]:
    """The label, and every test case as its fold's model sees it."""
    cohort = read_cohort(demo.table)
    found: list[CaseTriage] = []
    task = ""
    for folder in fold_folders(run):
        model = load_model(folder / "model.safetensors")
        task = model.card.task
        test = set(json.loads((folder / "split.json").read_text())["test"])
        cases = tuple(case for case in cohort.cases if case.case_id in test)
        found += triage(model, replace(cohort, cases=cases), features_folder=features).cases
    return task, in_order(found)


def planted(demo: DemoCohort) -> dict[str, set[str]]:
    """The kinds of trouble of each case, by their names."""
    table = pd.read_csv(demo.truth / "cases.csv").fillna("")
    return {row.case_id: set(row.planted.split("; ")) for row in table.itertuples()}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("demo", type=Path)
    parser.add_argument("features", type=Path)
    parser.add_argument("run", type=Path, nargs="+")
    options = parser.parse_args()
    demo = DemoCohort(options.demo)
    trouble = planted(demo)
    for run in options.run:
        task, cases = held_out(demo, options.features, run)
        auc = json.loads((run / "summary.json").read_text())["auc"]["mean"]
        focus = [case.background_focus for case in cases if case.background_focus is not None]
        print(f"\n{run}: {task}, {len(cases)} held-out cases, AUC {auc:.3f}")
        print(f"background focus: mean {np.mean(focus):.1%}, highest {max(focus):.1%}")
        for words, by_task in _WANTED.items():
            kinds = by_task[task]
            wanted = [any(kind in trouble[case.case_id] for kind in kinds) for case in cases]
            flagged = [any(flag.words.endswith(words) for flag in case.flags) for case in cases]
            both = sum(w and f for w, f in zip(wanted, flagged, strict=True))
            places = [place for place, is_wanted in enumerate(wanted, 1) if is_wanted]
            print(
                f"'{words}' against {', '.join(kinds)}: precision {both} of {sum(flagged)}, "
                f"recall {both} of {sum(wanted)}; places in the queue {places}"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
