"""Options that say where the pieces of a verb's work run, and the workplace they turn into."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from momkd_core.cli.console import ends_on_request
from momkd_core.cli.options import positive_count, positive_number
from momkd_core.pieces import Needs, Workplace
from momkd_core.workplaces import workplace


def add_workplace(
    parser: argparse.ArgumentParser, what: str, *, default: str = "one after another, here"
) -> None:
    """``what`` runs side by side, for help: "slides"."""
    group = parser.add_argument_group("side by side", f"{what} at the same time")
    group.add_argument(
        "--processes",
        type=positive_count,
        metavar="N",
        help=f"{what} at a time on this machine, each in a process (default: {default})",
    )
    group.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="on a Ray cluster instead, whose machines share the files: local, auto, HOST:PORT or "
        "ray://HOST:PORT",
    )
    group.add_argument(
        "--cpus-per-task",
        type=positive_count,
        default=1,
        metavar="N",
        help="threads of each (default %(default)s)",
    )
    group.add_argument(
        "--gpus-per-task",
        type=positive_number,
        default=0.0,
        metavar="X",
        help="of the cluster, for instance 0.25 (default none)",
    )
    group.add_argument(
        "--memory-per-task",
        type=positive_number,
        default=0.0,
        metavar="GIB",
        help="of the cluster (default: as it comes)",
    )


def asks_for_workplace(options: argparse.Namespace) -> bool:
    """Whether any of the options is given."""
    return (
        options.processes is not None or options.cluster is not None or _needs(options) != Needs()
    )


@contextmanager
def asked_workplace(
    options: argparse.Namespace, folder: Path | None, *, processes: int | None = None
) -> Iterator[Workplace | None]:
    """The workplace that the options ask for; None where they ask for none.

    Args:
        folder: what the pieces write into; None where they write nothing.
        processes: where the options name no number.
    """
    needs = _needs(options)
    count = options.processes
    if count is None and options.cluster is None:
        count = processes
    with ends_on_request():
        if count is None and not asks_for_workplace(options):
            yield None
            return
        with workplace(folder, processes=count, cluster=options.cluster, needs=needs) as place:
            yield place


def _needs(options: argparse.Namespace) -> Needs:
    return Needs(options.cpus_per_task, options.gpus_per_task, options.memory_per_task)
