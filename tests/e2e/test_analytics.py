"""The models of `analytics/` say what a head of support would, on DuckDB and on PostgreSQL."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from simulator import Clock, Org, Simulator
from tests import support
from tests.e2e import postgres
from tests.e2e.analytics_cases import READ_AT, SURVEYS, cases, id_of, populate, surveys, tables
from tests.e2e.project import CHECKOUT
from tests.e2e.warehouse import DBT, PACKAGE, files_of, on_duckdb, on_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.e2e.analytics_cases import Case, Table
    from tests.e2e.project import MeltanoProject
    from tests.e2e.warehouse import Warehouse

    Row = dict[str, Any]

DIALECTS = CHECKOUT / ".venv-dialects" / "bin"
STREAMS = (
    "audit_logs",
    "conversation_times",
    "conversations",
    "customers",
    "messages",
    "satisfaction_responses",
    "sync_runs",
    "tags",
    "teams",
    "users",
)
CASES = cases()
ORG = Org().org_id
TABLES = tables(ORG)
SLA_MODELS = ("+kustomer__conversation_metrics", "kustomer__time_in_status")
# The models that are built from changed rows only, and the one that most others are made of.
KEPT = (
    "stg_kustomer__conversations",
    "stg_kustomer__messages",
    "kustomer__conversation_metrics",
)
LAKE = {"kustomer_database": "lake", "kustomer_schema": "loads"}
ROOT_PROJECT = {
    "dbt_project.yml": "name: root\nprofile: root\nmodel-paths: [models]\n",
    # The loaded tables are in another database than the models.
    "profiles.yml": """
root:
  target: duckdb
  outputs:
    duckdb:
      type: duckdb
      path: "{{ env_var('KUSTOMER_DUCKDB_PATH') }}"
      schema: analytics
      attach: [{path: "{{ env_var('LAKE_PATH') }}", alias: lake, read_only: true}]
""",
    "packages.yml": f"packages:\n  - local: {PACKAGE}\n",
    # Names that a project may well have itself.
    "models/conversation_metrics.sql": "select 1 as mine\n",
    "models/mine.sql": "select count(*) as n from {{ ref('kustomer__conversation_metrics') }}\n",
}

pytestmark = pytest.mark.skipif(not DBT.exists(), reason="dbt does not run on this Python")


@pytest.fixture(scope="module")
def extract(tmp_path_factory: pytest.TempPathFactory) -> list[support.Output]:
    """Read an org that has the hand-made conversations and nothing else.

    The events are read apart: the reading of conversations would last until theirs ends.
    """
    clock = Clock()
    clock.set(READ_AT)
    clock.speed = 0  # the reading takes no time, so that waiting times can be told by hand
    org = Org(clock=clock)
    populate(org)
    with Simulator(org) as served:
        config = {
            **served.config,
            "start_date": "2015-01-01",
            "optional_streams": ["audit_logs", "conversation_events", "satisfaction_responses"],
        }
        folder = tmp_path_factory.mktemp("extract")
        outputs = [
            support.run_tap(config, select=select, folder=folder)
            for select in (STREAMS, ["conversation_events"])
        ]
    for output in outputs:
        assert output.status == 0, output.stderr[-3000:]
    return outputs


@pytest.fixture(scope="module")
def postgres_port() -> Iterator[int]:
    """Run a PostgreSQL of our own."""
    try:
        programs = postgres.install()
    except postgres.UnavailableError as error:
        pytest.skip(str(error))
    with postgres.server(programs) as port:
        yield port


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def built(
    request: pytest.FixtureRequest,
    extract: list[support.Output],
    tmp_path_factory: pytest.TempPathFactory,
) -> Warehouse:
    """Load and build."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "duckdb":
        warehouse = on_duckdb(folder, request.getfixturevalue("installed_project"))
    else:
        warehouse = on_postgres(folder, request.getfixturevalue("postgres_port"))
    for output in extract:
        warehouse.load(output)
    rows = [str(row) for row in surveys(ORG)]
    warehouse.execute(
        "delete from {loaded}.satisfaction_responses",
        f"insert into {{loaded}}.satisfaction_responses ({', '.join(SURVEYS)})"  # noqa: S608
        f" values {', '.join(rows)}",
    )
    warned = warehouse.build()
    # The one who wrote and is not listed, and nothing else.
    assert warned == {
        "relationships_int_kustomer__messages_created_by_id__user_id__ref_stg_kustomer__users_"
    }
    return warehouse


