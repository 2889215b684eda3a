"""What Kustomer forgets over the years is forgotten here, and nothing is missing: dbt proves it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field

import duckdb
import pytest

from simulator import Org, Simulator
from simulator.clock import DAY
from tests.e2e.project import CHECKOUT, MeltanoProject

PACKAGE = CHECKOUT / "analytics"
DBT = CHECKOUT / ".venv-analytics" / "bin" / "dbt"
RUN = ("run", "tap-kustomer", "target-duckdb")
QUARTER = 80 * DAY  # less than the 90 days for which Kustomer keeps its log
QUARTERS = 5  # after the four years that the org has behind it when it is read first
READ = ["conversation_events", "deletions", "satisfaction_responses"]
PROOF = ["present_ids", "row_counts"]
CONTEXTS = {"conversation": "conversations", "customer": "customers", "message": "messages"}
CHECKS = ("kustomer__completeness", "kustomer__reconciliation")

pytestmark = pytest.mark.skipif(not DBT.exists(), reason="dbt does not run on this Python")


@dataclass
class Life:
    """An org that loses rows in every way that Kustomer knows."""

    org: Org
    gone: set[tuple[str, str]] = field(default_factory=set)  # object and id
    restored: str = ""

    def pass_quarter(self) -> None:
        """Let people come, write and change, and rows go: softly, for good, and of old age."""
        org = self.org
        for _ in range(2):
            org.clock.advance(QUARTER / 2)
            now = org.clock.now()
            for customer in org.add("customer", 3, updated_at=now):
                parents = {"customer": customer}
                for one in org.add("conversation", 2, parents=parents, updated_at=now):
                    of_it = {**parents, "conversation": one}
                    org.add("message", 2, parents=of_it, updated_at=now)
            for context in CONTEXTS:
                org.update_random(context, 4)
                org.delete(context, org.rng.choice(org.ids(context)))
            for context in ("customer", "conversation"):
                self.gone |= set(org.erase(context, org.rng.choice(org.ids(context))))
            self.gone |= set(org.retain())
        org.clock.advance(7200)

    def restore_one(self) -> None:
        """Bring one customer back."""
        self.restored = min(id_ for context, id_ in self.gone if context == "customer")
        self.org.restore("customer", self.restored)
        self.gone.remove(("customer", self.restored))

    def gone_of(self, context: str) -> set[str]:
        """Return the ids of what is gone."""
        return {id_ for name, id_ in self.gone if name == context}


@dataclass
class Warehouse:
    """What Meltano loaded, and dbt on it."""

    project: MeltanoProject
    life: Life

    def dbt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run dbt."""
        folder = self.project.database.parent
        command = [str(DBT), *arguments, "--project-dir", str(PACKAGE), "--profiles-dir",
                   str(PACKAGE), "--target", "duckdb"]  # fmt: skip
        env = {
            **os.environ,
            "KUSTOMER_DUCKDB_PATH": str(self.project.database),
            "DBT_LOG_PATH": str(folder / "logs"),
            "DBT_TARGET_PATH": str(folder / "target"),
        }
        return subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, check=False
        )

    def change(self, sql: str) -> None:
        """Change the database by hand."""
        with duckdb.connect(str(self.project.database)) as connection:
            connection.execute(sql)

    def ids(self, table: str, column: str = "id", where: str = "true") -> set[str]:
        """Return the values of a column."""
        found = self.project.query(f"select distinct {column} from {table} where {where}")  # noqa: S608
        return {value for (value,) in found}


@pytest.fixture(scope="module")
def warehouse(
    installed_project: MeltanoProject, tmp_path_factory: pytest.TempPathFactory
) -> Warehouse:
    """Load an org again and again while years pass, and build the models on what is there."""
    org = Org(seed=3)
    org.seed(customers=40)
    life = Life(org)
    with Simulator(org, limits=False) as served:
        folder = tmp_path_factory.mktemp("years")
        project = (
            installed_project.started_afresh(folder)
            .reading(served)
            .with_env(
                TAP_KUSTOMER_TOMBSTONES="true",
                TAP_KUSTOMER_OPTIONAL_STREAMS=json.dumps(READ),
                TAP_KUSTOMER_PRESENT_IDS_OF=json.dumps(list(CONTEXTS.values())),
                TAP_KUSTOMER_SEARCH_REQUESTS_PER_MINUTE="100000",
                TAP_KUSTOMER_REQUESTS_PER_MINUTE="1000000",
            )
        )
        for number in range(QUARTERS):
            project.meltano(*RUN)
            life.pass_quarter()
            if number == 1:
                life.restore_one()
        project = project.with_env(TAP_KUSTOMER_OPTIONAL_STREAMS=json.dumps([*READ, *PROOF]))
        project.meltano(*RUN)
    warehouse = Warehouse(project, life)
    built = warehouse.dbt("build", "--exclude", "kustomer__backlog_by_day_from_snapshots")
    assert built.returncode == 0, built.stdout
    return warehouse


