"""singer-check-tap, the checker of the Singer community, accepts what the tap writes."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from simulator import Org, Simulator
from tests.e2e.project import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.project import MeltanoProject

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


def test_two_runs_pass(installed_project: MeltanoProject, config: Path) -> None:
    """The second run gets the state of the first."""
    tap = installed_project.executable("tap-kustomer", "tap-kustomer")
    done = subprocess.run(
        [str(CHECK), "--tap", str(tap), "--config", str(config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "valid" in done.stdout
