"""Streams that a user names in Airbyte's form: offered, checked and read like the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from simulator import Org, Simulator
from tests.airbyte.support import configured, run_source

ENTRIES: list[dict[str, Any]] = [
    {"name": "apps", "path": "/v1/apps", "page_size": 0, "key": "code", "secrets": ["plan"]},
    {"name": "visits", "path": "/v1/customers/{id}/visits", "parent": "customers"},
    {"name": "processes", "path": "/v1/workflows/{id}/processes", "parent": "workflows"},
]


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """Serve an org with two rows behind each entry."""
    org = Org(seed=4)
    app = {"plan": "gold", "token": "t0k3n", "dueAt": "2026-01-01T00:00:00Z"}
    apps = [{"type": "app", "attributes": {**app, "code": f"app-{n}"}} for n in range(2)]
    org.show("/v1/apps", apps)
    for context, path in (
        ("customer", "customers/{}/visits"),
        ("workflow", "workflows/{}/processes"),
    ):
        for n, id_ in enumerate(org.add(context, 2)):
            row = {"type": "x", "id": f"{context}-{n}", "attributes": {"score": n}}
            org.show(f"/v1/{path.format(id_)}", [row])
    with Simulator(org) as served:
        yield served


def test_entries_fit_the_form(tmp_path: Path) -> None:
    """Each key of an entry has a field of one type."""
    (spec,) = run_source("spec", tmp_path).of_type("SPEC")
    form = spec["connectionSpecification"]
    jsonschema.validate({"api_key": "k", "extra_streams": ENTRIES}, form)
    fields = form["properties"]["extra_streams"]["items"]

    assert set(fields["properties"]) > {key for entry in ENTRIES for key in entry}
    assert fields["required"] == ["name", "path"]
    for wrong in ({"name": "apps"}, {**ENTRIES[0], "page_size": "many"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"api_key": "k", "extra_streams": [wrong]}, form)


def test_entries_are_checked_offered_and_read(sim: Simulator, tmp_path: Path) -> None:
    """A list in full, what hangs on a search incrementally; secrets stay."""
    config = {**sim.config, "start_date": "2020-01-01", "extra_streams": ENTRIES}
    assert run_source("check", tmp_path, config=config).check == {"status": "SUCCEEDED"}

    (catalog,) = run_source("discover", tmp_path, config=config).of_type("CATALOG")
    offered = {one["name"]: one for one in catalog["streams"]}
    assert offered["apps"]["source_defined_primary_key"] == [["code"]]
    assert offered["apps"]["supported_sync_modes"] == ["full_refresh"]
    assert offered["visits"]["supported_sync_modes"] == ["full_refresh", "incremental"]

    names = [entry["name"] for entry in ENTRIES]
    wanted = configured(catalog["streams"], names)
    printed = run_source("read", tmp_path, config=config, catalog=wanted)
    assert printed.status == 0
    assert {row["code"] for row in printed.records("apps")} == {"app-0", "app-1"}
    assert printed.ids("visits") == {"customer-0", "customer-1"}
    assert printed.ids("processes") == {"workflow-0", "workflow-1"}
    for name in names:
        assert printed.statuses(name)[-1] == "COMPLETE"
        validator = jsonschema.Draft7Validator(offered[name]["json_schema"])
        assert all(validator.is_valid(row) for row in printed.records(name))
    assert not [one for one in ("gold", "t0k3n") if one in str(printed.messages)]

    sim.reset_log()
    again = run_source("read", tmp_path, config=config, catalog=wanted, state=printed.state_file)
    assert len(again.records("visits")) == 1  # the newest parent, once more
    assert len(again.records("apps")) == 2


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"name": "a", "path": "https://evil.example/v1/x"}, "a: `path` must be"),
        ({"name": "customers", "path": "/v1/x"}, "customers: the tap has a stream"),
        ({"name": "a", "path": "/v1/{id}/x", "parent": "nobody"}, "a: there is no stream"),
    ],
)
def test_a_wrong_entry_fails_the_check_by_its_name(
    sim: Simulator, tmp_path: Path, entry: dict[str, Any], sentence: str
) -> None:
    """The form cannot know it; the answer can."""
    printed = run_source("check", tmp_path, config={**sim.config, "extra_streams": [entry]})

    assert printed.check["status"] == "FAILED"
    assert f"`extra_streams`: {sentence}" in printed.check["message"]


def test_an_odd_endpoint_is_named_by_check_and_fails_alone(sim: Simulator, tmp_path: Path) -> None:
    """Airbyte checks before each sync: one endpoint must not keep the other streams from it."""
    entry = {"name": "me", "path": "/v1/users/current"}
    config = {**sim.config, "extra_streams": [entry]}
    checked = run_source("check", tmp_path, config=config)
    assert checked.check == {"status": "SUCCEEDED"}
    sentence = "`extra_streams`: me: /v1/users/current answers with one object"
    assert any(sentence in text for text in checked.logs())

    (catalog,) = run_source("discover", tmp_path, config=config).of_type("CATALOG")
    wanted = configured(catalog["streams"], ["me", "customers"])
    printed = run_source("read", tmp_path, config=config, catalog=wanted)
    assert printed.statuses("me")[-1] == "INCOMPLETE"
    assert printed.statuses("customers")[-1] == "COMPLETE"
    assert sentence in str(printed.errors)
