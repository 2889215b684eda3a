"""A rule of privacy holds for what nobody knows; a map that does nothing says so."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator import Fault, Org, Simulator
from simulator.api.roles import ROLES
from tap_kustomer.rows.redaction import Withheld
from tap_kustomer.settings.meltano import (
    dropped_nulls,
    left_out_by_name,
    lets_unknown_custom_leave,
)
from tests.rows.test_privacy import FLAT, assert_valid, deselected
from tests.support import Output, catalog_of, run_tap, sync_tap

SECRET = "diabetes-555-0199"  # noqa: S105 - a value of a row
SEARCH = "/v1/customers/search"
RESHAPINGS = pytest.mark.parametrize("reshaping", [{}, FLAT], ids=["nested", "flat"])


@pytest.fixture
def clinic() -> Iterator[Simulator]:
    """Four customers with a secret each, and an attribute of every other kind."""
    org = Org(seed=3, roles={role for roles in ROLES.values() for role in roles})
    org.set_attribute("customer", "diagnosisStr", displayName="Diagnosis")
    org.set_attribute("customer", "vipBool")
    for _ in range(4):
        org.add("customer", custom={"diagnosisStr": SECRET, "vipBool": True})
    with Simulator(org) as simulator:
        yield simulator


def refuse_metadata(served: Simulator) -> None:
    """Take the role away that shows which custom attributes there are."""
    assert served.org.roles is not None
    served.org.roles -= set(ROLES["metadata"])


def assert_stays(output: Output, *, custom: bool = True) -> None:
    """Check that every row arrived, and the secret in none of them."""
    assert output.status == 0, output.stderr
    assert output.counts["customers"] == 4
    assert SECRET not in json.dumps(output.messages) + output.stderr
    columns = {name.partition("__")[0] for name in output.schema("customers")["properties"]}
    assert ("custom" in columns) is custom
    assert_valid(output)


@RESHAPINGS
def test_a_deselected_attribute_stays_when_metadata_cannot_be_read(
    clinic: Simulator, reshaping: dict[str, Any], tmp_path: Path
) -> None:
    """Neither under the catalog of better days nor under one that never knew it."""
    config = {**clinic.config, **reshaping}
    known = deselected(catalog_of(config, ["customers"]), "customers", "custom", "diagnosisStr")
    refuse_metadata(clinic)
    assert_stays(run_tap(config, catalog=known, folder=tmp_path), custom=False)

    unknown = catalog_of(config, ["customers"])
    assert_rule(unknown, "diagnosisStr")
    output = run_tap(config, catalog=unknown, folder=tmp_path)
    assert_stays(output, custom=False)
    assert "org.permission.metadata.read" in output.stderr


def assert_rule(catalog: dict[str, Any], name: str) -> None:
    """Deselect an attribute that the catalog does not know."""
    (entry,) = (one for one in catalog["streams"] if one["tap_stream_id"] == "customers")
    breadcrumb = ["properties", "custom", "properties", name]
    assert breadcrumb not in [one["breadcrumb"] for one in entry["metadata"]]
    rule = {"inclusion": "available", "selected": False}
    entry["metadata"].append({"breadcrumb": breadcrumb, "metadata": rule})


@RESHAPINGS
@pytest.mark.parametrize("change", ["new", "renamed", "nested", "allow-list", "no object"])
def test_what_could_be_the_attribute_that_is_left_out_stays(
    clinic: Simulator, reshaping: dict[str, Any], change: str, tmp_path: Path
) -> None:
    """Whatever has become of it since the catalog was made."""
    org, config = clinic.org, {**clinic.config, **reshaping}
    catalog = deselected(catalog_of(config, ["customers"]), "customers", "custom", "diagnosisStr")
    shapes: dict[str, Any] = {
        "new": {"diagnosisNowStr": SECRET},
        "renamed": {"healthStr": SECRET, "diagnosisStr": None},
        "nested": {"health": {"diagnosisStr": [SECRET]}},
        "allow-list": {"diagnosisStr": SECRET, "otherStr": SECRET, "plain": SECRET},
        "no object": [SECRET],
    }
    now = shapes[change]
    if change == "renamed":
        org.delete_attribute("customer", "diagnosisStr", erase=True)
        org.set_attribute("customer", "healthStr")
    for id_ in org.ids("customer"):
        org.update("customer", id_, custom={**now, "vipBool": False} if change[:2] != "no" else now)
    output = run_tap(config, catalog=catalog, folder=tmp_path)
    assert_stays(output)
    if change != "no object":
        assert "false" in json.dumps(output.records("customers"))  # the neighbour leaves


def test_without_a_rule_what_is_unknown_leaves(clinic: Simulator) -> None:
    """Nothing is dropped that nobody wants dropped, with metadata or without."""
    for id_ in clinic.org.ids("customer"):
        clinic.org.update("customer", id_, custom={"newStr": "kept"})
    assert "kept" in json.dumps(sync_tap(clinic.config, ["customers"]).records("customers"))
    refuse_metadata(clinic)
    assert "kept" in json.dumps(sync_tap(clinic.config, ["customers"]).records("customers"))


def test_a_column_that_was_renamed_does_not_leave_as_an_extra(
    clinic: Simulator, tmp_path: Path
) -> None:
    """The catalog deselects a column that this version of the tap does not know."""
    for id_ in clinic.org.ids("customer"):
        clinic.org.update("customer", id_, custom={}, homeAddress=SECRET)
    catalog = catalog_of(clinic.config, ["customers"])
    (entry,) = (one for one in catalog["streams"] if one["tap_stream_id"] == "customers")
    rule = {"breadcrumb": ["properties", "home_address"], "metadata": {"selected": False}}
    entry["metadata"].append(rule)
    assert_stays(run_tap(clinic.config, catalog=catalog, folder=tmp_path))


BESIDE: dict[str, Any] = {
    "a column": {"preview": SECRET},
    "a column in words of the API": {"displayName": SECRET, "display_name": [SECRET]},
    "custom": {"custom": {"diagnosisStr": SECRET}},
    "a custom attribute": {"diagnosisStr": SECRET, "custom.diagnosisStr": SECRET},
    "within another": {"meta": {"preview": SECRET, "custom": {"diagnosisStr": SECRET}}},
    "within a list": {"rows": [[{"Preview": SECRET}], {"diagnosis_str": SECRET}]},
    "a relationship": {"defaultLang": SECRET, "createdBy": {"id": SECRET}},
}


@RESHAPINGS
@pytest.mark.parametrize("place", ["beside", "within", "related"])
@pytest.mark.parametrize("members", BESIDE.values(), ids=BESIDE)
def test_what_is_left_out_stays_wherever_a_resource_has_it(
    clinic: Simulator, reshaping: dict[str, Any], place: str, members: Any, tmp_path: Path
) -> None:
    """Beside the attributes, within an unknown one, within an unknown relationship."""
    catalog = catalog_of(clinic.config, ["customers"])
    for path in (
        ("preview",), ("display_name",), ("default_lang",), ("created_by_id",),
        ("custom", "diagnosisStr"),
    ):  # fmt: skip
        deselected(catalog, "customers", *path)
    change = {
        "beside": lambda row: {**row, **members, "harmless": {"kept": 1}},
        "within": lambda row: with_attribute(row, {"brandNew": {**members, "kept": 1}}),
        "related": lambda row: {**row, "relationships": {"brandNew": {"data": members}}},
    }[place]
    rewrite_rows(clinic, change)
    config = {**clinic.config, **reshaping}
    output = run_tap(config, catalog=catalog, folder=tmp_path)
    assert_stays(output)
    if place != "related":
        assert "kept" in json.dumps(output.records("customers"))


@RESHAPINGS
@pytest.mark.parametrize("name", ["displayName", "display_name", "DisplayName"])
def test_what_a_map_names_stays_in_whatever_words_a_resource_has_it(
    clinic: Simulator, reshaping: dict[str, Any], name: str
) -> None:
    """The map says `display_name`, Kustomer `displayName`."""
    for id_ in clinic.org.ids("customer"):
        clinic.org.update("customer", id_, custom={})
    rewrite_rows(clinic, lambda row: {**row, name: SECRET, "meta": {name: SECRET}})
    maps = {"customers": {"display_name": "__NULL__"}}
    assert_stays(sync_tap({**clinic.config, **reshaping, "stream_maps": maps}, ["customers"]))


def test_without_a_rule_what_stands_beside_the_attributes_leaves(clinic: Simulator) -> None:
    """Whole, under its own name."""
    beside = {"preview": "kept", "meta": {"preview": [1]}}
    rewrite_rows(clinic, lambda row: {**row, **beside})
    for row in sync_tap(clinic.config, ["customers"]).records("customers"):
        assert row["extra_attributes"] == beside


def test_what_nests_too_deep_to_be_looked_into_stays() -> None:
    """It could hold what is left out."""
    value: Any = SECRET
    for _ in range(sys.getrecursionlimit()):
        value = [value]
    assert Withheld(["preview"]).rest_of(value) is None
    assert Withheld([]).rest_of(value) is value


def rewrite_rows(served: Simulator, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Have each row of a search changed on its way."""
    served.faults.add(
        Fault(
            "rewrite",
            path=SEARCH,
            times=None,
            rewrite=lambda page: {**page, "data": [change(row) for row in page["data"]]},
        )
    )


