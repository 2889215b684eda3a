"""What an answer that refuses means: by whom, for how long, and that one is never enough."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator import Clock as OrgClock
from simulator import Fault, Org, Simulator, to_iso
from tap_kustomer.client.auth import KustomerAuthenticator
from tap_kustomer.client.rate_limit import RateLimiter
from tap_kustomer.client.transport import KustomerClient, Request
from tap_kustomer.clock import Clock
from tap_kustomer.errors import (
    ForeignAnswerError,
    MissingRoleError,
    NotFoundError,
    PageFailedError,
    RequestRefusedError,
    StreamError,
    UnavailableError,
    UnknownEndpointError,
)
from tests.support import Output, run_tap, sync_tap

SPEED = 200.0
SEARCH = "/v1/customers/search"
ARCHIVE = "/v1/customers/archive/search"
PRIVATE = "Jane Roe, plan expired"

# What stands between a tap and Kustomer answers in forms of its own.
FOREIGN = {
    "html": f"<html><title>{PRIVATE}</title></html>",
    "text": PRIVATE,
    "empty": "",
    "json": {"message": PRIVATE},
    "no errors": {"errors": []},
    "texts": {"errors": [PRIVATE]},
    "object": {"errors": {"code": PRIVATE}},
    "list": json.dumps([{"errors": PRIVATE}]),
}
PASSING = [201, 202, 204, 206, 304, 408, 425, 500, 501, 520, 524, 530, 599]


@pytest.fixture
def org() -> Org:
    """An org with deleted customers, and time that runs fast."""
    org = Org(seed=1, clock=OrgClock(speed=SPEED), realistic=False)
    for id_ in org.add("customer", 40)[::4]:
        org.update("customer", id_, deleted=True)
    org.add("tag", 5)
    org.add("team", 5)
    return org


@pytest.fixture
def sim(org: Org) -> Iterator[Simulator]:
    """Its simulator."""
    with Simulator(org) as simulator:
        yield simulator


def run(sim: Simulator, *select: str, **options: Any) -> Output:
    """Run the tap on the org's clock."""
    state = options.pop("state", None)
    config = {**sim.config, **options}
    return sync_tap(config, select, state=state, clock=Clock(SPEED))


def client_of(sim: Simulator, *, timeout: float = 20, max_elapsed: float = 300) -> KustomerClient:
    """Return a client of the simulated org; ``timeout`` is in real seconds."""
    clock = Clock(SPEED)
    url, key = sim.config["api_url"], sim.config["api_key"]
    return KustomerClient(
        api_url=url,
        authenticator=KustomerAuthenticator(token=key, origin=url),
        limiter=RateLimiter(clock, org_per_minute=100_000, search_per_minute=100_000),
        clock=clock,
        user_agent="test",
        timeout=timeout,
        max_elapsed=max_elapsed,
        connections=1,
    )


def fetch(sim: Simulator, path: str = "/v1/tags", **options: Any) -> Any:
    """Fetch a path."""
    return client_of(sim).fetch(Request(path), json.loads, **options)


@pytest.mark.parametrize("status", PASSING)
def test_a_status_that_may_pass_is_no_refusal(sim: Simulator, status: int) -> None:
    """The first search is asked for again as it was; deleted rows are not given up."""
    sim.faults.add(Fault("status", path=SEARCH, status=status, body=FOREIGN["html"], times=2))

    output = run(sim, "customers")

    assert output.status == 0, output.stderr
    assert output.ids("customers") == set(sim.org.ids("customer"))
    assert all((log.body or {})["includeDeleted"] for log in sim.searches())


@pytest.mark.parametrize("status", [408, 425, 520])
def test_a_status_that_stays_fails_the_stream(sim: Simulator, status: int) -> None:
    """Nothing weaker is asked for, on either search."""
    start = to_iso(int((sim.org.clock.now() - 900 * 86_400) * 1000))
    sim.faults.add(Fault("status", path=ARCHIVE, status=status, body=PRIVATE, times=None))

    output = run(sim, "customers", start_date=start, backoff_max_elapsed_seconds=60)

    assert output.status == 1
    assert f"status {status}" in output.stderr
    assert all((log.body or {})["includeDeleted"] for log in sim.searches())


