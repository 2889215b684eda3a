"""Flattened columns have names that every loader takes, and that stay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator import Org, Simulator
from tests.rows.test_privacy import FLAT, assert_valid, deselected
from tests.support import Output, catalog_of, run_tap, sync_tap

ODD = ["a.bStr", 'c"dStr', "e'fStr", "g[0]Str", "h`iStr", "j kStr", "l-mStr", "n;--Str", "ünStr"]


@pytest.fixture
def server() -> Iterator[Simulator]:
    """An org without rows."""
    with Simulator(Org(seed=6), limits=False) as served:
        yield served


def customs(output: Output) -> dict[str, Any]:
    """Return the values of the columns of custom attributes, of the one customer."""
    assert output.status == 0, output.stderr
    assert_valid(output)
    [row] = output.newest("customers").values()
    return {name: one for name, one in row.items() if name.startswith("custom")}


@pytest.mark.parametrize("settings", [FLAT, {**FLAT, "flattening_separator": "_o_"}], ids=str)
def test_attributes_equal_but_for_case_have_columns_of_their_own(
    server: Simulator, settings: dict[str, Any]
) -> None:
    """Most databases take two such columns for one; the first keeps its name."""
    names = ["vipStr", "VIPStr", "VipStr"]
    for name in names[:1]:
        server.org.set_attribute("customer", name)
    [id_] = server.org.add("customer", custom={name: name for name in names})
    config = {**server.config, **settings}
    first = next(
        column
        for column, one in customs(sync_tap(config, ["customers"])).items()
        if one == names[0]
    )
    for number in (2, 3):  # one that is added later moves none
        server.org.set_attribute("customer", names[number - 1])
        server.org.update("customer", id_, name=str(number))
        found = customs(sync_tap(config, ["customers"]))
        assert found[first] == names[0]
        assert sorted(found.values()) == sorted(names[:number])
        assert len({column.lower() for column in found}) == number
        again = customs(sync_tap(config, ["customers"]))
        assert again == found


def test_a_column_keeps_its_name_whatever_becomes_of_metadata(server: Simulator) -> None:
    """Where databases take two names for one, its values would go on in another one's column."""
    org, config = server.org, {**server.config, **FLAT}
    names = ["tierStr", "TIERStr", "TierStr"]
    for name in names[:2]:
        org.set_attribute("customer", name)
    [id_] = org.add("customer", custom={name: name for name in names})
    output = sync_tap(config, ["customers"])
    first = customs(output)
    assert first["custom__tierStr"] == "tierStr"

    def again(change: str) -> dict[str, Any]:
        nonlocal output
        org.update("customer", id_, name=change)
        output = sync_tap(config, ["customers"], state=output.state)
        return customs(output)

    org.delete_attribute("customer", "tierStr")  # the last in metadata from now on
    assert again("deleted") == first
    org.delete_attribute("customer", "tierStr", erase=True)
    left = {column: one for column, one in first.items() if one != "tierStr"}
    assert again("erased") == left
    org.set_attribute("customer", "TierStr")
    assert {*left.items()} < {*again("added").items()}
    org.set_attribute("customer", "tierStr")
    assert {*first.items()} < {*again("back").items()}


NEWCOMERS = ["listed first", "selected again", "after the other is gone", "of an old state"]


@pytest.mark.parametrize("settings", [FLAT, {**FLAT, "flattening_separator": "_o_"}], ids=str)
@pytest.mark.parametrize("case", NEWCOMERS)
def test_a_newcomer_leaves_the_column_to_the_one_that_was_loaded_before(
    server: Simulator, settings: dict[str, Any], case: str
) -> None:
    """Whichever metadata lists first, and also where only one of two was loaded at first."""
    org, config = server.org, {**server.config, **settings}
    org.set_attribute("customer", "tierStr")
    if case == "selected again":
        org.set_attribute("customer", "TierStr")
    [id_] = org.add("customer", custom={"tierStr": "old", "TierStr": "new"})
    catalog = catalog_of(config, ["customers"])
    if case == "selected again":
        deselected(catalog, "customers", "custom", "TierStr")
    output = sync_tap(config, ["customers"], catalog=catalog)
    first = customs(output)
    assert [*first.values()] == ["old"]

    if case == "of an old state":
        output.state["bookmarks"]["customers"].pop("columns_kept")
        org.update("customer", id_, name="between")
        output = sync_tap(config, ["customers"], catalog=catalog, state=output.state)
    org.set_attribute("customer", "TierStr")
    org.delete_attribute("customer", "tierStr", erase=case == "after the other is gone")
    for change in ("one", "two"):
        org.update("customer", id_, name=change)
        output = sync_tap(config, ["customers"], state=output.state)
        found = customs(output)
        if case == "after the other is gone":
            assert [*found.values()] == ["new"]
        else:
            assert {*first.items()} < {*found.items()}
        assert len({name.lower() for name in [*found, *first]}) == 2


