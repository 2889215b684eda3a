"""The simulator keeps the vendor's rules: keys, roles, errors, lists, children."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from simulator import Clock, Org, Simulator
from simulator.client import Client, ids
from simulator.clock import to_iso, to_ms


@pytest.fixture(scope="module")
def seeded() -> Iterator[tuple[Simulator, Client]]:
    """Serve one seeded org that no test changes."""
    org = Org(seed=7)
    org.seed(customers=40)
    with Simulator(org, limits=False) as simulator, Client(simulator) as client:
        yield simulator, client


def reading(org: Org | None = None, **knobs: Any) -> tuple[Simulator, Client]:
    """Return a running simulator and its client; `with` ends both."""
    simulator = Simulator(org or Org(realistic=False), **knobs)
    return simulator, Client(simulator)


# ----------------------------------------------------------- keys, roles, errors


def test_a_live_key_may_ask_who_it_is_without_any_role() -> None:
    """The whoami is what a preflight stands on."""
    simulator, client = reading(Org(roles=[]))
    with simulator, client:
        data = client.get("/v1/users/current").json()["data"]
        assert data["attributes"]["roles"] == []
        assert data["relationships"]["org"]["data"]["id"] == simulator.org.org_id
        assert client.get("/v1/auth/tokens/current").status_code == 200
        simulator.set(token_status=403)
        assert client.get("/v1/auth/tokens/current").status_code == 403


def test_a_key_with_every_role_lists_them(seeded: tuple[Simulator, Client]) -> None:
    """`roles=None` means all, and the key says so."""
    roles = seeded[1].get("/v1/users/current").json()["data"]["attributes"]["roles"]
    assert "org.permission.search.create" in roles


@pytest.mark.parametrize("header", ["", "Bearer wrong", "bearer simulated-api-key", "simulated"])
def test_a_wrong_key_is_refused(seeded: tuple[Simulator, Client], header: str) -> None:
    """Only the exact header passes."""
    answer = requests.get(
        seeded[0].url + "/v1/users", headers={"Authorization": header}, timeout=10
    )
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["code"] == "unauthorized"


def test_errors_come_in_each_documented_shape() -> None:
    """Clients have to accept both; an older one exists too."""
    simulator, client = reading(Org(roles=[]))
    with simulator, client:
        [error] = client.get("/v1/users").json()["errors"]
        assert (error["status"], error["title"]) == (403, "Forbidden")
        [error] = client.get("/v1/nothing").json()["errors"]
        assert error == {
            "status": 404,
            "source": {"parameter": "path"},
            "code": "notfound",
            "title": "Not Found",
        }
        [error] = client.post("/v1/customers/search", {"x": 1}).json()["errors"]
        assert set(error) >= {"status", "code", "title", "detail"}
        simulator.set(error_shape="A")
        [error] = client.get("/v1/users").json()["errors"]
        assert set(error) == {"code", "message", "meta"}
        simulator.set(error_shape="B")
        [error] = client.get("/v1/users").json()["errors"]
        assert error["status"] == 403
        assert error["title"] == "Forbidden"
        simulator.set(error_shape="legacy")
        assert "error" in client.get("/v1/users").json()


@pytest.mark.parametrize("path", ["/v1/users/current", "/v1/nothing"])
def test_every_answer_names_the_pod(seeded: tuple[Simulator, Client], path: str) -> None:
    """Errors too."""
    assert seeded[1].get(path).headers["X-Kustomer-Pod"] == "prod1"


def test_a_key_of_another_region_is_told_so() -> None:
    """The wording is the vendor's."""
    simulator, client = reading(pod_mismatch=401)
    with simulator, client:
        answer = client.get("/v1/users/current")
        assert answer.status_code == 401
        assert "associated with pod prod2" in answer.text


@pytest.mark.parametrize("role", ["org.permission.user.read", "org.user.read"])
def test_any_one_of_the_listed_roles_is_enough(role: str) -> None:
    """Both vocabularies open an endpoint."""
    simulator, client = reading(Org(roles=[role]))
    with simulator, client:
        assert client.get("/v1/users").status_code == 200
        assert client.get("/v1/teams").status_code == 403
        assert client.search("customer").status_code == 403


def test_a_refusal_names_the_role_only_when_told_to() -> None:
    """Whether Kustomer does is unconfirmed."""
    simulator, client = reading(Org(roles=[]))
    with simulator, client:
        assert "org.permission" not in client.get("/v1/users").text
        simulator.set(name_missing_role=True)
        assert "org.permission.user.read" in client.get("/v1/users").text