@pytest.mark.parametrize("status", [400, 403, 404, 407, 422, 451])
def test_a_refusal_of_another_form_is_a_failure_that_quotes_nothing(
    sim: Simulator, status: int
) -> None:
    """A firewall knows neither roles nor endpoints, so it says nothing of them."""
    for body in FOREIGN.values():
        sim.reset_log()
        sim.faults.clear()
        sim.faults.add(Fault("status", path="/v1/tags", status=status, body=body, times=None))

        with pytest.raises(ForeignAnswerError, match=f"/v1/tags with status {status}") as caught:
            fetch(sim)

        assert PRIVATE not in str(caught.value)
        assert not caught.value.confirmed
        assert len(sim.requests) == 3


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("path", ["/v1/tags", SEARCH])
def test_a_firewall_skips_no_stream(sim: Simulator, status: int, path: str) -> None:
    """The stream fails and the others go on, though it was never read before."""
    sim.faults.add(Fault("status", path=path, status=status, body=FOREIGN["html"], times=None))

    output = run(sim, "customers", "tags", "teams")

    assert output.status == 1
    assert output.counts["teams"] == 5
    assert "firewall" in output.stderr
    assert "Skipped" not in output.stderr
    assert "isn't available in this org" not in output.stderr
    assert "has the role" not in output.stderr
    assert PRIVATE not in output.stderr


@pytest.mark.parametrize("status", [400, 403, 404])
@pytest.mark.parametrize("path", ["/v1/tags", SEARCH, "/v1/klasses", "/v1/metadata", "/v1/users"])
def test_one_refusal_decides_nothing(sim: Simulator, status: int, path: str) -> None:
    """Wherever it comes and of whatever form, what was refused once is asked for again."""
    sim.org.add_klass("order", attributes={"sizeNum": {"type": "number"}})
    sim.org.add("kobject_order", 5)
    for body in (None, FOREIGN["html"]):
        sim.faults.add(Fault("status", path=path, status=status, times=1, body=body))

        output = run(sim, "customers", "tags", "kobject_order")

        assert output.status == 0, output.stderr
        assert output.ids("customers") == set(sim.org.ids("customer"))
        assert output.counts["tags"] == 5
        assert output.counts["kobject_order"] == 5
        custom = output.schema("kobject_order")["properties"]["custom"]["properties"]
        assert custom["sizeNum"]["type"] == ["number", "null"]
        assert all((log.body or {})["includeDeleted"] for log in sim.searches())


def test_a_refusal_of_kustomer_is_confirmed_by_one_more_question(sim: Simulator) -> None:
    """Then it is known to be meant."""
    for status, error in (
        (400, RequestRefusedError),
        (403, MissingRoleError),
        (404, NotFoundError),
        (413, RequestRefusedError),
    ):
        sim.reset_log()
        sim.refuse("/v1/tags", status)
        with pytest.raises(error) as caught:
            fetch(sim)
        assert isinstance(caught.value, StreamError)
        assert caught.value.confirmed
        assert len(sim.requests) == 2


def test_refusals_that_differ_confirm_nothing(sim: Simulator) -> None:
    """Status, code and parameter must agree; the words need not."""
    bodies = [
        {"errors": [{"code": "a", "source": {"parameter": "page"}, "title": "One"}]},
        {"errors": [{"code": "a", "source": {"parameter": "size"}, "title": "Two"}]},
        {"errors": [{"code": "b", "source": {"parameter": "size"}, "title": "Three"}]},
        {"errors": [{"code": "b", "source": {"parameter": "size"}, "title": "Four"}]},
    ]
    for place, body in enumerate(bodies):
        fault = Fault("status", path="/v1/tags", status=400, body=body, after=0, times=1)
        sim.faults.add(fault)
        fault.after = place  # earlier faults spare what they do not hit

    with pytest.raises(RequestRefusedError):
        fetch(sim)

    assert len(sim.requests) == 4


