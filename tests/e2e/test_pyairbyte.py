"""PyAirbyte, Airbyte's own engine for Python, reads the simulated org into DuckDB."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from simulator import Fault, Org, Simulator
from tests.airbyte.support import run_source
from tests.e2e import postgres
from tests.e2e.project import CHECKOUT
from tools.demo.compare import MADE_BY_THE_TAP, compare, expected_ids

PYTHON = CHECKOUT / ".venv-pyairbyte" / "bin" / "python"
SOURCE = Path(sys.executable).with_name("source-kustomer")
HERE = Path(__file__).parent


def _is_installed() -> bool:
    return bool(list(PYTHON.parent.parent.glob("lib/python*/site-packages/airbyte/__init__.py")))


pytestmark = pytest.mark.skipif(
    not _is_installed(),
    reason=(
        "PyAirbyte supports Python 3.10 to 3.12 only; .venv-pyairbyte is not there or is of "
        f"another version (this is {sys.version_info.major}.{sys.version_info.minor})"
    ),
)


def in_pyairbyte(
    script: str, *arguments: object, given: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a script of this folder in PyAirbyte's environment."""
    return subprocess.run(
        [str(PYTHON), str(HERE / script), *map(str, arguments)],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "AIRBYTE_OFFLINE_MODE": "1", "DO_NOT_TRACK": "1", "NO_COLOR": "1"},
    )


@pytest.fixture
def org() -> Org:
    """An org with rows in nearly every stream."""
    org = Org(seed=17)
    org.seed(customers=40)
    return org


@pytest.fixture
def sim(org: Org) -> Iterator[Simulator]:
    """Serve it."""
    with Simulator(org, work_items_list=True) as served:
        yield served


class Cache:
    """A DuckDB cache that PyAirbyte fills from a simulated org."""

    def __init__(self, sim: Simulator, folder: Path, **more: object) -> None:
        self.folder = folder / "cache"
        self._config = folder / "config.json"
        settings = {"start_date": "2015-01-01", "page_size": 50, "backoff_max_elapsed_seconds": 1}
        self._config.write_text(json.dumps({**sim.config, **settings, **more}), encoding="utf-8")

    def read(self) -> subprocess.CompletedProcess[str]:
        """Read all streams."""
        return in_pyairbyte("pyairbyte_read.py", SOURCE, self._config, self.folder)

    def rows_read(self) -> int:
        """Read all streams and return how many rows came; fail with PyAirbyte's log if it fails."""
        done = self.read()
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        assert len(result["streams"]) > 25
        return int(result["rows"])

    def rows(self, table: str) -> list[tuple[str, str]]:
        """Return id and name of the rows in a table of people."""
        return self._query(f'select id, name from "{table}"')  # noqa: S608 - a test names it

    def ids(self) -> dict[str, frozenset[str]]:
        """Return the ids in each stream's table."""
        tables = self._query(
            "select table_name, table_name from information_schema.columns where column_name = 'id'"
        )
        names = {name for name, _ in tables} - MADE_BY_THE_TAP
        return {name: frozenset(self._ids(name)) for name in names}

    def _ids(self, table: str) -> list[str]:
        rows = self._query(f'select id, id from "{table}"')  # noqa: S608 - the database named it
        assert len(rows) == len(set(rows)), f"{table} holds a row twice"
        return [id_ for id_, _ in rows]

    def _query(self, sql: str) -> list[tuple[str, str]]:
        (database,) = self.folder.glob("*.duckdb")
        with duckdb.connect(str(database), read_only=True) as connection:
            return connection.execute(sql).fetchall()


def differences(sim: Simulator, cache: Cache) -> dict[str, str]:
    """Return by stream what the tables lack or have too much; empty when all is there."""
    return {one.stream: str(one) for one in compare(expected_ids(sim.url), cache.ids())}