def with_attribute(row: dict[str, Any], members: dict[str, Any]) -> dict[str, Any]:
    """Return a resource with further attributes."""
    return {**row, "attributes": {**row["attributes"], **members}}


DIAGNOSIS = ["properties", "custom", "properties", "diagnosisStr"]
ASKED = f"; did you mean {json.dumps(DIAGNOSIS)}?"


def with_rule(served: Simulator, breadcrumb: list[str]) -> dict[str, Any]:
    """Return a catalog in which somebody has deselected ``breadcrumb`` by hand."""
    catalog = catalog_of(served.config, ["customers"])
    (entry,) = (one for one in catalog["streams"] if one["tap_stream_id"] == "customers")
    entry["metadata"] = [one for one in entry["metadata"] if one["breadcrumb"] != breadcrumb]
    entry["metadata"].append({"breadcrumb": breadcrumb, "metadata": {"selected": False}})
    return catalog


@pytest.mark.parametrize(
    ("breadcrumb", "hint"),
    [
        (["properties", "custom__diagnosisStr"], ASKED),
        (["properties", "custom.diagnosisStr"], ASKED),
        (["properties", "custom", "diagnosisStr"], ASKED),
        (["custom", "diagnosisStr"], ASKED),
        ([*DIAGNOSIS[:3], "DiagnosisStr"], ASKED),
        ([*DIAGNOSIS[:3], "diagnosesStr"], ASKED),
        (["properties", "previw"], '; did you mean ["properties", "preview"]?'),
        (["properties", "nobody_knows_me"], "."),
    ],
    ids=str,
)
def test_a_rule_of_the_catalog_that_names_nothing_warns(
    clinic: Simulator, breadcrumb: list[str], hint: str, tmp_path: Path
) -> None:
    """Who wrote it wants something to stay, and that would leave in silence."""
    output = run_tap(clinic.config, catalog=with_rule(clinic, breadcrumb), folder=tmp_path)
    assert output.status == 0, output.stderr
    told = f"customers: the catalog deselects {json.dumps(breadcrumb)}, which isn't there{hint}"
    assert output.stderr.count(told) == 1


