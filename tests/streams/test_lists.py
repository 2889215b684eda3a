"""The lists: what each needs to be whole, and what happens where the API is odd."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from simulator import Fault, Org, Simulator
from simulator.clock import DAY
from tap_kustomer.readers.versions import SeenVersions
from tests.support import Output, catalog_of, sync_tap

OPTIONAL = ["outbound_webhooks"]


@pytest.fixture
def server() -> Iterator[Simulator]:
    """An empty org."""
    with Simulator(org=Org(seed=6), limits=False) as simulator:
        yield simulator


def read(server: Simulator, *streams: str, **settings: Any) -> Output:
    """Run the tap over some streams."""
    config = {**server.config, "optional_streams": OPTIONAL, **settings}
    return sync_tap(config, [*streams, "sync_runs"])


def status(output: Output, stream: str) -> str:
    """Return how a stream ended."""
    [row] = [row for row in output.records("sync_runs") if row["stream"] == stream]
    return str(row["status"])


def test_users_include_the_deactivated_ones(server: Simulator) -> None:
    """Old conversations name them; Kustomer shows them only when asked for."""
    active = server.org.add("user", 3)
    gone = server.org.add("user", 2, deleted=True)
    output = read(server, "users")

    assert output.ids("users") == {*active, *gone}
    deleted = {row["id"] for row in output.records("users") if row["_sdc_deleted_at"]}
    assert deleted == set(gone)


def test_klasses_of_every_status_are_rows(server: Simulator) -> None:
    """Rows of a disabled klass are still referred to."""
    for status_ in ("enabled", "disabled", "existing_only"):
        server.org.add_klass(f"klass-{status_}", status_)
    output = read(server, "klasses")

    assert {row["name"] for row in output.records("klasses")} == {
        "klass-enabled", "klass-disabled", "klass-existing_only",
    }  # fmt: skip


@pytest.mark.parametrize("shape", ["array", "object"])
def test_sla_versions_come_from_what_is_included(server: Simulator, shape: str) -> None:
    """An answer with one version has an object where others have a list."""
    server.set(included_shape=shape, list_max_page_size=1)
    versions = []
    for number in range(3):
        [sla] = server.org.add("sla")
        versions += server.org.add("sla_version", 1 if number else 2, parents={"sla": sla})
    output = read(server, "slas", "sla_versions")

    assert output.ids("slas") == set(server.org.ids("sla"))
    assert output.ids("sla_versions") == set(versions)
    assert {row["sla_id"] for row in output.records("sla_versions")} == output.ids("slas")


def test_schedules_have_their_holidays(server: Simulator) -> None:
    """They come only with the schedule asked for by id, one request each."""
    [one, other] = server.org.add("schedule", 2)
    holidays = server.org.add("holiday", 2, parents={"schedule": one})
    output = read(server, "schedules")
    rows = output.newest("schedules")

    assert {day["id"] for day in rows[one]["holidays"]} == set(holidays)
    assert all(day["startDate"] for day in rows[one]["holidays"])
    assert rows[other]["holidays"] == []


def test_holidays_that_nobody_wants_cost_no_request(server: Simulator) -> None:
    """A deselected column is not read."""
    server.org.add("schedule", 2)
    config = server.config
    catalog = catalog_of(config, ["schedules"])
    for entry in catalog["streams"]:
        for metadata in entry["metadata"]:
            if metadata["breadcrumb"] == ["properties", "holidays"]:
                metadata["metadata"]["selected"] = False
    server.reset_log()
    output = sync_tap(config, ["schedules"], catalog=catalog)

    assert len(output.ids("schedules")) == 2
    assert len([log for log in server.requests if log.path.startswith("/v1/schedules")]) == 1


def test_a_schedule_that_is_gone_meanwhile_is_still_a_row(server: Simulator) -> None:
    """The list had it."""
    [gone] = server.org.add("schedule")
    server.refuse(f"/v1/schedules/{gone}", 404)
    output = read(server, "schedules")

    assert output.status == 0
    assert output.newest("schedules")[gone]["holidays"] is None


@pytest.mark.parametrize("path", ["/v1/routing/queues", "/v1/queues"])
def test_queues_are_found_under_either_path(server: Simulator, path: str) -> None:
    """The documents do not agree on it."""
    server.set(queues_path=path)
    queues = server.org.add("queue", 3)
    output = read(server, "queues")

    assert output.ids("queues") == set(queues)


@pytest.mark.parametrize(
    "knobs",
    [
        {"list_links": False},
        {"string_meta": True},
        {"lists_report_total": True},
        {"list_links": False, "lists_report_total": True, "string_meta": True},
    ],
    ids="-".join,
)
def test_a_list_is_read_to_its_end_whatever_it_tells_of_itself(
    server: Simulator, knobs: dict[str, Any]
) -> None:
    """Some have no links, some an empty meta, some numbers as text."""
    server.set(list_max_page_size=7, **knobs)
    tags = server.org.add("tag", 30)
    surveys = server.org.add("satisfaction", 15)
    output = read(server, "tags", "satisfaction_surveys")

    assert output.ids("tags") == set(tags)
    assert output.ids("satisfaction_surveys") == set(surveys)


def test_a_list_without_rows_is_complete(server: Simulator) -> None:
    """An org without tags has none."""
    output = read(server, "tags")

    assert output.status == 0
    assert output.streams == ["tags", "sync_runs"]
    assert status(output, "tags") == "complete"


def test_when_no_list_is_known_the_host_is_wrong(server: Simulator) -> None:
    """A single list may be missing; all of them are not missing from any org."""
    server.org.add("customer", 2)
    for path in ("/v1/tags", "/v1/teams", "/v1/brands"):
        server.refuse(path, 404)
    output = read(server, "customers", "tags", "teams", "brands")
    assert output.status == 1
    assert "host" in output.stderr

    server.allow("/v1/tags")
    output = read(server, "customers", "tags", "teams", "brands")
    assert output.status == 0
    assert status(output, "teams") == "skipped"


def test_the_old_version_of_a_list_stays_until_the_new_one_is_whole(server: Simulator) -> None:
    """ACTIVATE_VERSION drops what is gone, so it never comes behind a part of a list."""
    server.set(list_max_page_size=5)
    server.org.add("tag", 12)
    good = read(server, "tags", emit_activate_version_messages=True)
    order = [one["type"] for one in good.messages if one.get("stream") == "tags"]
    assert order == ["SCHEMA", *["RECORD"] * 12, "ACTIVATE_VERSION"]
    assert {one["version"] for one in good.of_type("RECORD", "tags")} == {
        good.of_type("ACTIVATE_VERSION", "tags")[0]["version"]
    }

    server.faults.add(Fault("status", status=422, path="/v1/tags", after=1, times=None))
    broken = read(server, "tags", emit_activate_version_messages=True)
    assert broken.status == 1
    assert not broken.of_type("ACTIVATE_VERSION", "tags")
    server.faults.clear()
    server.refuse("/v1/tags", 404)
    assert not read(server, "tags", emit_activate_version_messages=True).of_type("ACTIVATE_VERSION")


def test_webhook_tokens_and_password_data_never_leave(server: Simulator) -> None:
    """Not even as unknown attributes, in no spelling that the answers have."""
    server.org.add("outbound_webhook", 2)
    server.org.add("user", 2)
    tokens = [row["attributes"]["token"] for row in server.org.rows("outbound_webhook")]
    output = read(server, "outbound_webhooks", "users")

    text = json.dumps(output.messages) + output.stderr
    assert all(tokens)
    assert not [token for token in tokens if token in text]
    assert "allowNew" not in text
    assert not [row for row in output.records("users") if row["extra_attributes"]]


@pytest.mark.parametrize(
    ("stream", "context", "knob"),
    [
        ("companies", "company", {"company_updated_at_supported": True}),
        ("work_sessions", "work_session", {"work_session_attributes": ["updated_at"]}),
        ("work_items", "work_item", {"work_item_attributes": ["updated_at"]}),
    ],
)
def test_a_search_is_used_where_it_works_and_a_list_where_it_does_not(
    server: Simulator, stream: str, context: str, knob: dict[str, Any]
) -> None:
    """Only an attribute that moves with the row will do: open sessions would freeze."""
    server.set(work_items_list=True, list_max_page_size=5, company_updated_at_supported=False)
    rows = server.org.add(context, 12)
    listed = read(server, stream, emit_activate_version_messages=True)
    assert listed.ids(stream) == set(rows)
    assert listed.bookmark(stream) is None
    assert listed.of_type("ACTIVATE_VERSION", stream)

    server.set(**{name: _attributes(context, value) for name, value in knob.items()})
    searched = read(server, stream)
    assert searched.ids(stream) == set(rows)
    assert searched.bookmark(stream) is not None
    bodies = [log.body or {} for log in server.searches(context)]
    assert {str(body["sort"]) for body in bodies} == {f"[{{'{context}_updated_at': 'asc'}}]"}


def _attributes(context: str, value: Any) -> Any:
    return [f"{context}_{name}" for name in value] if isinstance(value, list) else value


@pytest.mark.parametrize("place", ["attribute", "relationship", "reference"])
def test_the_record_that_a_searched_work_item_embeds_has_one_column(
    server: Simulator, place: Any
) -> None:
    """It is a row of another stream: whoever leaves fields of it out can leave the copy out."""
    server.set(work_item_attributes=["work_item_updated_at"], work_item_resource=place)
    [conversation] = server.org.add("conversation", name="Where is it?")
    server.org.add("work_item", 2, parents={"conversation": conversation})
    output = read(server, "work_items")

    for row in output.records("work_items"):
        assert (row["resource_id"], row["extra_attributes"]) == (conversation, None)
        if place == "attribute":
            assert row["resource"]["attributes"]["name"] == "Where is it?"
        else:
            assert row["resource"] is None
    catalog = catalog_of(server.config, ["work_items"])
    [entry] = [one for one in catalog["streams"] if one["stream"] == "work_items"]
    for metadata in entry["metadata"]:
        if metadata["breadcrumb"] == ["properties", "resource"]:
            metadata["metadata"]["selected"] = False
    without = sync_tap(server.config, ["work_items"], catalog=catalog)
    assert len(without.records("work_items")) == 2
    assert "Where is it?" not in str(without.messages)


def test_a_key_without_the_search_may_still_read_a_list(server: Simulator) -> None:
    """Its role for the list is enough for that stream."""
    server.org.roles = frozenset({"org.permission.company.read"})
    companies = server.org.add("company", 3)
    output = read(server, "companies")

    assert output.status == 0
    assert output.ids("companies") == set(companies)


def test_work_items_without_search_and_list_are_no_part_of_the_org(server: Simulator) -> None:
    """A path that answers 404 when it is first asked is not part of the org."""
    server.set(work_items_list=False)
    output = read(server, "work_items", "tags")

    assert output.status == 0
    assert status(output, "work_items") == "skipped"


def test_conversation_times_warn_of_those_that_the_search_has_no_more(server: Simulator) -> None:
    """They have no archive: a start that reaches further back would be a silent hole."""
    now = server.org.clock.now()
    recent = server.org.add("conversation_time", 8, created_at=now - 30 * DAY)
    server.org.add("conversation_time", 2, created_at=now - 800 * DAY)
    output = read(server, "conversation_times", start_date="2020-01-01")
    assert output.status == 0
    assert output.ids("conversation_times") == set(recent)
    assert "2020-01-01" in output.stderr

    config = {key: value for key, value in server.config.items() if key != "start_date"}
    default = sync_tap(config, ["conversation_times"])
    assert default.ids("conversation_times") == set(recent)
    assert "two years ago" not in default.stderr
    assert default.bookmark("conversation_times") == max(
        row["created_at"] for row in default.records("conversation_times")
    )


def test_custom_attributes_tell_all_that_metadata_tells(server: Simulator) -> None:
    """Choices, trees, targets and sensitivity, of standard objects and of all klasses."""
    org = server.org
    org.set_attribute("customer", "tierStr", displayName="Tier", enumeration=["a", "b"])
    org.set_attribute("customer", "cityStr", displayName="City", enumeration=False)
    org.set_attribute("customer", "taxStr", displayName="Tax", hasSensitiveAttributes=True)
    org.set_attribute("conversation", "whyTree", displayName="Why", tree={"children": []})
    org.add_klass("order")
    org.set_attribute("kobject.order", "itemsId", target="kobject.item", multi=True)
    org.add_klass("old", "disabled", attributes={"oldNum": {"displayName": "Old"}})
    org.set_attribute("company", "goneAt", displayName="Gone")
    org.delete_attribute("company", "goneAt")
    output = read(server, "custom_attributes")
    rows = {(row["resource"], row["name"]): row for row in output.records("custom_attributes")}

    tier = rows["customer", "tierStr"]
    assert (tier["enumeration"], tier["is_enumeration"]) == (["a", "b"], True)
    assert (tier["suffix"], tier["json_type"]) == ("Str", "string")
    city = rows["customer", "cityStr"]
    assert (city["enumeration"], city["is_enumeration"]) == (None, False)
    assert rows["customer", "taxStr"]["has_sensitive_attributes"] is True
    assert rows["conversation", "whyTree"]["tree"] == {"children": []}
    items = rows["kobject.order", "itemsId"]
    assert (items["target"], items["multi"], items["json_type"]) == ("kobject.item", True, "array")
    assert ("kobject.old", "oldNum") in rows
    assert rows["company", "goneAt"]["_sdc_deleted_at"] == rows["company", "goneAt"]["deleted_at"]
    assert rows["company", "goneAt"]["deleted_at"]
    assert {row["org_id"] for row in rows.values()} == {org.org_id}
    assert not [row for row in rows.values() if row["extra_attributes"]]


@pytest.mark.parametrize("stream", ["companies", "work_sessions", "work_items"])
def test_a_search_that_ignores_its_attribute_is_not_trusted(server: Simulator, stream: str) -> None:
    """Rows in no order would let the bookmark pass by some of them; the list has all."""
    server.set(unknown_attributes="ignore", company_updated_at_supported=False)
    context = {
        "companies": "company",
        "work_sessions": "work_session",
        "work_items": "work_item",
    }[stream]
    now = server.org.clock.now()
    moments = [now - DAY * (1 + number * 7 % 30) for number in range(30)]
    rows = server.org.add(context, 30, updated_at=moments, created_at=moments)
    output = read(server, stream, page_size=10)

    assert output.status == 0
    assert output.ids(stream) == set(rows)
    assert output.bookmark(stream) is None


# ------------------------------------------------------------------ asked rightly


SWITCHED = {
    "teams": "team",
    "tags": "tag",
    "shortcuts": "shortcut",
    "spam_senders": "spam_sender",
}


@pytest.mark.parametrize("stream", SWITCHED)
def test_deleted_rows_of_a_list_arrive_though_it_hides_them(server: Simulator, stream: str) -> None:
    """Each of these lists has a switch of its own for them."""
    server.org.add(SWITCHED[stream], 3)
    server.org.add(SWITCHED[stream], 2, deleted=True)
    output = read(server, stream, optional_streams=["spam_senders"])

    deleted = [row for row in output.records(stream) if row["_sdc_deleted_at"]]
    assert {row["id"] for row in output.records(stream)} == set(server.org.ids(SWITCHED[stream]))
    assert len(deleted) >= 2


@pytest.mark.parametrize("stream", SWITCHED)
def test_a_list_without_a_switch_for_deleted_rows_is_read_plainly(
    server: Simulator, stream: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Asked for twice and refused twice: then the plain list, and a warning that says so."""
    server.set(deleted_switches=False)
    server.org.add(SWITCHED[stream], 3)
    output = read(server, stream, optional_streams=["spam_senders"])

    assert status(output, stream) == "complete"
    assert len(output.records(stream)) >= 3
    assert f"{stream}: Kustomer does not take" in caplog.text