def test_tables_hold_the_org_after_a_second_read_and_a_failure_between(
    org: Org, sim: Simulator, tmp_path: Path
) -> None:
    """The second read is incremental; what failed in the middle left nothing behind."""
    cache = Cache(sim, tmp_path)

    first = cache.rows_read()
    assert not differences(sim, cache)

    org.clock.advance(3600)
    changed = org.update_random("customer", 5)
    org.add("conversation", 4, updated_at=org.clock.now())
    org.add("message", 120, updated_at=org.clock.now())
    sim.faults.add(Fault("status", context="message", after=1, times=None, status=500))
    failed = cache.read()
    sim.faults.clear()
    second = cache.rows_read()

    assert failed.returncode != 0
    assert "AirbyteConnectorFailedError" in failed.stderr
    assert not differences(sim, cache)
    names = dict(cache.rows("customers"))
    for id_ in changed:
        assert names[id_] == org.row("customer", id_)["attributes"]["name"]
    assert second < first  # with all that is new, a full read would be longer than the first


def test_streams_that_a_user_names_become_tables(org: Org, sim: Simulator, tmp_path: Path) -> None:
    """As they stand in Airbyte's form: a list, and a list below the rows of a search."""
    app = {"type": "app", "id": "app-1", "attributes": {"name": "Shop"}}
    org.show("/v1/apps", [app])
    customers = org.ids("customer")
    for id_ in customers:
        visit = {"type": "visit", "id": f"visit-{id_}", "attributes": {"name": "Home"}}
        org.show(f"/v1/customers/{id_}/visits", [visit])
    entries = [
        {"name": "apps", "path": "/v1/apps"},
        {"name": "visits", "path": "/v1/customers/{id}/visits", "parent": "customers"},
    ]
    cache = Cache(sim, tmp_path, extra_streams=entries)
    cache.rows_read()

    assert cache.rows("apps") == [("app-1", "Shop")]
    assert {name for _, name in cache.rows("visits")} == {"Home"}
    assert {id_ for id_, _ in cache.rows("visits")} == {f"visit-{id_}" for id_ in customers}


class PostgresCache:
    """A PostgreSQL cache that PyAirbyte fills from a simulated org of klasses."""

    def __init__(self, database: postgres.Database, sim: Simulator, folder: Path) -> None:
        self.database = database
        self._config = folder / "config.json"
        self._config.write_text(json.dumps(sim.config), encoding="utf-8")
        (catalog,) = run_source("discover", folder, config=sim.config).of_type("CATALOG")
        names = [one["name"] for one in catalog["streams"]]
        self.streams = [name for name in names if name.startswith("kobject_")]

    def read(self, source: Path = SOURCE, *streams: str) -> subprocess.CompletedProcess[str]:
        """Read ``streams``, all if none is named."""
        return in_pyairbyte(
            "pyairbyte_postgres.py",
            source,
            self._config,
            self.database.port,
            self.database.name,
            *(streams or self.streams),
        )

    def rows_read(self) -> int:
        """Read all streams and return how many rows came."""
        done = self.read()
        assert done.returncode == 0, done.stderr[-3000:]
        return int(done.stdout.splitlines()[-1])

    def ids(self) -> dict[str, list[str]]:
        """Return the ids in each stream's table."""
        asked = {name: f'select id from kustomer."{name}"' for name in self.streams}  # noqa: S608 - the tap named it
        return {
            name: sorted(row["id"] for row in self.database.query(sql))
            for name, sql in asked.items()
        }


@pytest.fixture
def klasses() -> list[str]:
    """Names of klasses whose streams have 52 to 63 bytes, of three that are cut, and of capitals.

    Two are equal in the first 62 bytes of their streams' names.
    """
    lengths = range(52 - len("kobject_"), 64 - len("kobject_"))
    names = [chr(ord("a") + number) * length for number, length in enumerate(lengths)]
    return [*names, "y" * 54 + "a", "y" * 54 + "b", "Z" * 70, "Order_Of_A_Customer"]


@pytest.fixture
def long_names(
    programs: Path, port: int, klasses: list[str], tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[Org, PostgresCache]]:
    """Serve an org with those klasses, and an empty cache."""
    org = Org(seed=3, realistic=False)
    for klass in klasses:
        org.add_klass(klass)
        org.add(f"kobject_{klass}", 3)
    name = f"pyairbyte_{request.node.name[-20:]}"
    database = postgres.Database(programs / "psql", port, "pyairbyte", name)
    database.create()
    with Simulator(org, limits=False) as sim:
        yield org, PostgresCache(database, sim, tmp_path)