@pytest.mark.parametrize(
    "breadcrumb",
    [DIAGNOSIS, DIAGNOSIS[:2], [*DIAGNOSIS[:3], "goneStr"], ["properties", "preview"]],
    ids=str,
)
def test_a_rule_of_the_catalog_that_can_be_kept_does_not_warn(
    clinic: Simulator, breadcrumb: list[str], tmp_path: Path
) -> None:
    """Nor one for an attribute that was deleted: what is unknown stays, then."""
    output = run_tap(clinic.config, catalog=with_rule(clinic, breadcrumb), folder=tmp_path)
    assert output.status == 0, output.stderr
    assert "isn't there" not in output.stderr


@pytest.mark.parametrize("path", [DIAGNOSIS, ["properties", "preview"]], ids=str)
def test_a_rule_in_a_schema_warns_with_the_form_that_works(
    clinic: Simulator, path: list[str], tmp_path: Path
) -> None:
    """The first taps took it from there; where metadata says the same, nothing is wrong."""
    wrong, right = catalog_of(clinic.config, ["customers"]), with_rule(clinic, path)
    for catalog in (wrong, right):
        for entry in catalog["streams"]:
            found = entry["schema"]
            for part in path:
                found = found.get(part, {})
            found["selected"] = False

    said = run_tap(clinic.config, catalog=wrong, folder=tmp_path).stderr
    [warning] = [line for line in said.splitlines() if "has no effect" in line]
    assert "customers" in warning
    assert json.dumps({"breadcrumb": path, "metadata": {"selected": False}}) in warning
    assert "has no effect" not in run_tap(clinic.config, catalog=right, folder=tmp_path).stderr


