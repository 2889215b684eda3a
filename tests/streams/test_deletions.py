"""What Kustomer deleted for good: confirmed by Kustomer itself, and forgotten by the target."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

from simulator import Clock, Fault, Org, Simulator, to_iso
from simulator.clock import DAY
from tests.support import Output, catalog_of, sync_tap

STREAM = "deletions"


@pytest.fixture
def server() -> Iterator[Simulator]:
    """Serve a small org that keeps an audit log."""
    org = Org(seed=5, realistic=False, audit=True)
    org.add("customer", 12)
    org.add("company", 4)
    for customer in org.ids("customer"):
        [conversation] = org.add("conversation", parents={"customer": customer})
        org.add("message", 2, parents={"conversation": conversation, "customer": customer})
    with Simulator(org, limits=False) as simulator:
        yield simulator


def config_of(server: Simulator, **settings: Any) -> dict[str, Any]:
    """Return a config that offers the stream."""
    config = {**server.config, "optional_streams": [STREAM], "backoff_max_elapsed_seconds": 0}
    return {**config, **settings}


def by_object(output: Output) -> dict[str, bool]:
    """Return whether each deleted object is confirmed, by its id."""
    return {row["object_id"]: row["confirmed"] for row in output.records(STREAM)}


def asked_by_id(server: Simulator, path: str = "/v1/customers/") -> list[list[str]]:
    """Return the ids of each request by id."""
    paths = [log.path for log in server.requests if log.method == "GET"]
    return [one.removeprefix(path).split(",") for one in paths if one.startswith(path)]


def test_what_is_gone_is_confirmed_and_what_is_marked_is_not(server: Simulator) -> None:
    """The log calls both a delete."""
    org = server.org
    gone, marked, _, back, *_ = org.ids("customer")
    org.erase("customer", gone, by="5f00000000000000000000aa")
    org.delete("customer", marked)
    org.erase("customer", back)
    org.restore("customer", back)
    conversation = org.ids("conversation")[0]
    org.erase("conversation", conversation)
    [company, *_] = org.ids("company")
    org.erase("company", company)
    output = sync_tap(config_of(server), [STREAM])

    assert output.status == 0
    assert by_object(output) == {
        gone: True, marked: False, back: False, conversation: True, company: True,
    }  # fmt: skip
    [row] = [row for row in output.records(STREAM) if row["object_id"] == gone]
    assert row["object_type"] == "customer"
    assert row["deleted_by_id"] == "5f00000000000000000000aa"
    assert row["deleted_by_type"] == "user"
    assert row["org_id"] == org.org_id
    assert row["deleted_at"] <= to_iso(org.clock.now_ms())


def test_the_next_run_reads_what_was_deleted_since(server: Simulator) -> None:
    """And the hour before the newest again, for entries that are published late."""
    org = server.org
    first, second, *_ = org.ids("customer")
    org.erase("customer", first)
    one = sync_tap(config_of(server), [STREAM])
    org.clock.advance(3 * 3600)
    org.audit_delay = 1800
    org.erase("customer", second)
    two = sync_tap(config_of(server), [STREAM], state=one.state)
    org.clock.advance(2000)
    three = sync_tap(config_of(server), [STREAM], state=two.state)

    assert by_object(one) == by_object(two) == {first: True}
    assert by_object(three) == {first: True, second: True}


def test_many_are_asked_for_in_one_request_each_twice(server: Simulator) -> None:
    """Beside one request for two objects that exist: one that answers without these is no proof."""
    org = server.org
    ids = org.add("customer", 1200)
    for id_ in ids:
        org.erase("customer", id_)
    output = sync_tap(config_of(server), [STREAM])

    assert set(by_object(output)) == set(ids)
    assert all(by_object(output).values())
    of_log = [log for log in server.requests if log.path == "/v1/audit-logs"]
    assert len(of_log) == math.ceil(len(ids) / 1000) + 1  # the first page is asked for twice
    assert len(asked_by_id(server)) + 1 <= len(ids) / 50


@pytest.mark.parametrize(
    "knobs",
    [
        {"several_ids": "first"},
        {"several_ids": "not_found"},
        {"several_ids_most": 3},
    ],
    ids=lambda knobs: next(iter(knobs.items())),
)
def test_an_endpoint_that_answers_for_some_ids_is_asked_one_by_one(
    server: Simulator, knobs: dict[str, Any]
) -> None:
    """The others would all look gone."""
    org = server.org
    server.set(**knobs)
    gone, marked = org.ids("customer")[:2], org.ids("customer")[2:8]
    for id_ in gone:
        org.erase("customer", id_)
    for id_ in marked:
        org.delete("customer", id_)
    output = sync_tap(config_of(server), [STREAM])

    assert output.status == 0
    assert by_object(output) == {**dict.fromkeys(gone, True), **dict.fromkeys(marked, False)}


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=403, html=True, method="GET", path="/v1/customers/", times=None),
        Fault("status", status=404, html=True, method="GET", path="/v1/customers/", times=None),
        Fault("not_json_200", method="GET", path="/v1/customers/", times=None),
        Fault("status", status=503, method="GET", path="/v1/customers/", times=None),
    ],
    ids=["firewall_403", "firewall_404", "page_200", "503"],
)
def test_an_answer_that_is_not_kustomers_confirms_nothing(server: Simulator, fault: Fault) -> None:
    """Nobody is forgotten because a firewall stands in between; the next run asks again."""
    org = server.org
    gone = org.ids("customer")[0]
    org.erase("customer", gone)
    server.faults.add(fault)
    settings = {"tombstones": True}
    first = sync_tap(config_of(server, **settings), ["customers", STREAM])
    server.faults.clear()
    org.clock.advance(2 * DAY)
    second = sync_tap(config_of(server, **settings), ["customers", STREAM], state=first.state)

    assert not any(by_object(first).values())
    assert gone not in first.ids("customers")
    assert first.status == 1
    assert by_object(second) == {gone: True}


def test_a_role_that_is_missing_for_the_objects_is_named(server: Simulator) -> None:
    """The others are confirmed, and a key with the role asks for the rest."""
    org = server.org
    customer, conversation = org.ids("customer")[0], org.ids("conversation")[5]
    org.erase("customer", customer)
    org.erase("conversation", conversation)
    server.refuse("/v1/customers*", 403)
    first = sync_tap(config_of(server), [STREAM])
    server.allow("/v1/customers*")
    org.clock.advance(2 * DAY)
    second = sync_tap(config_of(server), [STREAM], state=first.state)

    assert by_object(first) == {customer: False, conversation: True}
    assert "org.permission.customer.read" in first.stderr
    assert by_object(second) == {customer: True, conversation: True}


def test_a_role_that_is_missing_for_the_log_is_named(server: Simulator) -> None:
    """A table that was never read is skipped."""
    server.refuse("/v1/audit-logs", 403)
    output = sync_tap(config_of(server), [STREAM, "companies"])

    assert output.status == 0
    assert "org.permission.audit_logs.read" in output.stderr


def test_a_gap_longer_than_the_log_is_kept_is_said(server: Simulator) -> None:
    """What was deleted in it stays in the warehouse until `present_ids` shows it."""
    first = sync_tap(config_of(server), [STREAM])
    server.org.clock.advance(120 * DAY)
    second = sync_tap(config_of(server), [STREAM], state=first.state)

    assert "may be lost" in second.stderr
    assert "may be lost" not in first.stderr


def test_odd_entries_are_rows_that_nothing_confirms(server: Simulator) -> None:
    """An id that is none must not become a part of an address."""
    org = server.org
    org.add("audit_log", eventVerb="delete", objectType="customer", objectId="a/../b?c=,d",
            created_at=org.clock.now())  # fmt: skip
    org.add("audit_log", eventVerb="delete", objectType="customer", objectId=None,
            created_at=org.clock.now())  # fmt: skip
    org.add("audit_log", eventVerb="delete", objectType="planet", objectId="5f" * 12,
            created_at=org.clock.now())  # fmt: skip
    output = sync_tap(config_of(server), [STREAM])

    assert output.status == 0
    assert [row["confirmed"] for row in output.records(STREAM)] == [False] * 3
    assert asked_by_id(server) == []


def test_an_object_of_a_klass_is_asked_for_and_emptied_in_its_stream(server: Simulator) -> None:
    """The log calls each of them a kobject; its klass is in the event's name."""
    org = server.org
    org.add_klass("device")
    gone, *_ = org.add("kobject_device", 3)
    org.erase("kobject_device", gone)
    output = sync_tap(config_of(server, tombstones=True), ["kobject_device", STREAM])

    assert output.status == 0, output.stderr
    assert by_object(output) == {gone: True}
    row = output.newest("kobject_device")[gone]
    assert row["_sdc_deleted_at"]
    assert row["updated_at"] is None


