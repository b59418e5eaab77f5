"""List the patch encoders, or tell where the weights of one are.

example:
  momkd encoders
  momkd encoders --add uni2-h --weights pytorch_model.bin
  momkd encoders --add my-encoder.json
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict

from momkd_core.cli.options import add_encoder_weights, add_json
from momkd_core.errors import EncoderError, SettingsError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--add",
        metavar="NAME|JSON",
        help="register an encoder for extract, predict and the window: uni2-h or timm:NAME with "
        "--weights, or the JSON file beside an exported program (.onnx)",
    )
    what.add_argument(
        "--forget", metavar="NAME", help="drop what was registered; the file itself stays"
    )
    add_encoder_weights(parser, "--weights")
    add_json(parser)


def run(options: argparse.Namespace) -> None:
    from momkd_core.encoder_records import forget, register
    from momkd_core.encoders import registrable

    if options.weights and not options.add:
        raise SettingsError("--weights needs an encoder to belong to", "Name it with --add")
    if options.add:
        chosen = registrable(options.add, options.weights)
        print(f"encoder {chosen.name}: {chosen.note} ({chosen.licence})", file=sys.stderr)
        added = register(chosen)
        print(f"{added.name} is registered: {added.width} features, {added.preprocessing}")
    elif options.forget:
        if not forget(options.forget):
            raise EncoderError(
                f"Nothing is registered as {options.forget}", "momkd encoders lists what is"
            )
        print(f"{options.forget} is no longer registered")
    else:
        _list(options)


def _list(options: argparse.Namespace) -> None:
    from momkd_core.encoders import list_encoders
    from momkd_core.export import to_json

    listed = list_encoders()
    if options.json:
        print(to_json({"encoders": [asdict(one) for one in listed]}))
        return
    for one in listed:
        width = f"{one.width} features" if one.width else "width unknown"
        print(f"{one.name}: {width}, {one.licence or 'licence unknown'}")
        print(f"  {'at hand' if one.at_hand else 'not at hand'}: {one.place}")
        if one.note:
            print(f"  {one.note}")
