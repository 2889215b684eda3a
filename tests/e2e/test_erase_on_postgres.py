"""What Kustomer deleted is erased from PostgreSQL, and dbt proves that the rest is complete."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from simulator import Org, Simulator
from simulator.clock import DAY
from tests.e2e import postgres
from tests.e2e.warehouse import DBT, LOADED, Warehouse, on_postgres
from tests.support import run_tap

CONTEXTS = {"conversations": "conversation", "customers": "customer", "messages": "message"}
DEFAULT = ("customers", "conversations", "messages", "notes", "sync_runs")
OPTIONAL = ("conversation_events", "deletions", "present_ids", "row_counts")
CHECKS = ("kustomer__completeness", "kustomer__reconciliation")
COUNTED = re.compile(r"(\w+) \(\w+\): (\d+) rows (would be )?removed")

pytestmark = pytest.mark.skipif(not DBT.exists(), reason="dbt does not run on this Python")


@dataclass
class Life:
    """What the org holds in the end, and what the warehouse loaded."""

    warehouse: Warehouse
    present: dict[str, set[str]]
    restored: str

    def ids(self, table: str, column: str = "id") -> set[str]:
        """Return the values of a loaded table's column."""
        return {row[column] for row in self.warehouse.rows(table, LOADED)}

    def erase(self, *options: str) -> dict[str, int]:
        """Run the operation; return how many rows it names, by table."""
        counted: dict[str, int] = {}
        for table, rows, _ in COUNTED.findall(
            self.warehouse.dbt("run-operation", "kustomer_erase", *options)
        ):
            counted[table] = counted.get(table, 0) + int(rows)
        return counted


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """Load an org before and after rows were deleted for good, one of them restored since.

    There are no tombstones, so that only the operation can remove what is gone.
    """
    try:
        programs = postgres.install()
    except postgres.UnavailableError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("erase")
    org = Org(seed=3)
    org.seed(customers=12)
    with Simulator(org, limits=False) as server, postgres.server(programs) as port:
        warehouse = on_postgres(folder, port)
        config = {
            **server.config,
            "start_date": "2000-01-01",
            "optional_streams": list(OPTIONAL),
            "present_ids_of": list(CONTEXTS),
            "search_requests_per_minute": 100_000,
            "requests_per_minute": 1_000_000,
        }
        state = None
        for number in range(2):
            output = run_tap(config, select=(*DEFAULT, *OPTIONAL), state=state, folder=folder)
            assert output.status == 0, output.stderr
            warehouse.load(output)
            state = output.state
            if number == 0:
                org.clock.advance(40 * DAY)
                restored, *gone = org.ids("customer")[:3]
                for customer in (restored, *gone):
                    org.erase("customer", customer)
                for conversation in org.ids("conversation")[:3]:
                    org.erase("conversation", conversation)
                org.clock.advance(7200)
                org.restore("customer", restored)
                org.clock.advance(7200)
        present = {table: set(org.ids(context)) for table, context in CONTEXTS.items()}
        yield Life(warehouse, present, restored)


def test_the_models_leave_out_what_is_gone_and_prove_the_rest(life: Life) -> None:
    """As many rows as Kustomer counts in each month, and the ids that it has."""
    life.warehouse.build("--select", "stg_kustomer__customers", "stg_kustomer__conversations",
                         "stg_kustomer__messages", *CHECKS)  # fmt: skip

    compared = life.warehouse.rows("kustomer__completeness")
    assert all(row["difference"] == 0 for row in compared)
    for table, ids in life.present.items():
        rows = [row for row in compared if row["stream"] == table]
        assert sum(row["counted_rows"] for row in rows) == len(ids) > 0
        staged = life.warehouse.rows(f"stg_kustomer__{table}")
        assert {row[f"{CONTEXTS[table]}_id"] for row in staged} == ids
    assert life.warehouse.rows("kustomer__reconciliation") == []


def test_erasing_counts_first_and_then_removes_what_was_counted(life: Life) -> None:
    """With what hung on it; what was restored stays, and a second time nothing is left to do."""
    tables = (*CONTEXTS, "notes", "conversation_events")
    before = {table: life.ids(table) for table in tables}
    gone = before["conversations"] - life.present["conversations"]
    assert len(gone) == 3

    counted = life.erase()

    assert {table: life.ids(table) for table in tables} == before
    removed = life.erase("--args", "{dry_run: false}")
    after = {table: life.ids(table) for table in tables}
    assert {table: len(before[table] - after[table]) for table in tables} == counted == removed
    assert counted["customers"] == 2
    assert life.restored in after["customers"]
    for table, ids in life.present.items():
        assert after[table] == ids
    for table in ("messages", "notes", "conversation_events"):
        assert counted[table] > 0
        assert not life.ids(table, "conversation_id") & gone
    assert set(life.erase().values()) == {0}


def test_another_org_in_the_same_schema_is_not_compared(life: Life) -> None:
    """Nothing is known of what Kustomer has there, and it is none of what it has here."""
    life.warehouse.execute(
        "insert into {loaded}.conversations (id, org_id, created_at, updated_at)"
        " select 'another', 'another', min(created_at), min(created_at) from {loaded}.conversations"
    )

    life.warehouse.build("--select", *CHECKS)

    assert all(row["difference"] == 0 for row in life.warehouse.rows("kustomer__completeness"))
    assert life.warehouse.rows("kustomer__reconciliation") == []


def test_what_is_missing_is_named_by_month_and_by_id(life: Life) -> None:
    """Removed by hand, as a fault of a loader or a person would."""
    lost = min(life.warehouse.rows("conversations", LOADED), key=lambda row: str(row["id"]))
    life.warehouse.execute(f"delete from {{loaded}}.conversations where id = '{lost['id']}'")  # noqa: S608

    broken = life.warehouse.run("build", "--select", *CHECKS)

    assert broken.returncode == 1
    assert f"conversations created in {lost['created_at'][:7]}" in broken.stdout
    (found,) = life.warehouse.rows("kustomer__reconciliation")
    assert (found["stream"], found["id"], found["finding"]) == (
        "conversations", lost["id"], "missing here"
    )  # fmt: skip
