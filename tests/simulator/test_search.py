"""The simulated search: strict bodies, pages and their window, two years, ties, lag."""

from __future__ import annotations

import time
import zoneinfo
from collections.abc import Iterator
from typing import Any

import pytest

from simulator import MISSING, Clock, Org, Simulator, to_iso
from simulator.client import Client, ids

DAY = 86_400.0
ASC = [{"customer_updated_at": "asc"}]


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Simulator, Client]]:
    """Serve an org of plain rows, klass `ecomm-order` among them, that no test changes."""
    org = Org(seed=3, realistic=False)
    org.add_klass("ecomm-order", attributes={"totalNum": {}})
    org.set_attribute("customer", "tierStr")
    org.add("company", 3)
    org.add("customer", 30, custom={"tierStr": "gold"})
    org.add("conversation", 30, status="done")
    for context in ("message", "note", "conversation_time", "kobject_ecomm-order"):
        org.add(context, 30)
    with Simulator(org, limits=False) as simulator, Client(simulator) as client:
        yield simulator, client


def reading(org: Org, **knobs: Any) -> tuple[Simulator, Client]:
    """Return a running simulator without budgets, and its client; `with` ends both."""
    simulator = Simulator(org, limits=False, **knobs)
    return simulator, Client(simulator)


def body(**changes: Any) -> dict[str, Any]:
    """Return a search body that is in order, with changes."""
    return {"queryContext": "customer", "and": [], "sort": ASC, **changes}


# ------------------------------------------------------------------ strictness


WRONG_BODIES: dict[str, Any] = {
    "not an object": [],
    "no context": {"and": []},
    "unknown context": body(queryContext="user"),
    "unknown klass": body(queryContext="kobject_foo", sort=[]),
    "unknown key": body(pageSize=5),
    "unknown attribute": body(**{"and": [{"customer_foo": {"equals": "x"}}]}),
    "another context's attribute": body(
        **{"and": [{"message_updated_at": {"gte": "2026-01-01"}}]}
    ),
    "unknown custom attribute": body(**{"and": [{"customer_custom_fooStr": {"equals": "x"}}]}),
    "unknown operator": body(**{"and": [{"customer_updated_at": {"after": "2026-01-01"}}]}),
    "operator of another class": body(**{"and": [{"customer_updated_at": {"contains": "2"}}]}),
    "two operators": body(
        **{"and": [{"customer_updated_at": {"gte": "2026-01-01", "lte": "2026-01-02"}}]}
    ),
    "two attributes": body(
        **{"and": [{"customer_updated_at": {"gte": "2026-01-01"},
                    "customer_created_at": {"gte": "2026-01-01"}}]}
    ),
    "bare value": body(**{"and": [{"customer_name": "x"}]}),
    "number for a date": body(**{"and": [{"customer_updated_at": {"gte": 1700000000}}]}),
    "text for a number": body(**{"and": [{"customer_conversations_count": {"gte": "5"}}]}),
    "empty in": body(**{"and": [{"customer_tags": {"in": []}}]}),
    "not_set with a value": body(**{"and": [{"customer_gender": {"not_set": True}}]}),
    "21 criteria": body(
        **{"and": [{"customer_updated_at": {"gte": f"2026-01-{day:02d}"}} for day in range(1, 22)]}
    ),
    "repeated criterion": body(**{"and": [{"customer_name": {"equals": "x"}}] * 2}),
    "criteria as text": body(**{"and": "x"}),
    "6 sorts": body(sort=[{f"customer_{name}_at": "asc"} for name in
                          ("created", "updated", "modified", "activity", "last_seen", "imported")]),
    "unknown direction": body(sort=[{"customer_updated_at": "up"}]),
    "sort by an unknown attribute": body(sort=[{"customer_foo_at": "asc"}]),
    "sort by another context": body(queryContext="message", sort=[{"customer_updated_at": "asc"}]),
    "sort by an unsortable attribute": body(sort=[{"customer_email": "asc"}]),
    "unknown zone": body(timeZone="Mars/Olympus"),
    "includeDeleted as text": body(includeDeleted="true"),
    "fields as an object": body(fields={}),
    "work sessions by updated_at": body(
        queryContext="work_session", sort=[{"work_session_updated_at": "asc"}]
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_BODIES)
def test_a_body_outside_the_schema_is_refused(served: tuple[Simulator, Client], case: str) -> None:
    """The vendor's schema allows nothing that it does not name."""
    answer = served[1].post("/v1/customers/search", WRONG_BODIES[case])
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "badparam"


@pytest.mark.parametrize(
    "date",
    ["2026-1-1", "2026-02-30", "2026-01-01 00:00:00+00:00", "2026-01-01T00:00:00+02:00",
     "2026-01-01T00:00:00", "yesterday", "", "2026-01-01T25:00:00Z"],
)  # fmt: skip
def test_dates_are_local_days_or_utc_instants(served: tuple[Simulator, Client], date: str) -> None:
    """Everything else is refused, Python's default text among it."""
    assert served[1].search("customer", since=date).status_code == 400


@pytest.mark.parametrize("date", ["2020-01-01", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00.12Z"])
def test_both_documented_date_forms_work(served: tuple[Simulator, Client], date: str) -> None:
    """With and without fractions."""
    assert len(served[1].search("customer", since=date).json()["data"]) == 30


def test_a_body_that_is_no_json_is_refused(served: tuple[Simulator, Client]) -> None:
    """With a 400, as documented."""
    simulator, client = served
    headers = {"Authorization": f"Bearer {simulator.knobs.api_key}"}
    answer = client._session.post(  # noqa: SLF001  # a body that `json=` cannot make
        simulator.url + "/v1/customers/search", data="{", headers=headers, timeout=10
    )
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"page": 100, "pageSize": 100}, 200),
        ({"page": 20, "pageSize": 500}, 200),
        ({"page": 101, "pageSize": 10}, 400),
        ({"page": 100, "pageSize": 500}, 200),
        ({"page": 0}, 400),
        ({"pageSize": 0}, 400),
        ({"pageSize": 501}, 200),  # cut in silence
        ({"pageSize": "many"}, 400),
        ({"limit": 5}, 400),
    ],
)
def test_pages_have_a_size_a_number_and_a_window(
    served: tuple[Simulator, Client], params: dict[str, Any], status: int
) -> None:
    """500 rows, 100 pages."""
    assert served[1].post("/v1/customers/search", body(), **params).status_code == status


