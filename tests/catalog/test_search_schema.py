"""The org's search schema: it says what to try first, and nothing depends on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from simulator import Fault, Org, Simulator
from tap_kustomer.catalog.search_schema import PATH, SearchSchema
from tests.support import Output, sync_tap

KLASSES = ("order", "device", "plan")
CONTEXTS = {
    "customers": "customer",
    "conversations": "conversation",
    "messages": "message",
    "notes": "note",
    "companies": "company",
    "kobject_order": "kobject_order",
    "conversation_times": "conversation_time",
    "work_sessions": "work_session",
    "work_items": "work_item",
}


@pytest.fixture
def server() -> Iterator[Simulator]:
    """An org with three klasses and a few rows of everything."""
    org = Org(seed=4, realistic=False)
    for klass in KLASSES:
        org.add_klass(klass)
        org.add(f"kobject_{klass}", 3)
    with Simulator(org, limits=False) as simulator:
        yield simulator


def read(server: Simulator, *streams: str, state: dict[str, Any] | None = None) -> Output:
    """Run the tap over some streams."""
    config = {**server.config, "max_concurrency": 1}
    return sync_tap(config, [*streams, "sync_runs"], state=state)


def asked(server: Simulator) -> tuple[int, int]:
    """Return how often the schema was asked for, and how many searches there were."""
    schemas = [one for one in server.requests if one.path == PATH]
    return len(schemas), len(server.searches())


def ended(output: Output, stream: str) -> str:
    """Return how a stream ended."""
    [row] = [row for row in output.records("sync_runs") if row["stream"] == stream]
    return str(row["status"])


@pytest.mark.parametrize("attribute", ["kobject_updated_at", "kobject_<klass>_updated_at", "both"])
def test_no_search_of_a_klass_is_refused_where_the_schema_says_what_it_takes(
    server: Simulator, attribute: str
) -> None:
    """With fifty klasses, trying costs a hundred searches of the smaller budget."""
    server.set(kobject_klass_attribute=attribute)
    output = read(server, *(f"kobject_{klass}" for klass in KLASSES))

    assert [ended(output, f"kobject_{klass}") for klass in KLASSES] == ["complete"] * 3
    assert [one.path for one in server.requests if one.status == 400] == []
    assert asked(server)[0] == 1


def test_a_later_run_knows_without_asking(server: Simulator) -> None:
    """What worked is in the state."""
    streams = [f"kobject_{klass}" for klass in KLASSES]
    first = read(server, *streams)
    server.reset_log()
    second = read(server, *streams, state=first.state)

    assert asked(server)[0] == 0
    assert ended(second, streams[0]) == "complete"


@pytest.mark.parametrize("fault", ["absent", "html", "broken", "empty"])
@pytest.mark.parametrize("attribute", ["kobject_updated_at", "kobject_<klass>_updated_at"])
def test_without_a_usable_schema_all_works_as_before(
    server: Simulator, fault: str, attribute: str
) -> None:
    """It is a hint: attributes are tried where it is missing."""
    server.set(kobject_klass_attribute=attribute, search_schema=fault != "absent")
    bodies = {"html": "<html>", "broken": "[1]", "empty": json.dumps({"data": {}})}
    if fault in bodies:
        server.faults.add(Fault("status", status=200, path=PATH, times=None, body=bodies[fault]))
    output = read(server, "kobject_order")

    assert ended(output, "kobject_order") == "complete"
    assert output.ids("kobject_order") == set(server.org.ids("kobject_order"))


def test_a_schema_that_lies_decides_nothing(server: Simulator) -> None:
    """It promises an attribute that the search refuses: the other one is tried."""
    server.set(kobject_klass_attribute="kobject_updated_at")
    fields: dict[str, Any] = {"patternProperties": {"^kobject_.+_updated_at$": {}, "(": {}}}
    body = json.dumps({"data": {"attributes": {"fields": fields}}})
    server.faults.add(Fault("status", status=200, path=PATH, times=None, body=body))
    output = read(server, "kobject_order")

    assert output.ids("kobject_order") == set(server.org.ids("kobject_order"))


@pytest.mark.parametrize("stream", CONTEXTS)
def test_an_attribute_that_is_ignored_in_silence_is_noticed_in_each_context(
    server: Simulator, stream: str
) -> None:
    """A real org took names that do not exist: then a filter lets all rows through."""
    context = CONTEXTS[stream]
    base = "kobject" if context.startswith("kobject") else context
    now = server.org.clock.now()
    # So many that they do not stand in order by chance.
    for days in (300, 5, 200, 1, 100, 7, 250, 3, 150, 2, 50):
        moment = now - days * 86_400
        server.org.add(context, created_at=moment, updated_at=moment)
    attribute = f"{base}_created_at" if base == "conversation_time" else f"{base}_updated_at"
    server.set(
        ignore_filters=(attribute, f"{context}_updated_at"),
        ignore_sort=True,
        unknown_attributes="ignore",
        work_items_list=True,
    )
    config = {**server.config, "start_date": "2020-01-01T00:00:00Z"}
    output = sync_tap(config, [stream, "sync_runs"])

    if ended(output, stream) == "complete":  # by a list instead, or because all is right
        assert output.ids(stream) == set(server.org.ids(context))
    else:
        assert output.status == 1
    assert output.bookmark(stream) is None


def test_names_and_patterns_are_found_wherever_they_stand() -> None:
    """The shape inside `fields` is documented no further."""
    fields = {
        "properties": {"customer_updated_at": {"operator": "datetime"}},
        "definitions": {"x": {"patternProperties": {"^kobject_.+_updated_at$": {}}}},
    }
    raw = json.dumps({"data": {"attributes": {"fields": fields, "sort": {}}}}).encode()
    schema = SearchSchema.parse(raw)

    assert schema.knows("customer_updated_at")
    assert schema.knows("kobject_order_updated_at")
    assert not schema.knows("kobject_updated_at")
    assert not SearchSchema.parse(b"nothing").knows("customer_updated_at")
