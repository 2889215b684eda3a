"""The models of `analytics/` say what plain Python says, on DuckDB and on PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from simulator import Clock, Org, Simulator
from tests import support
from tests.e2e import postgres
from tests.e2e.analytics_expected import Expected, Observation, moment
from tests.e2e.project import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.analytics_expected import Row, Table
    from tests.e2e.project import MeltanoProject

PACKAGE = CHECKOUT / "analytics"
DBT = CHECKOUT / ".venv-analytics" / "bin" / "dbt"
DIALECTS = CHECKOUT / ".venv-dialects" / "bin"
TARGET_POSTGRES = CHECKOUT / ".venv-target-postgres" / "bin" / "target-postgres"
LOADED = "tap_kustomer"  # schema of the loaded tables in PostgreSQL
START = "2026-03-20T21:30:00.000Z"
HOUR, DAY = 3600.0, 86_400.0
STREAMS = (
    "audit_logs",
    "conversation_times",
    "conversations",
    "customers",
    "messages",
    "sync_runs",
    "tags",
    "teams",
    "users",
)
# The far side of the date line: most days differ from UTC's. Spam counts, against the default.
TIMEZONE, EXCLUDED = "Pacific/Auckland", ("deleted", "merged")
VARIABLES = {"kustomer_timezone": TIMEZONE, "kustomer_exclude": EXCLUDED}

pytestmark = pytest.mark.skipif(not DBT.exists(), reason="dbt does not run on this Python")


@dataclass
class Warehouse:
    """A database with the loaded tables, and dbt set up for it."""

    kind: str
    folder: Path
    env: dict[str, str]
    loader: Path
    config: dict[str, Any]

    def load(self, output: support.Output) -> None:
        """Load what the tap printed."""
        path = self.folder / "loader.json"
        path.write_text(json.dumps(self.config), encoding="utf-8")
        command = [str(self.loader), "--config", str(path)]
        done = subprocess.run(
            command, input=output.stdout, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr[-3000:]

    def build(self, *options: str, **variables: Any) -> str:
        """Run all models, snapshots and tests; a failure or a warning fails here."""
        done = subprocess.run(
            [str(DBT), "--warn-error", "build", *options, "--project-dir", str(PACKAGE),
             "--profiles-dir", str(PACKAGE), "--target", self.kind,
             "--vars", json.dumps({"kustomer_use_audit_logs": True, **variables})],
            cwd=self.folder, env={**os.environ, **self.env},
            capture_output=True, text=True, check=False, timeout=150,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        return done.stdout

    def rows(self, model: str) -> list[Row]:
        """Return the rows of a model; dates and moments as text."""
        if self.kind == "duckdb":
            with duckdb.connect(self.env["KUSTOMER_DUCKDB_PATH"], read_only=True) as connection:
                found = connection.execute(f"select to_json(t) from analytics.{model} t").fetchall()  # noqa: S608
            return [json.loads(text) for (text,) in found]
        sql = f"select coalesce(json_agg(t), '[]') from analytics.{model} t"  # noqa: S608
        loaded: list[Row] = json.loads(self.psql(sql))
        return loaded

    def execute(self, sql: str) -> None:
        """Change what was loaded; ``{loaded}`` in the statement is the schema of its tables."""
        if self.kind == "duckdb":
            with duckdb.connect(self.env["KUSTOMER_DUCKDB_PATH"]) as connection:
                connection.execute(sql.format(loaded="main"))
        else:
            self.psql(sql.format(loaded=LOADED))

    def psql(self, sql: str, database: str = "kustomer") -> str:
        """Return what PostgreSQL answers."""
        command = [self.env["PSQL"], "-d", database, "-AtX", "-v", "ON_ERROR_STOP=1", "-c", sql]
        done = subprocess.run(
            command, env={**os.environ, **self.env}, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout


@dataclass
class Story:
    """An org that is read twice, two days apart, with changes of status in between."""

    org: Org
    first: support.Output
    second: support.Output
    first_read: float
    second_read: float
    observations: list[Observation] = field(default_factory=list)


def odd_conversations(org: Org) -> None:
    """Add conversations that a formula is easily wrong about."""
    now = org.clock.now()
    (spam, merged, backwards, silent, agreed, empty) = org.add(
        "conversation", 6, created_at=now - 40 * HOUR, updated_at=now - HOUR
    )
    org.update("conversation", spam, spam=True, deleted=None)
    org.update("conversation", merged, mergedTarget=True)
    org.update(  # answered before it was asked, done before it began
        "conversation",
        backwards,
        firstMessageIn={"sentAt": "2026-03-10T08:00:00.000Z", "channel": "email"},
        firstResponse={"sentAt": "2026-03-10T07:00:00.000Z", "time": 1, "businessTime": 1},
        firstDone={"createdAt": "2026-03-01T07:00:00.000Z", "time": 1, "businessTime": 1},
        doneCount=1,
        reopenFromDoneCount=2,
    )
    org.update(
        "conversation", silent, firstMessageIn=None, firstMessageOut=None, channels=["sms", "chat"]
    )
    org.update(
        "conversation",
        agreed,
        sla={
            "name": "Two targets",
            "matchedAt": "2026-03-19T11:30:00.000Z",
            "metrics": {
                "firstResponse": {
                    "breachAt": "2026-03-19T12:00:00.000Z",
                    "satisfiedAt": "2026-03-19T12:00:00.001Z",
                },
                "longestUnrespondedMessage": {"breachAt": "2026-12-31T00:00:00.000Z"},
                "totalConversationOpenTime": {"breachAt": "2026-03-20T21:00:00.000Z"},
                "met without a deadline": {"satisfiedAt": "2026-03-19T12:00:00.000Z"},
            },
        },
    )
    tag = org.ids("tag")[0]
    org.update(
        "conversation", empty, channels=[], firstMessageIn={}, firstMessageOut={}, tags=[tag, tag]
    )
    shared = [{"email": "Desk@Example.com"}, {"email": None}]
    emails = [{"email": "DESK@example.com", "type": "work", "verified": True}]
    org.update("customer", org.ids("customer")[0], emails=emails, sharedEmails=shared)


def change_status(org: Org, id_: str, after: str) -> None:
    """Change a conversation and write the log that Kustomer would write."""
    before = org.row("conversation", id_)["attributes"]["status"]
    org.update("conversation", id_, status=after)
    org.add(
        "audit_log",
        created_at=org.clock.now(),
        eventName="kustomer.conversation.update",
        eventVerb="update",
        objectId=id_,
        objectType="conversation",
        changes={"attributes": {"status": {"op": "replace", "before": before, "after": after}}},
    )


def read(served: Simulator, folder: Path, state: dict[str, Any] | None = None) -> support.Output:
    """Run the tap on what the models need."""
    config = {
        **served.config,
        "start_date": "2015-01-01",
        "optional_streams": ["audit_logs"],
    }
    output = support.run_tap(config, select=STREAMS, state=state, folder=folder)
    assert output.status == 0, output.stderr[-3000:]
    return output


def read_at(output: support.Output) -> float:
    """Return when the conversations were read."""
    (run,) = [one for one in output.records("sync_runs") if one["stream"] == "conversations"]
    found = moment(run["ended_at"])
    assert found is not None
    return found


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Read an org, let two days pass with changes, and read it again."""
    folder = tmp_path_factory.mktemp("story")
    clock = Clock()
    clock.set(START)
    org = Org(seed=21, clock=clock)
    org.seed(customers=60)
    org.audit = False
    odd_conversations(org)
    with Simulator(org) as served:
        first = read(served, folder)
        story = Story(org, first, first, read_at(first), read_at(first))
        story.observations.append(Expected(org, story.first_read).observed())
        live = [row["id"] for row in Expected(org, story.first_read).counted()]
        for hours in (1, 2, 20, 25):
            clock.advance(hours * HOUR)
            for place, id_ in enumerate(live[hours : hours + 12]):
                change_status(org, id_, ("open", "done", "snoozed")[place % 3])
        change_status(org, live[hours], "open")  # twice on one day: the last counts
        clock.advance(HOUR)
        story.second = read(served, folder, first.state)
        story.second_read = read_at(story.second)
    later = Expected(org, story.second_read, exclude=EXCLUDED)
    story.observations.append(later.observed())
    return story