@pytest.mark.parametrize(
    ("past_window", "status"), [("refuse", 400), ("not_found", 404), ("empty", 200)]
)
@pytest.mark.parametrize("window", [{"max_pages": 2}, {"result_window": 20}])
def test_what_lies_behind_the_window_can_answer_in_three_ways(
    past_window: Any, status: int, window: dict[str, Any]
) -> None:
    """The links point there all the same; what comes is unconfirmed."""
    org = Org(realistic=False)
    org.add("customer", 30)
    simulator, client = reading(org, past_window=past_window, **window)
    with simulator, client:
        second = client.search("customer", page=2, size=10).json()
        assert second["links"]["next"] == "/v1/customers/search?page=3&pageSize=10"
        third = client.search("customer", page=3, size=10)
        assert third.status_code == status
        assert status != 200 or third.json()["data"] == []


# ------------------------------------------------------------- pages and order


def test_a_page_tells_of_the_whole_result(served: tuple[Simulator, Client]) -> None:
    """Numbers and relative links as in a real payload."""
    page = served[1].search("customer", page=2, size=7).json()
    assert page["meta"] == {
        "page": 2, "pageSize": 7, "total": 30, "totalPages": 5, "aggregations": {},
        "timed_out": False,
    }  # fmt: skip
    assert page["links"] == {
        "self": "/v1/customers/search?page=2&pageSize=7",
        "first": "/v1/customers/search?page=1&pageSize=7",
        "prev": "/v1/customers/search?page=1&pageSize=7",
        "next": "/v1/customers/search?page=3&pageSize=7",
        "last": "/v1/customers/search?page=5&pageSize=7",
    }


def test_pages_follow_the_asked_order(served: tuple[Simulator, Client]) -> None:
    """Ascending over all pages, descending when asked, newest first when not."""
    simulator, client = served

    def stamps(sort: list[Any]) -> list[str]:
        found = []
        for page in range(1, 5):
            answer = client.post("/v1/customers/search", body(sort=sort), page=page, pageSize=10)
            found += [row["attributes"]["updatedAt"] for row in answer.json()["data"]]
        return found

    truth = sorted(row["attributes"]["updatedAt"] for row in simulator.org.rows("customer"))
    assert stamps(ASC) == truth
    assert stamps([{"customer_updated_at": "desc"}]) == truth[::-1]
    assert stamps([]) == truth[::-1]