def test_refusals_that_never_agree_end(sim: Simulator) -> None:
    """After some questions the stream fails, as if there had been no answer."""
    for place in range(20):
        body = {"errors": [{"code": f"odd{place}"}]}
        sim.faults.add(Fault("status", path="/v1/tags", status=400, body=body, after=place))

    with pytest.raises(UnavailableError):
        fetch(sim)

    assert len(sim.requests) == 8


def test_an_endpoint_that_does_not_exist_is_told_from_a_missing_record(sim: Simulator) -> None:
    """By the parameter that the error names."""
    with pytest.raises(UnknownEndpointError, match=r"has no endpoint /v1/nothing \(status 404\)"):
        fetch(sim, "/v1/nothing")
    with pytest.raises(NotFoundError) as caught:
        fetch(sim, "/v1/customers/5f0c5e1dd0a1b2c3d4e5f699/merges")
    assert not isinstance(caught.value, UnknownEndpointError)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 504},
        {"kind": "status", "status": 413},
        {"kind": "status", "status": 413, "body": FOREIGN["html"]},
        {"kind": "truncated"},
        {"kind": "invalid_json"},
        {"kind": "reset"},
    ],
    ids=str,
)
def test_a_page_that_the_server_cannot_make_is_given_up_early(
    sim: Simulator, fault: dict[str, Any]
) -> None:
    """Where a smaller one can be asked for, after as many failures as the reader allows."""
    sim.faults.add(Fault(**fault, path="/v1/tags", times=None))

    with pytest.raises(PageFailedError, match="/v1/tags"):
        fetch(sim, page_tries=3)

    assert len(sim.requests) == 3


def test_a_page_that_takes_too_long_is_given_up_too(sim: Simulator) -> None:
    """The time of all tries counts as well."""
    sim.faults.add(Fault("hang", path="/v1/tags", times=None))

    client = client_of(sim, timeout=1, max_elapsed=60)
    with pytest.raises(PageFailedError, match="no answer within"):
        client.fetch(Request("/v1/tags"), json.loads, page_tries=3)


@pytest.mark.parametrize("kind", ["refused", "429", "403"])
def test_what_no_smaller_page_avoids_is_not_given_up_early(sim: Simulator, kind: str) -> None:
    """An outage, a used budget and a refusal keep the meaning that they have."""
    path = "/v1/tags"
    if kind == "refused":
        client = client_of(sim)
        client.fetch(Request(path), json.loads)
        sim.close_port()
        with pytest.raises(UnavailableError) as caught:
            client.fetch(Request(path), json.loads, page_tries=2)
        assert not isinstance(caught.value, PageFailedError)
    elif kind == "429":
        sim.faults.add(Fault("429", path=path, times=4, seconds=1))
        assert len(fetch(sim, path, page_tries=2)["data"]) == 5
    else:
        sim.refuse(path, 403)
        with pytest.raises(MissingRoleError):
            fetch(sim, path, page_tries=1)


def test_a_page_that_comes_in_the_end_counts(sim: Simulator) -> None:
    """One failure less than is allowed is none."""
    sim.faults.add(Fault("status", status=502, path="/v1/tags", times=2))

    assert len(fetch(sim, page_tries=3)["data"]) == 5


def lists_roles(sim: Simulator, *roles: str) -> None:
    """Let the key's user list these roles, whatever the key may do."""

    def listed(document: dict[str, Any]) -> dict[str, Any]:
        document["data"]["attributes"]["roles"] = list(roles)
        return document

    sim.faults.add(Fault("rewrite", path="/v1/users/current", times=None, rewrite=listed))


def test_roles_that_are_not_listed_keep_no_stream_from_being_read(sim: Simulator) -> None:
    """Only Kustomer's answer to the request decides."""
    lists_roles(sim, "org.permission.tag.read")

    output = run(sim, "customers", "teams", "users")

    assert output.status == 0, output.stderr
    assert output.counts["customers"] == 40
    assert output.counts["teams"] == 5


def test_a_role_that_is_listed_is_not_asked_for(sim: Simulator) -> None:
    """The key has it already, so a new key with it would be refused as well."""
    lists_roles(sim, "org.permission.team.read")
    sim.refuse("/v1/teams", 403)
    sim.refuse("/v1/shortcuts", 403)

    output = run(sim, "customers", "teams", "shortcuts")

    assert output.status == 0
    assert "teams: This API key may not read" in output.stderr
    assert "The key's user lists the role org.permission.team.read" in output.stderr
    assert (
        "role org.permission.shortcut.read as well (roles of an existing key can't" in output.stderr
    )
    assert "teams" not in output.streams