def test_a_log_that_needs_an_object_type_is_read_type_by_type(server: Simulator) -> None:
    """And from then on without trying again."""
    org = server.org
    server.set(audit_without_type="refuse")
    gone, later, *_ = org.ids("customer")
    org.erase("customer", gone)
    first = sync_tap(config_of(server), [STREAM])
    org.erase("customer", later)
    server.reset_log()
    second = sync_tap(config_of(server), [STREAM], state=first.state)

    assert by_object(first) == {gone: True}
    assert by_object(second) == {gone: True, later: True}
    of_log = [log for log in server.requests if log.path == "/v1/audit-logs"]
    assert all("filter[objectType]" in log.query for log in of_log)


def test_a_tombstone_empties_the_row_in_its_own_stream(server: Simulator) -> None:
    """After all rows of the run, with null in every other column; only what is confirmed."""
    org = server.org
    selected = ["customers", "conversations", STREAM]
    first = sync_tap(config_of(server, tombstones=True), selected)
    gone, marked, *_ = org.ids("customer")
    org.clock.advance(DAY)
    org.delete("customer", marked)
    org.erase("customer", gone)
    second = sync_tap(config_of(server, tombstones=True), selected, state=first.state)

    row = second.newest("customers")[gone]
    filled = {name for name, value in row.items() if value not in (None, {})}
    assert filled == {"id", "org_id", "_sdc_deleted_at"}
    assert row.keys() == first.newest("customers")[gone].keys()
    assert second.newest("customers")[marked]["name"] is not None
    assert [one["stream"] for one in second.of_type("SCHEMA")].count("customers") == 1
    assert second.records("customers")[-1] == row


