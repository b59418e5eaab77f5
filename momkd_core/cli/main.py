"""Entry point of ``momkd``: parses, runs one verb, turns failures into messages and exit codes."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from momkd_core import __version__
from momkd_core.cli import (
    ablate,
    atlas,
    benchmark,
    bundle,
    cohort,
    convert,
    curate,
    demo,
    encoders,
    evaluate,
    expression,
    extract,
    import_reference,
    info,
    predict,
    report,
    rescore,
    train,
    triage,
    verdicts,
)
from momkd_core.cli.console import print_error, set_up_logging
from momkd_core.errors import Cancelled, MomkdError

VERBS = {
    "demo": demo,
    "info": info,
    "encoders": encoders,
    "extract": extract,
    "convert": convert,
    "expression": expression,
    "cohort": cohort,
    "train": train,
    "ablate": ablate,
    "benchmark": benchmark,
    "evaluate": evaluate,
    "predict": predict,
    "atlas": atlas,
    "triage": triage,
    "verdicts": verdicts,
    "rescore": rescore,
    "curate": curate,
    "bundle": bundle,
    "report": report,
    "import-reference": import_reference,
}


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="momkd",
        description="Train and run Momentum Memory Knowledge Distillation on whole-slide images.",
        epilog="Research use only, not a medical device. Each verb has its own --help.",
    )
    parser.add_argument("--version", action="version", version=f"momkd {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, module in VERBS.items():
        help_text, _, example = (module.__doc__ or "").partition("\n\n")
        verb = verbs.add_parser(
            name,
            help=help_text.strip(),
            description=help_text.strip(),
            epilog=example.strip(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        verb.add_argument("--debug", action="store_true", help="show tracebacks and the log")
        module.add_arguments(verb)
        verb.set_defaults(run=module.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a verb; returns 0 done, 1 a named failure, 2 wrong usage (by argparse), 130 stopped."""
    options = build_parser().parse_args(arguments)
    set_up_logging(debug=options.debug)
    try:
        return int(options.run(options) or 0)
    except MomkdError as error:
        if options.debug:
            raise
        logging.getLogger(__name__).info("failed", exc_info=True)
        print_error(str(error))
        return 1
    except (KeyboardInterrupt, Cancelled):
        print("stopped: what was finished is kept; the same command goes on", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 1
    except Exception as error:
        if options.debug:
            raise
        logging.getLogger(__name__).info("unexpected failure", exc_info=True)
        print_error(
            f"Something unexpected failed ({type(error).__name__}: {error}). Please report it with "
            "the log; --debug shows where."
        )
        return 1


if __name__ == "__main__":
    sys.exit(main())
