"""The tap as another user than the one whose files it is given: a sentence that names the file."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import site
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from simulator import Org, Simulator
from tests.airbyte.support import configured, run_source
from tests.support import ROOT, catalog_of

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can start the tap as another user"
)

CLEAN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("TAP_KUSTOMER", "LOGLEVEL", "MELTANO"))
}
SINGER = "tap_kustomer"
AIRBYTE = "tap_kustomer.airbyte"


@dataclass(frozen=True)
class AnotherUser:
    """A user of this machine who may run the tap, and little else."""

    python: str
    uid: int
    gid: int

    def run(self, *command: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a module of the tap in ``folder``."""
        return subprocess.run(
            [self.python, "-m", *command],
            cwd=folder,
            env={
                **CLEAN,
                "PYTHONPATH": os.pathsep.join([str(ROOT), *site.getsitepackages()]),
                **env,
            },
            user=self.uid,
            group=self.gid,
            extra_groups=[],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture(scope="module")
def other() -> AnotherUser:
    """Return the user; a Python below /root is none for others, that of the system may be."""
    try:
        account = pwd.getpwnam("nobody")
    except KeyError:
        pytest.skip("there is no user `nobody` on this machine")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, shutil.which(version, path="/usr/bin:/usr/local/bin")):
        user = AnotherUser(str(python), account.pw_uid, account.pw_gid)
        with contextlib.suppress(OSError):
            if python and user.run(SINGER, "--version", folder=Path("/")).returncode == 0:
                return user
    pytest.skip("no Python that another user may run has this version")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder into which the other user may look, as pytest's own is not."""
    path = Path(tempfile.mkdtemp(prefix="tap-kustomer-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def served() -> Iterator[Simulator]:
    """Serve a small org."""
    org = Org(seed=9)
    org.add("tag", 3)
    with Simulator(org, limits=False) as simulator:
        yield simulator


def written(path: Path, content: object, *, private: bool = False) -> str:
    """Write a file, for root only if it is ``private``."""
    path.write_text(json.dumps(content))
    path.chmod(0o600 if private else 0o644)
    return str(path)


def said(done: subprocess.CompletedProcess[str]) -> str:
    """Return all that was printed; it holds no traceback."""
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("kept", ["config", "catalog", "state"])
@pytest.mark.parametrize("args", [(), ("--discover",), ("--check",), ("--test",)], ids=str)
def test_a_file_of_another_user_is_named(
    other: AnotherUser, served: Simulator, folder: Path, args: tuple[str, ...], kept: str
) -> None:
    """With what to do; a file that a command has no use for is no reason to end either way."""
    contents = {
        "config": served.config,
        "catalog": catalog_of(served.config, ["tags"]),
        "state": {},
    }
    files = [
        f"--{name}={written(folder / f'{name}.json', content, private=name == kept)}"
        for name, content in contents.items()
    ]
    done = other.run(SINGER, *files, *args, folder=folder)
    text = said(done)

    if kept == "config" or not args:
        assert done.returncode == 1
        assert f"The {kept} file {folder / kept}.json cannot be read: Permission denied" in text
        assert "who may read it" in text
        assert '"RECORD"' not in text


@pytest.mark.parametrize(
    "case",
    [
        ("check", "config"),
        ("discover", "config"),
        *(("read", one) for one in ("config", "catalog", "state")),
    ],
)
def test_airbyte_is_told_of_a_file_of_another_user(
    other: AnotherUser, served: Simulator, folder: Path, tmp_path: Path, case: tuple[str, str]
) -> None:
    """In the message that its pages show."""
    command, kept = case
    (catalog,) = run_source("discover", tmp_path, config=served.config).of_type("CATALOG")
    contents = {
        "config": served.config,
        "catalog": configured(catalog["streams"], ["tags"]),
        "state": [],
    }
    files = [
        f"--{name}={written(folder / f'{name}.json', content, private=name == kept)}"
        for name, content in contents.items()
        if name == "config" or command == "read"
    ]
    done = other.run(AIRBYTE, command, *files, folder=folder)

    assert f"{folder / kept}.json: Permission denied. " in said(done)
    assert "who may read it" in done.stdout
    assert done.stderr == ""
    assert done.returncode == (0 if command == "check" else 1)
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["type"] == ("CONNECTION_STATUS" if command == "check" else "TRACE")


def test_a_folder_of_another_user_is_no_other_case(
    other: AnotherUser, served: Simulator, folder: Path
) -> None:
    """The file itself may be open to all."""
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    file = written(closed / "config.json", served.config)
    done = other.run(SINGER, f"--config={file}", "--discover", folder=folder)

    assert done.returncode == 1
    assert f"{file} cannot be read: Permission denied" in said(done)


def test_variables_of_another_user_set_nothing(
    other: AnotherUser, served: Simulator, folder: Path
) -> None:
    """What is really set is all that the run needs."""
    (folder / ".env").write_text("TAP_KUSTOMER_API_KEY=another\n")
    (folder / ".env").chmod(0o600)
    env = {f"TAP_KUSTOMER_{name.upper()}": value for name, value in served.config.items()}
    done = other.run(SINGER, "--config=ENV", "--discover", folder=folder, **env)

    assert done.returncode == 0, done.stderr
    assert f"{folder / '.env'} cannot be read (Permission denied)" in said(done)


@pytest.mark.parametrize(
    "args",
    [
        ("--check", "--report", "{}/report.md"),
        ("--check", "--record", "{}/new"),
        ("--record", "{}/theirs"),
        ("--record", "{}/new/deeper"),
    ],
    ids=str,
)
def test_a_folder_that_cannot_be_written_is_said_before_the_first_request(
    other: AnotherUser, served: Simulator, folder: Path, args: tuple[str, ...]
) -> None:
    """Nobody waits for a run whose result has no place."""
    config = written(folder / "config.json", served.config)
    (folder / "theirs").mkdir(mode=0o755)
    served.reset_log()
    done = other.run(
        SINGER, f"--config={config}", *(one.format(folder) for one in args), folder=folder
    )

    assert done.returncode == 1
    assert f"that {args[-2]} names cannot be written: Permission denied" in said(done)
    assert not served.requests


@pytest.mark.parametrize("command", ["serve", "watch"])
def test_a_spool_in_a_folder_of_another_user_is_named(
    other: AnotherUser, folder: Path, command: str
) -> None:
    """Of webhooks; the receiver answers nobody whose event it cannot keep."""
    spool = folder / "spool.db"
    more = ["--", "true"] if command == "watch" else []
    done = other.run(
        "tap_kustomer.webhooks",
        command,
        f"--spool={spool}",
        *more,
        folder=folder,
        KUSTOMER_WEBHOOK_SECRETS="whsec",
    )
    text = said(done)

    assert done.returncode not in {0, None}
    assert str(spool) in text


def test_events_of_another_user_fail_their_stream_alone(
    other: AnotherUser, served: Simulator, folder: Path
) -> None:
    """The rest is read."""
    spool = folder / "spool.db"
    spool.write_bytes(b"")
    spool.chmod(0o600)
    settings = {"webhook_spool": str(spool), "optional_streams": ["webhook_events"]}
    config = {**served.config, **settings}
    catalog = catalog_of(config, ["tags", "webhook_events"])
    files = (
        f"--config={written(folder / 'config.json', config)}",
        f"--catalog={written(folder / 'catalog.json', catalog)}",
    )
    done = other.run(SINGER, *files, folder=folder)

    assert done.returncode == 1
    assert str(spool) in said(done)
    assert done.stdout.count('"RECORD"') >= 3


def test_a_home_and_a_folder_that_are_not_ones_own_are_no_reason_to_end(
    other: AnotherUser, served: Simulator, folder: Path
) -> None:
    """As of a service's user, who has neither; nothing is written anywhere."""
    config = written(folder / "config.json", served.config)
    done = other.run(
        SINGER,
        f"--config={config}",
        folder=folder,
        HOME="/root",
        TMPDIR="/root",
        XDG_CACHE_HOME="/root",
    )

    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(one.name for one in folder.iterdir()) == ["config.json"]