def test_without_the_setting_there_are_no_tombstones(server: Simulator) -> None:
    """The stream alone changes no other table."""
    gone = server.org.ids("customer")[0]
    server.org.erase("customer", gone)
    output = sync_tap(config_of(server), ["customers", STREAM])

    assert by_object(output) == {gone: True}
    assert gone not in output.ids("customers")


def test_tombstones_pass_selection_stream_maps_and_flattening(server: Simulator) -> None:
    """Expressions and filters ask for values that are gone; a key made of the id is made."""
    org = server.org
    org.set_attribute("customer", "tierStr", displayName="Tier")
    gone = org.ids("customer")[0]
    org.erase("customer", gone)
    mapped = {
        "id": "'k-' + id",
        "name": "name.upper() if name else None",
        "first": "str(name[0]) if name else None",
        "__filter__": "name is None or 'customer' in name",
    }
    config = config_of(
        server,
        tombstones=True,
        flattening_enabled=True,
        flattening_max_depth=1,
        stream_maps={"customers": mapped},
    )
    catalog = catalog_of(config, ["customers", STREAM])
    for entry in catalog["streams"]:
        for one in entry["metadata"]:
            if entry["tap_stream_id"] == "customers" and one["breadcrumb"][-1:] == ["emails"]:
                one["metadata"]["selected"] = False
    output = sync_tap(config, ["customers", STREAM], catalog=catalog)

    assert output.status == 0, output.stderr
    row = output.newest("customers")[f"k-{gone}"]
    assert "emails" not in row
    assert row["custom__tierStr"] is None
    assert {name for name, value in row.items() if value is not None} == {
        "id", "org_id", "_sdc_deleted_at",
    }  # fmt: skip


