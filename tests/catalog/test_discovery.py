"""Discovery: the org's klasses and custom attributes become streams and typed columns."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from simulator import Fault, Org, Simulator
from tap_kustomer.catalog.discovery import KLASS_STATUSES, discover_org
from tap_kustomer.client.transport import Request
from tap_kustomer.clock import Clock
from tap_kustomer.ledger.assumptions import ASSUMPTIONS
from tap_kustomer.ledger.ledger import Ledger
from tap_kustomer.readers.prefetch import Prefetch
from tests.support import run_tap, sync_tap


def discover(sim: Simulator, folder: Path, **config: Any) -> dict[str, dict[str, Any]]:
    """Return the catalog entries by stream."""
    output = run_tap({**sim.config, **config}, "--discover", folder=folder)
    assert output.status == 0, output.stderr
    return {entry["tap_stream_id"]: entry for entry in json.loads(output.stdout)["streams"]}


def custom_of(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the declared custom attributes of a catalog entry."""
    properties: dict[str, Any] = entry["schema"]["properties"]["custom"]["properties"]
    return properties


def test_three_klasses_of_nearly_one_name_give_three_streams(
    sim: Simulator, tmp_path: Path
) -> None:
    """The oldest keeps the plain name; the other gets a suffix that never changes."""
    sim.org.add_klass("ecomm-order", attributes={"orderTotalNum": {"type": "number"}})
    sim.org.clock.advance(5)
    sim.org.add_klass("ecomm_order", attributes={"noteTxt": {"type": "string"}})
    sim.org.add_klass("Device2", attributes={"soldAt": {"type": "string"}})

    entries = discover(sim, tmp_path)

    streams = sorted(name for name in entries if name.startswith("kobject_"))
    assert len(streams) == 3
    assert streams[0] == "kobject_device2"
    assert streams[1] == "kobject_ecomm_order"
    assert streams[2].startswith("kobject_ecomm_order_")
    assert custom_of(entries["kobject_ecomm_order"])["orderTotalNum"]["type"] == ["number", "null"]
    assert custom_of(entries[streams[2]])["noteTxt"]["type"] == ["string", "null"]
    assert custom_of(entries["kobject_device2"])["soldAt"]["format"] == "date-time"