def all_ids(org: Org, klasses: list[str]) -> list[list[str]]:
    """Return the ids of each klass."""
    return sorted(sorted(org.ids(f"kobject_{klass}")) for klass in klasses)


def test_klasses_with_long_names_are_loaded_into_postgresql(
    long_names: tuple[Org, PostgresCache], klasses: list[str]
) -> None:
    """Names of the tap's may have 63 bytes; the second read continues from the first."""
    org, cache = long_names
    first = cache.rows_read()
    assert first == 3 * len(klasses)
    assert sorted(cache.ids().values()) == all_ids(org, klasses)

    org.clock.advance(3600)
    for klass in klasses[-5:]:
        org.add(f"kobject_{klass}", 1, updated_at=org.clock.now())
    assert cache.rows_read() < first
    assert sorted(cache.ids().values()) == all_ids(org, klasses)


def test_a_table_that_a_killed_load_left_behind_is_in_nobodys_way(
    long_names: tuple[Org, PostgresCache], klasses: list[str]
) -> None:
    """Each load's own table has a name that no other has: all ten characters fit behind it."""
    org, cache = long_names
    for name in cache.streams:
        left = f"{name}_01KB5XABC"[:63].lower()
        cache.database.execute(
            f'create schema if not exists kustomer; create table kustomer."{left}" (id text)'
        )

    assert cache.rows_read() == 3 * len(klasses)
    assert sorted(cache.ids().values()) == all_ids(org, klasses)


def test_a_cache_of_an_earlier_version_is_read_anew_under_the_shorter_name(
    long_names: tuple[Org, PostgresCache], klasses: list[str], tmp_path: Path
) -> None:
    """Its state is that of the table of the longer name: the new one would lack what it passes."""
    org, cache = long_names
    earlier = tmp_path / "source-kustomer"
    earlier.write_text(
        f"#!{sys.executable}\n"
        "from tap_kustomer.airbyte import catalog\n"
        "catalog._MAX_STREAM_BYTES = 62\n"
        "from tap_kustomer.cli.start import source\n"
        "source()\n",
        encoding="utf-8",
    )
    earlier.chmod(0o755)
    short, long = (f"kobject_{klass}" for klass in (klasses[0], klasses[8]))
    done = cache.read(earlier, short, long)
    assert done.returncode == 0, done.stderr[-3000:]
    org.clock.advance(3600)
    org.add(short, 1, updated_at=org.clock.now())

    assert cache.rows_read() >= 3 * (len(klasses) - 1) + 1
    assert sorted(cache.ids().values()) == all_ids(org, klasses)
    assert cache.database.query(f"select count(*) from kustomer.{long}") == [{"count": 3}]  # noqa: S608 - the test named it


def offer(sim: Simulator, folder: Path) -> dict[str, Any]:
    """Return spec and catalog, with every optional stream."""
    (spec,) = run_source("spec", folder).of_type("SPEC")
    optional = spec["connectionSpecification"]["properties"]["optional_streams"]["items"]["enum"]
    config = {**sim.config, "optional_streams": optional}
    (catalog,) = run_source("discover", folder, config=config).of_type("CATALOG")
    return {"spec": spec, "catalog": catalog}


def test_airbytes_own_checks_find_no_problem(sim: Simulator, tmp_path: Path) -> None:
    """The lints of the connector development kit, those that only warn included."""
    given = offer(sim, tmp_path)
    done = in_pyairbyte("pyairbyte_lint.py", given=json.dumps(given))

    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


def test_airbytes_own_checks_would_find_problems(sim: Simulator, tmp_path: Path) -> None:
    """A check that cannot fail would prove nothing."""
    given = offer(sim, tmp_path)
    del given["spec"]["connectionSpecification"]["properties"]["api_key"]["airbyte_secret"]
    given["catalog"]["streams"][0]["json_schema"]["additionalProperties"] = False
    given["catalog"]["streams"][1]["default_cursor_field"] = ["nowhere"]

    done = in_pyairbyte("pyairbyte_lint.py", given=json.dumps(given))

    assert len(done.stdout.splitlines()) == 3