def test_a_switch_that_worked_and_is_refused_later_fails_the_stream(server: Simulator) -> None:
    """Deleted rows that were read before would stay in the table as if they lived."""
    server.org.add("tag", 2)
    first = read(server, "tags")
    server.set(deleted_switches=False)
    second = sync_tap(server.config, ["tags", "sync_runs"], state=first.state)

    assert status(first, "tags") == "complete"
    assert status(second, "tags") == "failed"
    assert not second.records("tags")


@pytest.mark.parametrize("knob", ["required", "optional", "unknown"])
def test_sub_statuses_of_both_kinds_arrive(server: Simulator, knob: str) -> None:
    """Which kind is meant has to be asked, where the org knows the question."""
    server.set(sub_status_resource=knob)
    for kind in ("conversation", "kobject"):
        server.org.add("sub_status", 3, resourceType=kind)
        server.org.add("snooze", 3, resource=kind)
    output = read(server, "sub_statuses", "snoozes")

    for stream, column in (("sub_statuses", "resource_type"), ("snoozes", "resource")):
        kinds = {row[column] for row in output.records(stream)}
        ids = [row["id"] for row in output.records(stream)]
        assert kinds == {"conversation", "kobject"}
        assert len(ids) == len(set(ids))


def test_workflows_arrive_without_what_may_hold_secrets(server: Simulator) -> None:
    """The headers of their steps hold keys of other systems."""
    server.org.add("workflow", 3)
    output = read(server, "workflows", optional_streams=["workflows"])

    assert output.ids("workflows") == set(server.org.ids("workflow"))
    assert "Bearer" not in json.dumps(output.records("workflows"))
    assert not {"steps", "trigger"} & set(output.schema("workflows")["properties"])