def test_only_the_first_sort_attribute_counts() -> None:
    """As the authors of another connector observed."""
    org = Org(realistic=False, clock=Clock(speed=0))
    now = org.clock.now()
    org.add("customer", 20, updated_at=now, created_at=lambda n: now - n)
    simulator, client = reading(org)
    with simulator, client:
        sort = [{"customer_updated_at": "asc"}, {"customer_created_at": "asc"}]
        orders = {tuple(ids(client.search("customer", sort=sort).json())) for _ in range(5)}
        assert len(orders) > 1


def test_rows_of_one_timestamp_change_places_from_request_to_request() -> None:
    """There is no tie-breaker; every row is still there once."""
    org = Org(realistic=False)
    org.add("customer", 1200, updated_at=org.clock.now())
    simulator, client = reading(org)
    with simulator, client:
        pages = [ids(client.search("customer", size=500).json()) for _ in range(4)]
        assert len({tuple(page) for page in pages}) == 4
        assert all(len(set(page)) == 500 for page in pages)
        assert len({id_ for page in pages for id_ in page}) > 500
        assert len(_gathered(client, 1200)) == 1200


def _gathered(client: Client, total: int) -> set[str]:
    """Return the ids of all pages, walked until they are enough or hope is gone."""
    found: set[str] = set()
    for _ in range(60):
        for page in (1, 2, 3):
            found |= set(ids(client.search("customer", page=page).json()))
        if len(found) == total:
            break
    return found


def test_the_order_of_ties_can_be_kept() -> None:
    """For tests that want one page after another to be exact."""
    org = Org(realistic=False, shuffle_ties=False)
    added = org.add("customer", 40, updated_at=org.clock.now())
    simulator, client = reading(org)
    with simulator, client:
        assert ids(client.search("customer").json()) == added


def test_rows_without_the_sort_attribute_come_last() -> None:
    """A bound on the attribute leaves them out."""
    org = Org(realistic=False)
    [missing] = org.add("customer", updated_at=MISSING)
    [there] = org.add("customer")
    simulator, client = reading(org)
    with simulator, client:
        for order in ("asc", "desc"):
            answer = client.post(
                "/v1/customers/search", body(sort=[{"customer_updated_at": order}])
            )
            assert ids(answer.json()) == [there, missing]
        assert ids(client.search("customer").json()) == [there]


def test_bounds_include_their_instant() -> None:
    """`gte` and `lte` do, `gt` and `lt` do not, a local day lasts until its end in its zone."""
    org = Org(realistic=False, clock=Clock(speed=0))
    org.clock.set("2026-05-03")
    stamps = ["2026-05-01T00:00:00.000Z", "2026-05-01T00:00:00.001Z", "2026-05-02T03:59:59.999Z"]
    org.add("customer", 3, updated_at=stamps)
    simulator, client = reading(org)

    def found(operator: str, value: str, **more: Any) -> list[str]:
        criteria = [{"customer_updated_at": {operator: value}}]
        answer = client.post("/v1/customers/search", body(**{"and": criteria}, **more))
        return [row["attributes"]["updatedAt"] for row in answer.json()["data"]]

    with simulator, client:
        assert found("gte", stamps[1]) == stamps[1:]
        assert found("gt", stamps[1]) == stamps[2:]
        assert found("lte", stamps[1]) == stamps[:2]
        assert found("lt", stamps[1]) == stamps[:1]
        assert found("equals", stamps[1]) == stamps[1:2]
        assert found("lte", "2026-05-01") == stamps[:2]
        if "America/New_York" in zoneinfo.available_timezones():
            assert found("lte", "2026-05-01", timeZone="America/New_York") == stamps


def test_conditions_combine_with_and_or_and_not(served: tuple[Simulator, Client]) -> None:
    """All of `and`, at least one of `or`, none of `not`."""
    simulator, client = served
    rows = simulator.org.rows("customer")
    names = [row["attributes"]["name"] for row in rows[:3]]
    any_of = [{"customer_name": {"equals": name}} for name in names]

    def total(**parts: Any) -> int:
        answer = client.post("/v1/customers/search", body(**parts))
        found: int = answer.json()["meta"]["total"]
        return found

    assert total(**{"or": any_of}) == 3
    assert total(**{"or": any_of, "not": any_of[0]}) == 2
    assert total(**{"and": [{"customer_name": {"in": names[:2]}}]}) == 2
    assert total(**{"and": {"customer_custom_tierStr": {"contains": "OL"}}}) == 30
    assert total(**{"and": [{"customer_gender": {"not_set": ""}}]}) == 30
    assert total(**{"and": any_of[:2]}) == 0


