"""Flattened columns have names that every loader takes, and that stay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator import Org, Simulator
from tests.rows.test_privacy import FLAT, assert_valid
from tests.support import Output, run_tap, sync_tap

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
