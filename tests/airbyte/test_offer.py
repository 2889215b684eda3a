"""source-kustomer spec, check and discover: what Airbyte shows before the first sync."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from airbyte_protocol.models import AirbyteCatalog

from simulator import Fault, Org, Simulator
from tap_kustomer.airbyte.schema import airbyte_schema
from tap_kustomer.settings.values import SETTINGS_SCHEMA
from tap_kustomer.streams.registry import OPTIONAL_STREAMS
from tests.airbyte.support import configured, run_source, spawn_source

SINGER_ONLY = {
    "tombstones",
    "emit_activate_version_messages",
    "stream_maps",
    "stream_map_config",
    "faker_config",
    "flattening_enabled",
    "flattening_max_depth",
    "flattening_max_key_length",
    "flattening_separator",
}


@pytest.fixture
def form(tmp_path: Path) -> dict[str, Any]:
    """Return the form that ``spec`` describes."""
    (spec,) = run_source("spec", tmp_path).of_type("SPEC")
    return dict(spec["connectionSpecification"])


# ------------------------------------------------------------------------------ spec


def test_the_form_has_every_setting_of_the_tap(form: dict[str, Any]) -> None:
    """In the tap's order; what only means something to a Singer target is left out."""
    expected = [name for name in SETTINGS_SCHEMA["properties"] if name not in SINGER_ONLY]

    assert list(form["properties"]) == expected
    assert [one["order"] for one in form["properties"].values()] == list(range(len(expected)))
    assert form["required"] == ["api_key"]
    assert form["additionalProperties"] is True


def test_each_setting_is_explained_and_has_one_type(form: dict[str, Any]) -> None:
    """Airbyte's pages cannot show a choice of types."""
    jsonschema.Draft7Validator.check_schema(form)
    for name, setting in form["properties"].items():
        assert setting["title"], name
        assert setting["description"], name
        assert isinstance(setting["type"], str), name
        for example in setting.get("examples", []):
            jsonschema.validate(example, setting)
        if "default" in setting:
            jsonschema.validate(setting["default"], setting)


def test_only_the_key_is_a_secret(form: dict[str, Any]) -> None:
    """Airbyte then stores it apart and masks it."""
    secret = [name for name, one in form["properties"].items() if one.get("airbyte_secret")]

    assert secret == ["api_key"]


def test_optional_streams_are_offered_by_name(form: dict[str, Any]) -> None:
    """A form should not ask a user to guess names."""
    assert form["properties"]["optional_streams"]["items"]["enum"] == list(OPTIONAL_STREAMS)


@pytest.mark.parametrize(
    "moment", ["2024-01-31", "2024-01-31T12:00:00Z", "2024-01-31T12:00:00.123+02:00"]
)
def test_dates_that_the_tap_takes_fit_the_form(form: dict[str, Any], moment: str) -> None:
    """Both forms that the settings' description promises."""
    assert re.search(form["properties"]["start_date"]["pattern"], moment)
    assert not re.search(form["properties"]["start_date"]["pattern"], "last week")


def test_spec_needs_nothing_but_the_wheel(tmp_path: Path) -> None:
    """No config, no network, nothing on stderr."""
    printed = spawn_source("spec", tmp_path)

    assert printed.status == 0
    assert printed.stderr == ""
    assert len(printed.of_type("SPEC")) == 1


# ------------------------------------------------------------------------------ check


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """Serve a small org."""
    org = Org(seed=5)
    org.seed(customers=10)
    with Simulator(org) as served:
        yield served