@pytest.mark.parametrize(
    ("context", "attribute"),
    [
        ("customer", "customer_updated_at"),
        ("conversation", "conversation_updated_at"),
        ("message", "message_updated_at"),
        ("note", "note_updated_at"),
        ("kobject", "kobject_updated_at"),
        ("kobject_ecomm-order", "kobject_updated_at"),
        ("conversation_time", "conversation_time_created_at"),
    ],
)
def test_every_context_is_read_by_its_replication_attribute(
    served: tuple[Simulator, Client], context: str, attribute: str
) -> None:
    """Full documents, in order."""
    simulator, client = served
    found = client.search(context, attribute=attribute).json()["data"]
    assert {row["id"]: row for row in found} == {
        row["id"]: row for row in simulator.org.rows(context)
    }
    name = "createdAt" if context == "conversation_time" else "updatedAt"
    stamps = [row["attributes"][name] for row in found]
    assert stamps == sorted(stamps)


def test_only_ids_can_be_asked_for(served: tuple[Simulator, Client]) -> None:
    """The shape of the answer is unconfirmed."""
    simulator, client = served
    answer = client.post("/v1/customers/search", body(), idsOnly="true", pageSize=500).json()
    assert set(ids(answer)) == set(simulator.org.ids("customer"))
    assert set(answer["data"][0]) == {"type", "id"}


# ------------------------------------------------- deleted rows and two years


def test_deleted_rows_come_on_request_only() -> None:
    """And where the context knows the word."""
    org = Org(realistic=False)
    one, two = org.add("customer", 2)
    org.delete("customer", one)
    simulator, client = reading(org)
    with simulator, client:
        assert ids(client.search("customer").json()) == [two]
        assert ids(client.search("customer", includeDeleted=True).json()) == [two, one]
        simulator.set(include_deleted_supported=["message"])
        assert client.search("customer", includeDeleted=True).status_code == 400


def test_a_row_is_in_one_search_until_two_years_pass_and_then_in_the_other() -> None:
    """Rows cross the edge while they are read."""
    org = Org(realistic=False, clock=Clock(speed=0))
    now = org.clock.now()
    [old] = org.add("customer", updated_at=now - 731 * DAY)
    [near] = org.add("customer", updated_at=now - 730 * DAY + 10)
    [new] = org.add("customer", updated_at=now)
    simulator, client = reading(org)

    def both() -> tuple[list[str], list[str]]:
        standard = client.search("customer").json()
        return ids(standard), ids(client.search("customer", archive=True).json())

    with simulator, client:
        assert both() == ([near, new], [old])
        org.clock.advance(11)
        assert both() == ([new], [old, near])
        simulator.set(edge_offset_seconds=-3600)
        assert both() == ([near, new], [old])
        org.update("customer", old, name="back")
        assert both() == ([near, new, old], [])


def test_the_archive_search_knows_less() -> None:
    """No notes, no conversation times, no `fields`, its own attributes."""
    org = Org(realistic=False)
    org.add_klass("order")
    old = org.clock.now() - 800 * DAY
    for context in ("customer", "company", "conversation", "message", "kobject_order"):
        org.add(context, 2, updated_at=old)
    simulator, client = reading(org)
    with simulator, client:
        for context in ("customer", "company", "conversation", "message", "kobject_order"):
            assert len(client.search(context, archive=True).json()["data"]) == 2
        by_name = client.search("kobject_order", archive=True, attribute="kobject_updated_at")
        assert len(by_name.json()["data"]) == 2
        for context in ("note", "conversation_time", "work_session"):
            assert client.search(context, archive=True).status_code == 400
        assert client.search("customer", archive=True, fields=[]).status_code == 400
        named = [{"customer_name": {"equals": "x"}}]
        answer = client.post("/v1/customers/archive/search", body(**{"and": named}))
        assert answer.status_code == 400
        links = client.search("customer", archive=True).json()["links"]
        assert links["self"].startswith("/v1/customers/archive/search?")


# ------------------------------------------------------- knobs, open questions


