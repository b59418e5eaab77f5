"""Where the pieces of long work run: here, in processes of this machine, or on a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from momkd_core.errors import SettingsError
from momkd_core.pieces import Needs, Workplace
from momkd_core.ray_cluster import ray_cluster
from momkd_core.worker_processes import Here, Processes


@contextmanager
def workplace(
    folder: Path | None, *, processes: int | None, cluster: str | None, needs: Needs
) -> Iterator[Workplace]:
    """The workplace that was asked for, open until the block ends.

    Args:
        folder: what the pieces write into; None where they write nothing.
        processes: of this machine; None for none, so that pieces are done in this one.
        cluster: address, instead.

    Raises:
        SettingsError: both are asked for, or what only a cluster or processes can give.
        ClusterError: as :func:`momkd_core.ray_cluster.ray_cluster`.
    """
    if cluster is not None:
        if processes is not None:
            raise SettingsError(
                "--processes are of this machine, --cluster has its own", "Give one of them"
            )
        with ray_cluster(cluster, needs, folder) as place:
            yield place
        return
    if needs.gpus or needs.memory_gib:
        raise SettingsError(
            "--gpus-per-task and --memory-per-task are for --cluster", "Leave them out"
        )
    if processes is None:
        if needs.cpus > 1:
            raise SettingsError(
                "--cpus-per-task is for --processes and --cluster; without them all cores are used",
                "Leave it out, or say how many side by side",
            )
        yield Here()
        return
    yield Processes(processes, needs.cpus)