# ----------------------------------------------------------------------- lists


LISTS = {
    "/v1/teams": "team",
    "/v1/tags": "tag",
    "/v1/shortcuts": "shortcut",
    "/v1/brands": "brand",
    "/v1/slas": "sla",
    "/v1/routing/queues": "queue",
    "/v1/schedules": "schedule",
    "/v1/satisfaction": "satisfaction",
    "/v1/snoozes": "snooze",
    "/v1/sub-statuses": "sub_status",
    "/v1/notes": "note",
    "/v1/routing/work-sessions": "work_session",
    "/v1/kb/articles": "kb_article",
    "/v1/kb/categories": "kb_category",
    "/v1/cards": "card",
    "/v1/kviews": "kview",
    "/v1/outbound-webhooks": "outbound_webhook",
    "/v1/spam/senders": "spam_sender",
    "/v1/role-groups": "role_group",
    "/v1/routing/queue-rules": "queue_rule",
}


# What has to be asked for to see all rows.
SWITCHES = {
    "/v1/teams": ("&deleted=true", "&deleted=false"),
    "/v1/tags": ("&deleted=true", "&deleted=false"),
    "/v1/shortcuts": ("&deleted=all",),
    "/v1/sub-statuses": ("&resource=conversation", "&resource=kobject"),
    "/v1/spam/senders": ("&includeDeleted=true",),
}


@pytest.mark.parametrize("path", LISTS)
def test_a_list_shows_every_row(seeded: tuple[Simulator, Client], path: str) -> None:
    """Following the links to the end brings what the org holds, in order of ids."""
    simulator, client = seeded
    found = []
    for asked in SWITCHES.get(path, ("",)):
        pages = client.pages(f"{path}?pageSize=100{asked}")
        rows = [row for page in pages for row in ids(page)]
        assert rows == sorted(rows)
        found += rows
    assert sorted(found) == sorted(simulator.org.ids(LISTS[path]))


@pytest.mark.parametrize(
    "path", ["/v1/companies", "/v1/customers", "/v1/conversations", "/v1/messages"]
)
def test_a_list_of_searched_objects_leaves_out_deleted_rows(
    seeded: tuple[Simulator, Client], path: str
) -> None:
    """Deleted rows come by search only, unless a knob says otherwise."""
    simulator, client = seeded
    rows = [row for page in client.pages(path) for row in page["data"]]
    assert not any(row["attributes"].get("deleted") for row in rows)
    context = {"companies": "company"}.get(path[4:], path[4:-1])
    live = [row for row in simulator.org.rows(context) if not row["attributes"].get("deleted")]
    assert len(rows) == len(live)


def test_pages_are_linked_by_relative_paths_that_keep_the_filters() -> None:
    """`links.next` can be followed verbatim until it is null."""
    org = Org(realistic=False)
    org.add("user", 5, userType="user")
    simulator, client = reading(org)
    with simulator, client:
        pages = client.pages("/v1/users?deleted=false&pageSize=2")
        assert [len(page["data"]) for page in pages] == [2, 2, 1]
        assert pages[0]["links"]["next"] == "/v1/users?deleted=false&page=2&pageSize=2"
        assert pages[1]["links"]["prev"] == "/v1/users?deleted=false&page=1&pageSize=2"
        assert pages[0]["meta"] == {"page": 1, "pageSize": 2}


def test_users_are_active_ones_unless_asked_and_filters_stand_alone() -> None:
    """Deactivated users need a second pass; "filters cannot be combined"."""
    org = Org(realistic=False)
    active, gone = org.add("user", 3), org.add("user", 2, deleted=True)
    simulator, client = reading(org)
    with simulator, client:
        assert ids(client.get("/v1/users").json()) == sorted(active)
        assert ids(client.get("/v1/users?deleted=true").json()) == sorted(gone)
        both = client.get("/v1/users?deleted=true&userType=user")
        assert both.status_code == 400
        assert client.get("/v1/users?deleted=maybe").status_code == 400


