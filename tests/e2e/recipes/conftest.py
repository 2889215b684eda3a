"""The project and the org that the orchestrators' jobs load."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator import Simulator
from tests.docs.pages import CHECKOUT
from tests.e2e.project import MeltanoProject
from tests.e2e.recipes import jobs


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Let SIGINT end what the tests start: a shell ignores it for all in its background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def split(
    installed_project: MeltanoProject, tmp_path_factory: pytest.TempPathFactory
) -> MeltanoProject:
    """Return a project with the two jobs of docs/operations.md."""
    folder = tmp_path_factory.mktemp("split")
    return installed_project.with_snippet(CHECKOUT / "docs" / "operations.md", "split", folder)


@pytest.fixture
def served() -> Iterator[Simulator]:
    """Serve an org of a dozen pages."""
    with Simulator(jobs.org(), limits=False) as simulator:
        yield simulator


@pytest.fixture
def project(split: MeltanoProject, served: Simulator, tmp_path: Path) -> MeltanoProject:
    """Return the project with the jobs, that loaded nothing yet."""
    return jobs.afresh(split, served, tmp_path)
