"""PostgreSQL holds what the org holds, loaded by either of the two common loaders."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from simulator import Org, Simulator
from tap_kustomer.streams.registry import OPTIONAL_STREAMS
from tests import support
from tests.e2e import postgres
from tests.e2e.postgres import LOADERS, SHIPPED, Database
from tests.support import Output
from tools.demo.compare import MADE_BY_THE_TAP, compare, expected_ids

START_DATE = "2015-01-01"
ODD = "5f0c5e1dd0a1b2c3d4e5f6ff"
NUL_AND_SURROGATE = "a\x00b\ud800c"
REPLACED = "a\ufffdb\ufffdc"
TEXT_5_MB = "\u00e4" * 2_500_000
BEYOND_64_BITS = 2**70
DEPTH = 60
KLASS_OF_63 = "k" * 55  # with `kobject_` in front
KLASS_OF_MORE = "l" * 80
LONGEST = "n" * 52 + "Str"  # with `custom__` in front, and when flattened, 63 bytes
LONGER = "m" * 80 + "Str"

# A custom attribute of every ending that tells its type, and a value to stumble on.
CUSTOM: dict[str, Any] = {
    "plainStr": "a 'quoted' \"text\" \\ 😀",
    "noteTxt": "line\nline\r\n\ttab",
    "amountNum": -12.5,
    "wholeNum": 2**53 + 1,
    "seenAt": "2026-01-02T03:04:05.678Z",
    "doneBool": False,
    "pageUrl": "https://example.com/?a=1&b=ü",
    "ownerId": "5f0c5e1dd0a1b2c3d4e5f601",
    "shopTree": "a.b.c",
    LONGEST: "longest",
    LONGER: "longer",
}
LISTS: dict[str, Any] = {"itemsId": ["x", "y"], "namesStr": [], "sumsNum": [1, 2.5]}


# Streams of what hangs on one parent, by the plural of the object alone.
CHILDREN = {
    "attachments": "conversation_attachments",
    "customer_events": "conversation_events",
    "forwards": "conversation_forwards",
    "drafts": "customer_drafts",
    "sessions": "customer_sessions",
}


def deep(levels: int) -> Any:
    """Return an object with that many objects and lists in it."""
    value: Any = "bottom"
    for _ in range(levels):
        value = {"in": [value]}
    return value


@dataclass
class Runs:
    """What the tap printed in two runs, and the ids that the org held in each."""

    first: Output
    first_ids: Mapping[str, frozenset[str]]
    second: Output
    second_ids: Mapping[str, frozenset[str]]
    changed: str
    deleted: str
    added: str


def run_tap(config: Mapping[str, Any], folder: Path, **state: Any) -> Output:
    """Run the tap on all that it offers."""
    done = support.run_tap(config, folder=folder, **state)
    assert done.status == 0, done.stderr[-3000:]
    return done


def odd_org() -> Org:
    """Return an org of everything, and one customer with all that is odd."""
    org = Org(seed=3)
    org.seed(customers=30)
    for name in ("brokenNum", *CUSTOM, *LISTS):
        org.set_attribute("customer", name, displayName=name, multi=name in LISTS)
    for klass in (KLASS_OF_63, KLASS_OF_MORE):
        org.add_klass(klass)
        org.add(f"kobject_{klass}", 2)
    org.add(
        "customer",
        ids=[ODD],
        name=NUL_AND_SURROGATE,
        custom={**CUSTOM, **LISTS, "strayStr": NUL_AND_SURROGATE, "brokenNum": math.nan},
        rev=BEYOND_64_BITS,
        unknownText=TEXT_5_MB,
        unknownDepth=deep(DEPTH),
        unknownNumber=BEYOND_64_BITS,
        emails=[{"email": NUL_AND_SURROGATE, "type": "home", "verified": True}],
    )
    return org


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Run the tap twice, with changes in between."""
    org, folder = odd_org(), tmp_path_factory.mktemp("runs")
    with Simulator(org, work_items_list=True) as served:
        config = {
            **served.config,
            "start_date": START_DATE,
            # Those whose rows are objects of the org: not what a file, a log or a count tells.
            "optional_streams": sorted(
                {*OPTIONAL_STREAMS} - {"webhook_events", "row_counts", "present_ids", "deletions"}
            ),
        }
        first = run_tap(config, folder)
        first_ids = ids_of_streams(served, first)
        changed, deleted = org.ids("conversation")[:2]
        org.update("conversation", changed, name="A new name 😀")
        org.delete("conversation", deleted)
        (added,) = org.add("customer", updated_at=org.clock.now(), name="added")
        second = run_tap(config, folder, state=first.state)
        return Runs(
            first, first_ids, second, ids_of_streams(served, second), changed, deleted, added
        )