@pytest.mark.parametrize(("path", "most"), [("/v1/users", 500), ("/v1/tags", 100)])
def test_a_page_over_a_lists_maximum_is_clamped_or_refused(path: str, most: int) -> None:
    """Each list has its own maximum; a reader must not take a short page for the last."""
    org = Org(realistic=False)
    org.add("user", 3)
    simulator, client = reading(org)
    with simulator, client:
        assert client.get(path, pageSize=1000).json()["meta"]["pageSize"] == most
        simulator.set(list_oversize="refuse")
        assert client.get(path, pageSize=1000).status_code == 400
        assert client.get(path, pageSize=most).status_code == 200


@pytest.mark.parametrize(
    "query", ["foo=1", "page=0", "page=x", "pageSize=0", "pageSize=-1", "sort=asc", "page[size]=5"]
)
def test_a_parameter_that_a_list_does_not_know_is_refused(
    seeded: tuple[Simulator, Client], query: str
) -> None:
    """A lenient server would hide a typo."""
    assert seeded[1].get(f"/v1/tags?{query}").status_code == 400


def test_a_list_can_end_early_at_its_depth() -> None:
    """One source says that lists stop at 10,000 rows, in silence."""
    org = Org(realistic=False)
    org.add("tag", 50)
    simulator, client = reading(org, list_depth=20, lists_report_total=True)
    with simulator, client:
        pages = client.pages("/v1/tags?pageSize=10")
        assert [len(page["data"]) for page in pages] == [10, 10]
        assert pages[-1]["meta"]["total"] == 50


def test_oddities_of_lists_are_kept(seeded: tuple[Simulator, Client]) -> None:
    """No links, totals only for customers, who come 30 a page."""
    simulator, client = seeded
    assert "links" not in client.get("/v1/satisfaction").json()
    customers = client.get("/v1/customers").json()
    assert customers["meta"]["pageSize"] == 30
    assert customers["meta"]["total"] > 30
    assert "last" in customers["links"]
    assert "total" not in client.get("/v1/conversations").json()["meta"]
    message = simulator.org.rows("attachment")[0]["relationships"]["message"]["data"]["id"]
    assert message in simulator.org.ids("message")


def test_meta_can_hold_strings() -> None:
    """As the list of API keys does."""
    simulator, client = reading(string_meta=True)
    with simulator, client:
        assert client.get("/v1/tags").json()["meta"] == {"page": "1", "pageSize": "100"}


def test_klasses_are_enabled_ones_unless_asked(seeded: tuple[Simulator, Client]) -> None:
    """Three requests see all."""
    _, client = seeded
    names = {
        status: [
            row["attributes"]["name"] for row in client.get(f"/v1/klasses{query}").json()["data"]
        ]
        for status, query in (
            ("default", ""),
            ("disabled", "?status=disabled"),
            ("existing_only", "?status=existing_only"),
        )
    }
    assert names == {
        "default": ["ecomm-order", "subscription"],
        "disabled": ["legacy-import"],
        "existing_only": ["device"],
    }
    assert client.get("/v1/klasses?status=foo").status_code == 400


def test_a_klass_lists_its_objects(seeded: tuple[Simulator, Client]) -> None:
    """By name the objects, by id the klass itself."""
    simulator, client = seeded
    rows = [row for page in client.pages("/v1/klasses/ecomm-order") for row in page["data"]]
    assert {row["type"] for row in rows} == {"kobject.ecomm-order"}
    assert len(rows) == len(simulator.org.ids("kobject_ecomm-order"))
    assert all(row["relationships"]["klass"]["data"]["id"] == "ecomm-order" for row in rows)
    klass = simulator.org.klass_id("ecomm-order")
    assert client.get(f"/v1/klasses/{klass}").json()["data"]["type"] == "klass"
    assert client.get("/v1/klasses/nothing").status_code == 404


def test_metadata_is_one_document_with_a_map_of_attributes() -> None:
    """Deleted attributes stay, marked; undocumented resources are refused as told."""
    org = Org(realistic=False)
    org.set_attribute("customer", "tierStr", displayName="Tier", enumeration=["a", "b"])
    org.set_attribute("customer", "oldNum")
    org.delete_attribute("customer", "oldNum")
    org.add_klass("ecomm-order", attributes={"totalNum": {"type": "number"}})
    simulator, client = reading(org, metadata_refusals={"note": 403})
    with simulator, client:
        properties = client.get("/v1/metadata/customer").json()["data"]["attributes"]["properties"]
        assert properties["tierStr"]["enumeration"] == ["a", "b"]
        assert properties["oldNum"]["deletedAt"]
        assert properties["oldNum"]["type"] == "number"
        document = client.get("/v1/metadata/kobject.ecomm-order").json()
        assert set(document["data"]["attributes"]["properties"]) == {"totalNum"}
        assert client.get("/v1/metadata/note").status_code == 403
        assert client.get("/v1/metadata/user").status_code == 200
        assert client.get("/v1/metadata/kobject.nothing").status_code == 404