def test_a_filter_does_not_hold_tombstones_back(server: Simulator) -> None:
    """It asks for values that a deleted row does not have any more."""
    gone = server.org.ids("customer")[0]
    server.org.erase("customer", gone)
    maps = {"customers": {"upper": "str(name.upper())", "__filter__": "'customer' in name"}}
    output = sync_tap(config_of(server, tombstones=True, stream_maps=maps), ["customers", STREAM])

    assert output.status == 0, output.stderr
    assert output.newest("customers")[gone]["upper"] is None


def test_a_stream_that_failed_is_emptied_all_the_same(server: Simulator) -> None:
    """Its table stands, and the bookmark of the deletions moves on."""
    org = server.org
    selected = ["customers", STREAM]
    first = sync_tap(config_of(server, tombstones=True), selected)
    gone = org.ids("customer")[0]
    org.erase("customer", gone)
    server.faults.add(Fault("status", status=422, path="/v1/customers/search", times=None))
    second = sync_tap(config_of(server, tombstones=True), selected, state=first.state)

    assert second.status == 1
    assert second.newest("customers")[gone]["_sdc_deleted_at"] is not None


def test_every_state_continues_and_no_deletion_is_lost(
    server: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after any STATE line, the next run tells of the rest."""
    monkeypatch.setattr("tap_kustomer.streams.audit_logs.COUNT", 5)
    monkeypatch.setattr("tap_kustomer.streams.deletions.MOST_HELD", 4)
    org = server.org
    gone = org.add("customer", 30)
    for id_ in gone:
        org.clock.advance(0.01)  # no two at one moment: each page of the log moves its place
        org.erase("customer", id_)
    config = config_of(server, tombstones=True)
    whole = sync_tap(config, ["customers", STREAM])
    places = [place for place, one in enumerate(whole.messages) if one["type"] == "STATE"]
    assert len(places) > 5
    org.clock.advance(7200)
    for place in places:
        kept = whole.messages[: place + 1]
        rest = sync_tap(config, ["customers", STREAM], state=kept[-1]["value"])
        told = {m["record"]["object_id"] for m in kept if m.get("stream") == STREAM
                and m["type"] == "RECORD"}  # fmt: skip
        empty = {m["record"]["id"] for m in kept if m.get("stream") == "customers"
                 and m["type"] == "RECORD" and m["record"]["_sdc_deleted_at"]}  # fmt: skip
        assert told | set(by_object(rest)) >= set(gone)
        assert empty | {
            id_ for id_, row in rest.newest("customers").items() if row["_sdc_deleted_at"]
        } >= set(gone)


def test_the_log_is_read_after_all_that_it_speaks_of() -> None:
    """A row that the index shows late would come back behind its tombstone."""
    org = Org(seed=1, realistic=False, audit=True, index_lag=200, clock=Clock(speed=1))
    org.add("customer", 3)
    org.add("message", 3)
    with Simulator(org, limits=False) as late:
        config = config_of(late, tombstones=True)
        gone = [org.ids("customer")[0], org.ids("message")[0]]
        for context, id_ in zip(("customer", "message"), gone, strict=True):
            org.update(context, id_)
        org.clock.advance(100)
        for context, id_ in zip(("customer", "message"), gone, strict=True):
            org.erase(context, id_)
        state = None
        for _ in range(3):
            output = sync_tap(config, ["customers", "messages", STREAM], state=state)
            assert output.newest("customers")[gone[0]]["_sdc_deleted_at"]
            assert output.newest("messages")[gone[1]]["_sdc_deleted_at"]
            state = output.state
            org.clock.advance(60)