def test_a_smaller_page_is_refused_or_clamped() -> None:
    """Kustomer cuts the size in silence: a reader has to look at `meta.pageSize`."""
    org = Org(realistic=False)
    org.add("customer", 30)
    simulator, client = reading(org, max_page_size=10)
    with simulator, client:
        assert client.search("customer", size=500).json()["meta"]["pageSize"] == 10
        simulator.set(oversize="refuse")
        assert client.search("customer", size=500).status_code == 400


def test_the_klass_attribute_is_one_of_three() -> None:
    """`kobject_updated_at`, the klass's own name, or no such context."""
    org = Org(realistic=False)
    org.add_klass("order")
    org.add("kobject_order", 3)
    simulator, client = reading(org)

    def statuses() -> list[int]:
        names = ("kobject_updated_at", "kobject_order_updated_at")
        return [client.search("kobject_order", attribute=name).status_code for name in names]

    with simulator, client:
        assert statuses() == [200, 400]
        simulator.set(kobject_klass_attribute="kobject_<klass>_updated_at")
        assert statuses() == [400, 200]
        simulator.set(kobject_klass_attribute="both")
        assert statuses() == [200, 200]
        simulator.set(kobject_klass_attribute=None)
        assert statuses() == [400, 400]
        assert client.search("kobject").status_code == 200


def test_doubtful_attributes_and_contexts_can_be_turned_on_and_off() -> None:
    """Companies by `updated_at`, work sessions, whole contexts."""
    org = Org(realistic=False)
    org.add("company", 3)
    org.add("work_session", 3)
    simulator, client = reading(org)
    with simulator, client:
        assert len(client.search("company").json()["data"]) == 3
        simulator.set(
            company_updated_at_supported=False,
            work_session_attributes=["work_session_updated_at"],
        )
        assert client.search("company").status_code == 400
        assert len(client.search("work_session").json()["data"]) == 3
        simulator.set(refused_contexts=["customer"])
        assert client.search("customer").status_code == 400


def test_a_filter_or_a_sort_can_be_ignored_in_silence() -> None:
    """What a tap must notice on the first page."""
    org = Org(realistic=False)
    org.add("customer", 50)
    middle = sorted(row["attributes"]["updatedAt"] for row in org.rows("customer"))[25]
    simulator, client = reading(org)
    with simulator, client:
        assert len(client.search("customer", since=middle).json()["data"]) == 25
        simulator.set(ignore_filters=["customer_updated_at"])
        assert len(client.search("customer", since=middle).json()["data"]) == 50
        simulator.set(ignore_filters=(), ignore_sort=True)
        rows = client.search("customer").json()["data"]
        stamps = [row["attributes"]["updatedAt"] for row in rows]
        assert len(stamps) == 50
        assert stamps != sorted(stamps)
        simulator.set(ignore_sort=False, unknown_attributes="ignore")
        assert len(client.search("customer", attribute="customer_foo_at").json()["data"]) == 50


# ---------------------------------------------------------------- lag, drift


def test_a_change_shows_late_and_the_old_version_until_then() -> None:
    """Filters, order and documents are the index's."""
    clock = Clock(speed=0)
    org = Org(realistic=False, clock=clock, index_lag=120)
    [id_] = org.add("customer", updated_at=clock.now() - DAY, name="old")
    before = to_iso(int((clock.now() - 1) * 1000))
    clock.advance(1)
    org.update("customer", id_, name="new")
    [new] = org.add("customer", updated_at=clock.now())
    simulator, client = reading(org)
    with simulator, client:
        clock.advance(119)
        [row] = client.search("customer").json()["data"]
        assert row["attributes"]["name"] == "old"
        assert client.search("customer", since=before).json()["data"] == []
        clock.advance(2)
        found = client.search("customer", since=before).json()["data"]
        assert sorted(row["id"] for row in found) == sorted([id_, new])


def test_a_document_can_be_fresher_than_its_index_entry() -> None:
    """It stands at its old place with its new content."""
    clock = Clock(speed=0)
    org = Org(realistic=False, clock=clock, index_lag=60)
    first, second = org.add(
        "customer", 2, updated_at=[clock.now() - 2 * DAY, clock.now() - DAY], name="old"
    )
    org.update("customer", first, name="new")
    simulator, client = reading(org, fresh_documents=True)
    with simulator, client:
        rows = client.search("customer").json()["data"]
        assert [row["id"] for row in rows] == [first, second]
        assert rows[0]["attributes"]["name"] == "new"
        assert rows[0]["attributes"]["updatedAt"] > rows[1]["attributes"]["updatedAt"]