def test_no_row_of_anything_deleted_is_left_in_the_models(warehouse: Warehouse) -> None:
    """Deleted for good, with its conversation, or of old age: in no model that has such an id."""
    life = warehouse.life
    columns = warehouse.project.query(
        "select table_name, column_name from information_schema.columns "
        "where table_schema = 'analytics' and column_name in ('conversation_id', 'message_id')"
    )
    assert len({table for table, _ in columns}) > 10
    for table, column in columns:
        gone = life.gone_of(column.removesuffix("_id"))
        assert len(gone) > 20
        assert not warehouse.ids(f"analytics.{table}", column) & gone, f"{table}.{column}"
    # The conversations of a customer who is gone stay, with the id that Kustomer shows in them.
    for table in ("stg_kustomer__customers", "kustomer__customers"):
        named = warehouse.ids(f"analytics.{table}", "customer_id", "name is not null")
        assert not named & life.gone_of("customer")
        assert life.restored in named


def test_what_is_deleted_softly_is_counted_by_no_metric(warehouse: Warehouse) -> None:
    """Its row stays, marked: Kustomer has it, too."""
    rows = warehouse.life.org.rows("conversation")
    deleted = {row["id"] for row in rows if row["attributes"].get("deleted")}

    assert deleted
    assert warehouse.ids("conversations", "id", "_sdc_deleted_at is not null") >= deleted
    assert (
        not warehouse.ids("analytics.kustomer__conversation_metrics", "conversation_id") & deleted
    )


def test_the_staging_models_hold_what_the_org_holds(warehouse: Warehouse) -> None:
    """Nothing more, and nothing less."""
    for context, table in CONTEXTS.items():
        staged = warehouse.ids(f"analytics.stg_kustomer__{table}", f"{context}_id")
        assert staged == set(warehouse.life.org.ids(context))


def test_every_month_is_complete_and_no_id_differs(warehouse: Warehouse) -> None:
    """As many rows as Kustomer counts, and the ids that it has."""
    compared = warehouse.project.query(
        "select stream, sum(loaded_rows), sum(counted_rows), bool_and(difference = 0 and complete) "
        "from analytics.kustomer__completeness group by stream order by stream"
    )
    expected = {table: len(warehouse.life.org.ids(context)) for context, table in CONTEXTS.items()}
    assert compared == [(table, rows, rows, True) for table, rows in sorted(expected.items())]
    assert warehouse.ids("present_ids", "stream") == set(CONTEXTS.values())
    assert warehouse.project.query("select * from analytics.kustomer__reconciliation") == []


def test_erasing_leaves_in_the_raw_tables_what_the_org_holds(warehouse: Warehouse) -> None:
    """Counted first; a second time there is nothing to erase, and the proof still holds."""
    before = warehouse.ids("messages")
    assert warehouse.dbt("run-operation", "kustomer_erase").returncode == 0
    assert warehouse.ids("messages") == before

    erased = warehouse.dbt("run-operation", "kustomer_erase", "--args", "{dry_run: false}")

    assert erased.returncode == 0, erased.stdout
    for context, table in {**CONTEXTS, "note": "notes"}.items():
        assert warehouse.ids(table) == set(warehouse.life.org.ids(context)), table
    again = warehouse.dbt("build", "--select", *CHECKS)
    assert again.returncode == 0, again.stdout


def test_a_row_that_is_missing_fails_the_build_and_names_its_month(warehouse: Warehouse) -> None:
    """Removed by hand, as a fault of a loader or a person would."""
    [(id_, month)] = warehouse.project.query(
        "select id, strftime(created_at, '%Y-%m') from customers order by id limit 1"
    )
    warehouse.change(f"delete from customers where id = '{id_}'")  # noqa: S608

    broken = warehouse.dbt("build", "--select", *CHECKS)

    assert broken.returncode == 1
    assert f"customers created in {month}" in broken.stdout
    found = warehouse.project.query(
        "select stream, id, finding from analytics.kustomer__reconciliation"
    )
    assert found == [("customers", id_, "missing here")]
