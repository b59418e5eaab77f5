"""Train the paper's ablations on one cohort and the same folds, and print them as a table.

Table 3 leaves loss terms out, Table 4 changes how the memory moves, Fig. S1 its size (4, 8, 16 and 32
components, or those of --components). Options are those of momkd train; every variant is a run folder
below --out, and a stopped command goes on. A variant that cannot be trained is named, and the others
are trained all the same.

example:
  momkd ablate cohort.csv --expression expression.csv.gz --features features \\
      --label her2 --positive positive --out runs/ablation --components 8 16
"""

from __future__ import annotations

import argparse
from typing import Any

from momkd_core.cli.console import Progress
from momkd_core.cli.options import positive_count
from momkd_core.cli.place import add_workplace, asked_workplace
from momkd_core.cli.train import add_training_arguments, request_of
from momkd_core.export import to_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_training_arguments(parser)
    add_workplace(parser, "folds")
    parser.add_argument(
        "--components",
        type=positive_count,
        nargs="*",
        metavar="N",
        help="numbers of components to try (default 4 8 16 32; without numbers none)",
    )
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", help="these rows only, for instance wsi-only full"
    )


def run(options: argparse.Namespace) -> int:
    from momkd_core.ablation import SIZES, Variant, ablate, variants
    from momkd_core.errors import SettingsError
    from momkd_core.training_request import TrainingRequest

    chosen = variants(SIZES if options.components is None else options.components)
    if options.only:
        unknown = set(options.only) - {variant.name for variant in chosen}
        if unknown:
            raise SettingsError(
                f"There is no ablation {', '.join(sorted(unknown))}",
                f"Choose from: {', '.join(variant.name for variant in chosen)}",
            )
        chosen = [variant for variant in chosen if variant.name in options.only]

    def request(variant: Variant) -> TrainingRequest:
        return request_of(
            options, [*options.assignments, *variant.assignments], options.out / variant.name
        )

    with asked_workplace(options, options.out) as place, Progress() as progress:
        result = ablate(chosen, request, options.out, place=place, report=progress)
    print(to_json(result) if options.json else table(result))
    return 1 if any("error" in row for row in result["variants"]) else 0


def table(result: dict[str, Any]) -> str:
    """Rows with mean ± sd over folds, and the difference of the AUC from the full model's."""

    def spread(value: dict[str, float | None], sign: str = "") -> str:
        if value["mean"] is None:
            return "–"
        sd = "" if value["sd"] is None else f" ± {value['sd']:.3f}"
        return f"{value['mean']:{sign}.3f}{sd}"

    width = max(len(row["name"]) for row in result["variants"])
    lines = [
        f"task {result['task']}, preset {result['preset']}; mean ± sd over folds",
        f"{'':<9}{'':<{width}}  {'AUC':<15} {'accuracy':<15} {'F1':<15} "
        f"{'AUC − full':<16} perplexity C⁺, C⁻",
    ]
    for row in result["variants"]:
        if "error" in row:
            lines.append(f"{row['table']:<9}{row['name']:<{width}}  not trained: {row['error']}")
            continue
        used = {name: use["perplexity"]["mean"] for name, use in row["memory"].items()}
        lines.append(
            f"{row['table']:<9}{row['name']:<{width}}  {spread(row['auc']):<15} "
            f"{spread(row['accuracy']):<15} {spread(row['f1']):<15} "
            f"{spread(row['auc_difference'], '+'):<16} "
            f"{used['positive']:.1f}, {used['negative']:.1f}"
        )
    return "\n".join(lines)