@pytest.mark.parametrize(
    ("name", "definition", "expected"),
    [
        ("aStr", {}, {"type": ["string", "null"]}),
        ("aTxt", {}, {"type": ["string", "null"]}),
        ("aUrl", {}, {"type": ["string", "null"]}),
        ("aNum", {}, {"type": ["number", "null"]}),
        ("aBool", {}, {"type": ["boolean", "null"]}),
        ("anAt", {}, {"type": ["string", "null"], "format": "date-time"}),
        ("anId", {"target": "user"}, {"type": ["string", "null"]}),
        (
            "manyId",
            {"multi": True},
            {"type": ["array", "null"], "items": {"type": ["string", "null"]}},
        ),
        ("aTree", {"tree": {}}, {"type": ["string", "object", "array", "null"], "items": {}}),
        ("bare", {"type": "number"}, {"type": ["number", "null"]}),
        ("odd", {"type": "geo"}, {"type": ["string", "object", "array", "null"], "items": {}}),
        ("goneStr", {"deletedAt": "2024-01-01T00:00:00.000Z"}, {"type": ["string", "null"]}),
    ],
)
def test_the_suffix_of_a_custom_attribute_gives_its_type(
    sim: Simulator,
    tmp_path: Path,
    name: str,
    definition: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    """Values of an attribute without suffix have the type that metadata names, or stay open."""
    sim.org.set_attribute("customer", name, **definition)

    declared = custom_of(discover(sim, tmp_path)["customers"])[name]

    assert {key: declared.get(key) for key in expected} == expected


def test_every_schema_in_the_catalog_is_valid(sim: Simulator, tmp_path: Path) -> None:
    """Targets read the schema before any row."""
    sim.org.seed(customers=5)
    for entry in discover(sim, tmp_path).values():
        Draft202012Validator.check_schema(entry["schema"])


def test_a_klass_gets_a_stream_while_its_objects_can_be_read(
    sim: Simulator, tmp_path: Path
) -> None:
    """Enabled and existing_only klasses have streams, disabled ones none."""
    sim.org.add_klass("order")
    sim.org.add_klass("archive", status="existing_only")
    sim.org.add_klass("gone", status="disabled")

    streams = set(discover(sim, tmp_path))

    assert {"kobject_order", "kobject_archive"} <= streams
    assert "kobject_gone" not in streams


def test_optional_streams_are_offered_only_when_named(sim: Simulator, tmp_path: Path) -> None:
    """Meltano selects all that a catalog offers."""
    assert "kobjects" not in discover(sim, tmp_path)
    assert "kobjects" in discover(sim, tmp_path, optional_streams=["kobjects"])


def test_a_key_that_may_not_read_klasses_still_reads_the_rest(tmp_path: Path) -> None:
    """Custom objects are left out with a warning that names the role."""
    with Simulator(org=Org(seed=1, roles=["org.permission.search.create"])) as sim:
        sim.org.add_klass("order")
        sim.org.add("customer", 3)

        output = run_tap(sim.config, "--discover", folder=tmp_path)

        assert output.status == 0
        assert "org.permission.klass.read" in output.stderr
        streams = {entry["tap_stream_id"] for entry in json.loads(output.stdout)["streams"]}
        assert "customers" in streams
        assert "kobject_order" not in streams


def test_a_stream_without_its_role_is_skipped_with_a_warning_that_names_it() -> None:
    """A key is often made for some objects only; the others must not stop the run."""
    roles = ["org.permission.search.create", "org.permission.klass.read"]
    with Simulator(org=Org(seed=1, roles=roles)) as sim:
        ids = sim.org.add("customer", 3)
        sim.org.add("user", 2)

        output = sync_tap(sim.config, ["customers", "users"])

        assert output.status == 0
        assert output.ids("customers") == set(ids)
        assert "users" not in output.streams
        assert "org.permission.user.read" in output.stderr


def test_a_stream_that_was_read_before_fails_when_its_role_is_gone() -> None:
    """A table that goes stale in silence is worse than a failed run."""
    with Simulator(org=Org(seed=1)) as sim:
        sim.org.add("user", 2)
        sim.org.add("customer", 2)
        before = sync_tap(sim.config, ["users", "customers"])
        assert before.status == 0

        sim.org.roles = frozenset({"org.permission.search.create"})
        output = sync_tap(sim.config, ["users", "customers"], state=before.state)

        assert output.status == 1
        assert "org.permission.user.read" in output.stderr
        assert output.bookmark("customers") is not None


def test_names_longer_than_postgres_takes_are_cut_with_a_suffix(
    sim: Simulator, tmp_path: Path
) -> None:
    """Two klasses whose long names begin alike must not end in one table."""
    sim.org.add_klass("k" * 70 + "-a")
    sim.org.add_klass("k" * 70 + "-b")

    names = [name for name in discover(sim, tmp_path) if name.startswith("kobject_k")]

    assert len(set(names)) == 2
    assert all(len(name.encode()) <= 63 for name in names)


def test_discovery_asks_once_for_each_thing(sim: Simulator) -> None:
    """One request a klass and object, and the run asks for none of them again."""
    for number in range(12):
        sim.org.add_klass(f"k-{number}")
    for status in KLASS_STATUSES:
        sim.org.add_klass(f"klass-{status}", status)
    state = sync_tap(sim.config, ["klasses", "custom_attributes"]).state
    sim.reset_log()
    output = sync_tap(sim.config, ["klasses", "custom_attributes"], state=state)

    asked = Counter((log.path, log.query.get("status")) for log in sim.requests)
    assert output.counts["klasses"] == 15
    assert set(asked.values()) == {1}
    assert len(asked) == 1 + len(KLASS_STATUSES) + 6 + 15


def test_klasses_are_read_again_where_there_seem_to_be_fewer(sim: Simulator) -> None:
    """What discovery read may be a part; the stream has its own proof of a shorter list."""
    for number in range(3):
        sim.org.add_klass(f"k-{number}")
    state = sync_tap(sim.config, ["klasses"]).state
    sim.org.remove_klass("k-1")
    sim.reset_log()
    output = sync_tap(sim.config, ["klasses"], state=state)

    assert output.counts["klasses"] == 2
    asked = Counter(log.query.get("status") for log in sim.requests if log.path == "/v1/klasses")
    assert asked["enabled"] == 1 + 2


def test_an_odd_refusal_of_documented_metadata_decides_nothing(sim: Simulator) -> None:
    """Only of objects that are not documented to have any is one refusal believed."""
    sim.org.set_attribute("customer", "vipBool")
    for path in ("/v1/metadata/customer", "/v1/metadata/user"):
        sim.faults.add(Fault("status", path=path, status=404, times=1))
    output = sync_tap(sim.config, ["customers"])

    assert output.status == 0
    asked = Counter(log.path for log in sim.requests)
    assert asked["/v1/metadata/customer"] == 2
    assert asked["/v1/metadata/user"] == 1


def test_what_depends_on_no_klass_is_asked_while_klasses_are_listed() -> None:
    """Discovery is in front of every run; with fifty klasses it takes fifty requests anyway."""
    asked: list[str] = []
    metadata_asked = threading.Event()

    class Waiting:
        """A client whose lists of klasses come only once metadata was asked for."""

        ledger = Ledger(ASSUMPTIONS)

        def fetch(self, request: Request, parse: Callable[[bytes], Any], **_: Any) -> Any:
            asked.append(request.path)
            if request.path.startswith("/v1/metadata/"):
                metadata_asked.set()
            elif request.path == "/v1/klasses":
                assert metadata_asked.wait(60)
            roles = {"roles": ["org"], "name": "order", "properties": {}}
            rows = [{"id": "1", "attributes": roles}]
            return parse(json.dumps({"data": rows, "links": {"next": None}}).encode())

    prefetch = Prefetch(Clock(), 4)
    client: Any = Waiting()
    try:
        org = discover_org(client, prefetch, ["customer", "message"])
    finally:
        prefetch.close()
    assert asked[0] == "/v1/users/current"  # alone: a wrong key is asked for once
    assert set(org.metadata) == {"customer", "message", "kobject.order"}
