"""Every stream: its schema, keys, paging, selection, stream maps, and refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from jsonschema import Draft202012Validator

from simulator import Fault, Org, Simulator
from simulator.api.lists import LISTS
from simulator.org.objects import SEARCHED
from tap_kustomer.streams import audit_logs
from tap_kustomer.streams.base import KustomerStream
from tap_kustomer.streams.children import ChildStream
from tap_kustomer.streams.lists import ListStream
from tap_kustomer.streams.registry import OPTIONAL_STREAMS, STREAM_TYPES
from tap_kustomer.webhooks.events import read_event
from tap_kustomer.webhooks.spool import Spool
from tests.support import Output, catalog_of, sync_tap
from tests.webhooks.support import event

KLASS = "kobject_ecomm_order"
TYPES: dict[str, type[KustomerStream]] = {one.name: one for one in STREAM_TYPES}
NAMES = sorted({*TYPES, KLASS})
PAGE = 20  # rows; every object has more
# Streams of the tap's own rows, one that comes one by one, one of what is gone: no object's pages.
UNPAGED = {"sync_runs", "custom_attributes", "satisfaction_responses", "deletions",
           "webhook_events", "present_ids", "row_counts"}  # fmt: skip
# The org is filled with them by other means: along with what they belong to.
SEEDED = {"customer", "conversation", "conversation_time", "message", "note", "klass", "sla",
          "work_item"}  # fmt: skip


def filled_org() -> Org:
    """Return an org that has more than a page of everything, also under one parent."""
    org = Org(seed=5)
    org.seed(customers=30)
    for context in sorted({*SEARCHED, *(spec.object for spec in LISTS)} - SEEDED):
        org.add(context, PAGE + 5)
    for number in range(PAGE + 1):
        [sla] = org.add("sla")
        org.add("sla_version", 2, parents={"sla": sla})
        org.add_klass(f"klass-{number}")
    customer = org.ids("customer")[-1]
    [conversation] = org.add("conversation", parents={"customer": customer})
    family: dict[str, str | list[str]] = {"customer": customer, "conversation": conversation}
    children = {one.resource for one in STREAM_TYPES if issubclass(one, ChildStream)}
    children -= {"satisfaction_response"}  # each is named by its conversation
    for context in ("note", "work_item", "kobject_ecomm-order", *sorted(children)):
        org.add(context, PAGE + 5, parents=family)
    for number in range(PAGE + 5):
        org.update("conversation", conversation, name=f"name {number}")
    for customer in org.add("customer", PAGE + 5):
        org.erase("customer", customer)
    return org


@pytest.fixture(scope="module")
def org_server() -> Iterator[Simulator]:
    """One org for all tests of this module, which only read it; no test waits for its budget."""
    knobs: dict[str, Any] = {"list_max_page_size": PAGE, "work_items_list": True}
    with Simulator(org=filled_org(), limits=False, **knobs) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def config(org_server: Simulator, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return a config that reads all there is in small pages."""
    path = tmp_path_factory.mktemp("webhooks") / "spool"
    with Spool(path, create=True) as spool:
        spool.append([read_event(json.dumps(event(number)).encode()) for number in range(PAGE + 5)])
    return {
        **org_server.config,
        "webhook_spool": str(path),
        "start_date": "2020-01-01",
        "optional_streams": list(OPTIONAL_STREAMS),
        "page_size": PAGE,
        "search_requests_per_minute": 10_000,
        "requests_per_minute": 100_000,
    }


@pytest.fixture(scope="module")
def whole(config: dict[str, Any]) -> Output:
    """Return what a run over all streams printed."""
    with patch.object(audit_logs, "COUNT", PAGE):
        return sync_tap(config, NAMES)


@pytest.fixture(scope="module")
def trimmed(config: dict[str, Any]) -> Output:
    """Return a run over all streams, each without its last column, and with a stream map."""
    catalog = catalog_of(config, NAMES)
    for entry in catalog["streams"]:
        for metadata in entry["metadata"]:
            if metadata["breadcrumb"] == ["properties", dropped(entry["tap_stream_id"])]:
                metadata["metadata"]["selected"] = False
    maps = {name: {"twice": "id + id", "org_id": "__NULL__"} for name in NAMES}
    maps["custom_attributes"] = {"twice": "name + name", "id": "__NULL__"}
    maps["row_counts"] = {"twice": "stream + stream"}
    return sync_tap({**config, "stream_maps": maps}, NAMES, catalog=catalog)


