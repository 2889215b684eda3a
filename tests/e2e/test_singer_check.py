"""singer-check-tap, the checker of the Singer community, accepts what the tap writes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator import Org, Simulator
from tests.e2e.project import CHECKOUT, MeltanoProject

CHECK = CHECKOUT / ".venv-singer-tools" / "bin" / "singer-check-tap"


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """Serve a small org and yield the config file that reads it."""
    org = Org(seed=13)
    org.seed(customers=30)
    with Simulator(org) as served:
        path = tmp_path / "config.json"
        path.write_text(json.dumps(served.config), encoding="utf-8")
        yield path


def run(*command: object, given: str = "", folder: Path) -> str:
    """Run a program and return its output; fail with all it said if it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,  # singer-check-tap makes one of its own in it
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return done.stdout


def last_state(output: str) -> str:
    """Return the value of the last STATE message."""
    messages = map(json.loads, output.splitlines())
    return json.dumps([m["value"] for m in messages if m["type"] == "STATE"][-1])


def test_two_runs_pass(installed_project: MeltanoProject, config: Path, tmp_path: Path) -> None:
    """The second run gets the state of the first.

    The checker reads from its input: run by it, the tap ends before it has read all (it does not
    wait for its own thread).
    """
    tap = installed_project.executable("tap-kustomer", "tap-kustomer")
    state = tmp_path / "state.json"

    first = run(tap, "--config", config, folder=tmp_path)
    state.write_text(last_state(first), encoding="utf-8")
    second = run(tap, "--config", config, "--state", state, folder=tmp_path)

    for output in (first, second):
        assert "The output is valid." in run(CHECK, given=output, folder=tmp_path)
    assert second.count('"RECORD"') < first.count('"RECORD"')
