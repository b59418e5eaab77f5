"""Turn a checkpoint of the authors' public code into a model file.

Their file says neither the task nor the encoder: state what you know.

example:
  momkd import-reference s_0_checkpoint.pt --out her2.safetensors --task her2 \\
      --positive positive --negative negative --encoder uni_v2
"""

from __future__ import annotations

import argparse
from pathlib import Path

from momkd_core.cli.options import positive_count, positive_number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE.pt", help="weights only; nothing is run")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="MODEL", help="a .safetensors file"
    )
    parser.add_argument("--task", default="imported", metavar="NAME", help="the label column")
    parser.add_argument(
        "--positive", default="positive", metavar="VALUE", help="default %(default)s"
    )
    parser.add_argument(
        "--negative", default="negative", metavar="VALUE", help="default %(default)s"
    )
    parser.add_argument(
        "--threshold", type=float, default=0.5, metavar="P", help="default %(default)s"
    )
    parser.add_argument("--encoder", metavar="NAME", help="whose features it was trained on")
    parser.add_argument(
        "--target-mpp",
        type=positive_number,
        metavar="X",
        help="of its patches, to cut slides alike",
    )
    parser.add_argument(
        "--patch-size", type=positive_count, metavar="PX", help="of its patches at that resolution"
    )


def run(options: argparse.Namespace) -> None:
    from momkd_core.checkpoint import save_model
    from momkd_core.errors import SettingsError
    from momkd_core.reference_import import import_reference
    from momkd_core.settings import ExtractionSettings, validated

    if not 0 <= options.threshold <= 1:
        raise SettingsError(f"--threshold {options.threshold} is no probability", "Use 0 to 1")
    if options.out.suffix != ".safetensors":
        raise SettingsError(f"{options.out.name} is no model file", "Name it MODEL.safetensors")
    known = (options.encoder, options.target_mpp, options.patch_size)
    extraction = None
    if all(value is not None for value in known):
        extraction = validated(
            ExtractionSettings,
            dict(zip(("encoder", "target_mpp", "patch_size"), known, strict=True)),
        )
    network, card = import_reference(
        options.file,
        task=options.task,
        positive=options.positive,
        negative=options.negative,
        threshold=options.threshold,
        encoder=options.encoder,
        extraction=extraction,
    )
    save_model(options.out, network, card)
    settings = network.settings
    print(
        f"{options.out}: {settings.feature_width} features, {settings.hidden_width} wide, "
        f"{settings.components} components of width {settings.memory_width} in each memory, "
        f"{settings.genes} genes"
    )
    if extraction is None:
        print(
            "Slides need features from elsewhere: encoder, resolution or patch size are not stated."
        )
