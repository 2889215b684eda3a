"""The schema files: what they may contain, and that realistic rows fit them."""

from __future__ import annotations

import json
import random
import statistics
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from simulator.clock import to_iso
from simulator.shapes import SHAPES, Shape, ShapeContext
from tap_kustomer.naming import MAX_IDENTIFIER_BYTES, snake_case
from tap_kustomer.streams.registry import STREAM_TYPES

STREAMS = sorted({one.schema_name or one.name for one in STREAM_TYPES})
KEYS = {
    "custom_attributes": {"org_id", "resource", "name"},
    "present_ids": {"stream", "id"},
    "row_counts": {"org_id", "stream", "month"},
}
CUSTOM = {"customers", "companies", "conversations", "messages", "notes", "users", "kobjects"}
ADDED_BY_CODE = {"custom", "_sdc_deleted_at", "extra_attributes", "klass", "parent_updated_at"}
# Targets read these differently, or not at all.
FORBIDDEN = {"anyOf", "allOf", "oneOf", "not", "additionalProperties", "const", "enum", "required"}
TYPES = {"string", "integer", "number", "boolean", "object", "array"}

STREAM_OF = {one.resource: one.schema_name or one.name for one in STREAM_TYPES}
NO_STREAM = {"holiday"}  # a part of its schedule's row
VARYING = {"createdBy", "modifiedBy", "deletedBy", "endedBy", "redactedBy", "pinnedBy"}
# An attribute and a relationship make one column here: the contract says which one wins.
SHARED = {("audit_log", "user_id"), ("conversation", "ended_by_type")}
# Values whose type varies at the top level: one type has the column, the other moves to
# extra_attributes, because targets cannot make one column of both.
MISFITS = {("snooze", "value")}
OPEN_KEYED = ("published_", "unpublished_")  # one relationship for each language
NOW = 1_760_000_000.0


