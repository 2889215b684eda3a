"""An API that ignores a part of the search is noticed on the first page, never trusted."""

from __future__ import annotations

from typing import Any

import pytest

from simulator import Clock, Fault, Org, Simulator, to_iso
from simulator import search as simulated_search
from simulator.api.validation import Query
from tap_kustomer import clock as tap_clock
from tests.support import FAST, Output, sync_tap

DAY = 86_400.0
SEARCH = "/v1/customers/search"


def read(sim: Simulator, *select: str, **config: Any) -> Output:
    """Run the tap in quick time."""
    settings = {**sim.config, "page_size": 20, **config}
    return sync_tap(settings, select or ["customers"], clock=tap_clock.Clock(FAST))


def test_an_ignored_sort_fails_the_stream(fast_sim: Simulator) -> None:
    """Rows in no order: the last one's moment means nothing."""
    fast_sim.org.add("customer", 75)
    fast_sim.set(ignore_sort=True)

    output = read(fast_sim)

    assert output.status == 1
    assert "ignores the sort" in output.stderr
    assert not output.records("customers")


def test_an_ignored_filter_fails_the_stream(fast_sim: Simulator) -> None:
    """The same first page would come for ever."""
    fast_sim.org.add("customer", 75)
    fast_sim.set(ignore_filters=("customer_updated_at",))
    start = fast_sim.org.clock.now() - 100 * DAY

    output = read(fast_sim, start_date=to_iso(int(start * 1000)))

    assert output.status == 1
    assert "ignores the filter on customer_updated_at" in output.stderr
    assert len(fast_sim.searches()) <= 4


def test_a_larger_page_than_asked_for_fails_the_stream(fast_sim: Simulator) -> None:
    """Whoever ignores the page size may ignore the rest."""
    fast_sim.org.add("customer", 75)

    def twice(document: dict[str, Any]) -> dict[str, Any]:
        meta = {**document["meta"], "pageSize": 40}
        return {**document, "meta": meta}

    fast_sim.faults.add(Fault("rewrite", path=SEARCH, times=None, rewrite=twice))

    output = read(fast_sim)

    assert output.status == 1
    assert "ignores the page size" in output.stderr


def test_a_smaller_page_than_asked_for_is_reckoned_with(fast_sim: Simulator) -> None:
    """Kustomer may clamp the size: a page of that many rows is not the last."""
    org = fast_sim.org
    org.add("customer", 75)
    fast_sim.set(max_page_size=10, oversize="clamp")

    output = read(fast_sim)

    assert output.status == 0
    assert output.ids("customers") == set(org.ids("customer"))


def test_an_ignored_sort_by_creation_does_not_lose_ties(fast_sim: Simulator) -> None:
    """The ties are then walked by page number, until their count is reached."""
    org = fast_sim.org
    org.add("customer", 90, updated_at=org.clock.now() - 90 * DAY)
    fast_sim.set(ignore_sort=("customer_created_at",))

    output = read(fast_sim)

    assert output.ids("customers") == set(org.ids("customer"))


@pytest.mark.parametrize("supported", [True, False])
def test_companies_are_searched_where_that_works(fast_sim: Simulator, *, supported: bool) -> None:
    """Else the full list is read; that the search takes the attribute is not documented."""
    org = fast_sim.org
    org.add("company", 75)
    fast_sim.set(company_updated_at_supported=supported)

    output = read(fast_sim, "companies")

    assert output.status == 0, output.stderr
    assert output.ids("companies") == set(org.ids("company"))
    assert any(log.path == "/v1/companies" for log in fast_sim.requests) is not supported


def test_an_ignored_company_filter_leads_to_the_list(fast_sim: Simulator) -> None:
    """An attribute that the API does not know and does not refuse, either."""
    org = fast_sim.org
    org.add("company", 75)
    fast_sim.set(company_updated_at_supported=False, unknown_attributes="ignore")

    output = read(fast_sim, "companies")

    assert output.status == 0, output.stderr
    assert output.ids("companies") == set(org.ids("company"))


