"""The machine around the tap: files, environment, pipes and packages that others have made."""

from __future__ import annotations

import fcntl
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from simulator import Org, Simulator
from tap_kustomer.settings.environment import settings_from_environment, settle_log_level
from tap_kustomer.settings.schema import SETTINGS_SCHEMA
from tests.support import ROOT, read_messages

CLEAN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("TAP_KUSTOMER", "LOGLEVEL", "MELTANO"))
}
FULL = Path("/dev/full")  # every write to it fails for want of space


@pytest.fixture(scope="module")
def served() -> Iterator[Simulator]:
    """Serve an org whose tags alone fill a pipe several times."""
    org = Org(seed=9)
    org.add("tag", 600)
    with Simulator(org, limits=False) as simulator:
        yield simulator


def run(*command: str, env: Mapping[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python in ``folder`` with the environment of a bare shell and ``env``."""
    return subprocess.run(  # noqa: S603 - the tap itself
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**CLEAN, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def settings_of(served: Simulator) -> dict[str, str]:
    """Return the variables that lead to the org."""
    return {f"TAP_KUSTOMER_{name.upper()}": value for name, value in served.config.items()}


# ------------------------------------------------------------ .env


def test_what_is_really_set_wins_over_a_file(served: Simulator, tmp_path: Path) -> None:
    """In a folder above there is the key of another org, and what nobody has set here."""
    here = tmp_path / "jobs" / "nightly"
    here.mkdir(parents=True)
    (tmp_path / ".env").write_text(
        "TAP_KUSTOMER_API_KEY=key-of-another-org\n"
        "TAP_KUSTOMER_ORG_NAME=other\n"
        "TAP_KUSTOMER_PAGE_SIZE=many\n"
    )
    env = {**settings_of(served), "TAP_KUSTOMER_ORG_NAME": ""}
    done = run("tap_kustomer", "--config=ENV", "--discover", env=env, folder=here)
    assert "`page_size` must be" in done.stderr  # the file is read
    (tmp_path / ".env").write_text("TAP_KUSTOMER_API_KEY=key-of-another-org\n")
    done = run("tap_kustomer", "--config=ENV", "--discover", env=env, folder=here)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["streams"]


@pytest.mark.parametrize(
    "content",
    [
        "# Schlüssel für die Übersicht\n{}".encode("latin-1"),
        "\ufeff# é\n{}".encode(),
        "# é\n{}".encode("utf-16"),
        b"\x00# nul\n{}",
        b"# crlf\r\n{}\r\n",
    ],
    ids=["latin-1", "bom", "utf-16", "nul", "crlf"],
)
def test_a_file_in_any_encoding_is_read(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its remarks are nobody's business."""
    encoding = "utf-16-le" if content[:2] == b"\xff\xfe" else "ascii"
    line = "TAP_KUSTOMER_ORG_NAME=acme".encode(encoding)
    (tmp_path / ".env").write_bytes(content.replace("{}".encode(encoding), line))
    monkeypatch.setattr(os, "environ", dict(CLEAN))
    monkeypatch.chdir(tmp_path)
    found = settings_from_environment(SETTINGS_SCHEMA, "TAP_KUSTOMER_")
    assert found["org_name"] == "acme"


def test_a_file_that_cannot_be_read_sets_nothing(served: Simulator, tmp_path: Path) -> None:
    """The run needs none of it, or says what is missing."""
    loop = tmp_path / ".env"
    loop.symlink_to("/proc/self/mem")  # is there, and cannot be read
    done = run(
        "tap_kustomer", "--config=ENV", "--discover", env=settings_of(served), folder=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert f"{loop} cannot be read" in done.stderr


def test_a_folder_that_is_gone_sets_nothing(served: Simulator, tmp_path: Path) -> None:
    """As that of a scheduler which cleans up early."""
    here = tmp_path / "run-17"
    here.mkdir()
    command = 'rmdir "$PWD" && exec "$0" -m tap_kustomer --config=ENV --discover'
    done = subprocess.run(  # noqa: S603 - the tap itself
        ["/bin/sh", "-c", command, sys.executable],
        cwd=here,
        env={**CLEAN, "PYTHONPATH": str(ROOT), **settings_of(served)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["streams"]


# ------------------------------------------------------------ log levels of others


@pytest.mark.parametrize(
    ("env", "level"),
    [
        ({"LOGLEVEL": "trace"}, "DEBUG"),
        ({"LOGLEVEL": "verbose", "TAP_KUSTOMER_LOGLEVEL": ""}, "DEBUG"),
        ({"LOGLEVEL": "trace", "TAP_KUSTOMER_LOGLEVEL": "error"}, "error"),
        ({"TAP_KUSTOMER_LOGLEVEL": "nobody-knows-me"}, "INFO"),
        ({"LOGLEVEL": "7"}, "INFO"),
        ({"LOGLEVEL": " "}, "INFO"),
        ({"LOGLEVEL": "debug "}, "DEBUG"),
        ({"LOGLEVEL": "debug"}, None),
        ({"LOGLEVEL": ""}, None),
    ],
    ids=str,
)
def test_log_levels_of_other_programs_have_a_meaning(
    env: dict[str, str], level: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that Python knows stays; more than DEBUG is DEBUG; the rest is INFO."""
    monkeypatch.setattr(os, "environ", {**env})
    settle_log_level()
    assert os.environ.get("TAP_KUSTOMER_LOGLEVEL") == level


@pytest.mark.parametrize(
    "command", [("tap_kustomer", "--about"), ("tap_kustomer.airbyte", "spec")], ids=str
)
def test_a_log_level_of_another_program_is_no_reason_to_end(
    command: tuple[str, str], tmp_path: Path
) -> None:
    """Of neither command."""
    done = run(*command, env={"LOGLEVEL": "trace"}, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["LOGLEVEL", "TAP_KUSTOMER_LOGLEVEL"])
def test_a_log_level_in_a_file_is_no_reason_to_end(
    served: Simulator, name: str, tmp_path: Path
) -> None:
    """Neither one of another program; and one that Python knows has its effect."""
    for level, debug in (("trace", True), ("7", False), ("debug", True)):
        (tmp_path / ".env").write_text(f"{name}={level}\n")
        env = settings_of(served)
        done = run("tap_kustomer", "--config=ENV", "--discover", env=env, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        assert ("DEBUG" in done.stderr) is debug, done.stderr


ROOT_TO = "version: 1\nroot: {level: INFO, handlers: [h]}\nhandlers: {h: {class: "


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"- a list",
        b"version: [1",
        f"{ROOT_TO}nobody.Knows}}}}".encode(),
        f"{ROOT_TO}logging.NullHandler}}}}".replace("[h]", "[other]").encode(),
        f"{ROOT_TO}logging.NullHandler}}}}".encode("utf-16"),
        None,
    ],
    ids=["empty", "no_version", "list", "cut", "class", "no_handler", "utf-16", "folder"],
)
def test_a_logging_config_that_cannot_be_used_is_a_warning(
    served: Simulator, content: bytes | None, tmp_path: Path
) -> None:
    """As one that is missing: no load need fail for the look of its log."""
    path = tmp_path / "log.yml"
    path.mkdir() if content is None else path.write_bytes(content)
    env = {**settings_of(served), "SINGER_SDK_LOG_CONFIG": str(path)}
    done = run("tap_kustomer", "--config=ENV", "--discover", env=env, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    [warning] = done.stderr.splitlines()
    assert f"SINGER_SDK_LOG_CONFIG is not used: {path} holds no logging config" in warning
    del env["TAP_KUSTOMER_API_KEY"]
    done = run("tap_kustomer", "--config=ENV", "--discover", env=env, folder=tmp_path)
    assert done.returncode == 1
    assert "`api_key` is missing" in done.stderr


def test_a_logging_config_holds_and_an_empty_name_of_one_is_none(tmp_path: Path) -> None:
    """Schedulers often cannot leave a variable out."""
    path = tmp_path / "log.yml"
    form = 'formatters: {f: {format: "as the config wants: %(message)s"}}'
    quiet = "disable_existing_loggers: false"
    path.write_text(f"{ROOT_TO}logging.StreamHandler, formatter: f}}}}\n{form}\n{quiet}\n")
    for name, form in ((str(path), "as the config wants: Config"), ("", "ERROR")):
        env = {"SINGER_SDK_LOG_CONFIG": name}
        done = run("tap_kustomer", "--config=ENV", "--discover", env=env, folder=tmp_path)
        assert form in done.stderr
        assert "SINGER_SDK_LOG_CONFIG" not in done.stderr


# ------------------------------------------------------------ files of other editors


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_files_in_any_utf_are_read(served: Simulator, encoding: str, tmp_path: Path) -> None:
    """As editors and PowerShell write them, for both commands."""
    config = tmp_path / "config.json"
    config.write_bytes(json.dumps({**served.config, "user_agent": "tap"}).encode(encoding))
    done = run("tap_kustomer", "--config", str(config), "--discover", env={}, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    catalog = tmp_path / "catalog.json"
    catalog.write_bytes(done.stdout.encode(encoding))
    done = run("tap_kustomer.airbyte", "check", "--config", str(config), env={}, folder=tmp_path)
    assert '"SUCCEEDED"' in done.stdout, done.stdout
    done = run(
        *("tap_kustomer", "--config", str(config), "--catalog", str(catalog), "--test=schema"),
        env={},
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stderr


# ------------------------------------------------------------ pipes


@pytest.mark.parametrize(
    ("args", "unbuffered"), [((), ""), ((), "1"), (("--discover",), "")], ids=str
)
def test_a_pipe_that_does_not_block_gets_every_line(
    served: Simulator, args: tuple[str, ...], unbuffered: str, tmp_path: Path
) -> None:
    """As a parent in Node.js makes it; nobody reads until the pipe is full."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps(served.config))
    command = [sys.executable, "-m", "tap_kustomer", "--config", str(config), *args]
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writing, False)
    with subprocess.Popen(  # noqa: S603 - the tap itself
        command,
        cwd=ROOT,
        env={**CLEAN, "PYTHONUNBUFFERED": unbuffered},
        stdout=writing,
        stderr=subprocess.PIPE,
    ) as process:
        os.close(writing)
        select.select([reading], [], [], 60)
        time.sleep(0.3)  # the pipe is full, and somebody makes it not block once more
        with Path(f"/dev/fd/{reading}").open("rb") as pipe:
            text = pipe.read().decode()
        _, errors = process.communicate(timeout=60)
        os.close(reading)
    assert process.returncode == 0, errors
    if args:
        assert json.loads(text)["streams"]
    else:
        tags = [one for one in read_messages(text) if one.get("stream") == "tags"]
        assert sum(one["type"] == "RECORD" for one in tags) == 600


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "cp037"])
@pytest.mark.parametrize("command", [("--discover",), ("--about", "--format=json"), ()], ids=str)
def test_the_output_is_always_utf_8(
    served: Simulator, command: tuple[str, ...], encoding: str, tmp_path: Path
) -> None:
    """Whatever the environment wants of Python's programs: readers of JSON want that."""
    (tmp_path / "config.json").write_text(json.dumps(served.config))
    config = str(tmp_path / "config.json")
    env = {"PYTHONIOENCODING": encoding, "TAP_KUSTOMER_LOGLEVEL": "CRITICAL"}
    done = run("tap_kustomer", "--config", config, *command, env=env, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("{")
    assert "\0" not in done.stdout


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("args", [(), ("--about",)], ids=str)
def test_a_full_disk_is_a_sentence(
    served: Simulator, args: tuple[str, ...], tmp_path: Path
) -> None:
    """Never status 0, and no traceback."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps(served.config))
    with FULL.open("wb") as full:
        done = subprocess.run(  # noqa: S603 - the tap itself
            [sys.executable, "-m", "tap_kustomer", "--config", str(config), *args],
            cwd=ROOT,
            env=CLEAN,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("command", "closed", "status"),
    [
        ("tap_kustomer --config {}", ">&-", 1),
        ("tap_kustomer --config {} --discover", ">&- 2>&-", 1),
        ("tap_kustomer.airbyte check --config {}", ">&-", 1),
        ("tap_kustomer --config {} --discover", "2>&-", 0),
        ("tap_kustomer.airbyte check --config {}", "<&- 2>&-", 0),
    ],
)
def test_an_output_that_was_closed_before_is_a_sentence(
    served: Simulator, command: str, closed: str, status: int, tmp_path: Path
) -> None:
    """As a careless daemon leaves it: no row goes into a file or a connection by that number."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps(served.config))
    served.reset_log()
    done = subprocess.run(  # noqa: S603 - the tap itself
        ["/bin/sh", "-c", f"exec {sys.executable} -m {command.format(config)} {closed}"],
        cwd=ROOT,
        env=CLEAN,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == status
    assert bool(done.stdout) is (status == 0)
    assert ("The output is closed" in done.stderr) is ("2>" not in closed)
    assert "Traceback" not in done.stderr
    assert bool(served.requests) is (status == 0)


# ------------------------------------------------------------ packages of others


@pytest.mark.parametrize(
    ("package", "command", "argument"),
    [("msgspec", "tap", "--about"), ("jsonschema", "source", "spec")],
)
def test_a_package_that_a_target_replaced_is_a_sentence(
    package: str, command: str, argument: str, tmp_path: Path
) -> None:
    """Of the same name, and without what this one needs, as old versions are."""
    (tmp_path / f"{package}.py").write_text("__version__ = '0.1'\n")
    code = f"from tap_kustomer.cli.start import {command}; {command}()"
    done = subprocess.run(  # noqa: S603 - the command's own beginning
        [sys.executable, "-c", code, argument],
        cwd=tmp_path,
        env={**CLEAN, "PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    assert "its own environment" in done.stderr
    assert "Traceback" not in done.stderr