def test_slas_bring_their_versions_on_request() -> None:
    """`included` is an array, or an object where it is one."""
    org = Org(realistic=False)
    [sla] = org.add("sla", currentVersion=2)
    versions = [org.add("sla_version", parents={"sla": sla}, version=n)[0] for n in (1, 2)]
    simulator, client = reading(org)
    with simulator, client:
        assert "included" not in client.get("/v1/slas").json()
        every = client.get("/v1/slas?versions=all").json()["included"]
        assert {row["id"] for row in every} == set(versions)
        assert [row["id"] for row in client.get("/v1/slas?versions=active").json()["included"]] == [
            versions[1]
        ]
        simulator.set(included_shape="object")
        assert client.get("/v1/slas?versions=active").json()["included"]["id"] == versions[1]


def test_a_schedule_brings_its_holidays_on_request(seeded: tuple[Simulator, Client]) -> None:
    """Only single schedules do, the default one among them."""
    simulator, client = seeded
    default = client.get("/v1/schedules/default?include=holidays").json()
    assert default["data"]["attributes"]["default"] is True
    assert len(default["included"]) == 3
    id_ = simulator.org.ids("schedule")[1]
    assert "included" not in client.get(f"/v1/schedules/{id_}").json()
    assert client.get("/v1/schedules?include=holidays").status_code == 400


def test_customers_can_be_filtered_and_sorted_by_date() -> None:
    """The newer page of `GET /v1/customers`."""
    org = Org(realistic=False)
    days = ["2026-01-01", "2026-01-02", "2026-01-03"]
    org.clock.set("2026-02-01")
    made = [org.add("customer", created_at=day, updated_at=day)[0] for day in days]
    simulator, client = reading(org)
    with simulator, client:
        path = "/v1/customers?filter[createdAt][gte]=2026-01-02T00:00:00Z&sort=-createdAt"
        assert ids(client.get(path).json()) == made[:0:-1]
        assert client.get("/v1/customers?filter[name][gte]=x").status_code == 400
        simulator.set(customer_list_filters=False)
        assert client.get(path).status_code == 400


def test_paths_can_be_refused_and_queues_can_move() -> None:
    """Where a path is unconfirmed, a tap has to try another."""
    simulator, client = reading(queues_path="/v1/queues", work_items_list=False)
    with simulator, client:
        assert client.get("/v1/routing/queues").status_code == 404
        assert client.get("/v1/queues").status_code == 200
        assert client.get("/v1/routing/work-items").status_code == 404
        simulator.refuse("/v1/conversations/*/events", 403)
        [conversation] = simulator.org.add("conversation")
        assert client.get(f"/v1/conversations/{conversation}/events").status_code == 403
        simulator.allow("/v1/conversations/*/events")
        assert client.get(f"/v1/conversations/{conversation}/events").status_code == 200
        assert client.get("/v1/nothing").status_code == 404


# -------------------------------------------------------------------- children


CHILDREN = {
    "/v1/conversations/{}/events": ("customer_event", "conversation"),
    "/v1/conversations/{}/forwards": ("forward", "conversation"),
    "/v1/conversations/{}/times": ("conversation_time", "conversation"),
    "/v1/conversations/{}/messages": ("message", "conversation"),
    "/v1/routing/conversations/{}/work-items": ("work_item", "conversation"),
    "/v1/customers/{}/merges": ("customer_merge", "customer"),
    "/v1/customers/{}/drafts": ("draft", "customer"),
    "/v1/customers/{}/sessions": ("session", "customer"),
}


@pytest.mark.parametrize("path", CHILDREN)
def test_each_child_is_found_under_its_parent_once(
    seeded: tuple[Simulator, Client], path: str
) -> None:
    """The union over all parents is every row."""
    simulator, client = seeded
    context, parent = CHILDREN[path]
    found = [
        id_
        for parent_id in simulator.org.ids(parent)
        for page in client.pages(path.format(parent_id))
        for id_ in ids(page)
    ]
    assert sorted(found) == sorted(simulator.org.ids(context))
    assert client.get(path.format("0" * 24)).status_code == 404


