"""Print what a slide file says about itself.

example:
  momkd info slide.svs --json
"""

from __future__ import annotations

import argparse
from pathlib import Path

from momkd_core.cli.options import add_json, add_slide_mpp
from momkd_core.export import to_json
from momkd_core.slide import Slide
from momkd_core.slide_folder import the_slide


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "slide", type=Path, metavar="SLIDE", help="a file, or a folder of one slide"
    )
    add_slide_mpp(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> None:
    with Slide(the_slide(options.slide), mpp=options.slide_mpp) as slide:
        facts = slide.info()
    if options.json:
        print(to_json(facts))
        return
    mpp = (
        f"{facts['mpp_x']:.4g} x {facts['mpp_y']:.4g} µm/px"
        if facts["mpp_x"]
        else "unknown (state it with --slide-mpp)"
    )
    objective = f"{facts['objective']:g}x" if facts["objective"] else "unknown"
    print(f"path        {facts['path']}")
    print(f"size        {facts['width']} x {facts['height']} px")
    print(f"resolution  {mpp}")
    print(f"objective   {objective}")
    print(f"vendor      {facts['vendor'] or 'unknown'}")
    print(f"images      {', '.join(facts['associated_images']) or 'none'}")
    for index, level in enumerate(facts["levels"]):
        print(
            f"level {index:<5} {level['width']} x {level['height']} px, "
            f"downsample {level['downsample']:.4g}"
        )
