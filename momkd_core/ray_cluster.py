"""Pieces of long work on the machines of a Ray cluster, which share a file system.

Ray places them by what they need and says when a process or a machine has died; a piece of it is then
begun once more, elsewhere. Progress comes back through one actor beside the caller.
"""

from __future__ import annotations

import importlib
import logging
import os
import socket
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from momkd_core.cluster_machine import Mailbox, do_there, probe, unseen_error, versions
from momkd_core.errors import ClusterError
from momkd_core.pieces import ATTEMPTS, Ended, Needs, Outcome, Piece, died
from momkd_core.progress import CancelToken, Report
from momkd_core.storage import output_error

log = logging.getLogger(__name__)

LOCAL = "local"  # the address of a cluster that is started here and ends with the work

_REACH_S = 20.0  # for an address to answer
_PATIENCE_S = 30.0  # for pieces that were asked to stop
_PROBE_S = 120.0  # for a machine to start a process and load torch
_CLIENT = "ray://"


@contextmanager
def ray_cluster(address: str, needs: Needs, folder: Path | None) -> Iterator[RayCluster]:
    """Joins a cluster, checks that its machines can do the work, and leaves it at the end.

    Args:
        address: ``local``, ``auto``, ``host:port`` or ``ray://host:port``.
        folder: where the pieces write, which all machines have to see; None where they do not.

    Raises:
        ClusterError: ray is missing, the address does not answer, or a machine has other versions, does
            not see the folder, or none has what a piece needs.
    """
    ray = _ray()
    _join(ray, address)
    try:
        cluster = RayCluster(ray, needs)
        cluster.check(folder)
        yield cluster
    finally:
        ray.shutdown()


def _ray() -> Any:
    # Before the import, which reads them: nothing goes to the network unasked, and a piece that was
    # given no GPU sees none.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise ClusterError(
            f"A cluster needs Ray, which cannot be loaded here ({error})",
            'pip install "momkd-viewer[cluster]" on all its machines',
        ) from error


