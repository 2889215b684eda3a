"""What ``--check`` finds out, for each assumption: as assumed, different, or not seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from simulator import Clock, Fault, Org, Simulator, to_iso
from tap_kustomer.ledger.assumptions import ASSUMPTIONS
from tests.contact.support import columns_of, look_at
from tests.support import FAST

AS_ASSUMED, HANDLED, REPORT, NOT_SEEN = (
    "as assumed",
    "different, handled",
    "different, please report",
    "not seen",
)
DAY = 86_400.0
# What the simulator does by default is the safest; this is what the tap tries first.
AS_THE_TAP_ASSUMES: dict[str, Any] = {
    "company_updated_at_supported": True,
    "work_session_attributes": ("work_session_updated_at", "work_session_created_at"),
    "work_item_attributes": ("work_item_updated_at", "work_item_created_at"),
}


def new_org(**options: Any) -> Org:
    """Return an empty org whose limits nobody reaches."""
    limits = {"plan_limit": 100_000, "search_limit": 100_000}
    return Org(**{"seed": 3, "clock": Clock(speed=FAST), **limits, **options})


def small_org(**options: Any) -> Org:
    """Return an org with a few rows of what the questions are about."""
    org = new_org(**options)
    org.add_klass("order", attributes={"totalNum": {}, "placeTree": {}})
    org.set_attribute("customer", "scoreNum")
    org.add("user", 2)
    org.add("user", 1, deleted=True)
    org.add("brand", 1)
    org.add("sla", 1)
    org.add("sla_version", 1)
    org.add("customer", 30)
    old = to_iso(int((org.clock.now() - 800 * DAY) * 1000))
    org.add("customer", 2, updated_at=old, created_at=old)
    org.add("kobject_order", 3)
    return org


def rewritten(path: str, change: Callable[[dict[str, Any]], object], **where: Any) -> Fault:
    """Return a fault that changes each row of the answers at ``path``."""

    def rewrite(document: dict[str, Any]) -> dict[str, Any]:
        rows = document.get("data")
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, dict):
                change(row)
        return document

    return Fault("rewrite", path=path, times=None, rewrite=rewrite, **where)


def attribute(name: str, value: Any) -> Callable[[dict[str, Any]], object]:
    """Return a change that gives rows an attribute; a function is given the attributes."""

    def change(row: dict[str, Any]) -> None:
        attributes = row["attributes"]
        attributes[name] = value(attributes) if callable(value) else value

    return change


def document(change: Callable[[dict[str, Any]], object], **where: Any) -> Fault:
    """Return a fault that changes whole answers."""

    def rewrite(found: dict[str, Any]) -> dict[str, Any]:
        change(found)
        return found

    return Fault("rewrite", times=None, rewrite=rewrite, **where)


SEARCH = "/v1/customers/search"


@dataclass
class Otherwise:
    """How the simulator is told that an assumption is wrong."""

    knobs: dict[str, Any] = field(default_factory=dict)
    faults: Callable[[], list[Fault]] = list
    org: Callable[[], Org] = small_org
    config: dict[str, Any] = field(default_factory=dict)
    prepare: Callable[[Simulator], object] = lambda _: None


def knob(**knobs: Any) -> Otherwise:
    """Return what a knob does."""
    return Otherwise(knobs)


def fault(make: Callable[[], Fault], **options: Any) -> Otherwise:
    """Return what a fault does."""
    return Otherwise(faults=lambda: [make()], **options)


def many_customers() -> Org:
    """Return an org with more customers than a window shows."""
    org = new_org(realistic=False)
    org.add("customer", 10_300)
    return org


def org_with_deleted_brand() -> Org:
    """Return an org in which a list without a switch has a deleted row."""
    org = small_org()
    org.add("brand", 1, deleted=True)
    return org


def org_with_tied_rows() -> Org:
    """Return an org whose customers were all updated by one bulk."""
    org = new_org()
    org.add("customer", 40, updated_at=org.clock.now() - 5 * DAY)
    return org


def org_with_few_roles() -> Org:
    """Return an org whose key may only search."""
    return small_org(roles=["org.permission.search.create"])


def org_with_late_index() -> Org:
    """Return an org whose index shows changes an hour late."""
    seconds = [0.0]
    org = new_org(index_lag=lambda: seconds[0], clock=Clock())  # the updates stay fresh
    ids = org.add("customer", 5)
    seconds[0] = 36_000.0
    for id_ in ids:
        org.update("customer", id_)
    return org


def org_with_conversations() -> Org:
    """Return an org with conversations that were answered and deleted."""
    org = small_org()
    org.add("conversation", 5)
    org.add("conversation", 1, deleted=True)
    return org


def custom(name: str, value: Any) -> Callable[[dict[str, Any]], object]:
    """Return a change that gives customers a custom value."""
    return attribute("custom", lambda old: {**(old.get("custom") or {}), name: value})


def forget_roles(found: dict[str, Any]) -> None:
    """Take the roles out of an answer."""
    found["data"]["attributes"].pop("roles", None)


def in_seconds(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return a first response ninety seconds after the creation, counted in seconds."""
    attributes["createdAt"] = "2026-01-01T00:00:00.000Z"
    return {"createdAt": "2026-01-01T00:01:30.000Z", "time": 90}