@pytest.mark.parametrize(
    "attribute", ["kobject_updated_at", "kobject_<klass>_updated_at", "both", None]
)
def test_objects_of_each_klass_are_read_however_they_can_be(
    fast_sim: Simulator, attribute: Any
) -> None:
    """By either attribute, or all klasses at once, split by klass."""
    org = fast_sim.org
    names = ["order", "device"]
    for name in names:
        org.add_klass(name)
        org.add(f"kobject_{name}", 45)
    fast_sim.set(kobject_klass_attribute=attribute)

    output = read(fast_sim, "kobject_order", "kobject_device")

    assert output.status == 0, output.stderr
    for name in names:
        rows = output.records(f"kobject_{name}")
        assert {row["id"] for row in rows} == set(org.ids(f"kobject_{name}"))
        assert {row["klass"] for row in rows} == {name}


def test_a_refused_form_is_not_tried_again_for_the_next_page(fast_sim: Simulator) -> None:
    """The negotiation costs one request and its confirmation, with and without exact totals."""
    org = fast_sim.org
    org.add_klass("order")
    org.add("kobject_order", 100)
    fast_sim.set(search_schema=False, kobject_klass_attribute="kobject_<klass>_updated_at")

    read(fast_sim, "kobject_order")

    assert [log.status for log in fast_sim.searches()].count(400) <= 4


def test_a_row_that_lost_its_attributes_is_asked_for_again() -> None:
    """It would overwrite the row with nulls, and nothing would bring the values back."""
    org = Org(seed=5, clock=Clock(speed=FAST), realistic=False)
    org.add("customer", 12)
    with Simulator(org, limits=False) as server:
        server.faults.add(Fault("null_attributes", path="/v1/customers/search", rows=2, after=1))
        output = sync_tap(
            {**server.config, "page_size": 5}, ["customers"], clock=tap_clock.Clock(FAST)
        )

    assert output.status == 0
    assert output.ids("customers") == set(org.ids("customer"))
    assert all(row["updated_at"] for row in output.newest("customers").values())


@pytest.mark.parametrize("stream", ["customers", "kobject_order", "conversation_events"])
def test_rows_that_stay_without_attributes_are_believed_by_the_next_run_only(stream: str) -> None:
    """One run's word is not enough to empty a row; two runs' is, or nothing would go on."""
    org = Org(seed=5, clock=Clock(speed=FAST), realistic=False)
    org.add("customer", 12)
    org.add_klass("order")
    org.add("kobject_order", 12)
    for id_ in org.add("conversation", 12):
        org.add("customer_event", parents={"conversation": id_})
    with Simulator(org, limits=False) as server:
        config = {
            **server.config,
            "page_size": 5,
            "optional_streams": ["conversation_events"],
        }

        def run(state: Any = None) -> Output:
            return sync_tap(config, [stream], state=state, clock=tap_clock.Clock(FAST))

        whole = run()
        fault = Fault("null_attributes", path="/v1/customers/search", rows=1, times=None)
        server.faults.add(fault)
        first = run()
        second = run(first.state)
        server.faults.clear()
        third = run(first.state)

    assert first.status == 1
    assert "rows without their attributes" in first.stderr
    assert first.state["bookmarks"][stream]["emptied"] is True
    assert second.status == 0, second.stderr
    assert second.state["bookmarks"][stream]["emptied"] is None
    assert third.status == 0
    assert first.ids(stream) | third.ids(stream) == whole.ids(stream)
    assert third.state["bookmarks"][stream]["emptied"] is None


@pytest.mark.parametrize("place", [1, 2, 3])
def test_the_answer_to_another_search_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    """A cache that mistakes one for the other: customers would be rows of the custom object."""
    org = Org(seed=5, clock=Clock(speed=FAST), realistic=False)
    org.add("customer", 3)
    org.add_klass("order")
    org.add("kobject_order", 12)
    find, asked = simulated_search.find, 0

    def find_other(query: Query, *args: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == place:
            query = Query(context="customer", archive=False, page_size=query.page_size)
        return find(query, *args)

    monkeypatch.setattr(simulated_search, "find", find_other)
    with Simulator(org, limits=False) as server:
        config = {**server.config, "page_size": 5}
        output = sync_tap(config, ["kobject_order"], clock=tap_clock.Clock(FAST))

    assert asked > place
    assert output.status == 0, output.stderr
    assert output.ids("kobject_order") == set(org.ids("kobject_order"))
