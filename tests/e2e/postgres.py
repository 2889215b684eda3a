"""A throw-away PostgreSQL server from the system's packages, and databases that loaders fill."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.project import CHECKOUT
from tests.support import Output
from tools.demo.compare import MADE_BY_THE_TAP

__all__ = ["LOADERS", "SHIPPED", "Database", "UnavailableError", "binaries", "install", "server"]

LOADERS = {
    "meltanolabs": CHECKOUT / ".venv-target-postgres" / "bin" / "target-postgres",
    "pipelinewise": CHECKOUT / ".venv-pipelinewise-postgres" / "bin" / "target-postgres",
}
_PLUGINS = yaml.safe_load((CHECKOUT / "meltano.yml").read_text(encoding="utf-8"))["plugins"]
SHIPPED = {
    name: value
    for loader in _PLUGINS["loaders"]
    if loader["name"] == "target-postgres"
    for name, value in loader["config"].items()
    if name not in {"port", "default_target_schema"}
}
ACCOUNT = "postgres"  # the server refuses to run as root
INSTALL = ("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "postgresql")
LONGEST = 300  # seconds for any command


class UnavailableError(Exception):
    """This machine has no PostgreSQL and none can be installed; the text says why."""


@dataclass
class Database:
    """One loader's own database on the server."""

    psql: Path
    port: int
    loader: str
    name: str
    shipped: bool = True  # whether with what `meltano.yml` sets

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows that a query answers."""
        asked = f"select coalesce(json_agg(t), '[]') from ({sql}) t"  # noqa: S608  # our own
        done = self._psql(asked, self.name)
        rows: list[dict[str, Any]] = json.loads(done)
        return rows

    def execute(self, sql: str) -> None:
        """Run statements."""
        self._psql(sql, self.name)

    def create(self) -> None:
        """Make it, empty."""
        self._psql(f"create database {self.name}", "postgres")

    def ids(self) -> dict[str, frozenset[str]]:
        """Return the ids of every table that holds objects of the org; no id is there twice."""
        tables = self.query("select tablename from pg_tables where schemaname = 'kustomer'")
        names = {table["tablename"] for table in tables} - MADE_BY_THE_TAP
        selects = [f"select '{name}' as name, id from kustomer.\"{name}\"" for name in names]  # noqa: S608
        ids: dict[str, list[str]] = {name: [] for name in names}
        for row in self.query(" union all ".join(selects)):
            ids[row["name"]].append(row["id"])
        for name, of_table in ids.items():
            assert len(of_table) == len(set(of_table)), name
        return {name: frozenset(of_table) for name, of_table in ids.items()}

    def load(self, output: Output, folder: Path, **more: Any) -> dict[str, Any]:
        """Run the loader, with ``more`` settings, on a tap's output; return its last state."""
        settings = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": "postgres",
            "password": "none",
            "default_target_schema": "kustomer",
            **({"database": self.name} if self.loader == "meltanolabs" else {}),
            **({"dbname": self.name} if self.loader == "pipelinewise" else {}),
            **(SHIPPED if self.shipped and self.loader == "meltanolabs" else {}),
            **more,
        }
        config = folder / f"{self.loader}.json"
        config.write_text(json.dumps(settings), encoding="utf-8")
        done = subprocess.run(
            [str(LOADERS[self.loader]), "--config", str(config)],
            input=output.stdout, capture_output=True, text=True, check=False, timeout=170,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        state: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return state

    def _psql(self, sql: str, database: str) -> str:
        command = [str(self.psql), "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres",
                   "-d", database, "-AtX", "-v", "ON_ERROR_STOP=1", "-c", sql]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout


def binaries() -> Path | None:
    """Return the folder of the newest PostgreSQL server here, if there is one."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if folders:
        return max(folders, key=lambda folder: int(folder.parent.name))
    found = shutil.which("initdb")
    return Path(found).parent if found else None


def install() -> Path:
    """Return the folder of the server's programs, installed from Debian's packages if need be.

    Raises: ``UnavailableError`` where that is not possible.
    """
    if known := binaries():
        return known
    if shutil.which("apt-get") is None:
        message = "PostgreSQL is not installed (no initdb), and there is no apt-get to get it with."
        raise UnavailableError(message)
    if os.geteuid() != 0:
        message = (
            "PostgreSQL is not installed (no initdb), and only root may install it: "
            "sudo apt-get install postgresql"
        )
        raise UnavailableError(message)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (("apt-get", "update", "--quiet"), INSTALL):
        done = subprocess.run(
            command, env=env, capture_output=True, text=True, check=False, timeout=LONGEST
        )
        # A failure here is no reason to skip: on such a machine the tests have to run.
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr}"
    installed = binaries()
    assert installed is not None, "The package postgresql brought no initdb."
    return installed


@contextlib.contextmanager
def server(programs: Path) -> Iterator[int]:
    """Run an empty server that trusts everybody on this machine; yield its port."""
    # Not below pytest's own folder: the server's account may not look into that.
    folder = Path(tempfile.mkdtemp(prefix="tap-kustomer-postgres-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, ACCOUNT)
        data, port = folder / "data", _free_port()
        _run(programs / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "--encoding=UTF8",
             "--locale=C.UTF-8", "--no-sync")  # fmt: skip
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        _run(programs / "pg_ctl", "-D", data, "-o", options, "-l", folder / "log", "-w", "start")
        try:
            yield port
        finally:
            _run(programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(*command: object) -> None:
    words = [str(word) for word in command]
    if os.geteuid() == 0:
        words = ["runuser", "-u", ACCOUNT, "--", *words]
    # Output to a file: the server inherits it, and would keep a pipe open.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        status = subprocess.call(
            words, cwd="/", stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=LONGEST
        )
        output.seek(0)
        assert status == 0, f"{' '.join(words)}\n{output.read()}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
