"""Save a model without some of its components: the weights stay, the file says who and why.

example:
  momkd curate runs/her2/folds/0/model.safetensors --mute positive:3 --by "A. Reader" \\
      --why "stands for pen marks" --out her2-curated.safetensors
"""

from __future__ import annotations

import argparse
from pathlib import Path

from momkd_core.cli.options import add_json, add_mute


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL", help="one model file")
    add_mute(parser, required=True)
    parser.add_argument("--by", required=True, metavar="NAME", help="who leaves them out")
    parser.add_argument("--why", required=True, metavar="TEXT", help="for what reason")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="a .safetensors file"
    )
    parser.add_argument(
        "--force", action="store_true", help="replace FILE; the model itself is never replaced"
    )
    add_json(parser)


def run(options: argparse.Namespace) -> None:
    from momkd_core.checkpoint import load_model
    from momkd_core.component_names import component_names
    from momkd_core.curation import save_curated
    from momkd_core.export import to_json
    from momkd_core.prediction import parse_muted

    path = save_curated(
        load_model(options.model),
        options.out,
        parse_muted(options.mute) or {},
        who=options.by,
        why=options.why,
        force=options.force,
    )
    written = load_model(path)
    if options.json:
        card = written.card.model_dump(mode="json", include={"muted", "curation"})
        hashes = {"model_sha256": written.sha256, "origin_sha256": written.origin_sha256}
        print(to_json({**hashes, **card}))
        return
    left_out = component_names(written.card.muted)
    print(f"{path}: {f'leaves out {left_out}' if left_out else 'leaves nothing out'}")
    if left_out:
        print("Threshold and metrics are those of the model with them: see momkd rescore.")
