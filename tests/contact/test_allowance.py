"""A whole check keeps to sixty requests, twenty of them searches, and says what it left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simulator import Fault, Org, Simulator
from tap_kustomer.contact.allowance import MOST_REQUESTS, MOST_SEARCHES
from tap_kustomer.ledger.assumptions import ASSUMPTIONS
from tap_kustomer.streams.registry import OPTIONAL_STREAMS
from tests.contact.support import columns_of, look_at
from tests.contact.test_look import AS_THE_TAP_ASSUMES, NOT_SEEN, new_org, small_org
from tests.support import run_tap

# Webhook events come from a folder on this machine.
ALL = {"optional_streams": [one for one in OPTIONAL_STREAMS if one != "webhook_events"]}
OLD = {"start_date": "2015-01-01"}
EXTRAS = {
    "extra_streams": [{"name": f"more_{n}", "path": "/v1/brands", "params": {}} for n in range(40)]
}


def org_of(klasses: int, **options: Any) -> Org:
    """Return an org with rows of each kind and so many klasses, each with two rows."""
    org = new_org(**options)
    for name in ("customer", "conversation", "message", "note", "company", "work_session"):
        org.add(name, 3)
    for number in range(klasses):
        org.add_klass(f"thing{number:02}", attributes={"sizeNum": {}})
        org.add(f"kobject_thing{number:02}", 2)
    return org


def sent(sim: Simulator) -> tuple[int, int]:
    """Return how many requests came, and how many of them were searches."""
    return len(sim.requests), sum(one.is_search for one in sim.requests)


@pytest.mark.parametrize("knobs", [AS_THE_TAP_ASSUMES, {}], ids=["assumed", "otherwise"])
@pytest.mark.parametrize("config", [{}, ALL, OLD, {**ALL, **OLD}, {**ALL, **EXTRAS}])
@pytest.mark.parametrize("klasses", [0, 3, 10, 50])
def test_a_check_of_any_org_keeps_to_its_allowance(
    klasses: int, config: dict[str, Any], knobs: dict[str, Any]
) -> None:
    """Agents are at work in the org meanwhile, and other integrations search it."""
    with Simulator(org_of(klasses), **knobs) as sim:
        found = look_at(sim, **config)
        requests, searches = sent(sim)
    assert requests <= MOST_REQUESTS == 60
    assert searches <= MOST_SEARCHES == 20
    assert (requests, searches) == (
        found["look"]["requests_sent"],
        found["look"]["searches_sent"],
    )
    assert found["works"] is True
    readable = {one["stream"]: one["readable"] for one in found["streams"]}
    assert {readable[name] for name in ("customers", "messages", "users")} == {"yes"}


@pytest.mark.parametrize("klasses", [0, 3])
def test_an_org_of_few_klasses_is_looked_at_in_full(klasses: int) -> None:
    """The allowance is for orgs that are large: in others nothing is left out."""
    with Simulator(org_of(klasses), **AS_THE_TAP_ASSUMES) as sim:
        found = look_at(sim)
    assert found["look"]["not_asked"] == []
    assert found["sample"] is None
    assert "not asked" not in {one["readable"] for one in found["streams"]}


@pytest.mark.parametrize("config", [{}, {"optional_streams": ["kobjects"]}])
def test_many_klasses_are_looked_at_together(config: dict[str, Any]) -> None:
    """Three are searched by themselves; one search shows what the others have."""
    with Simulator(org_of(12), **AS_THE_TAP_ASSUMES) as sim:
        found = look_at(sim, **config)
        contexts = [one.context for one in sim.requests if (one.context or "")[:7] == "kobject"]
        metadata = [one for one in sim.requests if one.path.startswith("/v1/metadata/kobject.")]
    assert len({*contexts}) == 4
    assert contexts.count("kobject") == 1
    assert len(metadata) == 3
    readable = [
        one["readable"] for one in found["streams"] if one["stream"][:13] == "kobject_thing"
    ]
    assert sorted(readable) == [*["sampled"] * 9, *["yes"] * 3]
    assert len(found["sample"]["streams"]) == 9
    assert found["sample"]["rows"] == 18
    assert found["sample"]["searches"] == 9
    assert found["look"]["klasses_unasked"] == 9


def test_names_and_values_of_sampled_klasses_are_judged() -> None:
    """Their rows are seen, so what they show is worth a line."""
    with Simulator(org_of(12), **AS_THE_TAP_ASSUMES) as sim:
        sim.faults.add(
            Fault(
                "rewrite",
                context="kobject",
                times=None,
                rewrite=lambda found: (
                    [one["attributes"].update(brandNewThing=1) for one in found["data"]] and found
                ),
            )
        )
        found = look_at(sim)
    known = next(one for one in found["assumptions"] if one["id"] == "known-attributes")
    assert "kobject_thing11.brandNewThing" in known["places"]


def test_klasses_that_are_read_together_are_asked_for_once() -> None:
    """Where no klass can be searched by itself, one search has the rows of all."""
    knobs = {**AS_THE_TAP_ASSUMES, "kobject_klass_attribute": None}
    with Simulator(org_of(5), **knobs) as sim:
        found = look_at(sim)
        assert sent(sim)[1] <= MOST_SEARCHES
        whole = [one for one in sim.requests if one.context == "kobject" and not one.is_archive]
    assert len(whole) == 1
    assert found["works"] is True
    assert found["sample"]["rows"] == 0
    rows = {one["stream"]: one["rows"] for one in found["streams"]}
    assert rows["kobject_thing00"] == 10


def test_what_is_not_asked_is_said_in_the_table_and_for_machines(tmp_path: Path) -> None:
    """A column without a reason would read as if the org gave no occasion."""
    with Simulator(org_of(50), **AS_THE_TAP_ASSUMES) as sim:
        config = {**sim.config, **ALL, **EXTRAS}
        output = run_tap(config, "--check", folder=tmp_path)
        found = look_at(sim, **ALL, **EXTRAS)
    text = " ".join(output.stdout.split())
    assert output.status == 0
    assert "47 other kobject_* sampled 94" in text
    assert "looked at by one search of all klasses" in text
    assert "The exit status is by the streams that were asked for." in text
    assert "not asked: a check sends at most 60 requests, 20 of them searches" in text
    left_out = found["look"]["not_asked"]
    assert left_out
    for one in found["assumptions"]:
        if one["id"] in left_out:
            assert one["column"] == NOT_SEEN
            assert one["how"] == [
                "not asked: a check sends at most 60 requests, 20 of them searches"
            ]
    assert {one["readable"] for one in found["streams"]} >= {"yes", "sampled", "not asked"}


def test_a_key_that_may_do_little_is_told_every_role_that_it_lacks() -> None:
    """Roles of a key cannot be changed later, so all have to be known at once."""
    org = org_of(50, roles=["org.permission.search.create", "org.permission.klass.read"])
    with Simulator(org, **AS_THE_TAP_ASSUMES) as sim:
        found = look_at(sim, **ALL)
        assert sent(sim)[0] <= MOST_REQUESTS
    readable = {one["stream"]: one["readable"] for one in found["streams"]}
    assert "not asked" not in readable.values()
    assert readable["audit_logs"] == readable["deletions"] == "no"
    assert readable["conversation_events"] == readable["customer_drafts"] == "no"
    assert {"org.permission.user.read", "org.permission.audit_logs.read"} <= {
        *found["missing_roles"]
    }


@pytest.mark.parametrize("after", [1, 5, 20, 40])
def test_an_api_that_goes_down_is_not_asked_without_end(after: int) -> None:
    """Retries count: an API that struggles is the last that needs more requests."""
    with Simulator(small_org(), **AS_THE_TAP_ASSUMES) as sim:
        sim.faults.add(Fault("status", status=503, times=None, after=after))
        found = look_at(sim, backoff_max_elapsed_seconds=600)
        assert sent(sim)[0] <= MOST_REQUESTS
    assert json.dumps(found)
    assert {one["id"] for one in found["assumptions"]} == {one.id for one in ASSUMPTIONS}
    assert columns_of(found)["date-header"] == "as assumed"