def _join(ray: Any, address: str) -> None:
    options: dict[str, Any] = {"address": address}
    if address == LOCAL:  # said to Ray as well, which would else join what RAY_ADDRESS names
        options |= {"include_dashboard": False, "num_cpus": os.cpu_count()}
    if address not in (LOCAL, "auto"):
        _reach(address)
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
    except (ImportError, OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise ClusterError(
            f"The cluster {address} cannot be joined ({error})",
            "Check that ray start ran there; if it asks for a token, set RAY_AUTH_MODE=token here too; "
            "run this on one of its machines, or name it ray://HOST:10001",
        ) from error


def _reach(address: str) -> None:
    """Raises :class:`ClusterError` where nobody listens."""
    host, _, port = address.removeprefix(_CLIENT).rpartition(":")
    if not host or not port.isdecimal():
        raise ClusterError(
            f"--cluster {address!r} is no address",
            "Write local, auto, HOST:PORT or ray://HOST:PORT",
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_S).close()
    except (OSError, OverflowError) as error:
        raise ClusterError(
            f"The cluster {address} does not answer ({error})",
            "Start it with ray start --head --port PORT, or check the address",
        ) from error


@dataclass
class _Begun:
    piece: Piece
    attempt: int


class RayCluster:
    """A cluster that was joined."""

    def __init__(self, ray: Any, needs: Needs) -> None:
        self._ray = ray
        self._needs = needs

    @property
    def width(self) -> int:
        """How many pieces its machines have room for now."""
        return max(1, sum(self._room(node["Resources"]) for node in self._nodes()))

    def check(self, folder: Path | None) -> None:
        """Raises :class:`ClusterError` for machines that cannot do the work, before any begins."""
        nodes = self._nodes()
        if not any(self._room(node["Resources"]) for node in nodes):
            has = "; ".join(
                f"{node['NodeManagerHostname']}: {_told(node['Resources'])}" for node in nodes
            )
            raise ClusterError(
                f"No machine of the cluster has what a piece needs ({_told(self._resources())}): {has}",
                "Ask for less with --cpus-per-task, --gpus-per-task and --memory-per-task",
            )
        able = [node for node in nodes if self._room(node["Resources"])]
        if folder is None:
            self._probe(able, Path.cwd())
            return
        token = folder.resolve() / f".shared-{uuid.uuid4().hex}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            token.touch()
        except OSError as error:
            raise output_error(token, error) from error
        try:
            self._probe(able, token)
        finally:
            token.unlink(missing_ok=True)

    def _probe(self, nodes: list[dict[str, Any]], token: Path) -> None:
        ray = self._ray
        ours = versions()
        asked = {
            ray.remote(num_cpus=0, max_retries=0)(probe)
            .options(scheduling_strategy=_on(node["NodeID"]))
            .remote(str(Path.cwd()), str(token)): node["NodeManagerHostname"]
            for node in nodes
        }
        for ref, host in asked.items():
            try:
                theirs, unseen = ray.get(ref, timeout=_PROBE_S)
            except ray.exceptions.RayError as error:
                raise ClusterError(
                    f"{host} cannot run momkd ({_first_line(error)})",
                    "Install the same momkd-viewer[cluster] there, for the Python that ran ray start",
                ) from error
            if theirs != ours:
                raise ClusterError(
                    f"{host} has {_listed(theirs)}, but this machine {_listed(ours)}",
                    "Install the same versions on all machines",
                )
            if unseen:
                raise unseen_error(unseen, host)

    def _nodes(self) -> list[dict[str, Any]]:
        return [node for node in self._ray.nodes() if node["Alive"]]

    def _room(self, has: dict[str, float]) -> int:
        """How many pieces a machine has room for when nothing else runs on it."""
        wanted = self._resources()
        return int(min(has.get(name, 0.0) / amount for name, amount in wanted.items()))

    def _resources(self) -> dict[str, float]:
        needs = self._needs
        found = {"CPU": float(needs.cpus), "GPU": needs.gpus, "memory": needs.memory_gib * 2**30}
        return {name: amount for name, amount in found.items() if amount}

    def run(
        self,
        pieces: Sequence[Piece],
        *,
        doing: str,
        report: Report,
        ended: Ended,
        cancel: CancelToken,
    ) -> None:
        """As :meth:`momkd_core.pieces.Workplace.run`."""
        try:
            self._run(pieces, doing, report, ended, cancel)
        except self._ray.exceptions.RayError as error:
            raise ClusterError(
                f"The cluster was lost ({_first_line(error)})",
                "Start it and give the same command again: what was written stays",
            ) from error

    def _run(
        self,
        pieces: Sequence[Piece],
        doing: str,
        report: Report,
        ended: Ended,
        cancel: CancelToken,
    ) -> None:
        ray = self._ray
        mailbox = (
            ray.remote(num_cpus=0)(Mailbox)
            .options(scheduling_strategy=_on(ray.get_runtime_context().get_node_id()))
            .remote()
        )
        waiting = [_Begun(piece, 1) for piece in pieces]
        running: dict[Any, _Begun] = {}
        done = 0
        try:
            while waiting or running:
                cancel.raise_if_cancelled()
                while waiting and len(running) < 2 * self.width:  # so that none waits for the next
                    one = waiting.pop(0)
                    running[self._submit(one.piece, mailbox)] = one
                ready, _ = ray.wait(list(running), timeout=0.2)
                for name, told in self._taken(mailbox):
                    report(done, len(pieces), f"{doing} | {name} {told}")
                for ref in ready:
                    one = running.pop(ref)
                    outcome = self._outcome(ref, one)
                    if outcome is None:
                        waiting.insert(0, _Begun(one.piece, one.attempt + 1))
                        continue
                    done += 1
                    report(done, len(pieces), f"{doing} | {one.piece.name} ended")
                    ended(one.piece, outcome)
        finally:
            self._stop(list(running))
            with suppress(ray.exceptions.RayError):
                ray.kill(mailbox)

    def _submit(self, piece: Piece, mailbox: Any) -> Any:
        wanted = self._resources()
        task = self._ray.remote(
            num_cpus=wanted["CPU"],
            num_gpus=wanted.get("GPU", 0),
            memory=wanted.get("memory"),
            max_retries=0,  # counted here, so that it is said and is the same on one machine
            max_calls=1 if piece.alone else 0,
        )(do_there)
        reads = [str(path) for path in piece.reads if path.exists()]
        return task.remote(piece, self._needs.cpus, mailbox, str(Path.cwd()), reads)

    def _taken(self, mailbox: Any) -> list[tuple[str, str]]:
        """What pieces reported; nothing where the mailbox has died, which costs the remarks only."""
        with suppress(self._ray.exceptions.RayActorError):
            told: list[tuple[str, str]] = self._ray.get(mailbox.take.remote())
            return told
        return []

    def _outcome(self, ref: Any, one: _Begun) -> Outcome | None:
        """How a piece ended; None where it is to begin again."""
        ray = self._ray
        try:
            outcome: Outcome = ray.get(ref)
        except ray.exceptions.RayTaskError as error:  # before the piece itself began
            return Outcome(error=ClusterError(_first_line(error), "See the logs of Ray"))
        except ray.exceptions.RayError as error:
            how = _first_line(error)
            log.warning("%s: its process ended by itself (%s)", one.piece.name, how)
            return None if one.attempt < ATTEMPTS else died(one.piece, how)
        return outcome

    def _stop(self, refs: list[Any]) -> None:
        """What has begun is interrupted as by Ctrl+C, and killed where that does not help."""
        if not refs:
            return
        ray = self._ray
        with suppress(ray.exceptions.RayError):
            for ref in refs:
                ray.cancel(ref)
            _, rest = ray.wait(refs, num_returns=len(refs), timeout=_PATIENCE_S)
            for ref in rest:
                ray.cancel(ref, force=True)


def _on(node: str) -> Any:
    strategies = importlib.import_module("ray.util.scheduling_strategies")
    return strategies.NodeAffinitySchedulingStrategy(node, soft=False)


def _told(resources: dict[str, float]) -> str:
    """Processors, GPUs and memory of a machine, in words."""
    memory = resources.get("memory", 0.0) / 2**30
    return f"{resources.get('CPU', 0):g} CPUs, {resources.get('GPU', 0):g} GPUs, {memory:.0f} GiB"


def _listed(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _first_line(error: Exception) -> str:
    """What Ray says, without its traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if "Traceback" in str(error) else lines[0]) if lines else type(error).__name__