def test_articles_arrive_with_their_text(server: Simulator) -> None:
    """The list leaves it out unless asked."""
    server.org.add("kb_article", 2)
    output = read(server, "kb_articles", optional_streams=["kb_articles"])

    assert all(row["html_body"].startswith("<h1>") for row in output.records("kb_articles"))


# ------------------------------------------------------------------ versions


def test_of_two_versions_of_a_row_the_one_with_the_higher_rev_is_the_last(
    server: Simulator,
) -> None:
    """A shortcut that changes while the list is read is on two pages, once as it was."""
    shortcuts = server.org.add("shortcut", 6)

    def with_change(document: dict[str, Any]) -> dict[str, Any]:
        first = document["data"][0]
        attributes = {**first["attributes"], "name": "new", "rev": 50}
        return {**document, "data": [*document["data"], {**first, "attributes": attributes}]}

    server.faults.add(Fault("rewrite", path="/v1/shortcuts", times=None, rewrite=with_change))
    output = read(server, "shortcuts")

    assert output.newest("shortcuts")[shortcuts[0]]["name"] == "new"


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ({"rev": 9}, {"rev": 10}),
        ({"rev": 9, "updatedAt": "2024-02-01T00:00:00Z"}, {"rev": 10, "updatedAt": None}),
        ({"rev": 9, "updatedAt": "2024-02-01T00:00:00Z"},
         {"rev": 10, "updatedAt": "2024-01-01T00:00:00Z"}),
        ({"rev": 9, "updatedAt": "2024-01-01T00:00:00Z"},
         {"rev": 9, "updatedAt": "2024-01-01T00:00:00.001Z"}),
        ({"updatedAt": "2024-01-01T00:00:00Z"}, {"rev": 1, "updatedAt": "2024-01-02T00:00:00Z"}),
        ({}, {"updatedAt": "2024-01-01T00:00:00Z"}),
    ],
)  # fmt: skip
def test_rev_decides_between_versions_then_the_time_of_the_update(
    older: dict[str, Any], newer: dict[str, Any]
) -> None:
    """An import may date a change back; its rev still grows."""
    one, two = ({"id": "a", "attributes": attributes} for attributes in (older, newer))

    for order, expected in (([one, two], [True, True]), ([two, one], [True, False])):
        seen = SeenVersions()
        assert [seen.takes("a", row) for row in order] == expected
        assert not seen.takes("a", two)
        assert len(seen) == 1