def refuse(path: str, status: int) -> Otherwise:
    """Return what a refusal does."""
    return Otherwise(prepare=lambda sim: sim.refuse(path, status))


ENTRY = {"objectType": "kobject", "objectId": "1", "eventName": "kobject.delete"}
OTHERWISE: dict[str, Otherwise] = {
    "pod": knob(pod="prod3"),
    "date-header": knob(date_header=False),
    "error-form": knob(error_shape="legacy"),
    "own-roles": fault(
        lambda: document(forget_roles, path="/v1/users/current"), knobs={"token_status": 403}
    ),
    "role-table": refuse("/v1/tags", 403),
    "role-in-refusal": Otherwise({"name_missing_role": True}, org=org_with_few_roles),
    "rate-headers": knob(ratelimit_headers=False),
    "search-rate-headers": Otherwise(
        {"ratelimit_headers_on_search": "search"}, org=lambda: small_org(search_limit=1000)
    ),
    "rate-reset": knob(ratelimit_reset_always=True, ratelimit_reset="milliseconds"),
    "retry-after": fault(
        lambda: Fault("429", path="/v1/brands", retry_after="seconds", seconds=1, reset=None)
    ),
    "search-filter": Otherwise(
        {"ignore_filters": ("customer_updated_at",)}, config={"start_date": "2026-11-20"}
    ),
    "search-sort": knob(ignore_sort=True),
    "unknown-attribute": knob(unknown_attributes="ignore"),
    "search-page-size": knob(max_page_size=100),
    "archive-page-size": knob(archive_page_size=100, oversize="refuse"),
    "page-depth": knob(past_window="empty"),
    "exact-totals": knob(track_total_hits="refused"),
    "total-cap": Otherwise({"track_total_hits": "ignored"}, org=many_customers),
    "totals-told": fault(lambda: document(lambda one: one["meta"].pop("total"), path=SEARCH)),
    "whole-pages": fault(lambda: Fault("timed_out", context="customer")),
    "index-in-place": Otherwise({"fresh_documents": True}, org=org_with_late_index),
    "search-schema": knob(search_schema=False),
    "company-updated-at": knob(company_updated_at_supported=False),
    "work-session-updated-at": knob(work_session_attributes=()),
    "work-item-updated-at": knob(work_item_attributes=()),
    "klass-attribute": knob(kobject_klass_attribute="kobject_<klass>_updated_at"),
    "archive-klass-attribute": knob(archive_kobject_klass_attribute="kobject_<klass>_updated_at"),
    "include-deleted": knob(include_deleted_supported=False),
    "two-year-edge": knob(horizon_days=1000),
    "ids-only": knob(ids_only_shape="ids"),
    "lists-exist": refuse("/v1/slas", 404),
    "list-paths": knob(queues_path="/v1/queues"),
    "list-links": knob(list_links=False),
    "list-page-size": knob(list_max_page_size=20),
    "list-totals": knob(lists_report_total=True),
    "list-numbers": knob(string_meta=True),
    "list-included": knob(included_shape="object"),
    "list-depth": Otherwise({"list_depth": 10_000}, org=many_customers),
    "lists-hide-deleted": Otherwise({"lists_show_deleted": True}, org=org_with_deleted_brand),
    "deleted-switch": knob(deleted_switches=False),
    "sub-status-resource": knob(sub_status_resource="unknown"),
    "users-default": knob(users_default="all"),
    "metadata-served": knob(metadata_refusals={"customer": 404, "note": 404}),
    "metadata-of-others": knob(metadata_refusals={}),
    "audit-without-type": knob(audit_without_type="refuse"),
    "audit-klass": fault(
        lambda: document(
            lambda one: one.update(data=[{"id": "1", "type": "audit_log", "attributes": ENTRY}]),
            path="/v1/audit-logs",
        )
    ),
    "several-ids": knob(several_ids="first"),
    "several-ids-most": Otherwise({"several_ids_most": 50}, org=many_customers),
    "several-ids-absent": knob(several_ids_absent="not_found"),
    "updated-at": fault(
        lambda: Fault("missing_updated_at", context="customer", path=SEARCH, times=None)
    ),
    "timestamp-precision": fault(
        lambda: rewritten(
            SEARCH,
            attribute("updatedAt", lambda one: one["updatedAt"][:19] + "Z"),
            context="customer",
        )
    ),
    "ties": Otherwise(org=org_with_tied_rows),
    "known-attributes": fault(
        lambda: rewritten(SEARCH, attribute("brandNewThing", "x"), context="customer")
    ),
    "custom-types": fault(
        lambda: rewritten(SEARCH, custom("scoreNum", ["no number"]), context="customer")
    ),
    "tree-values": fault(
        lambda: rewritten(SEARCH, custom("placeTree", {"id": "x"}), context="kobject_order")
    ),
    "masking": fault(lambda: rewritten(SEARCH, custom("scoreNum", "[hidden]"), context="customer")),
    "delete-moves-update": fault(
        lambda: rewritten(
            SEARCH, attribute("deletedAt", "2030-01-01T00:00:00.000Z"), context="conversation"
        ),
        org=org_with_conversations,
    ),
    "duration-unit": fault(
        lambda: rewritten(SEARCH, attribute("firstResponse", in_seconds), context="conversation"),
        org=org_with_conversations,
    ),
    "article-body": fault(
        lambda: document(
            lambda one: one.update(data=[{"id": "1", "type": "article", "attributes": {}}]),
            path="/v1/kb/articles",
        )
    ),
}