@pytest.fixture(scope="module")
def postgres_port() -> Iterator[int]:
    """Run a PostgreSQL of our own."""
    try:
        programs = postgres.install()
    except postgres.UnavailableError as error:
        pytest.skip(str(error))
    with postgres.server(programs) as port:
        yield port


def on_duckdb(folder: Path, project: MeltanoProject) -> Warehouse:
    """Return an empty DuckDB."""
    path = str(folder / "kustomer.duckdb")
    return Warehouse(
        "duckdb",
        folder,
        {"KUSTOMER_DUCKDB_PATH": path, **_files(folder)},
        project.executable("target-duckdb", "target-duckdb-no-header"),
        {"path": path, "default_target_schema": "main"},
    )


def on_postgres(folder: Path, port: int) -> Warehouse:
    """Return an empty database of PostgreSQL; dbt's sessions are not in UTC, the loader's are."""
    env = {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": "postgres"}
    env["PGTZ"] = "America/Los_Angeles"
    psql = str(postgres.install() / "psql")
    warehouse = Warehouse(
        "postgres",
        folder,
        {**env, "PGDATABASE": "kustomer", "PGPASSWORD": "none", "PSQL": psql, **_files(folder)},
        TARGET_POSTGRES,
        {
            "host": "127.0.0.1",
            "port": port,
            "user": "postgres",
            "password": "none",
            "database": "kustomer",
            "default_target_schema": LOADED,
        },
    )
    warehouse.psql("create database kustomer", "postgres")
    return warehouse


def _files(folder: Path) -> dict[str, str]:
    return {
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


@dataclass
class Built:
    """A warehouse after both readings, and the tables as they were after the first."""

    warehouse: Warehouse
    first: dict[str, list[Row]]


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def built(
    request: pytest.FixtureRequest, story: Story, tmp_path_factory: pytest.TempPathFactory
) -> Built:
    """Load and build twice, as two days of a schedule would."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "duckdb":
        warehouse = on_duckdb(folder, request.getfixturevalue("installed_project"))
    else:
        warehouse = on_postgres(folder, request.getfixturevalue("postgres_port"))
    warehouse.load(story.first)
    warehouse.build()
    models = (
        "kustomer__backlog_by_day_from_snapshots",
        "kustomer__conversation_metrics",
        "kustomer__conversations_by_day",
    )
    first = {model: warehouse.rows(model) for model in models}
    warehouse.load(story.second)
    warehouse.build(**VARIABLES)
    return Built(warehouse, first)


@pytest.fixture(scope="module")
def expected(story: Story) -> Expected:
    """Return what plain Python says after the second reading."""
    return Expected(
        story.org,
        story.second_read,
        timezone=TIMEZONE,
        exclude=EXCLUDED,
    )


def assert_table(rows: list[Row], keys: tuple[str, ...], table: Table) -> None:
    """Compare rows with a table by key; numbers may differ by rounding only."""
    assert table, "Nothing is expected: the org lacks what this model is about."
    single = len(keys) == 1
    held = {row[keys[0]] if single else tuple(row[key] for key in keys): row for row in rows}
    assert len(held) == len(rows)
    assert set(held) == set(table)
    for key, values in table.items():
        for name, value in values.items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            wanted = pytest.approx(value, rel=1e-9, abs=1e-6) if is_number else value
            assert held[key][name] == wanted, (key, name)


PER_CONVERSATION = (
    "channel",
    "created_day",
    "first_response_seconds",
    "first_response_business_seconds",
    "first_resolution_seconds",
    "first_resolution_business_seconds",
    "handle_seconds",
    "was_done",
    "was_reopened",
    "survey_rating",
    "survey_score",
)


def test_each_conversation_is_measured(built: Built, expected: Expected) -> None:
    """Also one that was answered before it was asked, and one that nobody wrote in."""
    table = {
        id_: {name: row[name] for name in PER_CONVERSATION}
        for id_, row in expected.conversations().items()
    }
    assert_table(
        built.warehouse.rows("kustomer__conversation_metrics"), ("conversation_id",), table
    )


def test_by_default_days_are_utc_and_spam_and_merged_ones_are_left_out(
    built: Built, story: Story
) -> None:
    """The first build had no variables; the conversations have since changed only in status."""
    default = Expected(story.org, story.first_read)
    rows = built.first["kustomer__conversation_metrics"]
    days = {
        id_: {"created_day": row["created_day"]} for id_, row in default.conversations().items()
    }
    assert_table(rows, ("conversation_id",), days)
    assert_table(
        built.first["kustomer__conversations_by_day"], ("day", "channel"), default.volume()
    )


@pytest.mark.parametrize(
    ("model", "second_key", "of"),
    [
        ("kustomer__conversations_by_day", "channel", Expected.volume),
        ("kustomer__first_response_by_day", "channel", Expected.first_response),
        ("kustomer__first_resolution_by_day", "channel", Expected.first_resolution),
        ("kustomer__reopen_rate_by_day", "channel", Expected.reopened),
        ("kustomer__csat_by_day", "channel", Expected.csat),
        ("kustomer__handle_time_by_day", "channel", Expected.handled),
        ("kustomer__sla_breach_by_metric", "metric", Expected.breaches),
        ("kustomer__workload_by_agent", "user_id", Expected.by_agent),
        ("kustomer__workload_by_team", "team_id", Expected.by_team),
    ],
)
def test_a_metric_is_what_its_formula_says(
    built: Built, expected: Expected, model: str, second_key: str, of: Any
) -> None:
    """Every row and every column, worked out independently."""
    assert_table(built.warehouse.rows(model), ("day", second_key), of(expected))


def test_each_sla_metric_has_its_outcome(built: Built, expected: Expected) -> None:
    """One millisecond late is late; a deadline ahead is pending; one behind is breached."""
    table = expected.sla()
    assert {row["outcome"] for row in table.values()} == {"met", "breached", "pending"}
    assert_table(
        built.warehouse.rows("kustomer__sla_metrics"), ("conversation_id", "metric"), table
    )


def test_backlog_from_the_audit_log_follows_every_change(built: Built, expected: Expected) -> None:
    """Whole days only; the last change of a day counts."""
    table = expected.backlog_from_log()
    assert len({row["backlog"] for row in table.values()}) > 2
    assert_table(built.warehouse.rows("kustomer__backlog_by_day_from_audit_logs"), ("day",), table)


def test_backlog_from_snapshots_begins_with_the_first_and_keeps_the_past(
    built: Built, expected: Expected, story: Story
) -> None:
    """The day between two readings repeats the earlier one."""
    table = expected.backlog_from_snapshots(story.observations)
    assert len(table) == 3
    assert len({row["backlog"] for row in table.values()}) == 2
    assert_table(built.warehouse.rows("kustomer__backlog_by_day_from_snapshots"), ("day",), table)
    (only,) = built.first["kustomer__backlog_by_day_from_snapshots"]
    assert only["day"] == Expected(story.org, story.first_read).day(story.first_read)


def test_a_reading_that_failed_proves_nothing(built: Built, story: Story) -> None:
    """Rows may be missing after it, so no deadline is judged by it."""
    built.warehouse.execute(
        "insert into {loaded}.sync_runs (id, stream, status, ended_at)"
        " values ('failed', 'conversations', 'failed', timestamp '2030-01-01 00:00:00')"
    )
    try:
        (row,) = built.warehouse.rows("stg_kustomer__last_read")
        assert moment(row["read_at"].replace(" ", "T") + "Z") == story.second_read
    finally:
        built.warehouse.execute("delete from {loaded}.sync_runs where id = 'failed'")


def test_bridges_hold_every_pair_once(built: Built, expected: Expected) -> None:
    """A tag that is named twice is set once, and so is an address in another case."""
    for bridge, pairs in expected.bridges().items():
        rows = [
            list(row.values())[: len(next(iter(pairs)))] for row in built.warehouse.rows(bridge)
        ]
        assert len(rows) == len(pairs), bridge
        assert {tuple(row) for row in rows} == pairs, bridge


def test_the_units_are_checked_against_timestamps(built: Built) -> None:
    """The simulated org counts milliseconds, which is what the variable assumes."""
    rows = {row["measure"]: row for row in built.warehouse.rows("kustomer__unit_check")}
    assert set(rows) == {"first_response.time", "first_done.time"}
    for row in rows.values():
        assert (row["likely_unit"], row["agrees"]) == ("milliseconds", True)
        assert row["median_ratio"] == pytest.approx(1000, rel=0.01)


def test_a_wrong_unit_is_noticed(built: Built) -> None:
    """Seconds are claimed: the test of `kustomer__unit_check` warns, which fails the build here."""
    with pytest.raises(AssertionError, match="kustomer__unit_check"):
        built.warehouse.build("--select", "kustomer__unit_check", kustomer_duration_unit="seconds")


READ_AS = """
import pathlib, sys, sqlglot
for path in pathlib.Path(sys.argv[1]).rglob("*.sql"):
    sqlglot.parse_one(path.read_text(), read=sys.argv[2])
    print(path.name)
"""


@pytest.mark.parametrize("dialect", ["snowflake", "bigquery"])
def test_the_models_compile_for_warehouses_out_of_reach(tmp_path: Path, dialect: str) -> None:
    """The adapters of dbt compile every model and test, and the result reads as that SQL.

    Nothing runs: that needs an account. So this proves no meaning, only that macros resolve.
    """
    env = {**os.environ, **_files(tmp_path), "BIGQUERY_METHOD": "oauth-secrets"}
    subprocess.run(
        [str(DIALECTS / "dbt"), "compile", "--no-populate-cache", "--no-introspect",
         "--project-dir", str(PACKAGE), "--profiles-dir", str(PACKAGE), "--target", dialect,
         "--vars", '{"kustomer_use_audit_logs": true}'],
        cwd=tmp_path, env={**env, "BIGQUERY_TOKEN": "none"},
        capture_output=True, text=True, check=True, timeout=100,
    )  # fmt: skip
    compiled = tmp_path / "target" / "compiled"
    done = subprocess.run(
        [str(DIALECTS / "python"), "-c", READ_AS, str(compiled), dialect],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    models = {path.name for path in (PACKAGE / "models").rglob("*.sql")}
    assert models <= set(done.stdout.split())
