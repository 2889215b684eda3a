"""Meltano runs the tap as a user would: installed as a wheel, into DuckDB."""

from __future__ import annotations

import json
from collections.abc import Iterator

import duckdb
import pytest

from simulator import Org, Simulator
from tests.e2e.project import MeltanoProject
from tools.demo.compare import compare, expected_ids, loaded_ids

JOB = "kustomer-to-duckdb"
STATE_ID = "dev:tap-kustomer-to-target-duckdb"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Serve an org of its own to a test that changes it."""
    with serve() as served:
        yield served


def serve() -> Simulator:
    """Return a server of a small org."""
    org = Org(seed=11)
    org.seed(customers=60)
    return Simulator(org, work_items_list=True)  # not every org has this list


@pytest.fixture(scope="module")
def loaded(
    installed_project: MeltanoProject, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[MeltanoProject, Simulator]]:
    """Load an org once for the tests that only look."""
    with serve() as served:
        project = installed_project.started_afresh(tmp_path_factory.mktemp("loaded"))
        project = project.reading(served)
        project.meltano("run", JOB)
        yield project, served


def assert_same_ids(project: MeltanoProject, simulator: Simulator) -> None:
    """Compare every stream with the org, id by id."""
    with duckdb.connect(str(project.database), read_only=True) as connection:
        differences = compare(expected_ids(simulator.url), loaded_ids(connection))
    assert differences == []


def test_duckdb_holds_the_ids_of_the_org(loaded: tuple[MeltanoProject, Simulator]) -> None:
    """Not only as many: the same ones, in every stream."""
    assert_same_ids(*loaded)


def test_the_key_is_in_no_log(loaded: tuple[MeltanoProject, Simulator]) -> None:
    """Neither the tap nor Meltano writes it down."""
    project, simulator = loaded
    done = project.meltano("--log-level=debug", "run", JOB)

    assert simulator.config["api_key"] not in done.stdout + done.stderr


def test_every_stream_reports_its_run(loaded: tuple[MeltanoProject, Simulator]) -> None:
    """`sync_runs` has a row for each table."""
    project, _ = loaded
    tables = {name for (name,) in project.query("select table_name from information_schema.tables")}
    reported = {name for (name,) in project.query("select distinct stream from sync_runs")}

    assert tables - {"sync_runs"} <= reported


def test_state_get_shows_the_bookmarks(loaded: tuple[MeltanoProject, Simulator]) -> None:
    """Meltano keeps what the loader passed on."""
    project, _ = loaded
    state = json.loads(project.meltano("state", "get", STATE_ID).stdout)

    assert {"customers", "conversations", "messages"} <= set(state["singer_state"]["bookmarks"])


def test_config_test_accepts_the_settings(loaded: tuple[MeltanoProject, Simulator]) -> None:
    """`meltano config test` runs the tap's own check of a connection."""
    project, _ = loaded

    assert "valid" in project.meltano("config", "test", "tap-kustomer").stdout


def test_select_list_shows_custom_fields(loaded: tuple[MeltanoProject, Simulator]) -> None:
    """Each custom field can be selected or left out by its name."""
    project, simulator = loaded
    simulator.org.set_attribute("customer", "loyaltyLevelStr", type="string")

    listed = project.meltano("select", "--list", "tap-kustomer").stdout

    assert "customers.custom.loyaltyLevelStr" in listed


def test_the_schedule_runs_the_job(loaded: tuple[MeltanoProject, Simulator]) -> None:
    """The schedule in `meltano.yml` leads to the job."""
    project, _ = loaded
    listed = json.loads(project.meltano("schedule", "list", "--format=json").stdout)
    (schedule,) = listed["schedules"]["job"]

    assert schedule["job"]["name"] == JOB
    assert schedule["cron_interval"] == "0 * * * *"


def test_later_runs_read_next_to_nothing(project: MeltanoProject, simulator: Simulator) -> None:
    """Of the streams that have a bookmark, a few rows: the last, and what klasses share.

    The second run looks again at what the first got by one search, for no search more.
    """
    project = project.reading(simulator)
    project.meltano("run", JOB)
    first = sum(log.rows for log in simulator.searches())
    searches = len(simulator.searches())
    simulator.reset_log()
    project.meltano("run", JOB)
    again = sum(log.rows for log in simulator.searches())
    assert again < first / 2
    assert len(simulator.searches()) <= searches
    simulator.reset_log()

    project.meltano("run", JOB)

    assert sum(log.rows for log in simulator.searches()) < max(first / 20, 40)
    assert_same_ids(project, simulator)


def test_what_changes_between_two_runs_arrives(
    project: MeltanoProject, simulator: Simulator
) -> None:
    """Rows that came, changed or went, a new custom field and a new klass."""
    org, project = simulator.org, project.reading(simulator)
    project.meltano("run", JOB)

    now = org.clock.now()
    org.set_attribute("customer", "shoeSizeNum", type="number")
    (new,) = org.add("customer", 1, updated_at=now, custom={"shoeSizeNum": 44})
    changed, deleted = org.ids("conversation")[:2]
    org.update("conversation", changed, name="A new name")
    org.delete("conversation", deleted)
    org.add_klass("warranty")
    org.add("kobject_warranty", 3, updated_at=now)
    project.meltano("run", JOB)

    assert_same_ids(project, simulator)
    assert project.query("select count(*) from kobject_warranty") == [(3,)]
    shoe_size = "select custom->>'$.shoeSizeNum' from customers where id = ?"
    assert project.query(shoe_size, new) == [("44",)]
    conversation = "select name, _sdc_deleted_at is not null from conversations where id = ?"
    assert project.query(conversation, changed) == [("A new name", False)]
    assert project.query(conversation, deleted)[0][1] is True