def dropped(stream: str) -> str:
    """Return the column that `trimmed` deselects: one that is no key."""
    return {
        "sync_runs": "tap_version",
        "custom_attributes": "suffix",
        "present_ids": "read_at",
        "row_counts": "counted_at",
    }.get(stream, "extra_attributes")


def key_of(stream: str) -> tuple[str, ...]:
    """Return the primary key of a stream."""
    return tuple(TYPES[stream].primary_keys) if stream in TYPES else ("id",)


def object_of(stream: str) -> str:
    """Return the simulated object of a stream."""
    return TYPES[stream].resource if stream in TYPES else "kobject_ecomm-order"


@pytest.mark.parametrize("stream", NAMES)
def test_every_row_fits_its_schema(whole: Output, stream: str) -> None:
    """A target refuses a load for one row that does not."""
    assert whole.status == 0
    schema = whole.schema(stream)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    rows = whole.records(stream)

    assert rows
    for row in rows:
        validator.validate(row)
        assert row["org_id"]
        assert set(row) <= set(schema["properties"])


@pytest.mark.parametrize("stream", NAMES)
def test_a_key_names_one_row_and_is_never_null(whole: Output, stream: str) -> None:
    """The key makes a load an upsert; a null in it makes it an append.

    A row may come twice in a run, where a slice begins, but then it is the same row.
    """
    key = key_of(stream)
    [message] = whole.of_type("SCHEMA", stream)
    rows: dict[tuple[str, ...], dict[str, Any]] = {}

    assert message["key_properties"] == list(key)
    for row in whole.records(stream):
        values = tuple(row[name] for name in key)
        assert all(values)
        assert rows.setdefault(values, row) == row
    assert len(whole.records(stream)) - len(rows) <= 2


@pytest.mark.parametrize("stream", sorted(set(NAMES) - UNPAGED))
def test_pages_are_read_to_the_end(whole: Output, org_server: Simulator, stream: str) -> None:
    """The last page counts as much as the first."""
    expected = set(org_server.org.ids(object_of(stream)))
    if stream == "conversation_times":  # the search forgets those of over two years ago
        edge = whole.state["bookmarks"]["conversations"]["replication_key_value"]
        years_ago = f"{int(edge[:4]) - 2}{edge[4:]}"
        rows = org_server.org.rows("conversation_time")
        expected = {row["id"] for row in rows if row["attributes"]["createdAt"] > years_ago}

    assert len(expected) > PAGE
    assert whole.ids(stream) == expected


@pytest.mark.parametrize("stream", NAMES)
def test_a_stream_alone_leaves_alone(config: dict[str, Any], whole: Output, stream: str) -> None:
    """What is not selected costs nothing and prints nothing, a parent included."""
    output = sync_tap({**config, "page_size": 500}, [stream])

    assert output.status == 0
    assert output.streams == [stream]
    assert set(output.counts) == ({stream} if stream != "sync_runs" else set())
    if stream != "sync_runs":
        key = key_of(stream)
        alone = {tuple(row[name] for name in key) for row in output.records(stream)}
        if stream == "row_counts":  # alone, it counts all that could be selected
            alone = {row for row in alone if row[1] in NAMES}
        assert alone == {tuple(row[name] for name in key) for row in whole.records(stream)}


@pytest.mark.parametrize("stream", NAMES)
def test_columns_can_be_deselected_and_mapped(trimmed: Output, stream: str) -> None:
    """A stream map works on every stream, and a deselected column is nowhere."""
    schema, rows = trimmed.schema(stream), trimmed.records(stream)

    assert rows
    assert dropped(stream) not in schema["properties"]
    assert "twice" in schema["properties"]
    for row in rows:
        assert dropped(stream) not in row
        source = row[{"custom_attributes": "name", "row_counts": "stream"}.get(stream, "id")]
        assert row["twice"] == source + source