def ids_of_streams(served: Simulator, output: Output) -> Mapping[str, frozenset[str]]:
    """Return the ids that the org holds, by stream."""
    cut = {f"kobject_{KLASS_OF_MORE}": long_stream(output)}
    ids = {CHILDREN.get(name, name): ids for name, ids in expected_ids(served.url).items()}
    return {cut.get(name, name): ids_ for name, ids_ in ids.items()}


def long_stream(output: Output) -> str:
    """Return the name that the tap gave to the stream of the longest klass."""
    (name,) = (one for one in output.streams if one.startswith("kobject_lll"))
    return name


@pytest.fixture(scope="module")
def flattened(tmp_path_factory: pytest.TempPathFactory) -> Output:
    """Return the customers with every custom attribute as a column."""
    with Simulator(odd_org()) as served:
        config = {
            **served.config,
            "start_date": START_DATE,
            "flattening_enabled": True,
            "flattening_max_depth": 1,
        }
        return run_tap(config, tmp_path_factory.mktemp("flattened"), select=["customers"])


@pytest.fixture(scope="module", params=LOADERS)
def loader(request: pytest.FixtureRequest) -> str:
    """Name a loader."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def database(
    loader: str,
    programs: Path,
    port: int,
    runs: Runs,
    tmp_path_factory: pytest.TempPathFactory,
) -> Database:
    """Return a database that a loader has filled with the first run."""
    filled = Database(programs / "psql", port, loader, loader)
    filled.create()
    state = filled.load(runs.first, tmp_path_factory.mktemp("first"))
    assert state == runs.first.state
    return filled


def test_every_table_holds_the_ids_of_the_org(database: Database, runs: Runs) -> None:
    """Every stream that the tap offers, the optional ones too."""
    loaded = database.ids()

    assert compare(runs.first_ids, loaded) == []
    assert {*loaded, *MADE_BY_THE_TAP} == set(runs.first.streams)


def odd_customer(database: Database, column: str = "*") -> dict[str, Any]:
    """Return the row of the odd customer, or one column of it, as JSON."""
    sql = f"select {column} from kustomer.customers where id = '{ODD}'"  # noqa: S608  # our own
    (row,) = database.query(sql)
    return row


def test_nul_and_lone_surrogates_are_replaced(database: Database) -> None:
    """PostgreSQL takes neither, at the top or inside of JSON."""
    row = odd_customer(database)

    assert row["name"] == REPLACED
    assert row["custom"]["strayStr"] == REPLACED
    assert row["emails"][0]["email"] == REPLACED


def test_integers_beyond_64_bits_arrive(database: Database) -> None:
    """In `extra_attributes`: the column's type could not hold them."""
    row = odd_customer(database)

    assert row["rev"] is None
    assert row["extra_attributes"]["rev"] == BEYOND_64_BITS
    assert row["extra_attributes"]["unknownNumber"] == BEYOND_64_BITS


def test_nan_becomes_null(database: Database) -> None:
    """JSON has none; where it was moved to, its name stays."""
    row = odd_customer(database)

    assert row["custom"]["brokenNum"] is None
    assert row["extra_attributes"]["custom.brokenNum"] == "NaN"


def test_long_text_and_deep_json_arrive(database: Database) -> None:
    """Five megabytes, and sixty levels of objects and lists."""
    extras = odd_customer(database)["extra_attributes"]

    assert extras["unknownText"] == TEXT_5_MB
    assert extras["unknownDepth"] == deep(DEPTH)


