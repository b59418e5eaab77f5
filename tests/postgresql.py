"""A throw-away PostgreSQL server for tests: a folder, a free port, one password, gone afterwards."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg

PASSWORD = "s3cret-of-the-test"


def server_programs() -> Path | None:
    """The folder of ``initdb`` and ``pg_ctl``, newest version first; None where there is none."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    found.sort(key=lambda path: int(path.parts[-3]) if path.parts[-3].isdecimal() else 0)
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    return Path(on_path).resolve().parent if on_path else None


@dataclass
class Server:
    """A running server; each database that is asked for is a new one."""

    programs: Path
    folder: Path
    port: int
    user: str
    numbers: Iterator[int]

    def control(self, *arguments: str) -> None:
        """``pg_ctl``; with its own output, which a server would otherwise keep open."""
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        log = self.folder / "log.txt"
        command = ["pg_ctl", "-D", self.folder / "data", "-w", "-l", log, "-o", options, *arguments]
        run_as(self.user, self.programs, command)

    def url(self, database: str = "postgres", password: str = PASSWORD) -> str:
        return f"postgresql://reviewer:{password}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"review_{next(self.numbers)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)


def run_as(user: str, programs: Path, command: list[object]) -> None:
    """Runs one of the server's programs; it refuses to run as root, so that we change the user."""
    words = [str(programs / str(command[0])), *(str(word) for word in command[1:])]
    if os.geteuid() == 0:
        words = ["runuser", "-u", user, "--", *words]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, timeout=120, cwd="/")


@contextmanager
def running_server(programs: Path) -> Iterator[Server]:
    """Starts a server with fresh data, and stops it."""
    user = "postgres" if os.geteuid() == 0 else getpass.getuser()
    # Not among pytest's folders, which are closed to the user of the server.
    with tempfile.TemporaryDirectory(prefix="momkd-pg-") as name:
        folder = Path(name)
        password = folder / "password"
        password.write_text(PASSWORD)
        if os.geteuid() == 0:
            shutil.chown(folder, user)
            shutil.chown(password, user)
        command = ["initdb", "-D", folder / "data", "-U", "reviewer", "--pwfile", password, "-N"]
        run_as(user, programs, [*command, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C"])
        server = Server(programs, folder, free_port(), user, count(1))
        server.control("start")
        try:
            yield server
        finally:
            server.control("stop", "-m", "immediate")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
