"""The pages with real parts: Meltano's commands, a loader in the pipe."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from simulator import Org, Simulator
from tests.docs.pages import PAGES, SINGER, blocks_of
from tests.e2e.project import MELTANO, MeltanoProject

LOADING, OPERATIONS = PAGES[1:3]
STATE_ID = "dev:tap-kustomer-to-target-duckdb"


@pytest.fixture(scope="module")
def served() -> Iterator[Simulator]:
    """Serve a small org; a page's commands follow each other within seconds."""
    org = Org(seed=5)
    org.seed(customers=15, children=False)
    with Simulator(org, limits=False) as simulator:
        yield simulator


def shell(project: MeltanoProject, commands: str) -> subprocess.CompletedProcess[str]:
    """Run commands as they stand in a page, in the project's folder."""
    path = f"{MELTANO.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", commands],
        cwd=project.root,
        env={**project.env, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
    return done


def printed(project: MeltanoProject, *arguments: str) -> dict[str, Any]:
    """Return the JSON that a command of Meltano prints."""
    answer: dict[str, Any] = json.loads(project.meltano(*arguments).stdout)
    return answer


def test_the_commands_for_duckdb_run(project: MeltanoProject, served: Simulator) -> None:
    """In order: config test, run, state, select. The plugins are installed already."""
    project = project.reading(served)
    blocks = [block.text for block in blocks_of(LOADING) if block.needs_meltano]
    told = ""
    for text in blocks[:2]:
        lines = [line for line in text.splitlines() if not line.startswith(("export", "meltano i"))]
        told += shell(project, "\n".join(lines)).stdout

    assert STATE_ID in told
    assert '"bookmarks"' in told
    assert "customers.custom" in told
    conversations = set(served.org.ids("conversation"))
    assert {id_ for (id_,) in project.query("select id from conversations")} == conversations

    before = printed(project, "state", "get", STATE_ID)
    for text in blocks[2:]:
        shell(project, text)
    assert printed(project, "state", "get", STATE_ID) == before  # the usual runs keep theirs
    assert project.meltano("state", "list").stdout.split() == [STATE_ID]


def test_the_pipe_loads_with_a_real_target(
    project: MeltanoProject, served: Simulator, tmp_path: Path
) -> None:
    """As in docs/singer.md, with the loader for DuckDB in the place of target-jsonl."""
    files = {
        "config.json": {**served.config, "start_date": "2015-01-01"},
        "target.json": {"path": str(tmp_path / "piped.duckdb"), "default_target_schema": "main"},
    }
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    tap = project.executable("tap-kustomer", "tap-kustomer")
    loader = project.executable("target-duckdb", "target-duckdb-no-header")
    here = MeltanoProject(tmp_path, project.env)
    remarks = {block.remark: block.text for block in blocks_of(SINGER)}
    for remark in ("the first time", "from then on"):
        text = remarks[remark].replace("target-jsonl", str(loader))
        shell(here, re.sub(r"^tap-kustomer", str(tap), text, flags=re.MULTILINE))

    with duckdb.connect(str(tmp_path / "piped.duckdb"), read_only=True) as connection:
        ids = {id_ for (id_,) in connection.execute("select id from customers").fetchall()}
        runs = connection.execute("select count(*) from sync_runs where stream = 'tags'").fetchone()
    assert ids == set(served.org.ids("customer"))
    assert runs == (2,)


def test_orgs_have_a_key_and_a_schema_of_their_own(project: MeltanoProject, tmp_path: Path) -> None:
    """As the environments of the page set them."""
    orgs = project.with_snippet(LOADING, "environments", tmp_path).with_env(
        KUSTOMER_KEY_ACME="key-a", KUSTOMER_KEY_GLOBEX="key-g"
    )
    for name, key in (("acme", "key-a"), ("globex", "key-g")):
        there = orgs.with_env(MELTANO_ENVIRONMENT=name)
        tap = printed(there, "config", "--unsafe", "print", "tap-kustomer")
        loader = printed(there, "config", "print", "target-duckdb")
        assert (tap["org_name"], tap["api_key"]) == (name, key)
        assert loader["default_target_schema"] == f"kustomer_{name}"


def test_split_jobs_read_their_own_streams(
    project: MeltanoProject, served: Simulator, tmp_path: Path
) -> None:
    """Each with its share and its state."""
    jobs = project.reading(served).with_snippet(OPERATIONS, "split", tmp_path)
    jobs.meltano("run", "quick")
    tables = "select table_name from information_schema.tables"
    assert {name for (name,) in jobs.query(tables)} == {
        "conversations",
        "customers",
        "messages",
        "sync_runs",
    }
    assert "dev:tap-kustomer--quick-to-target-duckdb" in jobs.meltano("state", "list").stdout