def test_attachments_have_no_id_and_a_link_that_changes() -> None:
    """The id is the end of `links.self`; the signed link differs with each call."""
    org = Org(seed=1)
    [conversation] = org.add("conversation")
    [message] = org.add("message", parents={"conversation": conversation})
    [attachment] = org.add("attachment", parents={"message": message})
    simulator, client = reading(org)
    with simulator, client:
        path = f"/v1/conversations/{conversation}/attachments"
        first, second = (client.get(path).json() for _ in range(2))
        assert first["meta"] == {}
        assert "id" not in first["data"][0]
        expected = f"/v1/messages/{message}/attachments/{attachment}"
        assert first["data"][0]["links"]["self"] == expected
        related = [page["data"][0]["links"]["related"] for page in (first, second)]
        assert related[0] != related[1]
        included = client.get("/v1/messages?include=attachments").json()["included"]
        assert [row["id"] for row in included] == [attachment]


def test_survey_answers_are_found_by_the_ids_in_conversations(
    seeded: tuple[Simulator, Client],
) -> None:
    """There is no list of them."""
    simulator, client = seeded
    forms = [
        (row["attributes"].get("satisfactionLevel") or {}).get("formResponse")
        for row in simulator.org.rows("conversation")
    ]
    known = [form for form in forms if form]
    assert sorted(known) == sorted(simulator.org.ids("satisfaction_response"))
    assert client.get(f"/v1/satisfaction-responses/{known[0]}").status_code == 200


def test_version_two_of_times_counts_milliseconds(seeded: tuple[Simulator, Client]) -> None:
    """Version 1 counts seconds; an entry of the newer timer says that it is one."""
    simulator, client = seeded
    for row in simulator.org.rows("conversation_time")[:20]:
        id_ = row["relationships"]["conversation"]["data"]["id"]
        paths = (f"/{version}/conversations/{id_}/times" for version in ("v1", "v2"))
        one, two = (client.get(path).json()["data"][0]["attributes"] for path in paths)
        factor = 1 if one.get("timerVersion") == "v2" else 1000
        assert two["timerVersion"] == "v2"
        assert two["handleTime"] == factor * one["handleTime"]


def test_the_events_of_a_customer_are_gone(seeded: tuple[Simulator, Client]) -> None:
    """Documented as deprecated, answering 404."""
    simulator, client = seeded
    id_ = simulator.org.ids("customer")[0]
    assert client.get(f"/v1/customers/{id_}/events").status_code == 404


# ------------------------------------------------------------------- audit log


def audited(count: int, clock: Clock | None = None) -> Org:
    """Return an org with one audit log a day."""
    org = Org(clock=clock, realistic=False)
    now = org.clock.now()
    org.add("audit_log", count, created_at=lambda n: now - n * 86_400, objectType="customer",
            objectId=lambda n: f"{n:024x}")  # fmt: skip
    return org


def test_the_audit_log_is_read_newest_first_by_cursor() -> None:
    """Every row once, until `next` is null."""
    org = audited(25)
    simulator, client = reading(org)
    with simulator, client:
        pages = client.pages("/v1/audit-logs?count=10&filter[objectType]=customer")
        found = [row for page in pages for row in page["data"]]
        assert [len(page["data"]) for page in pages] == [10, 10, 5]
        stamps = [row["attributes"]["createdAt"] for row in found]
        assert stamps == sorted(stamps, reverse=True)
        assert {row["id"] for row in found} == set(org.ids("audit_log"))
        newer = client.get(pages[1]["links"]["prev"]).json()
        assert ids(newer) == ids(pages[0])


def test_the_audit_log_forgets_after_90_days_and_filters() -> None:
    """`filter[start]` and `filter[end]` bound `createdAt`."""
    org = audited(120, Clock(speed=0))
    simulator, client = reading(org)
    with simulator, client:
        assert 89 <= client.get("/v1/audit-logs?count=1000").json()["meta"]["total"] <= 91
        start = to_iso(org.clock.now_ms() - 9 * 86_400_000 - 1000)
        recent = client.get("/v1/audit-logs", **{"filter[start]": start}).json()
        assert recent["meta"]["total"] == 10
        other = client.get("/v1/audit-logs", **{"filter[objectType]": "message"}).json()
        assert other["data"] == []


