"""Streams that a user names in `meltano.yml` or in one variable, as tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from simulator import Org, Simulator
from tests.e2e.project import MeltanoProject

ENTRIES: list[dict[str, Any]] = [
    {"name": "apps", "path": "/v1/apps", "secrets": ["!shownToken"]},
    {"name": "kinds", "path": "/v1/sub-statuses", "params": {"resource": "kobject"}},
    {"name": "processes", "path": "/v1/workflows/{id}/processes", "parent": "workflows"},
    {"name": "visits", "path": "/v1/customers/{id}/visits", "parent": "customers"},
]
SELECT = [f"{entry['name']}.*" for entry in ENTRIES]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Serve an org with a row behind each entry."""
    org = Org(seed=4)
    app = {"name": "Shop", "clientSecret": "s3cr3t", "shownToken": "t0k3n", "size": 2.5}
    org.show("/v1/apps", [{"type": "app", "id": "app-1", "attributes": app}])
    for kind in ("conversation", "kobject"):
        org.add("sub_status", 2, resourceType=kind)
    [workflow] = org.add("workflow")
    process = {"type": "process", "id": "process-1", "attributes": {"retry": 0}}
    org.show(f"/v1/workflows/{workflow}/processes", [process])
    [customer] = org.add("customer")
    visit = {"type": "visit", "id": "visit-1", "attributes": {"at": "2026-01-01T00:00:00Z"}}
    org.show(f"/v1/customers/{customer}/visits", [visit])
    with Simulator(org) as served:
        yield served


@pytest.mark.parametrize("place", ["config", "variable"])
def test_entries_become_tables(project: MeltanoProject, simulator: Simulator, place: str) -> None:
    """Meltano hands a list of objects on, braces and all, from either place."""
    project = project.reading(simulator).with_env(TAP_KUSTOMER__SELECT=json.dumps(SELECT))
    definition = project.root / "meltano.yml"
    written = definition.read_text(encoding="utf-8")
    if place == "variable":
        project = project.with_env(TAP_KUSTOMER_EXTRA_STREAMS=json.dumps(ENTRIES))
    else:
        content = yaml.safe_load(written)
        [extractor] = content["plugins"]["extractors"]
        extractor.setdefault("config", {})["extra_streams"] = ENTRIES
        definition.write_text(yaml.safe_dump(content), encoding="utf-8")
    try:
        done = project.meltano("run", "tap-kustomer", "target-duckdb")
    finally:
        definition.write_text(written, encoding="utf-8")

    assert project.query("select id, name, shown_token, size from apps") == [
        ("app-1", "Shop", "t0k3n", 2.5)
    ]
    assert project.query("select distinct resource_type from kinds") == [("kobject",)]
    assert project.query(
        "select p.id, retry from processes p join visits v on v.id = 'visit-1'"
    ) == [("process-1", 0)]
    assert "s3cr3t" not in done.stdout + done.stderr
