"""Names, widths and numbers that a warehouse could take for others: real tap, real loaders."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from simulator import Org, Simulator
from tests.e2e.postgres import LOADERS, Database
from tests.e2e.project import MeltanoProject
from tests.support import Output, run_tap

FLAT = {"flattening_enabled": True, "flattening_max_depth": 1}
TARGETS = ["duckdb", *LOADERS]
NUMBERS = itertools.count(1)  # of databases
Rows = list[dict[str, Any]]


class Target:
    """A loader and an empty database."""

    def __init__(self, name: str, request: pytest.FixtureRequest, folder: Path) -> None:
        self.name = name
        self._folder = folder
        self._database: Database | None = None
        if name == "duckdb":
            project: MeltanoProject = request.getfixturevalue("installed_project")
            self._loader = project.executable("target-duckdb", "target-duckdb-no-header")
        else:
            programs, port = (request.getfixturevalue(one) for one in ("programs", "port"))
            self._database = Database(programs / "psql", port, name, f"names_{next(NUMBERS)}")
            self._database.create()

    def load(self, output: Output) -> None:
        """Load what the tap printed; fails with the loader's words."""
        if self._database is not None:
            self._database.load(output, self._folder)
            return
        config = self._folder / "duckdb.json"
        settings = {"path": str(self._folder / "x.duckdb"), "default_target_schema": "kustomer"}
        config.write_text(json.dumps(settings), encoding="utf-8")
        done = subprocess.run(
            [str(self._loader), "--config", str(config)],
            input=output.stdout, capture_output=True, text=True, check=False, timeout=170,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        assert json.loads(done.stdout.splitlines()[-1]) == output.state

    def rows(self, table: str) -> Rows:
        """Return the rows, numbers and lists as JSON says them."""
        if self._database is not None:
            return self._database.query(f"select * from kustomer.{table}")  # noqa: S608
        with duckdb.connect(str(self._folder / "x.duckdb"), read_only=True) as connection:
            found = connection.execute(f"select * from kustomer.{table}")  # noqa: S608
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def customs(self) -> dict[str, Any]:
        """Return the custom attributes of the one customer, by column; null ones are left out."""
        [row] = self.rows("customers")
        return {
            name: value
            for name, value in row.items()
            if name.startswith("custom__") and value is not None
        }


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    """Return each loader with an empty database."""
    return Target(request.param, request, tmp_path)


@pytest.fixture
def served() -> Iterator[Simulator]:
    """An org without rows."""
    with Simulator(Org(seed=6), limits=False) as simulator:
        yield simulator


@pytest.fixture
def read(served: Simulator, tmp_path: Path) -> Callable[..., Output]:
    """Return what runs the tap on the customers."""

    def run(**settings: Any) -> Output:
        output = run_tap({**served.config, **settings}, select=["customers"], folder=tmp_path)
        assert output.status == 0, output.stderr
        return output

    return run


def add_customer(org: Org, custom: Mapping[str, Any]) -> str:
    """Add a customer whose attributes are all in the metadata."""
    for name in custom:
        org.set_attribute("customer", name)
    [id_] = org.add("customer", custom=dict(custom))
    return id_


def test_attributes_with_odd_names_have_columns(
    served: Simulator, read: Callable[..., Output], target: Target
) -> None:
    """Equal but for case, one of them added later; quotes, dots and brackets."""
    names = ["vipStr", "VIPStr", "a.bStr", 'c"dStr', "e'fStr", "g[0]Str"]
    id_ = add_customer(served.org, dict(zip(names, names, strict=True)))
    target.load(read(**FLAT))
    assert sorted(target.customs().values()) == sorted(names)

    served.org.set_attribute("customer", "VipStr")
    names.append("VipStr")
    served.org.update("customer", id_, custom=dict(zip(names, names, strict=True)))
    target.load(read(**FLAT))
    assert sorted(target.customs().values()) == sorted(names)
    assert {name.lower(): one for name, one in target.customs().items()}["custom__vipstr"] == (
        "vipStr"
    )


def test_klasses_equal_but_for_case_have_tables(
    served: Simulator, target: Target, tmp_path: Path
) -> None:
    """One of them was added later."""
    org = served.org
    org.add_klass("Order")
    first = org.add("kobject_Order", 2)
    before = run_tap(served.config, folder=tmp_path)
    org.add_klass("order")
    later = org.add("kobject_order", 3)
    after = run_tap(served.config, folder=tmp_path)
    [new] = {one for one in {*after.streams} - {*before.streams} if one.startswith("kobject")}
    for output in (before, after):
        target.load(output)
    assert {row["id"] for row in target.rows("kobject_order")} == set(first)
    assert {row["id"] for row in target.rows(new)} == set(later)


def test_numbers_that_are_ids_keep_their_digits(
    served: Simulator, read: Callable[..., Output], target: Target
) -> None:
    """Under `Num` and `Str`, as text and as a number, where a target makes doubles of numbers."""
    texts = {"cardNum": "9999999999999999", "zerosNum": "0012345678901234", "telNum": "+49170123",
             "fitsNum": "1234567890123456", "idStr": 1234567890123456, "floatStr": 1.5}  # fmt: skip
    add_customer(served.org, texts)
    target.load(read(**FLAT))
    [row] = target.rows("customers")
    row = {name.lower(): value for name, value in row.items()}
    extras = row["extra_attributes"]
    extras = json.loads(extras) if isinstance(extras, str) else extras
    moved = ("cardNum", "zerosNum", "telNum")
    assert extras == {f"custom.{name}": texts[name] for name in moved}
    assert [row[f"custom__{name.lower()}"] for name in moved] == [None, None, None]
    assert row["custom__fitsnum"] == 1234567890123456
    assert row["custom__idstr"] == "1234567890123456"
    assert row["custom__floatstr"] == "1.5"


def wide(count: int) -> dict[str, str]:
    """Return attributes whose values take the most room in a row of PostgreSQL."""
    return {f"attribute{number:04}Str": "x" * 23 for number in range(count)}


@pytest.mark.parametrize("target", LOADERS, indirect=True)
@pytest.mark.parametrize(
    "case",
    [
        (250, "", ""),
        (400, "at a row of more than 8,160 bytes", "row is too big"),
        (1600, "takes 1,600", r"\w"),
    ],
    ids=lambda case: str(case[0]),
)
def test_a_table_too_wide_for_postgresql_is_warned_of(
    served: Simulator, read: Callable[..., Output], target: Target, case: tuple[int, str, str]
) -> None:
    """With the number of its columns, before the load; nothing is said of what fits."""
    count, words, refusal = case
    add_customer(served.org, wide(count))
    output = read(**FLAT)
    columns = len(output.schema("customers")["properties"])
    if not words:
        assert "PostgreSQL" not in output.stderr
        target.load(output)
        assert len(target.customs()) == count
        return
    assert words in output.stderr
    assert f"{columns:,} columns" in output.stderr
    with pytest.raises(AssertionError, match=refusal):
        target.load(output)


# Only an attribute without an ending that tells its type can change it: docs/loading.md.
CHANGES: dict[tuple[str, str], tuple[Any, Any]] = {
    ("string", "number"): ("high", 7),
    ("number", "string"): (7, "high"),
}


@pytest.mark.parametrize("change", CHANGES, ids="_to_".join)
def test_a_flattened_attribute_of_another_type(
    served: Simulator, read: Callable[..., Output], target: Target, change: tuple[str, str]
) -> None:
    """What the page says of each loader."""
    org, (old, new) = served.org, CHANGES[change]
    org.set_attribute("customer", "level", type=change[0])
    [id_] = org.add("customer", custom={"level": old})
    target.load(read(**FLAT))
    org.set_attribute("customer", "level", type=change[1])
    org.update("customer", id_, custom={"level": new})
    output = read(**FLAT)

    if target.name != "meltanolabs":  # the old column goes aside with its values
        target.load(output)
        found = target.customs()
        assert found.pop("custom__level") == new
        assert list(found.values()) == [old]
        assert next(iter(found)).startswith("custom__level_20")
    elif new == "high":  # the column of numbers stays, and the text does not fit
        with pytest.raises(AssertionError, match="target-postgres"):
            target.load(output)
        assert target.customs() == {"custom__level": old}
    else:  # the column of text stays
        target.load(output)
        assert float(target.customs()["custom__level"]) == new


@pytest.mark.parametrize("change", CHANGES, ids="_to_".join)
def test_an_attribute_of_another_type_inside_of_json(
    served: Simulator, read: Callable[..., Output], target: Target, change: tuple[str, str]
) -> None:
    """The recipe: `custom` is one column, whatever becomes of an attribute."""
    org = served.org
    [id_] = org.add("customer", custom={})
    columns = set()
    for type_, value in zip(change, CHANGES[change], strict=True):
        org.set_attribute("customer", "level", type=type_)
        org.update("customer", id_, custom={"level": value})
        target.load(read())
        [row] = target.rows("customers")
        custom = row["custom"] if isinstance(row["custom"], dict) else json.loads(row["custom"])
        assert custom == {"level": value}
        columns.add(frozenset(row))
    assert len(columns) == 1