@pytest.mark.parametrize(
    "query",
    ["count=1001", "count=0", "filter[objectType]=foo", "filter[objectId]=1", "page=1", "before=x"],
)
def test_the_audit_log_refuses_what_it_does_not_know(query: str) -> None:
    """It has no pages and at most 1,000 rows an answer."""
    simulator, client = reading()
    with simulator, client:
        assert client.get(f"/v1/audit-logs?{query}").status_code == 400


def test_changes_write_audit_logs_when_told_to() -> None:
    """The way to learn of hard deletes."""
    org = Org(audit=True)
    [id_] = org.add("customer")
    org.update("customer", id_, name="new")
    org.erase("customer", id_)
    verbs = [row["attributes"]["eventVerb"] for row in org.rows("audit_log")]
    assert verbs == ["update", "delete"]
    assert org.rows("audit_log")[1]["attributes"]["objectId"] == id_


# ----------------------------------------------------------------- org, clock


def test_the_same_seed_makes_the_same_org() -> None:
    """Down to the last byte, when the clock agrees."""

    def rows(seed: int) -> list[object]:
        clock = Clock(speed=0)
        clock.set("2026-05-01T12:00:00Z")
        org = Org(seed=seed, clock=clock)
        org.seed(customers=5)
        return [row for context in org.counts() for row in org.rows(context)]

    assert rows(1) == rows(1)
    assert rows(1) != rows(2)


def test_an_update_always_moves_updated_at() -> None:
    """Even within one millisecond of a clock that stands still."""
    org = Org(clock=Clock(speed=0), realistic=False)
    [id_] = org.add("customer", updated_at=org.clock.now())
    stamps = []
    for number in range(3):
        org.update("customer", id_, name=str(number))
        stamps.append(org.row("customer", id_)["attributes"]["updatedAt"])
    assert stamps == sorted(set(stamps))


def test_a_soft_delete_marks_the_row_and_moves_it() -> None:
    """An erased one is gone."""
    org = Org(realistic=False)
    one, two = org.add("customer", 2)
    org.delete("customer", one)
    attributes = org.row("customer", one)["attributes"]
    assert attributes["deleted"] is True
    assert attributes["deletedAt"] == attributes["updatedAt"]
    org.erase("customer", two)
    assert org.ids("customer") == [one]


def test_seeded_rows_refer_to_rows_that_exist(seeded: tuple[Simulator, Client]) -> None:
    """Joins have to work in the demo."""
    org = seeded[0].org
    customers, conversations = set(org.ids("customer")), set(org.ids("conversation"))
    for context in ("message", "note", "conversation_time"):
        for row in org.rows(context):
            related = row["relationships"]
            assert related["customer"]["data"]["id"] in customers
            assert related["conversation"]["data"]["id"] in conversations
    users = set(org.ids("user"))
    for row in org.rows("conversation"):
        assert set(row["attributes"]["assignedUsers"]) <= users


def test_rows_may_be_added_while_the_org_is_read() -> None:
    """Every method takes the org's lock."""
    org = Org(realistic=False)
    org.add("customer", 100)
    simulator, client = reading(org, limits=False)
    with simulator, client:
        writer = threading.Thread(target=lambda: [org.add("customer") for _ in range(200)])
        writer.start()
        totals = [client.search("customer", size=1).json()["meta"]["total"] for _ in range(20)]
        writer.join()
        assert totals == sorted(totals)
        assert client.search("customer", size=1).json()["meta"]["total"] == 300


def test_the_date_header_is_the_orgs_clock() -> None:
    """A tap takes its "now" from there."""
    clock = Clock(speed=0, offset=-20 * 60)  # it stands: two looks at it are of one second
    simulator, client = reading(Org(clock=clock))
    with simulator, client:
        date = client.get("/v1/users/current").headers["Date"]
        assert date == clock.http_date()
        clock.advance(86_400)
        assert client.get("/v1/users/current").headers["Date"] != date
        simulator.set(date_header=False)
        assert "Date" not in client.get("/v1/users/current").headers


def test_timestamps_are_read_in_every_form() -> None:
    """Text, unix seconds and datetimes name one instant."""
    assert to_ms("2026-01-01T00:00:00.5Z") == to_ms(1767225600.5) == 1767225600500
    assert to_ms("2026-01-01") == 1767225600000
    assert to_ms("2025-12-31T19:00:00-05:00") == 1767225600000
    assert to_iso(1767225600005) == "2026-01-01T00:00:00.005Z"
