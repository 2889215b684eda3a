"""A Meltano project of its own, with the tap and the loader installed by Meltano."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import postgres
from tests.e2e.project import CHECKOUT, MeltanoProject

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder as one that needs real parts."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def installed_project(tmp_path_factory: pytest.TempPathFactory) -> MeltanoProject:
    """Install the tap and the loader, as wheels, in a copy of this checkout's project."""
    root = tmp_path_factory.mktemp("meltano-project")
    lines = (CHECKOUT / "meltano.yml").read_text(encoding="utf-8")
    lines = lines.replace(
        "pip_url: ./tools/demo/loader", f"pip_url: {CHECKOUT / 'tools' / 'demo' / 'loader'}"
    )
    lines = lines.replace("pip_url: .\n", f"pip_url: {CHECKOUT}\n")
    (root / "meltano.yml").write_text(lines, encoding="utf-8")
    others = {k: v for k, v in os.environ.items() if not k.startswith(("TAP_", "MELTANO_"))}
    project = MeltanoProject(
        root,
        {
            **others,
            "MELTANO_ENVIRONMENT": "dev",
            "MELTANO_PROJECT_ROOT": str(root),
            "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
            "NO_COLOR": "1",
            "TARGET_DUCKDB_PATH": str(root / "none.duckdb"),
        },
    )
    project.meltano("install", "tap-kustomer", "target-duckdb")
    return project


@pytest.fixture
def project(installed_project: MeltanoProject, tmp_path: Path) -> MeltanoProject:
    """Return the installed project with an empty database and no state."""
    return installed_project.started_afresh(tmp_path)


@pytest.fixture(scope="session")
def programs() -> Path:
    """Return where PostgreSQL is, installed if need be."""
    try:
        return postgres.install()
    except postgres.UnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def port(programs: Path) -> Iterator[int]:
    """Run a server."""
    with postgres.server(programs) as port:
        yield port