def assert_row(found: Row, expected: Row, what: str) -> None:
    """Compare what is expected; moments by their text, numbers to a hundredth."""
    for name, value in expected.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        # How long somebody waits is counted to the end of the last run, which takes a moment.
        margin = 1 if name == "waiting_seconds" else 0.01
        wanted = pytest.approx(value, abs=margin) if is_number else value
        shown = found[name]
        if isinstance(value, str) and isinstance(shown, str):
            shown = shown.replace(" ", "T") if "T" in value else shown
        assert shown == wanted, f"{what}: {name}"


@pytest.fixture(scope="module")
def measured(built: Warehouse) -> dict[str, Row]:
    """Return `kustomer__conversation_metrics` by conversation."""
    return {row["conversation_id"]: row for row in built.rows("kustomer__conversation_metrics")}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_conversation_counts_as_a_head_of_support_would_say(
    measured: dict[str, Row], case: Case
) -> None:
    """The sentence in the file says why."""
    found = measured.get(case.id)
    if case.expect is None:
        assert found is None, case.why
    else:
        assert found is not None, case.why
        assert_row(found, case.expect, case.why)


@pytest.mark.parametrize("table", TABLES, ids=[f"{one.model} {one.key}" for one in TABLES])
def test_other_models_add_up_what_is_expected(built: Warehouse, table: Table) -> None:
    """The sentence in the file says why."""
    rows = [
        row
        for row in built.rows(table.model)
        if all(row[name] == value for name, value in table.key.items())
    ]
    if table.expect is None:
        assert rows == [], table.why
    else:
        (found,) = rows
        assert_row(found, table.expect, table.why)


def test_every_model_tells_orgs_apart(built: Warehouse) -> None:
    """Two orgs in one schema are never summed."""
    models = {path.stem for path in (PACKAGE / "models").glob("*/kustomer__*.sql")}
    found = built.rows("columns", "information_schema")
    telling = {
        row["table_name"]
        for row in found
        if row["table_schema"] == "analytics" and row["column_name"] == "org_id"
    }
    assert models - telling == {"kustomer__time_spine"}
    for model in models & telling:
        assert all(row["org_id"] for row in built.rows(model)), model
    volume = built.rows("kustomer__conversations_by_day")
    assert {row["org_id"] for row in volume} == {ORG, id_of("sandbox")}


def test_the_backlog_of_the_log_follows_every_change(built: Warehouse) -> None:
    """What was deleted on the 18th and what was done on the 17th is no longer part of it."""
    shown = {row["day"]: row for row in built.rows("kustomer__backlog_by_day_from_audit_logs")}
    assert {day: (row["open"], row["snoozed"]) for day, row in shown.items()} == {
        "2026-03-17": (21, 1),
        "2026-03-18": (20, 1),
        "2026-03-19": (20, 1),
    }
    assert {row["org_id"] for row in shown.values()} == {ORG}
    assert shown["2026-03-17"]["backlog_without_logged_change"] == 22


def test_the_backlog_of_snapshots_begins_with_the_first(built: Warehouse) -> None:
    """Each org by its own last reading."""
    shown = {row["org_id"]: row for row in built.rows("kustomer__backlog_by_day_from_snapshots")}
    assert (shown[ORG]["day"], shown[ORG]["open"], shown[ORG]["snoozed"]) == ("2026-03-20", 22, 1)
    sandbox = shown[id_of("sandbox")]
    assert (sandbox["day"], sandbox["open"], sandbox["snoozed"]) == ("2026-03-09", 1, 0)


def test_the_units_are_checked_against_timestamps(built: Warehouse) -> None:
    """The cases count milliseconds, which is what the variable assumes."""
    rows = {row["measure"]: row for row in built.rows("kustomer__unit_check")}
    assert set(rows) == {"first_response.time", "first_done.time"}
    for row in rows.values():
        assert (row["likely_unit"], row["agrees"]) == ("milliseconds", True)