# ------------------------------------------------------------ stream maps


def test_a_map_of_a_stream_that_is_not_selected_does_nothing(
    clinic: Simulator, tmp_path: Path
) -> None:
    """As in jobs that share one config and split the streams; there may be no such column."""
    maps = {"messages": {"preview": None, "id": "id"}, "tags": None, "users": {"nmae": None}}
    config = {**clinic.config, "stream_maps": {**maps, "customers": {"locale": "__NULL__"}}}
    output = run_tap(config, select=["customers"], folder=tmp_path)
    assert output.status == 0, output.stderr
    assert "locale" not in output.schema("customers")["properties"]
    assert "stream_maps" not in output.stderr


@pytest.mark.parametrize(
    ("maps", "words"),
    [
        ({"custmers": {"name": None}}, "custmers, which is no stream; did you mean customers?"),
        ({"kobject_z*": None}, "kobject_z*, which is no stream"),
        ({"copies": {"__source__": "customer"}}, "customer, which is no stream"),
        ({"audit_lgs": {"user_id": "__NULL__"}}, "no stream; did you mean audit_logs?"),
        ({"customers": {"__fliter__": "name"}}, "`__fliter__`, which is no option"),
        ({"tags": {"__elsewhere__": None}}, "`__elsewhere__`, which is no option"),
        ({"customers": {"emials": None}}, "customers.emials, which is no column; did you mean"),
        ({"cust*": {"emial": "__NULL__"}}, "customers.emial, which is no column"),
        ({"customers": {"emials": "str(emails)"}}, "did you mean emails?"),
        ({"customers": {"custom__vipBool": None}}, "single custom attributes in the catalog"),
        ({"customers": {}}, "write __NULL__"),
    ],
    ids=lambda one: json.dumps(one)[:40],
)
def test_a_map_that_does_nothing_warns(clinic: Simulator, maps: Any, words: str) -> None:
    """A typo would let out what it was to keep in."""
    assert words in log_of(clinic, maps)


def log_of(served: Simulator, maps: Any) -> str:
    """Return the log of a run that selects the customers in its catalog."""
    catalog = catalog_of(served.config, ["customers"])
    output = sync_tap({**served.config, "stream_maps": maps}, ["customers"], catalog=catalog)
    return output.stderr


def test_a_map_of_a_stream_that_is_not_offered_is_no_typo(clinic: Simulator) -> None:
    """The same config may serve jobs with other `optional_streams`."""
    maps = {"audit_logs": {"user_id": "__NULL__"}, "kobjects": None}
    assert "stream_maps" not in sync_tap({**clinic.config, "stream_maps": maps}, ["tags"]).stderr


def test_a_column_that_a_map_adds_is_no_typo(clinic: Simulator) -> None:
    """Only a name that is nearly one of the columns is."""
    assert "stream_maps" not in log_of(clinic, {"customers": {"shout": "str(name).upper()"}})