def test_late_changes_never_bring_an_older_version_or_an_erased_row_back() -> None:
    """However the lags of single changes fall."""
    clock = Clock(speed=0)
    lags = iter([0.0, 100.0, 10.0, 0.0])
    org = Org(realistic=False, clock=clock, index_lag=lambda: next(lags))
    [id_] = org.add("customer", updated_at=clock.now(), name="one")
    org.update("customer", id_, name="two")  # shows after 100 s
    org.update("customer", id_, name="three")  # shows after 10 s
    simulator, client = reading(org)
    with simulator, client:
        clock.advance(20)
        assert client.search("customer").json()["data"][0]["attributes"]["name"] == "three"
        clock.advance(100)
        assert client.search("customer").json()["data"][0]["attributes"]["name"] == "three"
        org.erase("customer", id_)
        assert client.search("customer").json()["data"] == []


def test_hooks_run_before_each_search_and_each_request() -> None:
    """They make rows move between any two pages."""
    org = Org(realistic=False)
    org.add("customer", 20)
    simulator, client = reading(org)
    seen: list[str] = []
    with simulator, client:
        simulator.before_each_search(org.update_random, "customer", count=5)
        simulator.before_each_request(seen.append, "request")
        first = ids(client.search("customer").json())
        second = ids(client.search("customer").json())
        client.get("/v1/users")
        assert first[-5:] != second[-5:]
        assert set(first) == set(second)
        assert len(seen) == 3


# ----------------------------------------------------------------------- speed


def test_a_page_of_a_hundred_thousand_rows_is_quick() -> None:
    """Well under 10 ms once the rows are made; generous here for slow machines."""
    org = Org(realistic=False)
    org.add("customer", 100_000)
    simulator, client = reading(org)
    with simulator, client:
        client.search("customer")
        used = time.process_time()
        for _ in range(5):
            assert client.search("customer").json()["meta"]["total"] == 100_000
        assert (time.process_time() - used) / 5 < 0.1


def test_a_seeded_customer_weighs_what_a_real_one_does(served: tuple[Simulator, Client]) -> None:
    """About 2.8 KB, so that times measured here mean something."""
    org = Org(seed=1)
    org.add("customer", 50)
    sizes = [len(version.body) for version in org.store.versions("customer")]
    assert 1500 < sum(sizes) / 50 < 4000
    assert served[0].url.startswith("http://127.0.0.1:")


# ------------------------------------------------------------------ totals


@pytest.mark.parametrize(
    ("knob", "asked", "total"),
    [
        ("yes", {}, 30),
        ("yes", {"trackTotalHits": "true"}, 30),
        ("yes", {"trackTotalHits": "7"}, 7),
        ("yes", {"trackTotalHits": "false"}, 20),
        ("capped", {}, 20),
        ("capped", {"trackTotalHits": "true"}, 30),
        ("ignored", {"trackTotalHits": "true"}, 20),
        ("refused", {}, 30),
    ],
)
def test_totals_end_where_the_org_stops_counting(
    knob: str, asked: dict[str, str], total: int
) -> None:
    """By default totals are exact, as they were seen; each knob is another answer."""
    org = Org(realistic=False)
    org.add("customer", 30)
    simulator, client = reading(org, track_total_hits=knob, total_cap=20)
    with simulator, client:
        answer = client.post("/v1/customers/search", body(), page=1, pageSize=5, **asked).json()
        assert answer["meta"]["total"] == total
        assert answer["meta"]["totalPages"] == -(-total // 5)


def test_exact_totals_are_refused_by_the_archive_and_where_the_org_does_not_know_them(
    served: tuple[Simulator, Client],
) -> None:
    """The vendor lists the parameter for the live search alone."""
    path = "/v1/customers/archive/search"
    assert served[1].post(path, body(), trackTotalHits="true").status_code == 400
    wrong = served[1].post("/v1/customers/search", body(), trackTotalHits="all")
    assert wrong.status_code == 400
    simulator, client = reading(Org(), track_total_hits="refused")
    with simulator, client:
        refused = client.post("/v1/customers/search", body(), trackTotalHits="true")
        assert refused.status_code == 400