def answer(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer to ``check``; the command itself never fails."""
    printed = run_source("check", folder, config=config)
    assert printed.status == 0
    return printed.check


def test_a_working_key_succeeds_with_few_requests(sim: Simulator, tmp_path: Path) -> None:
    """Airbyte checks before every sync, so it must not cost one."""
    assert answer(tmp_path, sim.config) == {"status": "SUCCEEDED"}
    assert len(sim.searches()) == 1
    assert len(sim.requests) < 25


def test_a_bad_key_is_explained(sim: Simulator, tmp_path: Path) -> None:
    """And never shown."""
    refused = answer(tmp_path, {**sim.config, "api_key": "wrong-key-987"})

    assert refused["status"] == "FAILED"
    assert "`api_key`" in refused["message"]
    assert "wrong-key-987" not in refused["message"]


def test_a_key_of_another_region_is_explained(sim: Simulator, tmp_path: Path) -> None:
    """With the settings that choose the host."""
    sim.set(pod_mismatch=400)

    refused = answer(tmp_path, sim.config)

    assert refused["status"] == "FAILED"
    assert "`region`" in refused["message"]


@pytest.mark.parametrize("told", [True, False])
def test_a_missing_search_role_is_named(tmp_path: Path, *, told: bool) -> None:
    """Whether Kustomer tells the roles of the key or only refuses the search."""
    with Simulator(Org(seed=5, roles={"org.permission.tag.read"})) as sim:
        if not told:
            sim.set(token_status=403)
        refused = answer(tmp_path, sim.config)

    assert refused["status"] == "FAILED"
    assert "org.permission.search.create" in refused["message"]


def test_roles_that_single_streams_lack_are_logged(tmp_path: Path) -> None:
    """The connection works; those streams are skipped."""
    with Simulator(Org(seed=5, roles={"org.permission.search.create"})) as sim:
        printed = run_source("check", tmp_path, config=sim.config)

    assert printed.check == {"status": "SUCCEEDED"}
    assert any("brands" in text and "org.permission.brand.read" in text for text in printed.logs())


def test_a_role_that_the_key_only_seems_to_lack_is_not_warned_of(
    sim: Simulator, tmp_path: Path
) -> None:
    """A list of roles may be old, or know roles by other names: the answer decides."""

    def with_less(document: dict[str, Any]) -> dict[str, Any]:
        document["data"]["attributes"]["roles"] = ["org.permission.search.create"]
        return document

    for path in ("/v1/users/current", "/v1/auth/tokens/current"):
        sim.faults.add(Fault("rewrite", path=path, times=None, rewrite=with_less))
    printed = run_source("check", tmp_path, config=sim.config)

    assert printed.check == {"status": "SUCCEEDED"}
    assert {log.path for log in sim.requests} > {"/v1/tags", "/v1/brands", "/v1/users"}
    assert not [text for text in printed.logs() if "cannot be read" in text]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"api_key": None}, "`api_key`"),
        ({"page_size": 0}, "`page_size`"),
        ({"page_size": "many"}, "`page_size`"),
        ({"start_date": "yesterday"}, "`start_date`"),
        ({"stream_maps": {"customers": {"name": None}}}, "`stream_maps`"),
        ({"flattening_enabled": True}, "`flattening_enabled`"),
        ({"api_url": "http://127.0.0.1:9", "backoff_max_elapsed_seconds": 1}, "`api_url`"),
    ],
)
def test_wrong_settings_are_named(
    sim: Simulator, tmp_path: Path, settings: dict[str, Any], named: str
) -> None:
    """Also one that Airbyte cannot honour: ignoring a mask would show what it hides."""
    config = {
        name: value for name, value in {**sim.config, **settings}.items() if value is not None
    }

    refused = answer(tmp_path, config)

    assert refused["status"] == "FAILED"
    assert named in refused["message"]


def test_an_unforeseen_error_is_a_sentence_without_content(sim: Simulator, tmp_path: Path) -> None:
    """Answers of no known shape must not end in a traceback, nor show a row."""
    sim.faults.add(
        Fault("rewrite", path="/v1/users/current", times=None, rewrite=lambda _: ["secret row"])
    )

    refused = answer(tmp_path, {**sim.config, "backoff_max_elapsed_seconds": 1})

    assert refused["status"] == "FAILED"
    assert "secret row" not in refused["message"]
    assert "Traceback" not in refused["message"]


# ------------------------------------------------------------------------------ discover


def offered(folder: Path, config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the streams that ``discover`` offers, by name."""
    (catalog,) = run_source("discover", folder, config=config).of_type("CATALOG")
    AirbyteCatalog.model_validate_json(json.dumps(catalog), strict=True)
    return {stream["name"]: stream for stream in catalog["streams"]}


def test_incremental_streams_offer_both_modes(sim: Simulator, tmp_path: Path) -> None:
    """With cursor and key defined by the source, so that a user has nothing to choose."""
    customers = offered(tmp_path, sim.config)["customers"]

    assert customers["supported_sync_modes"] == ["full_refresh", "incremental"]
    assert customers["source_defined_cursor"] is True
    assert customers["default_cursor_field"] == ["updated_at"]
    assert customers["source_defined_primary_key"] == [["id"]]
    assert customers["is_resumable"] is False


def test_lists_offer_a_full_refresh_only(sim: Simulator, tmp_path: Path) -> None:
    """They have no cursor that Kustomer could search by."""
    streams = offered(tmp_path, sim.config)

    assert streams["tags"]["supported_sync_modes"] == ["full_refresh"]
    assert "default_cursor_field" not in streams["tags"]
    assert streams["tags"]["is_resumable"] is False
    assert streams["custom_attributes"]["source_defined_primary_key"] == [
        ["org_id"],
        ["resource"],
        ["name"],
    ]


def test_custom_attributes_are_typed_columns(sim: Simulator, tmp_path: Path) -> None:
    """As in the Singer catalog: from the org's own metadata."""
    sim.org.set_attribute("customer", "ltvNum")
    sim.org.set_attribute("customer", "renewalAt")

    custom = offered(tmp_path, sim.config)["customers"]["json_schema"]["properties"]["custom"]

    assert "number" in custom["properties"]["ltvNum"]["type"]
    assert custom["properties"]["renewalAt"]["airbyte_type"] == "timestamp_with_timezone"


def test_rows_fit_the_schemas_that_are_offered(sim: Simulator, tmp_path: Path) -> None:
    """The translation may loosen a schema, never contradict it."""
    config = {**sim.config, "start_date": "2015-01-01"}
    streams = offered(tmp_path, config)
    catalog = configured(list(streams.values()))

    printed = run_source("read", tmp_path, config=config, catalog=catalog)

    assert printed.counts["messages"]
    for name, stream in streams.items():
        validator = jsonschema.Draft7Validator(stream["json_schema"])
        for row in printed.records(name):
            validator.validate(row)


def test_schemas_keep_to_what_destinations_know() -> None:
    """No closed object, no list of several types, no untyped items, no unknown keyword."""
    schema = {
        "type": "object",
        "description": "A thing.",
        "properties": {
            "id": {"type": "string"},
            "at": {"type": ["string", "null"], "format": "date-time"},
            "link": {"type": ["string", "null"], "format": "uri", "x-note": 1},
            "open": {"type": ["string", "object", "array", "null"], "description": "Any."},
            "many": {"type": ["array", "null"], "items": {}},
            "closed": {"type": ["object", "null"], "additionalProperties": False},
        },
    }

    assert airbyte_schema(schema) == {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "description": "A thing.",
        "additionalProperties": True,
        "properties": {
            "id": {"type": "string"},
            "at": {
                "type": ["string", "null"],
                "format": "date-time",
                "airbyte_type": "timestamp_with_timezone",
            },
            "link": {"type": ["string", "null"]},
            "open": {
                "description": "Any.",
                "oneOf": [
                    {"type": "string"},
                    {"type": "object", "additionalProperties": True},
                    {"type": "array"},
                    {"type": "null"},
                ],
            },
            "many": {"type": ["array", "null"]},
            "closed": {"type": ["object", "null"], "additionalProperties": True},
        },
    }
    assert schema["properties"]["closed"]["additionalProperties"] is False  # type: ignore[index]


def test_discovery_with_a_bad_key_ends_in_an_error_trace(sim: Simulator, tmp_path: Path) -> None:
    """``discover`` has no answer for a failure."""
    printed = run_source("discover", tmp_path, config={**sim.config, "api_key": "wrong"})

    assert printed.status == 1
    (error,) = printed.errors
    assert error["failure_type"] == "config_error"
    assert "`api_key`" in error["message"]
