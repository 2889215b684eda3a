"""What docs/orchestrators.md says of runs that are stopped or killed, and of the next one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from simulator import Fault, Simulator
from tests.e2e.project import CHECKOUT, MeltanoProject
from tests.e2e.recipes import jobs
from tests.support import catalog_of


@pytest.fixture
def small_batches(project: MeltanoProject) -> MeltanoProject:
    """Return the project with a loader that holds few rows."""
    return project.with_env(TARGET_DUCKDB_BATCH_SIZE_ROWS=str(jobs.PAGE_SIZE))


def stopped(
    project: MeltanoProject, served: Simulator, stop: Callable[[subprocess.Popen[str]], object]
) -> tuple[int, str]:
    """Stop a run in the middle of the messages; return its status and its log."""
    fault = served.faults.add(Fault("hang", context="message", after=8, times=None))
    with subprocess.Popen(
        [str(project.program), "run", "quick"],
        cwd=project.root, env=dict(project.env), start_new_session=True, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    ) as run:  # fmt: skip
        jobs.until(lambda: fault.happened > 0, "the run is in the middle of the messages")
        stop(run)
        _, log = run.communicate(timeout=120)
    served.faults.clear()
    return run.returncode, log


def messages(project: MeltanoProject) -> set[str]:
    """Return the ids that are loaded."""
    return {id_ for (id_,) in project.query("select id from messages")}


def handed_out(served: Simulator) -> int:
    """Return how many messages the org has handed out."""
    return sum(log.rows for log in served.searches("message"))


def test_the_line_for_cron_lets_one_run_at_a_time(
    project: MeltanoProject, served: Simulator
) -> None:
    """As it stands in the table of docs/operations.md; the second ends at once, with 1."""
    page = (CHECKOUT / "docs" / "operations.md").read_text(encoding="utf-8")
    line = page.partition("`flock")[2].partition("`")[0]
    command, env = ["/bin/sh", "-c", f"flock{line}"], jobs.clean_env()
    gate = jobs.gated(served)
    with subprocess.Popen(
        command, cwd=project.root, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as first:
        try:
            jobs.until(lambda: bool(served.searches()), "the first asks for rows")
            second = subprocess.run(
                command, cwd=project.root, env=env, capture_output=True, check=False, timeout=120
            )
            assert (second.returncode, second.stdout) == (1, b"")
            assert first.poll() is None
        finally:
            gate.set()

    assert first.returncode == 0
    assert messages(project) == set(served.org.ids("message"))


def test_stopping_the_tap_loses_nothing(project: MeltanoProject, served: Simulator) -> None:
    """By the command of the page: the loader loads what it has, and the next run goes on there."""
    command = jobs.block("stop the tap").strip()

    def stop(run: subprocess.Popen[str]) -> None:
        # Of this run only: others on this machine may have a tap too.
        ours = command.replace("pkill", f"pkill -g {run.pid}")
        subprocess.run(ours, shell=True, check=True)  # noqa: S602 - the page's

    status, log = stopped(project, served, stop)

    assert status == 1, log
    first = handed_out(served)
    assert len(messages(project)) >= first - jobs.PAGE_SIZE
    served.reset_log()
    project.meltano("run", "quick")
    assert handed_out(served) <= jobs.MESSAGES - first + 2 * jobs.PAGE_SIZE
    assert messages(project) == set(served.org.ids("message"))


def assert_goes_on(project: MeltanoProject, served: Simulator) -> None:
    """Check that the next run begins at once, behind what is loaded, and that all is there then."""
    loaded = len(messages(project))
    assert loaded > 0
    served.reset_log()
    project.meltano("run", "quick")
    assert handed_out(served) <= jobs.MESSAGES - loaded + 4 * jobs.PAGE_SIZE
    assert messages(project) == set(served.org.ids("message"))


@pytest.mark.parametrize("group", [False, True], ids=["meltano", "all_of_them"])
@pytest.mark.parametrize(("number", "ends_with"), [(signal.SIGTERM, 143), (signal.SIGINT, 1)])
def test_stopping_meltano_keeps_what_was_loaded(
    small_batches: MeltanoProject,
    served: Simulator,
    number: signal.Signals,
    ends_with: int,
    *,
    group: bool,
) -> None:
    """The state speaks of these rows; Ctrl+C on a terminal is a SIGINT to all of them."""

    def stop(run: subprocess.Popen[str]) -> None:
        jobs.until(lambda: jobs.keeps_messages(small_batches), "the state speaks of messages")
        (os.killpg if group else os.kill)(run.pid, number)

    status, log = stopped(small_batches, served, stop)

    assert status == ends_with, log
    assert "Traceback" not in log
    assert_goes_on(small_batches, served)


@pytest.mark.parametrize("number", ["KILL", "TERM"])
def test_a_loader_that_is_killed_alone_keeps_what_it_loaded(
    small_batches: MeltanoProject, served: Simulator, number: str
) -> None:
    """As where memory runs out: Meltano says which part failed, and the next run goes on."""

    def stop(run: subprocess.Popen[str]) -> None:
        jobs.until(lambda: jobs.keeps_messages(small_batches), "the state speaks of messages")
        kill = ["pkill", f"-{number}", "-g", str(run.pid), "-f", "bin/target-duckdb"]
        subprocess.run(kill, check=True)

    status, log = stopped(small_batches, served, stop)

    assert status == 1, log
    assert "Loader failed" in log
    assert_goes_on(small_batches, served)


def test_a_loader_that_is_killed_in_a_pipe_keeps_what_it_loaded(
    small_batches: MeltanoProject, served: Simulator, tmp_path: Path
) -> None:
    """The tap ends by itself, quietly; the last line of `states.jsonl` is what to go on from."""
    tap = small_batches.executable("tap-kustomer", "tap-kustomer")
    loader = small_batches.executable("target-duckdb", "target-duckdb-no-header")
    settings = {"page_size": jobs.PAGE_SIZE, "max_concurrency": 1, "request_timeout": 5}
    files = {
        "config.json": {**served.config, **settings},
        "catalog.json": catalog_of(served.config, ["customers", "messages"]),
        "target.json": {
            "path": str(tmp_path / "piped.duckdb"),
            "default_target_schema": "main",
            "batch_size_rows": jobs.PAGE_SIZE,
        },
    }
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    states = tmp_path / "states.jsonl"
    pipe = (
        "set -o pipefail; tail -n 1 states.jsonl > state.json; "
        f"{tap} --config config.json --catalog catalog.json --state state.json "
        f"| {loader} --config target.json >> states.jsonl"
    )
    shell = ["/bin/bash", "-c", pipe]
    states.touch()

    def ids() -> set[str]:
        with duckdb.connect(str(tmp_path / "piped.duckdb"), read_only=True) as connection:
            return {id_ for (id_,) in connection.execute("select id from messages").fetchall()}

    fault = served.faults.add(Fault("hang", context="message", after=8, times=None))
    with subprocess.Popen(
        shell, cwd=tmp_path, start_new_session=True, text=True, stderr=subprocess.PIPE
    ) as run:
        jobs.until(lambda: fault.happened > 0, "the run is in the middle of the messages")
        jobs.until(lambda: '"messages"' in states.read_text(), "a state speaks of messages")
        kill = ["pkill", "-KILL", "-g", str(run.pid), "-f", f"^[^ ]*python[^ ]* {loader}"]
        subprocess.run(kill, check=True)
        served.faults.clear()
        _, log = run.communicate(timeout=240)

    loaded = len(ids())
    served.reset_log()
    assert run.returncode != 0
    assert "Traceback" not in log
    again = subprocess.run(shell, cwd=tmp_path, capture_output=True, check=False, timeout=240)
    assert again.returncode == 0, again.stderr
    assert loaded > 0
    assert handed_out(served) <= jobs.MESSAGES - loaded + 4 * jobs.PAGE_SIZE
    assert ids() == set(served.org.ids("message"))


def test_after_a_kill_meltano_refuses_until_it_is_forced(
    small_batches: MeltanoProject, served: Simulator
) -> None:
    """It cannot know that nothing runs any more; a retry has to come later than five minutes."""
    stopped(small_batches, served, lambda run: os.killpg(run.pid, signal.SIGKILL))
    served.reset_log()

    refused = subprocess.run(
        [str(small_batches.program), "run", "quick"],
        cwd=small_batches.root, env=dict(small_batches.env),
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip

    assert refused.returncode == 1
    assert "pipeline is already running" in refused.stderr
    assert not served.searches()
    small_batches.meltano("run", "--force", "quick")
    assert messages(small_batches) == set(served.org.ids("message"))
