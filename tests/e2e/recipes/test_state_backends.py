"""Where docs/operations.md keeps Meltano's state: a real PostgreSQL, a server that speaks S3."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import requests

from simulator import Fault, Simulator
from tests.docs.pages import CHECKOUT, blocks_of
from tests.e2e.postgres import Database
from tests.e2e.project import MeltanoProject
from tests.e2e.recipes import jobs

OPERATIONS = CHECKOUT / "docs" / "operations.md"


def variables(remark: str, **places: str) -> dict[str, str]:
    """Return the variables that the page sets, with what is here in place of its examples."""
    (text,) = (one.text for one in blocks_of(OPERATIONS) if one.remark == remark)
    for example, here in places.items():
        assert example in text
        text = text.replace(example, here)
    return dict(line.partition("=")[::2] for line in text.splitlines())


@dataclass
class Backend:
    """A place for states, and how a run finds it after its machine is gone."""

    settings: Mapping[str, str]
    keeps_jobs: bool  # whether it also knows which runs go on

    def on(self, project: MeltanoProject, machine: Path) -> MeltanoProject:
        """Return the project on a machine that has nothing of earlier runs but the rows."""
        path = project.root / ".env"
        lines = path.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if not line.startswith("MELTANO_")]
        fresh = {"MELTANO_DATABASE_URI": f"sqlite:///{machine}.db", **self.settings}
        added = [f"{name}={value}" for name, value in fresh.items()]
        path.write_text("\n".join([*kept, *added]) + "\n", encoding="utf-8")
        env = {**project.env, **fresh, "TARGET_DUCKDB_BATCH_SIZE_ROWS": str(jobs.PAGE_SIZE)}
        return replace(project, env=env, program=jobs.program("meltano-state", "meltano"))


@pytest.fixture
def in_postgres(programs: Path, port: int, tmp_path: Path) -> Backend:
    """Return a database on a real server."""
    database = Database(programs / "psql", port, "", f"states_{tmp_path.name.lower()}"[:60])
    database.create()
    there = {"meltano:secret@db.example.com/meltano": f"postgres@127.0.0.1:{port}/{database.name}"}
    return Backend(variables("state in PostgreSQL", **there), keeps_jobs=True)


@pytest.fixture
def in_s3() -> Iterator[Backend]:
    """Run a server that speaks S3, with a bucket."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [str(jobs.program("meltano-state", "moto_server")), "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        jobs.until(lambda: answers(url), "the server is up")
        requests.put(f"{url}/bucket", timeout=60).raise_for_status()
        settings = variables("state in S3")
        endpoint = {"MELTANO_STATE_BACKEND_S3_ENDPOINT_URL": url}
        yield Backend({**settings, **endpoint}, keeps_jobs=False)
    finally:
        server.terminate()
        server.wait()


def answers(url: str) -> bool:
    """Say whether a server is there."""
    try:
        return requests.get(url, timeout=60).status_code > 0
    except requests.ConnectionError:
        return False


@pytest.fixture(params=["in_postgres", "in_s3"])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Return each of them."""
    made: Backend = request.getfixturevalue(request.param)
    return made


def messages_read(served: Simulator) -> int:
    """Return how many messages the org handed out since its log was cleared."""
    return sum(log.rows for log in served.searches("message"))


def test_a_second_machine_reads_on_from_the_state(
    backend: Backend, project: MeltanoProject, served: Simulator, tmp_path: Path
) -> None:
    """What the first kept for itself is gone; the state is not."""
    backend.on(project, tmp_path / "first").meltano("run", "quick")
    assert messages_read(served) >= jobs.MESSAGES
    served.reset_log()
    served.org.add("message", 3, updated_at=served.org.clock.now())

    second = backend.on(project, tmp_path / "second")
    second.meltano("run", "quick")

    assert messages_read(served) <= 2 * jobs.PAGE_SIZE
    assert second.meltano("state", "list").stdout.split() == [jobs.STATE_ID]
    ids = {id_ for (id_,) in project.query("select id from messages")}
    assert ids == set(served.org.ids("message"))


def test_the_state_of_a_killed_run_is_kept(
    backend: Backend, project: MeltanoProject, served: Simulator, tmp_path: Path
) -> None:
    """As far as the loader had come, though nobody could say goodbye."""
    fault = served.faults.add(Fault("hang", context="message", after=8, times=None))
    first = backend.on(project, tmp_path / "first")
    with subprocess.Popen(
        [str(first.program), "run", "quick"],
        cwd=first.root, env=dict(first.env), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as run:  # fmt: skip
        jobs.until(lambda: fault.happened > 0, "the run is in the middle of the messages")
        jobs.until(lambda: jobs.keeps_messages(first), "the state speaks of what is loaded")
        os.killpg(run.pid, signal.SIGKILL)
    served.faults.clear()
    served.reset_log()

    second = backend.on(project, tmp_path / "second")
    # The database remembers that a run began and not that it ended, for five minutes.
    second.meltano("run", *(["--force"] if backend.keeps_jobs else []), "quick")

    assert 0 < messages_read(served) < jobs.MESSAGES
    ids = {id_ for (id_,) in project.query("select id from messages")}
    assert ids == set(served.org.ids("message"))
