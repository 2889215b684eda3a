"""Files as other editors write them, and an output that does not block, for ``source-kustomer``."""

from __future__ import annotations

import codecs
import fcntl
import json
import os
import select
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator import Org, Simulator
from tests.airbyte.support import (
    Printed,
    configured,
    read_lines,
    run_source,
    source_command,
    spawn_source,
)
from tests.support import ROOT

DAY = 86_400.0
MARKS = {"utf-16-be": codecs.BOM_UTF16_BE, "utf-16-le": codecs.BOM_UTF16_LE}


@pytest.fixture(scope="module")
def served() -> Iterator[Simulator]:
    """Serve an org whose tags alone fill a pipe several times."""
    org = Org(seed=9)
    org.add("tag", 600)
    org.add("customer", 60, updated_at=lambda n: org.clock.now() - (n + 1) * DAY)
    with Simulator(org, limits=False) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def catalog(served: Simulator, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Select what fills the pipe, and what goes on from a state."""
    folder = tmp_path_factory.mktemp("discover")
    (printed,) = run_source("discover", folder, config=served.config).of_type("CATALOG")
    return configured(printed["streams"], ["customers", "tags"])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-16-le"])
def test_files_in_any_utf_are_read(
    served: Simulator, catalog: dict[str, Any], encoding: str, tmp_path: Path
) -> None:
    """Config, catalog and state; with a state that is not understood all would come again."""
    first = run_source("read", tmp_path, config=served.config, catalog=catalog)
    assert len(first.ids("customers")) == 60
    for name, content in (
        ("config", served.config), ("catalog", catalog), ("state", first.state_file)
    ):  # fmt: skip
        written = MARKS.get(encoding, b"") + json.dumps(content).encode(encoding)
        (tmp_path / f"{name}.json").write_bytes(written)
    files = [f"--{name}={tmp_path / name}.json" for name in ("config", "catalog", "state")]
    command = [*source_command("read", tmp_path), *files]
    done = subprocess.run(  # noqa: S603 - the source itself
        command, capture_output=True, timeout=60, check=False, cwd=ROOT
    )
    second = Printed(done.returncode, read_lines(done.stdout))
    assert second.status == 0, second.errors
    assert len(second.ids("tags")) == 600
    assert len(second.ids("customers")) <= 1  # the newest comes again, within the lookback


def test_a_file_in_another_encoding_is_named(
    served: Simulator, catalog: dict[str, Any], tmp_path: Path
) -> None:
    """By one sentence, and nothing is read."""
    served.reset_log()
    command = source_command("read", tmp_path, config=served.config, catalog=catalog, state=[])
    (tmp_path / "state.json").write_bytes('[{"é": 1}]'.encode("latin-1"))
    done = subprocess.run(  # noqa: S603 - the source itself
        command, capture_output=True, timeout=60, check=False, cwd=ROOT
    )
    printed = Printed(done.returncode, read_lines(done.stdout))
    assert printed.status == 1
    assert "state.json" in printed.errors[0]["message"]
    assert not served.requests


def test_a_pipe_that_does_not_block_gets_every_message(
    served: Simulator, catalog: dict[str, Any], tmp_path: Path
) -> None:
    """As a parent in Node.js makes it; nobody reads until the pipe is full."""
    expected = spawn_source("read", tmp_path, config=served.config, catalog=catalog).counts
    command = source_command("read", tmp_path, config=served.config, catalog=catalog)
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writing, False)
    with subprocess.Popen(  # noqa: S603 - the source itself
        command, stdout=writing, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:
        os.close(writing)
        select.select([reading], [], [], 60)
        with pytest.raises(subprocess.TimeoutExpired):  # it waits for whoever reads
            process.wait(timeout=0.5)
        with os.fdopen(reading, "rb") as pipe:
            messages = read_lines(pipe.read())
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert Printed(0, messages).counts == expected