def test_what_an_sla_was_before_is_told_by_events_where_there_is_no_log(
    built: Warehouse, tmp_path: Path
) -> None:
    """The same as from the audit log; without both it cannot be known, and that is said."""
    warehouse = built.copied(tmp_path)
    names = ("an SLA that changed after its breach", "that was done, by the log")
    by_log = _of(warehouse, names)

    warehouse.build("--select", *SLA_MODELS, kustomer_using_audit_logs=False)

    assert {row["change_from"] for row in warehouse.rows("int_kustomer__changes")} == {
        "conversation_events"
    }
    assert _of(warehouse, names) == by_log
    changed = id_of(names[0])
    agreements = warehouse.rows("kustomer__sla_metrics")
    assert {
        (row["sla_version"], row["outcome"], row["is_current"])
        for row in agreements
        if row["conversation_id"] == changed
    } == {("1", "breached", False), ("2", "met", True)}

    warehouse.build(
        "--select",
        *SLA_MODELS,
        kustomer_using_audit_logs=False,
        kustomer_using_conversation_events=False,
    )
    row = _of(warehouse, names)[changed]
    assert (row["sla_outcome"], row["sla_changed"], row["sla_history_loaded"]) == (
        "met", False, False
    )  # fmt: skip


def _of(warehouse: Warehouse, names: Sequence[str]) -> dict[str, Row]:
    rows = {row["conversation_id"]: row for row in warehouse.rows("kustomer__conversation_metrics")}
    return {id_of(name): rows[id_of(name)] for name in names}


def test_freshness_is_that_of_the_last_complete_reading(built: Warehouse) -> None:
    """Neither of a failed one nor of another stream; in UTC, whatever the zone of dbt's session."""
    assert built.freshness() == "error"  # read in March 2026
    columns = "(id, org_id, stream, status, ended_at)"
    found: list[str] = []
    try:
        for stream, status, hours in (
            ("conversations", "failed", 1),
            ("users", "complete", 1),
            ("conversations", "complete", 30),
            ("conversations", "complete", 25),
        ):
            moment = dt.datetime.now(dt.timezone.utc) - dt.timedelta(hours=hours)
            built.execute(
                f"insert into {{loaded}}.sync_runs {columns} values"  # noqa: S608
                f" ('fresh {len(found)}', '{ORG}', '{stream}', '{status}', "
                f" timestamp '{moment:%Y-%m-%d %H:%M:%S}')"
            )
            found.append(built.freshness())
    finally:
        built.execute("delete from {loaded}.sync_runs where id like 'fresh%'")
    assert found == ["error", "error", "warn", "pass"]


@pytest.fixture(scope="module")
def other_project(
    built: Warehouse,
    installed_project: MeltanoProject,
    tmp_path_factory: pytest.TempPathFactory,
) -> Warehouse:
    """Build the package inside of another project, on three streams that were loaded otherwise.

    They are in a database of their own. Nothing was ever updated in place: each conversation is
    there in two versions. Nested values are text, as a tap with flattening leaves them. One more
    table is there and empty.
    """
    folder = tmp_path_factory.mktemp("other")
    for name, text in ROOT_PROJECT.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    lake = str(folder / "lake.duckdb")
    with duckdb.connect(lake) as connection:
        connection.execute(f"attach '{built.env['KUSTOMER_DUCKDB_PATH']}' as known (read_only)")
        connection.execute("create schema loads")
        for stream in ("conversations", "messages", "users"):
            connection.execute(f"create table loads.{stream} as from known.main.{stream}")
        connection.execute("create table loads.tags as from known.main.tags limit 0")
        for name, kind, *_ in connection.execute("describe loads.conversations").fetchall():
            if kind == "JSON":
                connection.execute(f"alter table loads.conversations alter {name} type varchar")
        connection.execute(
            "insert into loads.conversations select * replace (rev - 1 as rev,"
            " 'snoozed' as status, updated_at + interval 1 day as updated_at)"
            " from loads.conversations"
        )
    warehouse = on_duckdb(folder, installed_project)
    warehouse.env["LAKE_PATH"] = lake
    warehouse.dbt("deps", project=folder)
    warehouse.build(project=folder, **LAKE)
    return warehouse


