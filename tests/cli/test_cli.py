"""The command line: one sentence and status 1 for whatever a user can fix."""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from simulator import Fault, Simulator
from tap_kustomer.tap import TapKustomer
from tests.support import ROOT, run_tap, tap_command


def tap(*args: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command with nothing but ``args``."""
    return subprocess.run(  # noqa: S603 - the tap itself
        [sys.executable, "-m", "tap_kustomer", *args],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
    )


def sentences(stderr: str) -> list[str]:
    """Return the errors in a log."""
    return [line for line in stderr.splitlines() if "ERROR" in line]


@pytest.fixture
def errors_of(
    caplog: pytest.LogCaptureFixture,
) -> Iterator[Callable[..., list[str]]]:
    """Run the command in this process, where nothing is sent; returns its error sentences."""

    def run(*args: str) -> list[str]:
        caplog.clear()
        with pytest.raises(SystemExit) as ended:
            TapKustomer.get_singer_command().main(args=list(args))
        assert ended.value.code == 1
        assert not any(record.exc_info for record in caplog.records)
        return [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]

    yield run
    logging.captureWarnings(capture=False)  # the command turns it on


ERRORS: TypeAlias = "Callable[..., list[str]]"
COMMANDS = [(), ("--discover",), ("--test",), ("--check",)]


@pytest.mark.parametrize("args", COMMANDS, ids=str)
def test_a_missing_config_file_is_one_sentence(
    errors_of: ERRORS, args: tuple[str, ...], tmp_path: Path
) -> None:
    """It names the file."""
    (sentence,) = errors_of("--config", str(tmp_path / "nowhere.json"), *args)
    assert "nowhere.json cannot be read: No such file or directory" in sentence


@pytest.mark.parametrize("args", COMMANDS, ids=str)
def test_a_missing_key_is_one_sentence(errors_of: ERRORS, args: tuple[str, ...]) -> None:
    """No config at all."""
    (sentence,) = errors_of(*args)
    assert "`api_key` is missing" in sentence


BAD_FILES: list[tuple[str, bytes, str]] = [
    ("config", b'{"api_key": "k-3f9c2b"', "isn't valid JSON (line 1"),
    ("config", b'["k-3f9c2b"]', "must hold a JSON object of settings"),
    ("config", b"null", "must hold a JSON object of settings"),
    ("config", b'{"\xfc": 1}', "isn't valid JSON in UTF-8"),
    ("config", b"", "isn't valid JSON"),
    ("catalog", b"{", "isn't valid JSON"),
    ("catalog", b"[]", "isn't a Singer catalog"),
    ("catalog", b'{"streams": {}}', "isn't a Singer catalog"),
    ("catalog", b'{"streams": [{"stream": "users"}]}', "isn't a Singer catalog"),
    ("catalog", b'{"streams": [{"tap_stream_id": 5}]}', "isn't a Singer catalog"),
    ("catalog", b'{"streams": [{"tap_stream_id": "a", "schema": []}]}', "isn't a Singer catalog"),
    (
        "catalog",
        b'{"streams": [{"tap_stream_id": "a", "metadata": [1]}]}',
        "isn't a Singer catalog",
    ),
    ("catalog", b"{}", "isn't a Singer catalog"),
    (
        "catalog",
        (
            b'{"streams": [{"tap_stream_id": "tags", "metadata": [{"breadcrumb": [], "metadata":'
            b' {"selected": "false"}}], "schema": {}}]}'
        ),
        "`selected` of tags must be true or false, without quotes",
    ),
    ("state", b"{", "isn't valid JSON"),
    ("state", b"[]", "The state isn't a JSON object"),
    ("state", b'{"api_key": "k-3f9c2b", "org_name": "acme"}', "isn't a state of this tap"),
    ("state", b'{"streams": [{"tap_stream_id": "users"}]}', "isn't a state of this tap"),
    ("state", b'{"singer_state": {"api_key": "k-3f9c2b"}}', "isn't a state of this tap"),
    ("state", b'{"singer_state": {"bookmarks": {"users": {}}}}', "written by another tap"),
    ("state", b'{"tap_kustomer": {}}\n{"bookm', "isn't valid JSON (line 2, column 2)"),
    ("state", b'{"tap_kustomer": {}}\n\n\n{}\n x', "isn't valid JSON (line 5, column 2)"),
    ("state", b'{"tap_kustomer": \n{}\n}x', "isn't valid JSON (line 1"),
    ("state", b'"x"', "The state isn't a JSON object"),
    ("state", b'{"bookmarks": {"users": {}}}', "written by another tap"),
    ("state", b'{"bookmarks": [], "tap_kustomer": {}}', "bookmarks in the state are damaged"),
]


@pytest.mark.parametrize(("kind", "content", "words"), BAD_FILES, ids=str)
def test_a_bad_file_is_one_sentence(
    errors_of: ERRORS, tmp_path: Path, kind: str, content: bytes, words: str
) -> None:
    """It names the file or what is wrong with it, never its content."""
    files = {"config": b'{"api_key": "k-3f9c2b", "api_url": "http://127.0.0.1:9"}'}
    files[kind] = content
    args: list[str] = []
    for name, text in files.items():
        path = tmp_path / f"{name}.json"
        path.write_bytes(text)
        args += [f"--{name}", str(path)]
    (sentence,) = errors_of(*args)
    assert words in sentence
    assert "k-3f9c2b" not in sentence


@pytest.mark.parametrize("kind", ["catalog", "state"])
def test_a_missing_catalog_or_state_is_one_sentence(
    errors_of: ERRORS, kind: str, tmp_path: Path
) -> None:
    """Status 1 as for everything else, not click's 2."""
    config = tmp_path / "config.json"
    config.write_text('{"api_key": "k"}')
    (sentence,) = errors_of("--config", str(config), f"--{kind}", str(tmp_path / "nowhere.json"))
    assert f"The {kind} file" in sentence
    assert "cannot be read" in sentence


def test_a_folder_as_config_is_one_sentence(errors_of: ERRORS, tmp_path: Path) -> None:
    """As Docker makes one where a file is not mounted."""
    assert "cannot be read: Is a directory" in errors_of("--config", str(tmp_path))[0]


def test_an_unknown_option_is_one_sentence(errors_of: ERRORS) -> None:
    """With a pointer to the help."""
    (sentence,) = errors_of("--configg", "x")
    assert "--configg" in sentence
    assert "--help" in sentence


def test_an_unforeseen_error_is_one_sentence_without_its_text(
    errors_of: ERRORS, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its text may show a key or a row, also in the traceback of the debug log."""
    content = "k-3f9c2b"

    def fail(*_args: object, **_kwargs: object) -> None:
        try:
            int(content)
        except ValueError as error:
            raise RuntimeError(error) from error

    monkeypatch.setattr(TapKustomer, "_validate_config", fail)
    with caplog.at_level(logging.DEBUG):
        (sentence,) = errors_of()
    assert "an unexpected RuntimeError in test_cli.py" in sentence
    assert "in fail" in caplog.text
    assert "k-3f9c2b" not in caplog.text


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, "No such file or directory"),
        OSError(errno.ENOSPC, "No space left on device", "some.file"),
        ConnectionError("cut off"),
    ],
    ids=["no_file", "another_file", "connection"],
)
def test_not_every_error_of_the_system_is_one_of_the_output(
    errors_of: ERRORS, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    """Who is told of the output looks at the wrong place."""

    def fail(*_args: object, **_kwargs: object) -> None:
        raise error

    monkeypatch.setattr(TapKustomer, "_validate_config", fail)
    (sentence,) = errors_of()
    assert f"an unexpected {type(error).__name__} in test_cli.py" in sentence


def test_a_whole_state_message_is_a_state(sim: Simulator, tmp_path: Path) -> None:
    """The last line of an earlier run, as it was."""
    sim.org.add("customer", count=3)
    first = run_tap(sim.config, select=["customers"], folder=tmp_path)
    message = {"type": "STATE", "value": first.state}
    second = run_tap(sim.config, select=["customers"], state=message, folder=tmp_path)
    assert second.status == 0
    assert second.bookmark("customers") == first.bookmark("customers")


def test_settings_from_the_environment_work(sim: Simulator, tmp_path: Path) -> None:
    """``--config=ENV``, alone and over a file."""
    sim.org.add("tag", count=2)
    env = {f"TAP_KUSTOMER_{name.upper()}": value for name, value in sim.config.items()}
    done = tap("--config=ENV", "--discover", env=env)
    assert done.returncode == 0
    assert {"tags", "users"} <= {one["stream"] for one in json.loads(done.stdout)["streams"]}
    config = tmp_path / "config.json"
    config.write_text(json.dumps({**sim.config, "page_size": 7}))
    wrong = tap("--config", str(config), "--config=ENV", env={"TAP_KUSTOMER_PAGE_SIZE": "many"})
    assert wrong.returncode == 1
    assert "`page_size` must be a whole number from 1 to 500." in wrong.stderr
    assert "Traceback" not in wrong.stderr


@pytest.mark.parametrize("args", [("--about",), ("--version",), ("--help",)], ids=str)
def test_what_needs_no_settings_ends_with_0(args: tuple[str, ...]) -> None:
    """And says something."""
    done = tap(*args)
    assert done.returncode == 0
    assert "kustomer" in done.stdout.lower()


def test_the_help_says_what_it_is_how_to_set_it_and_three_examples() -> None:
    """At 80 columns, which is what `help` is read at."""
    shown = tap("--help", env={"COLUMNS": "80"}).stdout

    assert "Read a Kustomer org and write Singer messages to standard output." in shown
    assert "TAP_KUSTOMER_ORG_NAME" in shown
    examples = shown.partition("Examples:")[2].strip().splitlines()
    assert len(examples) == 3
    assert all(one.strip().startswith("tap-kustomer --config config.json ") for one in examples)
    assert max(map(len, shown.splitlines())) <= 80


def test_about_describes_every_setting() -> None:
    """With its default; a list of names and types is no help."""
    shown = tap("--about").stdout

    assert "api_key (string, required)" in shown
    assert "page_size (integer, default 500)\n    Rows per search request" in shown
    described = json.loads(tap("--about", "--format", "json").stdout)["settings"]["properties"]
    assert {name for name in described if f"\n  {name} (" not in shown} == set()
    assert max(map(len, shown.splitlines())) <= 100


@pytest.mark.parametrize("args", [(), ("--discover",), ("--test",), ("--check",)], ids=str)
def test_a_wrong_key_is_one_sentence(sim: Simulator, tmp_path: Path, args: tuple[str, ...]) -> None:
    """Status 401: which setting to change, and where a key is made."""
    output = run_tap({**sim.config, "api_key": "wrong-3f9c2b"}, *args, folder=tmp_path)
    assert output.status == 1
    assert len(sentences(output.stderr)) == 1
    assert "Kustomer rejected the API key" in output.stderr
    assert "`api_key`" in output.stderr
    assert "wrong-3f9c2b" not in output.stderr
    assert "Traceback" not in output.stderr


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("place", ["/v1/users/current", "/v1/tags"])
def test_a_signal_ends_a_hanging_request_at_once(
    sim: Simulator, tmp_path: Path, number: signal.Signals, status: int, place: str
) -> None:
    """During discovery and during a stream; threads that wait are not waited for."""
    sim.org.add("tag", count=2)
    config: dict[str, Any] = sim.config
    command = tap_command(config, select=["tags"], folder=tmp_path)
    sim.reset_log()
    sim.faults.add(Fault("hang", path=place, times=None))
    with subprocess.Popen(  # noqa: S603 - the tap itself
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True
    ) as process:
        deadline = time.monotonic() + 120
        while not any(log.path == place for log in sim.requests):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == status
        assert "Traceback" not in stderr