def test_custom_attributes_of_every_ending_arrive(database: Database) -> None:
    """Values as they are, lists too; a number keeps all its digits."""
    custom = odd_customer(database, "custom")["custom"]

    assert {name: custom.get(name) for name in CUSTOM | LISTS} == CUSTOM | LISTS


def test_names_of_63_bytes_are_tables_of_their_own(database: Database, runs: Runs) -> None:
    """A longer name of a klass is cut by the tap, not by PostgreSQL."""
    names = [f"kobject_{KLASS_OF_63}", long_stream(runs.first)]

    assert [len(name) for name in names] == [63, 63]
    loaded = database.ids()
    assert [len(loaded[name]) for name in names] == [2, 2]


def test_flattened_custom_attributes_are_columns(
    programs: Path, port: int, flattened: Output, tmp_path: Path, loader: str
) -> None:
    """Also one whose column is as long as a name may be, and one that the tap has to cut."""
    database = Database(programs / "psql", port, loader, f"flat_{loader}")
    database.create()

    database.load(flattened, tmp_path)

    # One of the loaders writes every name in lower case.
    row = {name.lower(): value for name, value in odd_customer(database).items()}
    assert row["custom__amountnum"] == CUSTOM["amountNum"]
    assert row["custom__plainstr"] == CUSTOM["plainStr"]
    assert row["custom__donebool"] is CUSTOM["doneBool"]
    long = (CUSTOM[LONGEST], CUSTOM[LONGER])
    columns = {row[name]: name for name in row if row[name] in long}
    assert columns.keys() == set(long)
    if loader == "meltanolabs":  # the other gives names of 63 bytes new ones: docs/guarantees.md
        assert columns[CUSTOM[LONGEST]] == f"custom__{LONGEST}".lower()
        assert len(columns[CUSTOM[LONGER]]) <= 63


@pytest.mark.parametrize("loader", ["meltanolabs"], indirect=True, scope="module")
def test_what_meltano_yml_sets_for_pace_changes_no_row(
    database: Database, runs: Runs, programs: Path, port: int, tmp_path: Path
) -> None:
    """The same values in every column, text of all kinds included, as with the loader's own."""
    assert SHIPPED == {"use_copy": True, "validate_records": False}
    slow = Database(programs / "psql", port, database.loader, "as_released", shipped=False)
    slow.create()

    slow.load(runs.first, tmp_path)

    for name in runs.first.streams:
        asked = f"""select to_jsonb(t) - array(
            select jsonb_object_keys(to_jsonb(t)) intersect
            values ('_sdc_batched_at'), ('_sdc_received_at'), ('_sdc_sequence'),
                   ('_sdc_sync_started_at'), ('_sdc_extracted_at')) as row
            from kustomer."{name}" t order by 1"""  # noqa: S608  # our own names
        assert database.query(asked) == slow.query(asked), name


def test_a_second_run_upserts(database: Database, runs: Runs, tmp_path: Path) -> None:
    """A changed, a deleted and a new row; nothing is there twice."""
    database.load(runs.second, tmp_path)

    loaded = database.ids()
    assert compare(runs.second_ids, loaded) == []
    assert runs.added in loaded["customers"]
    changed, deleted = (
        database.query(
            f"select name, _sdc_deleted_at from kustomer.conversations where id = '{id_}'"  # noqa: S608
        )[0]
        for id_ in (runs.changed, runs.deleted)
    )
    assert changed == {"name": "A new name 😀", "_sdc_deleted_at": None}
    assert deleted["_sdc_deleted_at"] is not None


@pytest.mark.parametrize(
    ("apt_get", "user", "reason"),
    [(None, 0, "no apt-get"), ("/usr/bin/apt-get", 1000, "only root")],
    ids=["no_debian", "no_root"],
)
def test_a_machine_without_postgresql_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, apt_get: str | None, user: int, reason: str
) -> None:
    """The tests are skipped there, with this as the reason."""
    monkeypatch.setattr(postgres, "binaries", lambda: None)
    monkeypatch.setattr("shutil.which", lambda _: apt_get)
    monkeypatch.setattr("os.geteuid", lambda: user)

    with pytest.raises(postgres.UnavailableError, match=reason):
        postgres.install()
