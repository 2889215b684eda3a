"""The vendor's own examples pass through the rows: data that nobody here made up.

The files are not part of the checkout; where they are not beside it, there is nothing to test.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from simulator import Org, Simulator
from tap_kustomer import timestamps
from tap_kustomer.catalog.schema import object_schema
from tap_kustomer.streams.base import KustomerStream
from tap_kustomer.streams.children import ChildStream
from tap_kustomer.streams.registry import OPTIONAL_STREAMS
from tap_kustomer.tap import TapKustomer

CHECKOUT = Path(__file__).parents[2]
EXAMPLES = CHECKOUT.parent / "shared" / "reference" / "openapi" / "examples"
# The stream of each resource type; None: no stream reads it.
STREAMS = {
    "attachment": "conversation_attachments",
    "audit_log": "audit_logs",
    "brand": "brands",
    "company": "companies",
    "conversation": "conversations",
    "conversation_time": "conversation_times",
    "customer": "customers",
    "customer_event": "conversation_events",
    "customer_merge": "customer_merges",
    "customer_session": "customer_sessions",
    "draft": "customer_drafts",
    "forward": "conversation_forwards",
    "holiday": None,  # a part of its schedule's row
    "klass": "klasses",
    "kobject.order": "kobject_order",
    "message": "messages",
    "metadata": None,  # see `custom_attributes`
    "note": "notes",
    "outbound_account": None,
    "satisfaction": "satisfaction_surveys",
    "schedule": "schedules",
    "sender": "spam_senders",
    "sla": "slas",
    "sla_version": "sla_versions",
}


def resources() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each resource of each example, with the name of its file and its place there."""
    for path in sorted(EXAMPLES.glob("*.json")):
        document = json.loads(path.read_bytes())
        for part in ("data", "included"):
            found = document.get(part) or []
            for number, one in enumerate(found if isinstance(found, list) else [found]):
                yield f"{path.stem}-{part}-{number}", one


CASES = [pytest.param(one, id=name) for name, one in resources()]
pytestmark = pytest.mark.skipif(not CASES, reason="the vendor's examples are not here")


@pytest.fixture(scope="module")
def tap() -> Iterator[TapKustomer]:
    """A tap of an org with the klass of the examples."""
    org = Org(seed=8)
    org.add_klass("order")
    with Simulator(org=org) as server:
        config = {**server.config, "optional_streams": list(OPTIONAL_STREAMS)}
        tap = TapKustomer(config=config)
        assert tap.streams
        yield tap
        tap.close()


def leaves(value: Any) -> Iterator[str]:
    """Yield the values inside a value, as text that survives a conversion."""
    if isinstance(value, dict):
        for one in value.values():
            yield from leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one)
    elif value is not None:
        yield timestamps.normalise(value) or str(value)


def related(resource: dict[str, Any]) -> Iterator[str]:
    """Yield the ids that a resource refers to."""
    for relationship in (resource.get("relationships") or {}).values():
        data = relationship.get("data") if isinstance(relationship, dict) else None
        for one in data if isinstance(data, list) else [data]:
            if isinstance(one, dict) and one.get("id"):
                yield str(one["id"])


def row_of(stream: KustomerStream, resource: dict[str, Any]) -> dict[str, Any]:
    """Return the row that the stream makes of a resource."""
    if isinstance(stream, ChildStream):
        resource = stream.as_resource(resource)
    return stream.make_row(resource)


@pytest.mark.parametrize("resource", CASES)
def test_an_example_becomes_a_valid_row_and_loses_nothing(
    tap: TapKustomer, resource: dict[str, Any]
) -> None:
    """Every value is in a column or in `extra_attributes`, and every reference has its id."""
    name = STREAMS[resource["type"]]
    if name is None:
        pytest.skip("no stream reads it")
    stream = tap.stream(name)
    row = row_of(stream, resource)
    secrets = object_schema(stream.schema_name or name).secrets
    given = {key: one for key, one in resource["attributes"].items() if key not in secrets}

    validator = Draft202012Validator(
        stream.schema, format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    validator.validate(row)
    assert row["id"]
    kept = list(leaves(row))
    assert sorted(set(leaves(given)) - set(kept)) == []
    # The org of the example is not the org of the key: the row's own org counts.
    assert set(related(resource)) <= set(kept)


@pytest.mark.parametrize("resource", CASES)
def test_what_an_example_has_is_known_to_the_schema(
    tap: TapKustomer, resource: dict[str, Any]
) -> None:
    """The examples are what is documented, so none of it should be an unknown attribute."""
    name = STREAMS[resource["type"]]
    if name is None:
        pytest.skip("no stream reads it")
    row = row_of(tap.stream(name), resource)

    assert row["extra_attributes"] is None or set(row["extra_attributes"]) <= KNOWN_MISFITS.get(
        name, set()
    )


# The examples of custom objects have pieces of a schema where values should be.
KNOWN_MISFITS = {
    "kobject_order": {
        "assignedUser", "doneCount", "queue", "reopenCount", "reopenDoneCount", "status",
    },
}  # fmt: skip


def test_every_type_of_the_examples_has_its_place() -> None:
    """A new example of a new type is noticed."""
    assert {resource["type"] for _, resource in resources()} <= set(STREAMS)