@pytest.fixture(scope="module")
def flat(config: dict[str, Any]) -> Output:
    """Return a run over all streams with flattening on."""
    flattening = {"flattening_enabled": True, "flattening_max_depth": 2}
    return sync_tap({**config, "page_size": 500, **flattening}, NAMES)


@pytest.mark.parametrize("stream", NAMES)
def test_flattened_rows_have_a_column_for_every_key(flat: Output, stream: str) -> None:
    """A key that no column takes is lost in the target without a word."""
    columns = flat.schema(stream)["properties"]
    validator = Draft202012Validator({"type": "object", "properties": columns})

    assert flat.records(stream)
    for row in flat.records(stream):
        assert set(row) <= set(columns)
        validator.validate(row)
    assert not [name for name, one in columns.items() if "object" in one["type"]]


@pytest.mark.parametrize("stream", NAMES)
def test_secrets_never_leave(whole: Output, stream: str) -> None:
    """Tokens, headers and password data are in the answers, not in the rows."""
    text = json.dumps(whole.records(stream))

    assert '"token"' not in text
    assert '"password"' not in text
    assert "X-Amz-" not in text


@pytest.fixture(scope="module")
def refused(config: dict[str, Any], org_server: Simulator) -> Output:
    """Return a first run whose key lacks every role, which only the answers tell."""
    return sync_refused(config, org_server, 403)


def sync_refused(
    config: dict[str, Any],
    server: Simulator,
    status: int,
    state: dict[str, Any] | None = None,
) -> Output:
    """Return a run whose every request is refused, those of discovery excepted."""
    fault = Fault("status", status=status, path="/v1/", times=None)
    with patch.object(type(server.faults), "strike", _only_behind_discovery(server)):
        server.faults.add(fault)
        try:
            return sync_tap(config, NAMES, state=state)
        finally:
            server.faults.remove(fault)


def _only_behind_discovery(server: Simulator) -> Any:
    """Return the simulator's own judgement, but none for what discovery asks."""
    strike = type(server.faults).strike

    def judged(faults: Any, kinds: Any, method: str, path: str, context: str | None) -> Any:
        early = ("/v1/users/current", "/v1/auth/", "/v1/metadata/", "/v1/klasses")
        return [] if path.startswith(early) else strike(faults, kinds, method, path, context)

    return judged


OWN = {"sync_runs", "custom_attributes", "klasses", "webhook_events"}  # ask Kustomer nothing


@pytest.mark.parametrize("stream", sorted(set(NAMES) - OWN))
def test_a_stream_without_its_role_is_skipped_by_name(refused: Output, stream: str) -> None:
    """It was never read, so nothing goes stale; the log names the role."""
    runs = {row["stream"]: row for row in refused.records("sync_runs")}

    assert refused.status == 0
    assert runs[stream]["status"] == "skipped"
    assert f"{stream}: " in refused.stderr
    if not issubclass(TYPES.get(stream, ListStream), ChildStream):
        assert "org.permission" in runs[stream]["error"]


def test_streams_that_were_read_before_fail_without_their_roles(
    config: dict[str, Any], org_server: Simulator, whole: Output
) -> None:
    """A table that is no longer filled must be noticed."""
    output = sync_refused(config, org_server, 403, whole.state)
    runs = {row["stream"]: row["status"] for row in output.records("sync_runs")}

    assert output.status == 1
    assert {name for name, status in runs.items() if status != "failed"} == OWN - {"sync_runs"}


def test_unknown_endpoints_are_no_part_of_the_org_or_fail_by_name(
    config: dict[str, Any], org_server: Simulator
) -> None:
    """A list may be missing; a search that is missing would lose rows in silence."""
    output = sync_refused(config, org_server, 404)
    runs = {row["stream"]: row for row in output.records("sync_runs")}

    assert output.status == 1
    for name, type_ in TYPES.items():
        if name in OWN:
            continue
        if issubclass(type_, ListStream) or getattr(type_, "list_paths", None):
            assert runs[name]["status"] == "skipped", name
        else:
            assert runs[name]["status"] == "failed", name
            assert name in runs[name]["error"]