@pytest.mark.parametrize("status", [403, 404])
def test_a_run_that_could_read_nothing_fails(sim: Simulator, status: int) -> None:
    """A warning for each stream and status 0 would let every table go stale."""
    for path in ("/v1/teams", "/v1/tags", "/v1/metadata/*", SEARCH):
        sim.refuse(path, status)

    output = run(sim, "teams", "sync_runs")

    assert output.status == 1
    assert [row["status"] for row in output.records("sync_runs")] == ["failed"]
    sim.allow("/v1/tags")
    assert run(sim, "teams", "tags", "sync_runs").status == 0
    assert run(sim, "sync_runs").status == 0


def test_metadata_that_cannot_be_read_in_part_is_no_whole_list(sim: Simulator) -> None:
    """The rows of one resource would vanish from a table that is replaced."""
    sim.refuse("/v1/metadata/message", 403)

    output = run(sim, "customers", "custom_attributes", emit_activate_version_messages=True)

    assert "custom_attributes: This API key may not read /v1/metadata/message" in output.stderr
    assert not output.of_type("ACTIVATE_VERSION", "custom_attributes")


@pytest.mark.parametrize("path", ["/v1/metadata/customer", "/v1/metadata/kobject.k", "/v1/klasses"])
def test_metadata_that_is_gone_replaces_no_table(sim: Simulator, path: str) -> None:
    """One 404 would remove the rows of an object; what was read before fails instead."""
    sim.org.add_klass("k")
    sim.org.set_attribute("kobject.k", "aStr")
    sim.org.set_attribute("customer", "bStr")
    before = run(sim, "custom_attributes", emit_activate_version_messages=True)
    assert before.of_type("ACTIVATE_VERSION", "custom_attributes")
    sim.refuse(path)

    new = run(sim, "custom_attributes", emit_activate_version_messages=True)
    again = run(sim, "custom_attributes", state=before.state, emit_activate_version_messages=True)

    assert "custom_attributes: " not in new.stderr  # without klasses, others fail
    assert again.status == 1
    assert "custom_attributes: " in again.stderr
    assert "were read before" in again.stderr
    for output in (new, again):
        assert output.counts["custom_attributes"] < before.counts["custom_attributes"]
        assert not output.of_type("ACTIVATE_VERSION", "custom_attributes")


def test_attributes_of_a_klass_that_is_gone_are_no_loss(sim: Simulator) -> None:
    """Nobody asks for them any more."""
    sim.org.add_klass("k")
    sim.org.set_attribute("kobject.k", "aStr")
    state = run(sim, "custom_attributes", emit_activate_version_messages=True).state
    sim.org.remove_klass("k")
    output = run(sim, "custom_attributes", state=state, emit_activate_version_messages=True)
    assert output.status == 0, output.stderr
    assert output.of_type("ACTIVATE_VERSION", "custom_attributes")


@pytest.mark.parametrize("body", [FOREIGN["html"], {"errors": [{"code": "oops"}]}])
def test_metadata_that_may_exist_fails_the_stream_that_it_types(
    sim: Simulator, tmp_path: Path, body: object
) -> None:
    """Columns would change their types for a run; the other streams go on."""
    status = 403 if isinstance(body, str) else 500
    path = "/v1/metadata/customer"
    sim.faults.add(Fault("status", path=path, status=status, body=body, times=None))

    output = run(sim, "customers", "tags", backoff_max_elapsed_seconds=30)
    catalog = run_tap(
        {**sim.config, "backoff_max_elapsed_seconds": 30}, "--discover", speed=200, folder=tmp_path
    )

    assert output.status == catalog.status == 1
    assert "customers: The custom attributes of customer could not be read" in output.stderr
    assert output.counts["tags"] == 5
    assert "custom attributes of customer could not be read" in catalog.stderr
    assert not catalog.stdout
