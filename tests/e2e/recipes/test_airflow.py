"""The DAGs of docs/orchestrators.md in a real Airflow, with its scheduler, pools and retries."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulator import Fault, Simulator
from tests.e2e.project import MeltanoProject
from tests.e2e.recipes import airflow, jobs
from tests.e2e.recipes.airflow import Airflow

QUICK, REST = "kustomer_quick", "kustomer_rest"
SHORTENED = {
    '"/srv/kustomer"': "",  # the folder of the project, below
    "minutes=6": "seconds=1",
    '"*/15 * * * *"': "None",  # runs begin when the test says so
    '"0 2 * * *"': "None",
}


@pytest.fixture(scope="module")
def server(split: MeltanoProject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    """Run Airflow with the page's DAGs, and with one that is as it stands there."""
    home = tmp_path_factory.mktemp("airflow")
    (home / "dags").mkdir()
    text = jobs.block("airflow")
    unchanged = text.replace('f"kustomer_{job}"', 'f"unchanged_{job}"')
    (home / "dags" / "unchanged.py").write_text(unchanged, encoding="utf-8")
    for old, new in SHORTENED.items():
        assert text.count(old) == 1
        text = text.replace(old, new or repr(str(split.root)))
    (home / "dags" / "kustomer.py").write_text(text, encoding="utf-8")
    with airflow.started(home, jobs.block("airflow pool")) as started:
        jobs.until(lambda: started.get("dags")["total_entries"] == 4, "the DAGs are read")
        yield started


def test_the_dags_load_as_they_stand(server: Airflow) -> None:
    """No import error; when, how often at once, and in which pool is what the page says."""
    assert server.get("importErrors")["total_entries"] == 0
    for job, schedule in (("quick", "*/15 * * * *"), ("rest", "0 2 * * *")):
        dag = server.get(f"dags/unchanged_{job}/details")
        assert (dag["timetable_summary"], dag["max_active_runs"]) == (schedule, 1)
        task = server.get(f"dags/unchanged_{job}/tasks/load")
        assert (task["pool"], task["pool_slots"], task["retries"]) == ("kustomer", 4, 2)
        assert task["retry_delay"]["seconds"] == 360


def test_the_task_sets_the_share_of_its_slots(
    server: Airflow, project: MeltanoProject, served: Simulator
) -> None:
    """The variable is the one that Meltano reads for this job."""
    run = server.trigger(QUICK)
    assert server.ends(run) == "success", server.logs()

    fields = server.get(f"{run}/taskInstances/load")["rendered_fields"]
    ((name, share),) = fields["env"].items()
    assert share == "40"
    told = project.with_env(**{name: "37"}).meltano("config", "print", "tap-kustomer--quick")
    assert '"api_utilization_percentage": 37' in told.stdout
    ids = {id_ for (id_,) in project.query("select id from messages")}
    assert ids == set(served.org.ids("message"))


def test_a_retry_resumes_from_the_state(
    server: Airflow, project: MeltanoProject, served: Simulator
) -> None:
    """The first try dies in the middle of the messages; what it loaded is not asked for again."""
    fault = jobs.dies_in_messages(served)

    run = server.trigger(QUICK)

    assert server.ends(run) == "success", server.logs()
    assert fault.happened == 2  # one redirect alone is asked again
    assert [one["state"] for one in server.tries(run)] == ["failed", "success"]
    jobs.assert_resumes(served)
    ids = {id_ for (id_,) in project.query("select id from messages")}
    assert ids == set(served.org.ids("message"))


def test_a_run_that_is_stopped_stops_meltano(
    server: Airflow, project: MeltanoProject, served: Simulator
) -> None:
    """It is not left running, nor killed: the next run of the job begins at once."""
    fault = served.faults.add(Fault("hang", context="message", after=6, times=None))
    stopped = server.trigger(QUICK)
    jobs.until(lambda: fault.happened > 0, "the run is in the middle of the messages")
    server.set(stopped, state="failed")
    jobs.until(lambda: "Task killed!" in server.logs(), "the task is ended")
    served.faults.clear()

    run = server.trigger(QUICK)

    assert server.ends(run) == "success", server.logs()
    assert len(server.tries(run)) == 1
    ids = {id_ for (id_,) in project.query("select id from messages")}
    assert ids == set(served.org.ids("message"))


def test_jobs_run_side_by_side_while_their_shares_fit(
    server: Airflow, project: MeltanoProject, served: Simulator
) -> None:
    """Eight slots of the pool, four for each."""
    gate = jobs.gated(served)
    runs = [server.trigger(QUICK), server.trigger(REST)]
    try:
        jobs.until(lambda: server.pool() == (8, 0), "both run")
    finally:
        gate.set()

    assert [server.ends(run) for run in runs] == ["success"] * 2, server.logs()
    assert project.query("select count(*) from users")


def test_a_job_whose_share_does_not_fit_waits(
    server: Airflow, project: MeltanoProject, served: Simulator
) -> None:
    """In a pool of four slots the second begins when the first has ended."""
    server.set("pools/kustomer", name="kustomer", slots=4, include_deferred=False)
    gate = jobs.gated(served)
    try:
        runs = [server.trigger(QUICK), server.trigger(REST)]
        jobs.until(lambda: server.pool() == (4, 4), "one runs and one waits")
        server.makes_rounds(2)
        assert server.pool() == (4, 4)
    finally:
        gate.set()

    assert [server.ends(run) for run in runs] == ["success"] * 2, server.logs()
    first, second = sorted(
        (server.tries(run)[0] for run in runs), key=lambda one: one["start_date"]
    )
    assert first["end_date"] <= second["start_date"]
    assert project.query("select count(*) from users")
