"""A throw-away PostgreSQL server from the system's packages."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["UnavailableError", "binaries", "install", "server"]

ACCOUNT = "postgres"  # the server refuses to run as root
INSTALL = ("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "postgresql")
LONGEST = 300  # seconds for any command


class UnavailableError(Exception):
    """This machine has no PostgreSQL and none can be installed; the text says why."""


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