def test_a_catalog_that_selects_nothing_is_said(clinic: Simulator, tmp_path: Path) -> None:
    """A list of what to leave out alone selects nothing in Meltano; the run does end well."""
    output = run_tap(clinic.config, select=[], folder=tmp_path)
    assert output.status == 0
    assert "No stream is selected" in output.stderr


def test_a_catalog_that_selects_what_is_gone_is_not_said_to_select_nothing(
    clinic: Simulator, tmp_path: Path
) -> None:
    """The error that names the stream says what is wrong."""
    catalog = catalog_of(clinic.config, ["customers"])
    for entry in catalog["streams"]:
        if entry["tap_stream_id"] == "customers":
            entry["tap_stream_id"] = entry["stream"] = "kobject_gone"
    output = run_tap(clinic.config, catalog=catalog, folder=tmp_path)
    assert output.status == 1
    assert "kobject_gone: the catalog selects this stream" in output.stderr
    assert "No stream is selected" not in output.stderr


def test_a_map_that_removes_the_key_names_its_stream(clinic: Simulator, tmp_path: Path) -> None:
    """Without the expression of its neighbour, which may hold a salt."""
    maps = {"customers": {"id": None, "name": "md5('pepper-77')"}}
    config = {**clinic.config, "stream_maps": maps}
    output = run_tap(config, select=["customers"], folder=tmp_path)
    assert output.status == 1
    assert "the mapping of customers" in output.stderr
    assert "pepper-77" not in output.stderr
    assert "Traceback" not in output.stderr


# ------------------------------------------------------------ what Meltano leaves out