def schema_of(stream: str) -> dict[str, Any]:
    """Return one schema file."""
    text = resources.files("tap_kustomer.schemas").joinpath(f"{stream}.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def columns_of(stream: str) -> dict[str, dict[str, Any]]:
    """Return the standard columns of a stream."""
    columns: dict[str, dict[str, Any]] = schema_of(stream)["properties"]
    return columns


def keywords(schema: object) -> Iterator[str]:
    """Yield every keyword of a schema and of the schemas inside it."""
    if isinstance(schema, dict):
        for name, value in schema.items():
            yield name
            inner = value.values() if name == "properties" else [value]
            for part in inner:
                yield from keywords(part)


def test_every_stream_has_a_schema_and_no_other_file_lies_around() -> None:
    """A stream without a file would fail at discovery, a file without a stream is dead."""
    files = resources.files("tap_kustomer.schemas").iterdir()
    names = {file.name.removesuffix(".json") for file in files if file.name.endswith(".json")}

    assert names == set(STREAMS)


@pytest.mark.parametrize("stream", STREAMS)
def test_a_schema_is_valid_and_plain(stream: str) -> None:
    """Targets only agree on plain types: no alternatives, no closed objects."""
    schema = schema_of(stream)
    Draft202012Validator.check_schema(schema)

    assert not FORBIDDEN & set(keywords(schema))
    assert schema["type"] == "object"
    assert schema["description"].startswith("One row per ")
    assert ("x-custom" in schema) == (stream in CUSTOM)


@pytest.mark.parametrize("stream", STREAMS)
def test_every_column_has_a_description_and_may_be_null_unless_it_is_a_key(stream: str) -> None:
    """The docs print the descriptions; the API leaves out any attribute at any time."""
    keys = KEYS.get(stream, {"id"})
    columns = columns_of(stream)
    assert keys <= set(columns)

    for name, column in columns.items():
        assert column["description"].endswith("."), name
        if name in keys:
            assert column["type"] == "string", name
            continue
        kind, null = column["type"]
        assert null == "null", name
        assert kind in TYPES, name
        assert ("items" in column) == (kind == "array"), name
        assert "properties" not in column, name
        assert name.endswith("_at") <= (column.get("format") == "date-time"), name


@pytest.mark.parametrize("stream", STREAMS)
def test_columns_are_snake_case_and_leave_room_for_those_that_the_code_adds(stream: str) -> None:
    """A column named like one of the code's would be overwritten in silence."""
    for name in columns_of(stream):
        assert name == snake_case(name), name
        assert name not in ADDED_BY_CODE, name
        assert len(name.encode()) <= MAX_IDENTIFIER_BYTES, name


@pytest.mark.parametrize("stream", STREAMS)
def test_no_secret_is_a_column(stream: str) -> None:
    """Tokens and password data are named so that they can be removed, never typed."""
    schema = schema_of(stream)

    for secret in schema.get("x-secrets", []):
        assert snake_case(secret.partition(".")[0]) not in schema["properties"], secret


def context(index: int) -> ShapeContext:
    """Return the context of one row; every other has parents."""
    created = int(NOW * 1000) - (index + 1) * 3_600_000
    people = [f"{number:024x}" for number in range(1, 9)]
    known: dict[str, str | list[str]] = {
        "customer": "c" * 24,
        "conversation": "d" * 24,
        "company": "e" * 24,
        "message": "f" * 24,
        "user": people[0],
        "users": people,
        "teams": [f"{number:024x}" for number in range(20, 24)],
        "tags": [f"{number:024x}" for number in range(30, 39)],
        "queue": "a" * 24,
        "queues": ["a" * 24, "b" * 24],
        "sla": "1" * 24,
        "sla_version": "2" * 24,
        "brand": "3" * 24,
        "schedule": "4" * 24,
        "satisfaction": "5" * 24,
        "sub_status": "6" * 24,
    }
    if index % 3 == 0:
        known["session"] = "7" * 24
    return ShapeContext(
        org_id="0" * 24,
        now=NOW,
        created_at=to_iso(created),
        updated_at=to_iso(created + 60_000),
        parents=known if index % 2 else {},
    )


def make(name: str, index: int) -> Shape:
    """Return one row of an object, the same for the same number."""
    extra = {"klass": ("order", "subscription")[index % 4 // 2]} if name == "kobject" else {}
    return SHAPES[name](random.Random(index), context(index), **extra)


def related_columns(relationships: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield the columns that relationships become."""
    for name, related in relationships.items():
        data = related.get("data") if isinstance(related, dict) else related
        column = snake_case(name)
        if isinstance(data, list):
            yield f"{column}_ids", [one["id"] for one in data]
        elif isinstance(data, dict) and not column.startswith(OPEN_KEYED):
            yield f"{column}_id", data["id"]
            if name in VARYING:
                yield f"{column}_type", data["type"]


def stream_of(name: str) -> str:
    """Return the stream that an object's rows belong to."""
    return STREAM_OF[name]


@pytest.mark.parametrize("name", sorted(set(SHAPES) - NO_STREAM))
def test_realistic_rows_have_no_unknown_column_and_no_misfit(name: str) -> None:
    """What the simulator shows of an object is known to its schema, column by column."""
    schema = schema_of(stream_of(name))
    columns = schema["properties"]
    secrets = set(schema.get("x-secrets", []))
    validators = {
        column: Draft202012Validator(kind, format_checker=Draft202012Validator.FORMAT_CHECKER)
        for column, kind in columns.items()
    }

    for index in range(200):
        attributes, relationships = make(name, index)
        assert ("custom" in attributes) <= schema.get("x-custom", False)
        row = {
            snake_case(key): value
            for key, value in attributes.items()
            if key not in secrets and key != "custom"
        }
        row |= {key: value for key, value in related_columns(relationships) if key not in row}
        assert set(row) <= set(columns), sorted(set(row) - set(columns))
        for column, value in row.items():
            if (name, column) not in MISFITS:
                assert validators[column].is_valid(value), (column, value)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_no_two_names_of_an_object_become_one_column(name: str) -> None:
    """Of two values in one column, one would be lost."""
    for index in range(50):
        attributes, relationships = make(name, index)
        made = [snake_case(key) for key in attributes]
        made += [column for column, _ in related_columns(relationships)]
        twice = {(name, column) for column in made if made.count(column) > 1}

        assert twice <= SHARED


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_a_shape_repeats_itself_and_is_json(name: str) -> None:
    """The same seed makes the same org, in every process."""
    assert json.dumps(make(name, 7)) == json.dumps(make(name, 7))


def test_secrets_are_in_the_rows_that_the_simulator_serves() -> None:
    """Removing them is only proven where they are there to be removed."""
    assert "token" in make("outbound_webhook", 1)[0]
    assert "password" in make("user", 1)[0]


def test_conversations_of_the_simulator_make_an_analytics_query_worthwhile() -> None:
    """Chat is answered within minutes and mail within hours; the rest is told apart too."""
    waits: dict[str, list[int]] = {}
    statuses = set()
    for index in range(3000):
        attributes, _ = make("conversation", index)
        statuses.add(attributes["status"])
        if attributes["firstResponse"]:
            wait = attributes["firstResponse"]["time"]  # milliseconds, see the shape
            waits.setdefault(attributes["channels"][0], []).append(wait)

    minutes = {channel: statistics.median(wait) / 60_000 for channel, wait in waits.items()}
    assert statuses == {"open", "snoozed", "done"}
    assert minutes["voice"] < minutes["chat"] < minutes["sms"] < minutes["email"]
    assert minutes["chat"] < 5
    assert minutes["email"] > 120