def test_only_flattening_has_names_to_remember(server: Simulator) -> None:
    """Else a state would grow with each attribute."""
    server.org.set_attribute("customer", "tierStr")
    server.org.add("customer", custom={"tierStr": "x"})
    plain = sync_tap(server.config, ["customers"]).state["bookmarks"]["customers"]
    assert "columns_kept" not in plain
    flat = sync_tap({**server.config, **FLAT}, ["customers"]).state["bookmarks"]["customers"]
    assert flat["columns_kept"] == ["custom__tierStr"]


def test_names_are_letters_digits_and_what_no_loader_minds(server: Simulator) -> None:
    """A quote ended the load; a dot or a bracket leads some loaders into JSON."""
    for name in ODD:
        server.org.set_attribute("customer", name)
    server.org.add("customer", custom={name: name for name in ODD})
    found = customs(sync_tap({**server.config, **FLAT}, ["customers"]))
    assert sorted(found.values()) == sorted(ODD)
    for column, name in found.items():
        assert column.replace("-", "").replace(" ", "").isidentifier()
        assert (column == f"custom__{name}") == (name in {"j kStr", "l-mStr", "ünStr"})


def test_cleaned_names_that_would_meet_stay_apart(server: Simulator) -> None:
    """Each has an ending made of its own name."""
    names = ["a.bStr", "a_bStr", "a'bStr", "A.bStr"]
    for name in names:
        server.org.set_attribute("customer", name)
    server.org.add("customer", custom={name: name for name in names})
    found = customs(sync_tap({**server.config, **FLAT}, ["customers"]))
    assert sorted(found.values()) == sorted(names)
    assert len({column.lower() for column in found}) == len(names)
    assert found["custom__a_bStr"] == "a_bStr"


ANSWERS = [f"customerSatisfactionSurveyResponse{name}Str" for name in ("One", "Other")]


@pytest.mark.parametrize("length", [16, 30, 40])
@pytest.mark.parametrize("maps", [{}, {"customers": {"name": "name"}}], ids=["plain", "mapped"])
def test_names_that_are_one_once_they_are_short_fail_with_the_setting(
    server: Simulator, tmp_path: Path, length: int, maps: dict[str, Any]
) -> None:
    """The SDK shortens names to their capitals, and ends where two become one."""
    for name in ANSWERS:
        server.org.set_attribute("customer", name)
    server.org.add("customer", custom=dict.fromkeys(ANSWERS, "yes"))
    config = {**server.config, **FLAT, "stream_maps": maps}

    short = {**config, "flattening_max_key_length": length}
    output = run_tap(short, select=["customers"], folder=tmp_path)

    assert output.status == 1
    [error] = [line for line in output.stderr.splitlines() if "ERROR" in line]
    assert "customers: flattening would call two columns cus" in error
    assert "Raise `flattening_max_key_length`" in error
    found = customs(sync_tap({**config, "flattening_max_key_length": 100}, ["customers"]))
    assert [*found.values()] == ["yes", "yes"]


def test_names_inside_of_json_stay_as_they_are(server: Simulator) -> None:
    """There, case and quotes tell names apart."""
    names = [*ODD, "vipStr", "VIPStr"]
    for name in names:
        server.org.set_attribute("customer", name)
    server.org.add("customer", custom={name: name for name in names})
    assert customs(sync_tap(server.config, ["customers"]))["custom"] == {one: one for one in names}