@pytest.mark.parametrize("built", ["duckdb"], indirect=True)
def test_a_stream_that_is_not_loaded_costs_its_own_columns_only(
    measured: dict[str, Row], other_project: Warehouse
) -> None:
    """Of conversations, messages and users alone, all that they tell is as with every stream."""
    rows = other_project.rows("kustomer__conversation_metrics")
    alone = {row["conversation_id"]: row for row in rows}
    of_others = {
        "handle_seconds", "sla_outcome", "sla_decided_by", "sla_history_loaded", "sla_changed",
        "surveys_sent", "surveys_rated", "surveys_scored", "surveys_satisfied",
        "read_at", "waiting_seconds", "was_first_contact",
    }  # fmt: skip
    assert set(measured) < set(alone)  # the log of deletions is missing, too
    for id_, row in measured.items():
        expected = {name: value for name, value in row.items() if name not in of_others}
        assert {name: alone[id_][name] for name in expected} == expected
    assert all(row["sla_history_loaded"] is False for row in rows)
    assert other_project.rows("kustomer__backlog_by_day_from_audit_logs") == []
    reads = other_project.rows("stg_kustomer__last_read")
    assert {row["read_at_from"] for row in reads} == {"newest change"}


@pytest.mark.parametrize("built", ["duckdb"], indirect=True)
def test_a_project_with_models_of_its_own_gets_ours(other_project: Warehouse) -> None:
    """Its `conversation_metrics` is not taken for the package's."""
    assert other_project.rows("conversation_metrics") == [{"mine": 1}]
    metrics = other_project.rows("kustomer__conversation_metrics")
    assert other_project.rows("mine") == [{"n": len(metrics)}]


@pytest.mark.parametrize("built", ["duckdb"], indirect=True)
def test_imports_merges_and_automation_count_on_demand(other_project: Warehouse) -> None:
    """From 2019-03-09 to 2026-03-09 it is 2,557 days; the bot's answer came after 2 s."""
    other_project.build(
        "--select",
        "int_kustomer__conversations+1,+kustomer__conversation_metrics",
        project=other_project.folder,
        **LAKE,
        kustomer_exclude=["deleted", "spam", "merged"],
        kustomer_imports_count=True,
        kustomer_first_response_by="anyone",
    )
    rows = other_project.rows("kustomer__conversation_metrics")
    measured = {row["conversation_id"]: row for row in rows}
    assert id_of("the survivor of a merge") not in measured
    assert measured[id_of("imported")]["full_resolution_seconds"] == 2557 * 86_400
    assert measured[id_of("a bot, then a person")]["first_response_seconds"] == 2


@pytest.mark.parametrize("built", ["duckdb"], indirect=True)
def test_what_is_set_wrongly_is_told(built: Warehouse) -> None:
    """A stream that has to be there and is not; a unit that the rows contradict."""
    wrong: dict[str, Any] = {"kustomer_using_brands": True, "kustomer_duration_unit": "seconds"}
    with pytest.raises(AssertionError, match="kustomer_using_brands is true") as told:
        built.build("--select", "stg_kustomer__brands", "kustomer__unit_check", **wrong)
    assert "WARN=1" in str(told.value)


@pytest.fixture(scope="module")
def grown(built: Warehouse) -> Warehouse:
    """Build again after rows came late, changed and were erased."""
    snoozed, erased = id_of("snoozed through a breach"), id_of("transferred")
    answered = id_of("answered by a machine user only")
    old = ", ".join(["timestamp '2026-03-09 18:00:00'"] * 3)
    confirmed, doubted = id_of("answered by one who left"), id_of("a redacted message")
    buried = id_of("answered by a collaborator")
    built.execute(
        "update {loaded}.conversations set status = 'done', rev = rev + 1,"  # noqa: S608
        f" updated_at = timestamp '2026-03-20 21:00:00' where id = '{snoozed}'",
        f"delete from {{loaded}}.conversations where id = '{erased}'",  # noqa: S608
        f"delete from {{loaded}}.messages where conversation_id = '{erased}'",  # noqa: S608
        # Older than what is loaded, as a backfill's rows are.
        "insert into {loaded}.messages (id, org_id, conversation_id, direction, status, rev,"  # noqa: S608
        " created_by_id, created_by_type, created_at, updated_at, sent_at) values"
        f" ('late', '{ORG}', '{answered}', 'out', 'sent', 1, '{id_of('ben')}', 'user', {old})",
        "create table {loaded}.deletions (id varchar(9), org_id varchar(24),"
        " object_type varchar(12), object_id varchar(24), confirmed boolean)",
        "insert into {loaded}.deletions values"  # noqa: S608
        f" ('1', '{ORG}', 'conversation', '{confirmed}', true),"
        f" ('2', '{ORG}', 'conversation', '{doubted}', false)",
        # What a tombstone leaves of a row.
        "update {loaded}.conversations set status = null, created_at = null, updated_at = null,"  # noqa: S608
        f" rev = null, _sdc_deleted_at = timestamp '2026-03-20 21:00:00' where id = '{buried}'",
        "update {loaded}.sync_runs set ended_at = current_timestamp + interval '1 day'"
        " where stream = 'conversations'",
    )
    # The messages of what a tombstone took from us are still there, and that is told.
    built.build()
    return built