def check(otherwise: Otherwise) -> dict[str, Any]:
    """Return what ``--check`` finds in an org that is told to be otherwise."""
    knobs = {**AS_THE_TAP_ASSUMES, **otherwise.knobs}
    with Simulator(otherwise.org(), **knobs) as sim:
        otherwise.prepare(sim)
        for one in otherwise.faults():
            sim.faults.add(one)
        return look_at(sim, **otherwise.config)


def test_every_entry_that_can_be_seen_has_its_case() -> None:
    """An entry that no test can make otherwise may never say so."""
    seen = {one.id for one in ASSUMPTIONS if not one.unseen}
    assert set(OTHERWISE) == seen


@pytest.mark.parametrize("one", [one for one in ASSUMPTIONS if not one.unseen], ids=lambda x: x.id)
def test_what_is_otherwise_is_in_the_right_column(one: Any) -> None:
    """The day somebody calls the real API, the table says which guess was wrong."""
    found = check(OTHERWISE[one.id])
    expected = REPORT if one.report else HANDLED
    assert columns_of(found)[one.id] == expected


def test_an_org_that_is_as_assumed_shows_no_difference() -> None:
    """A table full of false alarms would be read once."""
    org = small_org()
    org.seed(customers=20)
    with Simulator(org, **AS_THE_TAP_ASSUMES) as sim:
        found = look_at(sim)
    columns = columns_of(found)
    assert [id_ for id_, one in columns.items() if one in {HANDLED, REPORT}] == []
    unseen = {one.id for one in ASSUMPTIONS if one.unseen}
    assert {id_ for id_, one in columns.items() if one == NOT_SEEN} >= unseen
    # What shows only by a mishap, by much data or by a missing role is not seen in this org.
    rare = {"role-in-refusal", "rate-reset", "retry-after", "total-cap", "list-depth", "masking"}
    rare |= {"several-ids-most", "audit-klass"}
    assert {id_ for id_, one in columns.items() if one == NOT_SEEN} <= unseen | rare


def test_the_look_sends_few_requests_even_where_all_can_be_asked() -> None:
    """A check is made in an org in which agents are at work."""
    org = many_customers()
    for name in ("conversation", "message", "note"):
        org.add(name, 600)
    with Simulator(org, **AS_THE_TAP_ASSUMES) as sim:
        found = look_at(sim)
        assert not sim.refused
    assert 10 < found["look"]["requests_sent"] <= 60
    assert 5 < found["look"]["searches_sent"] <= 20
    pages = {one["stream"]: one["pages"] for one in found["look"]["searches"]}
    assert pages["customers"] == pages["messages"] == 2


def test_the_status_follows_the_streams_not_the_assumptions() -> None:
    """What is different and handled is no reason to stop a pipeline."""
    found = check(OTHERWISE["company-updated-at"])
    assert found["works"] is True
    assert check(OTHERWISE["search-sort"])["works"] is False


def test_an_empty_org_is_looked_at_without_a_fault(fast_sim: Simulator) -> None:
    """A sandbox org that was just made is where most first contacts happen."""
    found = look_at(fast_sim)
    columns = columns_of(found)
    assert found["works"] is True
    assert REPORT not in columns.values()
    assert columns["search-sort"] == NOT_SEEN
    assert columns["unknown-attribute"] == AS_ASSUMED


def test_a_key_that_may_do_little_is_told_what_could_be_seen() -> None:
    """The look needs no role of its own."""
    with Simulator(org_with_few_roles(), **AS_THE_TAP_ASSUMES) as sim:
        found = look_at(sim)
    columns = columns_of(found)
    assert found["works"] is False
    assert columns["search-sort"] == AS_ASSUMED
    assert columns["audit-without-type"] == NOT_SEEN
    assert columns["role-table"] == AS_ASSUMED


def test_an_api_that_goes_down_ends_the_look_with_a_sentence() -> None:
    """What was seen until then is shown."""
    with Simulator(small_org(), **AS_THE_TAP_ASSUMES) as sim:
        sim.faults.add(Fault("status", path="/v1/customers/archive/search", status=503, times=None))
        found = look_at(sim, backoff_max_elapsed_seconds=5)
    assert "Kustomer failed at" in found["look"]["stopped"]
    assert found["look"]["not_asked"]
    assert columns_of(found)["search-sort"] == AS_ASSUMED
    assert found["works"] is True
    assert json.dumps(found)
