"""What an admin changes between two runs leaves tables and columns as they were."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from simulator import Org, Simulator
from tap_kustomer.naming import MAX_IDENTIFIER_BYTES
from tests.support import Output, catalog_of, sync_tap


@pytest.fixture
def org() -> Org:
    """An org with two custom attributes of customers and one klass."""
    org = Org(seed=9)
    org.set_attribute("customer", "tierStr", displayName="Tier")
    org.set_attribute("customer", "debtNum", displayName="Debt")
    org.add_klass("ecomm-order", attributes={"totalNum": {"displayName": "Total"}})
    org.add("customer", 3, custom={"tierStr": "gold", "debtNum": 1})
    org.add("kobject_ecomm-order", 3)
    return org


@pytest.fixture
def server(org: Org) -> Iterator[Simulator]:
    """The server of the org."""
    with Simulator(org=org, limits=False) as simulator:
        yield simulator


def streams_of(server: Simulator) -> set[str]:
    """Return the names of the klass streams that discovery yields."""
    catalog = catalog_of(server.config, [])
    names = {entry["tap_stream_id"] for entry in catalog["streams"]}
    return {name for name in names if name.startswith("kobject_")}


def custom_of(output: Output, stream: str) -> dict[str, Any]:
    """Return the custom attributes in the schema of a stream, without what they are called."""
    properties = output.schema(stream)["properties"]["custom"]["properties"]
    return {
        name: {key: value for key, value in schema.items() if key != "description"}
        for name, schema in properties.items()
    }


def read(server: Simulator, *streams: str, **config: Any) -> Output:
    """Run the tap over some streams."""
    return sync_tap({**server.config, **config}, streams)


def test_a_new_attribute_is_a_new_field_and_changes_no_other(server: Simulator, org: Org) -> None:
    """A target adds a column and goes on."""
    before = custom_of(read(server, "customers"), "customers")
    org.set_attribute("customer", "cityStr", displayName="City")
    [id_] = org.add("customer", custom={"cityStr": "Porto"})
    output = read(server, "customers")

    assert custom_of(output, "customers") == {
        **before,
        "cityStr": {"type": ["string", "null"]},
    }
    assert output.newest("customers")[id_]["custom"]["cityStr"] == "Porto"


def test_another_display_name_changes_nothing_but_the_description(
    server: Simulator, org: Org
) -> None:
    """An admin may rename an attribute at any time; its system name stays."""
    before = read(server, "customers")
    org.set_attribute("customer", "tierStr", displayName="Level of loyalty")
    after = read(server, "customers")

    assert custom_of(after, "customers") == custom_of(before, "customers")
    assert after.newest("customers") == before.newest("customers")


def test_a_deleted_attribute_keeps_its_field(server: Simulator, org: Org) -> None:
    """Rows may still have its values, and a column that vanishes breaks queries."""
    before = read(server, "customers")
    org.delete_attribute("customer", "tierStr")
    after = read(server, "customers")

    assert custom_of(after, "customers") == custom_of(before, "customers")
    assert after.newest("customers") == before.newest("customers")


def test_the_values_of_an_attribute_that_metadata_forgot_stay(server: Simulator, org: Org) -> None:
    """Nothing is dropped because nobody describes it any more."""
    before = read(server, "customers")
    org.delete_attribute("customer", "tierStr", erase=True)
    after = read(server, "customers")

    assert after.newest("customers") == before.newest("customers")


def test_the_type_in_metadata_does_not_move_a_column_that_its_name_types(
    server: Simulator, org: Org
) -> None:
    """The suffix cannot change, so it decides; values of another type are converted or kept."""
    before = custom_of(read(server, "customers"), "customers")
    org.set_attribute("customer", "debtNum", displayName="Debt", type="string")
    [text, number] = [
        *org.add("customer", custom={"debtNum": "much"}),
        *org.add("customer", custom={"debtNum": "12.5"}),
    ]
    output = read(server, "customers")
    rows = output.newest("customers")

    assert custom_of(output, "customers") == before
    assert rows[number]["custom"]["debtNum"] == 12.5
    assert rows[text]["custom"]["debtNum"] is None
    assert rows[text]["extra_attributes"] == {"custom.debtNum": "much"}


def test_a_klass_that_is_called_otherwise_keeps_its_stream(server: Simulator, org: Org) -> None:
    """Its system name is part of every id; the display name is not."""
    org.rename_klass_display("ecomm-order", "Purchases")

    assert streams_of(server) == {"kobject_ecomm_order"}


@pytest.mark.parametrize("status", ["enabled", "disabled"])
def test_a_new_klass_takes_no_name_over(server: Simulator, org: Org, status: str) -> None:
    """Else the rows of two klasses would land in one table; disabled klasses keep theirs too."""
    org.set_klass_status("ecomm-order", status)
    before = streams_of(server)
    org.add_klass("ecomm_order")
    org.add_klass("Ecomm-Order")
    after = streams_of(server)

    assert before <= after
    assert ("kobject_ecomm_order" in after) == (status == "enabled")
    assert len(after - {"kobject_ecomm_order"}) == 2
    assert all(name.startswith("kobject_ecomm_order_") for name in after - before)
    org.add_klass("ecomm order")
    assert after <= streams_of(server)


def test_rows_of_colliding_klasses_stay_apart(server: Simulator, org: Org) -> None:
    """Each klass has its own stream, and the old one continues from its bookmark."""
    first = read(server, "kobject_ecomm_order")
    old = set(org.ids("kobject_ecomm-order"))
    org.add_klass("ecomm_order")
    new = set(org.add("kobject_ecomm_order", 2))
    [name] = streams_of(server) - {"kobject_ecomm_order"}
    second = sync_tap(server.config, ["kobject_ecomm_order", name], state=first.state)

    assert first.ids("kobject_ecomm_order") == old
    assert second.ids("kobject_ecomm_order") <= old
    assert len(second.records("kobject_ecomm_order")) <= 1  # the row at the bookmark
    assert second.ids(name) == new
    assert {row["klass"] for row in second.records(name)} == {"ecomm_order"}


@pytest.mark.parametrize(
    "label",
    ["a\x00b", "\ud800", "x" * 100_000, "line\nbreak \"'", "", 7, True, None, ["l"], {"a": 1}],
    ids=["nul", "surrogate", "long", "line", "empty", "number", "true", "null", "list", "object"],
)
def test_a_label_changes_neither_type_nor_rows_whatever_it_is(
    server: Simulator, org: Org, label: Any
) -> None:
    """An admin writes labels; a catalog with one that no loader takes would end every load."""
    org.set_attribute("customer", "cityStr", displayName=label)
    [id_] = org.add("customer", custom={"cityStr": "Bonn"})
    output = read(server, "customers")
    column = output.schema("customers")["properties"]["custom"]["properties"]["cityStr"]

    assert output.status == 0
    assert column["type"] == ["string", "null"]
    assert "\x00" not in column.get("description", "")
    assert output.newest("customers")[id_]["custom"]["cityStr"] == "Bonn"


def test_names_that_are_too_long_are_cut_and_stay_apart(server: Simulator, org: Org) -> None:
    """PostgreSQL cuts at 63 bytes without a word, and two tables would be one."""
    for last in "ab":
        org.add_klass("k" * 80 + last)
    names = streams_of(server) - {"kobject_ecomm_order"}

    assert len(names) == 2
    assert {len(name) for name in names} == {MAX_IDENTIFIER_BYTES}
    assert streams_of(server) - {"kobject_ecomm_order"} == names


FLAT = {"flattening_enabled": True, "flattening_max_depth": 2}


def test_flattened_names_that_are_too_long_are_cut_and_stay_apart(
    server: Simulator, org: Org
) -> None:
    """A column name is an identifier too; the values arrive under the same names."""
    attributes = [f"{'x' * 70}{last}Str" for last in "ab"]
    for name in attributes:
        org.set_attribute("customer", name, displayName="Long")
    [id_] = org.add("customer", custom=dict.fromkeys(attributes, "here"))
    first, second = read(server, "customers", **FLAT), read(server, "customers", **FLAT)
    columns = first.schema("customers")["properties"]
    long = {name for name in columns if name.startswith("custom__x")}

    assert {len(name) for name in long} == {MAX_IDENTIFIER_BYTES}
    assert len(long) == 2
    assert list(second.schema("customers")["properties"]) == list(columns)
    row = first.newest("customers")[id_]
    assert [row[name] for name in long] == ["here", "here"]
    assert set(row) <= set(columns)


def test_a_flattened_attribute_that_nobody_describes_is_kept(server: Simulator, org: Org) -> None:
    """It has no column of its own, so it leaves with the other unknown ones."""
    [id_] = org.add("customer", custom={"tierStr": "gold", "newStr": "x"})
    row = read(server, "customers", **FLAT).newest("customers")[id_]

    assert row["custom__tierStr"] == "gold"
    assert json.loads(row["extra_attributes"]) == {"custom.newStr": "x"}


def test_an_open_custom_stays_one_column_when_flattened(server: Simulator, org: Org) -> None:
    """Without any attribute in metadata there would be no column for it."""
    [id_] = org.add("company", custom={"newStr": "x"})
    row = read(server, "companies", **FLAT).newest("companies")[id_]

    assert json.loads(row["custom"]) == {"newStr": "x"}


def test_a_klass_that_takes_no_new_objects_is_still_read(server: Simulator, org: Org) -> None:
    """`existing_only` keeps what there is."""
    org.set_klass_status("ecomm-order", "existing_only")

    assert read(server, "kobject_ecomm_order").ids("kobject_ecomm_order") == set(
        org.ids("kobject_ecomm-order")
    )


@pytest.mark.parametrize("change", ["disabled", "removed"])
def test_a_klass_that_is_gone_fails_by_name_where_a_catalog_selects_it(
    server: Simulator, org: Org, change: str
) -> None:
    """A table that is no longer filled must be noticed."""
    catalog = catalog_of(server.config, ["kobject_ecomm_order", "customers"])
    if change == "disabled":
        org.set_klass_status("ecomm-order", "disabled")
    else:
        org.remove_klass("ecomm-order")
    output = sync_tap(server.config, ["customers"], catalog=catalog)

    assert output.status == 1
    assert "kobject_ecomm_order" in output.stderr
    assert len(output.ids("customers")) == 3


def test_a_catalog_from_before_goes_on_with_the_columns_that_it_has(
    server: Simulator, org: Org
) -> None:
    """A stored catalog is older than the org; what it does not know comes as unknown fields."""
    catalog = catalog_of(server.config, ["customers"])
    org.set_attribute("customer", "cityStr", displayName="City")
    org.delete_attribute("customer", "tierStr", erase=True)
    [id_] = org.add("customer", custom={"cityStr": "Porto", "debtNum": 2})
    output = sync_tap(server.config, ["customers"], catalog=catalog)

    assert output.status == 0
    assert output.newest("customers")[id_]["custom"] == {"cityStr": "Porto", "debtNum": 2}