def test_late_changed_and_erased_rows_arrive_as_in_a_full_refresh(grown: Warehouse) -> None:
    """Only changed rows are built again, whatever their age, and what is gone is forgotten."""
    metrics = {row["conversation_id"]: row for row in grown.rows("kustomer__conversation_metrics")}
    assert metrics[id_of("answered by a machine user only")]["first_response_seconds"] == 10_800
    assert metrics[id_of("snoozed through a breach")]["status"] == "done"
    messages = {row["conversation_id"] for row in grown.rows("stg_kustomer__messages")}
    assert id_of("a redacted message") in metrics
    assert {id_of("transferred"), id_of("answered by one who left")}.isdisjoint(
        {*metrics, *messages}
    )
    assert id_of("answered by a collaborator") not in metrics
    built = {model: in_order(grown.rows(model)) for model in KEPT}
    grown.build("--full-refresh", "--exclude", "kustomer__conversation_status_snapshot")
    assert {model: in_order(grown.rows(model)) for model in KEPT} == built


def test_the_backlog_of_snapshots_forgets_what_is_gone(grown: Warehouse) -> None:
    """Three that are gone and the one that was done meanwhile; the past stays as it was."""
    rows = grown.rows("kustomer__backlog_by_day_from_snapshots")
    shown = sorted(
        (row["day"], row["open"], row["snoozed"]) for row in rows if row["org_id"] == ORG
    )
    assert shown[0] == ("2026-03-20", 22, 1)
    assert shown[-1][1:] == (19, 0)


def in_order(rows: list[Row]) -> list[str]:
    """Return rows in an order that depends on nothing but them."""
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


READ_AS = """
import pathlib, sys, sqlglot
for path in filter(pathlib.Path.is_file, pathlib.Path(sys.argv[1]).rglob("*.sql")):
    for statement in sqlglot.parse(path.read_text(), read=sys.argv[2]):
        print(path.name, statement.key if statement else "")
"""
ERASE = """
{%- for one in kustomer_analytics.kustomer_erasures() %}
select count(*) from {{ one.relation }}{{ one.where }};
delete from {{ one.relation }}{{ one.where }};
{%- endfor %}
"""


@pytest.mark.parametrize("dialect", ["snowflake", "bigquery"])
def test_the_models_compile_for_warehouses_out_of_reach(tmp_path: Path, dialect: str) -> None:
    """The adapters of dbt compile every model and test, and the result reads as that SQL.

    So do the statements that erase. Nothing runs: that needs an account. So this proves no
    meaning, only that macros resolve.
    """
    env = {**os.environ, **files_of(tmp_path), "BIGQUERY_METHOD": "oauth-secrets"}

    def compiled(*options: str) -> str:
        return subprocess.run(
            [str(DIALECTS / "dbt"), "--quiet", "compile", "--no-populate-cache", "--no-introspect",
             "--project-dir", str(PACKAGE), "--profiles-dir", str(PACKAGE), "--target", dialect,
             "--vars", '{"kustomer_look_at_schema": false, "kustomer_database": "lake"}', *options],
            cwd=tmp_path, env={**env, "BIGQUERY_TOKEN": "none"},
            capture_output=True, text=True, check=True, timeout=600,
        ).stdout  # fmt: skip

    compiled()
    folder = tmp_path / "target" / "compiled"
    (folder / "erase.sql").write_text(compiled("--inline", ERASE), encoding="utf-8")
    done = subprocess.run(
        [str(DIALECTS / "python"), "-c", READ_AS, str(folder), dialect],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    models = {path.name for path in (PACKAGE / "models").rglob("*.sql")}
    assert models <= {line.split()[0] for line in done.stdout.splitlines()}
    assert done.stdout.count("erase.sql delete") == 10
    (staged,) = folder.rglob("stg_kustomer__conversations.sql")
    assert "lake.kustomer.conversations" in staged.read_text("utf-8").replace("`", "")