def test_a_null_that_meltano_dropped_holds(
    clinic: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its environment still has it, as `meltano run` sets it."""
    written = {"customers.custom": None, "customers.name": "'x'", "messages.preview": None}
    monkeypatch.setenv("MELTANO_EXTRACT_STREAM_MAPS", json.dumps(written))
    arrived = {"customers": {"name": "'x'"}}
    output = sync_tap({**clinic.config, "stream_maps": arrived}, ["customers"])
    assert_stays(output, custom=False)
    assert "Meltano drops the null of `stream_maps` for customers.custom" in output.stderr


@pytest.mark.parametrize(
    ("written", "arrived", "dropped"),
    [
        ('{"a.b": null}', {}, [("a", "b")]),
        ('{"a": {"b": null, "c": "x"}}', {"a": {"c": "x"}}, [("a", "b")]),
        ('{"a.__else__": null, "a.b": "x"}', {"a": {"b": "x"}}, [("a", "__else__")]),
        ('{"a.b": null}', {"a": {"b": "__NULL__"}}, []),
        ('{"a": null}', {"a": None}, []),
        ("[]", {}, []),
        ("{", {}, []),
        ("", {}, []),
    ],
)
def test_nulls_are_found_in_meltanos_environment(
    written: str, arrived: dict[str, Any], dropped: list[tuple[str, str]]
) -> None:
    """In the forms in which Meltano writes a nested setting."""
    assert list(dropped_nulls(arrived, {"MELTANO_EXTRACT_STREAM_MAPS": written})) == dropped


@pytest.mark.parametrize(
    ("select", "leaves"),
    [
        (["*.*"], True),
        (["customers.*", "!customers.preview"], True),
        (["customers.*", "!messages.custom.aStr"], True),
        (["customers"], True),
        (["customers.custom.*"], True),
        (["customers.*", "!customers.custom.aStr"], False),
        (["*.*", "!*.custom.a?bStr"], False),
        (["*.*", "!cust*.*Str"], False),
        (["customers.id", "customers.custom.vipBool"], False),
        (["customers.custom"], False),
        (["messages.*"], False),
    ],
)
def test_patterns_of_select_say_whether_the_unknown_leaves(
    select: list[str], *, leaves: bool
) -> None:
    """A pattern that matches no column of the catalog is a rule all the same."""
    environ = {"MELTANO_EXTRACT__SELECT": json.dumps(select)}
    assert lets_unknown_custom_leave("customers", environ) is leaves
    assert lets_unknown_custom_leave("customers", {})


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("!customers.custom.a.bStr", {"a.bStr"}),
        (r"!customers.custom.a\.bStr", {"a.bStr"}),
        ("!cust*.custom.a.*", {"a.bStr", "a.cStr"}),
        ('!*.custom.c"d[0]Str', {'c"d[0]Str'}),
        ("!customers.custom.c?d?0?Str", {'c"d[0]Str'}),
        ("!customers.custom.e", set()),
        ("!customers.custom.E", {"E"}),
        ("!messages.custom.a.bStr", set()),
        ("!customers.preview", set()),
        ("customers.custom.a.bStr", set()),
    ],
)
def test_a_pattern_names_an_attribute_as_it_stands(pattern: str, names: set[str]) -> None:
    """Dots, brackets and quotes are part of a name, whatever Meltano takes them for."""
    environ = {"MELTANO_EXTRACT__SELECT": json.dumps(["*.*", pattern])}
    known = ["a.bStr", "a.cStr", 'c"d[0]Str', "E", "vipBool"]
    assert set(left_out_by_name("customers", known, environ)) == names
    assert not [*left_out_by_name("customers", known, {})]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("!custmers.preview", "custmers.preview, which isn't there; did you mean customers?"),
        ("!customers.previw", "customers.previw, which isn't there; did you mean preview?"),
        ("!customers.custom.DiagnosisStr", "there; did you mean custom.diagnosisStr?"),
        ("!customers.CUSTOM.DIAGNOSISSTR", "there; did you mean custom.diagnosisStr?"),
        ("!cust*.nobody", "cust*.nobody, which isn't there."),
        ("!customers.preview", ""),
        ("!*.preview", ""),
        ("!customers.custom.gone", ""),
        ("!audit_logs.user_id", ""),
        ("!customers.custom.d*", ""),
        (r"!customers.custom.a\.bStr", ""),
        ("customers.previw", ""),
    ],
)
def test_a_pattern_that_leaves_out_nothing_warns(
    clinic: Simulator, monkeypatch: pytest.MonkeyPatch, pattern: str, words: str
) -> None:
    """Meltano says nothing of it, and the value would leave in silence."""
    clinic.org.set_attribute("customer", "a.bStr")
    monkeypatch.setenv("MELTANO_EXTRACT__SELECT", json.dumps(["*.*", pattern]))
    said = sync_tap(clinic.config, ["tags"]).stderr
    assert words in said
    assert ("isn't there" in said) is bool(words)


def test_what_metadata_of_meltano_leaves_out_is_a_pattern_too(
    clinic: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other way to deselect in `meltano.yml`; no catalog has an attribute without metadata."""
    rules: dict[str, Any] = {"customers": {"custom": {"diagnosisStr": {"selected": False}}}}
    monkeypatch.setenv("MELTANO_EXTRACT__SELECT", '["*.*"]')
    monkeypatch.setenv("MELTANO_EXTRACT__METADATA", json.dumps(rules))
    refuse_metadata(clinic)
    assert_stays(sync_tap(clinic.config, ["customers"]), custom=False)
    rules = {
        "customers": {"custom": {"a": {"bStr": {"selected": False}}}, "id": {"selected": True}}
    }
    environ = {"MELTANO_EXTRACT__METADATA": json.dumps(rules)}
    assert list(left_out_by_name("customers", ["a.bStr", "id"], environ)) == ["a.bStr"]


def test_a_pattern_that_meltano_could_not_apply_holds(
    clinic: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attribute is not in the metadata, so Meltano's catalog has nothing to deselect."""
    clinic.org.delete_attribute("customer", "diagnosisStr", erase=True)
    patterns = ["*.*", "!customers.custom.diagnosisStr"]
    monkeypatch.setenv("MELTANO_EXTRACT__SELECT", json.dumps(patterns))
    assert_stays(sync_tap(clinic.config, ["customers"]))
    refuse_metadata(clinic)
    assert_stays(sync_tap(clinic.config, ["customers"]), custom=False)
