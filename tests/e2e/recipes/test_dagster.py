"""The jobs of docs/orchestrators.md in a real Dagster, with its pools and retries."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from simulator import Fault, Simulator
from tests.e2e.project import MeltanoProject
from tests.e2e.recipes import jobs

BLOCKED = "Step blocked by limit for pool kustomer_quick"
SHORTENED = {'"/srv/kustomer"': "", "delay=360": "delay=1"}
LISTED = """
import json, sys
sys.path.insert(0, sys.argv[1])
from kustomer import defs
repository = defs.get_repository_def()
print(json.dumps({one.job_name: one.cron_schedule for one in repository.schedule_defs}))
"""


@dataclass
class Dagster:
    """A folder with the page's jobs and Dagster's own files."""

    home: Path

    def start(self, job: str, log: str) -> subprocess.Popen[bytes]:
        """Start a run of a job, with its log in a file."""
        command = [str(jobs.program("dagster", "dagster")), "job", "execute"]
        with (self.home / log).open("wb") as file:
            return subprocess.Popen(
                [*command, "-f", "kustomer.py", "-j", job],
                cwd=self.home,
                env=jobs.clean_env(DAGSTER_HOME=str(self.home)),
                stdout=file,
                stderr=file,
            )

    def log(self, name: str) -> str:
        """Return what a run logged so far."""
        return (self.home / name).read_text(encoding="utf-8")

    def run(self, job: str) -> str:
        """Run a job; return its log."""
        with self.start(job, "log") as process:
            process.wait(timeout=300)
        assert process.returncode == 0, self.log("log")
        return self.log("log")


@pytest.fixture
def dagster(split: MeltanoProject, tmp_path: Path) -> Dagster:
    """Return a home with the page's jobs, in the project's folder, and a short wait."""
    home = tmp_path / "dagster"
    home.mkdir()
    text = jobs.block("dagster")
    for old, new in SHORTENED.items():
        assert text.count(old) == 1
        text = text.replace(old, new or repr(str(split.root)))
    (home / "kustomer.py").write_text(text, encoding="utf-8")
    settings = jobs.block("dagster.yaml") + "telemetry:\n  enabled: false\n"
    (home / "dagster.yaml").write_text(settings, encoding="utf-8")
    return Dagster(home)


@contextlib.contextmanager
def ended(*processes: subprocess.Popen[bytes]) -> Iterator[None]:
    """Make sure that runs end."""
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_the_jobs_load_with_their_schedules(dagster: Dagster) -> None:
    """As they stand on the page."""
    (dagster.home / "kustomer.py").write_text(jobs.block("dagster"), encoding="utf-8")

    done = subprocess.run(
        [str(jobs.program("dagster", "python")), "-c", LISTED, str(dagster.home)],
        env=jobs.clean_env(DAGSTER_HOME=str(dagster.home)),
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"quick": "*/15 * * * *", "rest": "0 2 * * *"}


def test_a_retry_resumes_from_the_state(
    dagster: Dagster, project: MeltanoProject, served: Simulator
) -> None:
    """The first try dies in the middle of the messages; what it loaded is not asked for again."""
    fault = jobs.dies_in_messages(served)

    log = dagster.run("quick")

    assert fault.happened == 2  # one redirect alone is asked again
    assert log.count("STEP_RESTARTED") == 1, log
    jobs.assert_resumes(served)
    ids = {id_ for (id_,) in project.query("select id from messages")}
    assert ids == set(served.org.ids("message"))


def test_two_runs_of_a_job_wait_for_one_another_and_two_jobs_do_not(
    dagster: Dagster, project: MeltanoProject, served: Simulator
) -> None:
    """While one loads, the pool holds back another of its job, and none of the other job."""
    gate = jobs.gated(served)
    first = dagster.start("quick", "first")
    jobs.until(lambda: bool(served.searches()), "the first asks for rows")
    second, other = dagster.start("quick", "second"), dagster.start("rest", "other")
    with ended(first, second, other):
        try:
            jobs.until(lambda: BLOCKED in dagster.log("second"), "the second is held back")
            jobs.until(lambda: "STEP_START" in dagster.log("other"), "the other job begins")
            assert first.poll() is None
            assert "STEP_START" not in dagster.log("second")
        finally:
            gate.set()
        statuses = [process.wait(timeout=300) for process in (first, second, other)]

    assert statuses == [0, 0, 0], dagster.log("second")
    ids = {id_ for (id_,) in project.query("select id from messages")}
    assert ids == set(served.org.ids("message"))
    assert project.query("select count(*) from users")


def test_a_run_that_is_stopped_stops_meltano(
    dagster: Dagster, project: MeltanoProject, served: Simulator
) -> None:
    """It is not left running, nor killed: the next run of the job begins at once."""
    fault = served.faults.add(Fault("hang", context="message", after=6, times=None))
    run = dagster.start("quick", "stopped")
    with ended(run):
        jobs.until(lambda: fault.happened > 0, "the run is in the middle of the messages")
        run.send_signal(signal.SIGTERM)
        assert run.wait(timeout=60) != 0
    served.faults.clear()

    dagster.run("quick")

    ids = {id_ for (id_,) in project.query("select id from messages")}
    assert ids == set(served.org.ids("message"))
