"""Rows idle for over two years, the edge between the two searches, and deleted rows."""

from __future__ import annotations

from typing import Any

import pytest

from simulator import Fault, Simulator, to_iso
from tap_kustomer import clock as tap_clock
from tests.readers.part_of_the_index import PartOfTheIndex
from tests.support import FAST, Output, one_by_one, sync_tap

DAY = 86_400.0
START = "2019-01-01T00:00:00Z"


def read(sim: Simulator, *select: str, state: Any = None, **config: Any) -> Output:
    """Run the tap in quick time, from long ago."""
    settings = {**sim.config, "start_date": START, "page_size": 20, **config}
    return sync_tap(settings, select or ["customers"], state=state, clock=tap_clock.Clock(FAST))


def test_rows_idle_for_years_come_from_the_archive(fast_sim: Simulator) -> None:
    """The standard search has nothing older than two years, and does not say so."""
    org = fast_sim.org
    org.add("customer", 100, updated_at=lambda n: org.clock.now() - (1_400 - 13 * n) * DAY)

    output = read(fast_sim)

    assert output.ids("customers") == set(org.ids("customer"))
    assert any(log.is_archive for log in fast_sim.searches("customer"))


@pytest.mark.parametrize("offset", [-1.9, -0.5, 0, 0.5, 1.9])
def test_no_row_is_lost_at_the_edge_wherever_it_is(fast_sim: Simulator, offset: float) -> None:
    """The vendor's two years may end up to two days before or after ours."""
    org = fast_sim.org
    fast_sim.set(edge_offset_seconds=offset * DAY)
    org.add("customer", 120, updated_at=lambda n: org.clock.now() - (733 - 0.05 * n) * DAY)

    output = read(fast_sim)

    assert output.ids("customers") == set(org.ids("customer"))


def test_rows_that_cross_the_edge_while_they_are_read_are_not_lost(fast_sim: Simulator) -> None:
    """Each search lets an hour pass: rows go from the standard search to the archive."""
    org = fast_sim.org
    org.add("customer", 120, updated_at=lambda n: org.clock.now() - (731 - 0.025 * n) * DAY)
    fast_sim.before_each_search(org.clock.advance, 3_600)

    output = read(fast_sim)

    assert output.ids("customers") == set(org.ids("customer"))


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.8])
def test_a_run_that_was_killed_continues_across_the_edge(fast_sim: Simulator, share: float) -> None:
    """Days later the edge has moved: the bookmark passed it only behind both searches."""
    org = fast_sim.org
    org.add("customer", 120, updated_at=lambda n: org.clock.now() - (740 - 0.1 * n) * DAY)
    first = read(fast_sim)
    first.messages = first.messages[: int(len(first.messages) * share)]
    org.clock.advance(1.5 * DAY)

    second = read(fast_sim, state=first.state)

    assert first.ids("customers") | second.ids("customers") == set(org.ids("customer"))


def killed(run: Output, behind: float, *, stream: str = "customers") -> Output:
    """Return what a target has of a run that was killed once its bookmark was ``behind`` that."""
    moment = to_iso(int(behind * 1000))
    for place, message in enumerate(run.messages):
        if message["type"] == "STATE":
            bookmark = message["value"]["bookmarks"].get(stream, {})
            if bookmark.get("replication_key_value", "") > moment:
                return Output(143, "", run.messages[: place + 1])
    pytest.fail("no bookmark came so far")


@pytest.mark.parametrize("offset", [0.2, 0.5, 1.9])
def test_a_bookmark_within_the_two_years_may_have_older_rows_in_front_of_it(
    fast_sim: Simulator, offset: float
) -> None:
    """Killed amid the archive's rows, and continued at once: the edge lies later than it should."""
    org = fast_sim.org
    fast_sim.set(edge_offset_seconds=offset * DAY)
    edge = org.clock.now() - 730 * DAY
    org.add("customer", 240, updated_at=lambda n: edge + 0.02 * (n - 100) * DAY)
    first = killed(read(fast_sim, page_size=3, max_concurrency=1), edge)
    assert first.ids("customers") != set(org.ids("customer"))

    second = read(fast_sim, state=first.state)

    assert first.ids("customers") | second.ids("customers") == set(org.ids("customer"))


@pytest.mark.parametrize("stream", ["customers", "notes"])
def test_a_first_run_that_was_killed_continues_where_the_edge_has_passed_its_bookmark(
    fast_sim: Simulator, stream: str
) -> None:
    """From two years ago on one search is the whole run, but only where nobody was there before."""
    org = fast_sim.org
    kind = stream.removesuffix("s")
    org.add(kind, 120, updated_at=lambda n: org.clock.now() - 730 * DAY + (n + 1) * 60)
    first = read(fast_sim, stream, start_date=None)
    assert not any(log.is_archive for log in fast_sim.searches())
    first.messages = first.messages[: len(first.messages) // 3]
    assert first.state["bookmarks"][stream]["replication_key_value"]
    org.clock.advance(3_600)  # the bookmark lies less than an hour in front of the edge

    second = read(fast_sim, stream, start_date=None, state=first.state)

    assert first.ids(stream) | second.ids(stream) == set(org.ids(kind))


@pytest.mark.parametrize("days", [729.5, 728.1])
def test_a_start_date_just_within_the_two_years_asks_the_archive_too(
    fast_sim: Simulator, days: float
) -> None:
    """Where the edge exactly is nobody knows."""
    org = fast_sim.org
    fast_sim.set(edge_offset_seconds=1.95 * DAY)
    org.add("customer", 120, updated_at=lambda n: org.clock.now() - (days - 0.05 * n) * DAY)

    output = read(fast_sim, start_date=to_iso(int((org.clock.now() - days * DAY - 1) * 1000)))

    assert output.ids("customers") == set(org.ids("customer"))


@pytest.mark.parametrize("days", [3, 40, 400])
def test_rows_that_cross_an_edge_months_off_while_they_are_read_are_not_lost(
    fast_sim: Simulator, days: float
) -> None:
    """Minutes pass with each search; the next run comes days after a kill."""
    org = fast_sim.org
    fast_sim.set(edge_offset_seconds=days * DAY)
    edge = org.clock.now() - (730 - days) * DAY
    org.add("customer", 240, updated_at=lambda n: edge + 0.05 * (n - 40) * DAY)
    fast_sim.before_each_search(org.clock.advance, 600)
    first = read(fast_sim, page_size=10)
    assert first.ids("customers") == set(org.ids("customer"))
    first = killed(first, edge + 2.5 * DAY)
    org.clock.advance(5 * DAY)

    second = read(fast_sim, state=first.state)

    assert first.ids("customers") | second.ids("customers") == set(org.ids("customer"))


def test_an_extract_of_days_goes_on_where_the_edge_is_by_then(fast_sim: Simulator) -> None:
    """The days behind the edge that it passed meanwhile come from both searches as well."""
    org = fast_sim.org
    org.add("customer", 800, updated_at=lambda n: org.clock.now() - (750 - 0.05 * n) * DAY)
    fast_sim.before_each_search(org.clock.advance, 0.15 * DAY)

    output = read(fast_sim)

    assert output.ids("customers") == set(org.ids("customer"))


@pytest.mark.parametrize("bad", range(1, 12))
def test_one_empty_answer_hides_no_rows_behind_an_edge_months_off(
    fast_sim: Simulator, monkeypatch: pytest.MonkeyPatch, bad: int
) -> None:
    """Such as that to the question whether the archive has later rows."""
    org = fast_sim.org
    fast_sim.set(edge_offset_seconds=40 * DAY)
    edge = org.clock.now() - 690 * DAY
    org.add("customer", 100, updated_at=lambda n: edge + 0.5 * (n - 60) * DAY)
    part = PartOfTheIndex(monkeypatch)
    part.share, part.bad = 1, bad

    output = read(fast_sim, max_concurrency=1)

    assert part.searches >= bad
    lost = set(org.ids("customer")) - output.ids("customers")
    assert output.status == 1 or not lost


def test_an_edge_that_moves_faster_than_it_is_read_fails_the_stream(fast_sim: Simulator) -> None:
    """Three days pass with each search: what the archive has by then is not known."""
    org = fast_sim.org
    org.add("customer", 400, updated_at=lambda n: org.clock.now() - (740 - 0.5 * n) * DAY)
    fast_sim.before_each_search(org.clock.advance, 3 * DAY)

    output = read(fast_sim)

    assert output.status == 1
    assert "customers: rows go to the archive faster than it can be read" in output.stderr
    fast_sim.clear_hooks()
    again = read(fast_sim, state=output.state)
    assert output.ids("customers") | again.ids("customers") == set(org.ids("customer"))


def test_without_the_archive_only_two_years_are_read(fast_sim: Simulator) -> None:
    """`include_archived` false asks the standard search alone."""
    org = fast_sim.org
    recent = org.add("customer", 10)
    org.add("customer", 10, updated_at=org.clock.now() - 900 * DAY)

    output = read(fast_sim, include_archived=False)

    assert output.ids("customers") == set(recent)
    assert not any(log.is_archive for log in fast_sim.searches())


def test_notes_idle_for_years_come_from_the_list(fast_sim: Simulator) -> None:
    """Notes have no archive search."""
    org = fast_sim.org
    org.add("note", 60, updated_at=lambda n: org.clock.now() - (1_000 - 15 * n) * DAY)

    output = read(fast_sim, "notes")

    assert output.ids("notes") == set(org.ids("note"))
    assert any(log.path == "/v1/notes" for log in fast_sim.requests)
    assert not any(log.is_archive for log in fast_sim.searches())


def test_notes_that_may_not_be_listed_cost_the_old_ones_only(fast_sim: Simulator) -> None:
    """The searchable notes arrive, the role of the list is named, and nothing is lost later."""
    org = fast_sim.org
    old = org.add("note", 30, updated_at=lambda n: org.clock.now() - (800 + n) * DAY)
    recent = org.add("note", 40)
    org.roles = frozenset({"org.permission.search.create"})

    output = read(fast_sim, "notes")
    org.roles = None
    second = read(fast_sim, "notes", state=output.state)

    assert output.status == 1
    assert output.ids("notes") == set(recent)
    assert "org.permission.note.read" in output.stderr
    assert "`include_archived`" in output.stderr
    assert output.bookmark("notes") is None
    assert second.status == 0
    assert second.ids("notes") == {*old, *recent}


def test_an_old_note_that_is_updated_meanwhile_is_read(fast_sim: Simulator) -> None:
    """When the list shows it, the first search is already answered, and the list is filtered."""
    org = fast_sim.org
    ids = org.add("note", 20, updated_at=lambda n: org.clock.now() - (900 - n) * DAY)
    waiting = list(ids)
    fast_sim.before_each_request(
        lambda: (
            org.update("note", waiting.pop())
            if waiting and fast_sim.requests[-1].path == "/v1/notes"
            else None
        )
    )

    output = read(fast_sim, "notes")

    assert len(waiting) < len(ids)
    assert output.ids("notes") == set(ids)


def test_a_refused_archive_fails_the_stream_with_a_way_out(fast_sim: Simulator) -> None:
    """Rows that cannot be read must not be missing in silence."""
    fast_sim.org.add("customer", 10, updated_at=fast_sim.org.clock.now() - 900 * DAY)
    fast_sim.set(archive_refused_contexts=("customer",))

    output = read(fast_sim)

    assert output.status == 1
    assert "`include_archived`" in output.stderr


def test_the_archive_may_take_other_attributes_than_the_search(fast_sim: Simulator) -> None:
    """Which attribute filters a klass is open, in each of the two searches."""
    org = fast_sim.org
    org.add_klass("order")
    org.add("kobject_order", 60, updated_at=lambda n: org.clock.now() - (1_000 - 15 * n) * DAY)
    fast_sim.set(archive_kobject_klass_attribute="kobject_<klass>_updated_at")

    output = read(fast_sim, "kobject_order")

    assert output.status == 0, output.stderr
    assert output.ids("kobject_order") == set(org.ids("kobject_order"))


def test_the_archive_may_give_smaller_pages(fast_sim: Simulator) -> None:
    """That it takes 500 rows a page is nowhere documented."""
    org = fast_sim.org
    fast_sim.set(archive_page_size=100)
    org.add("customer", 450, updated_at=lambda n: org.clock.now() - (1_400 - n) * DAY)

    output = read(fast_sim, page_size=500)

    assert output.ids("customers") == set(org.ids("customer"))


# -------------------------------------------------------------------- deleted rows


def test_deleted_rows_are_marked(fast_sim: Simulator) -> None:
    """A soft delete moves the row's update, so an incremental run sees it."""
    org = fast_sim.org
    ids = org.add("customer", 10)
    first = read(fast_sim, start_date=fast_sim.config["start_date"])
    org.delete("customer", ids[3])

    second = read(fast_sim, state=first.state)

    assert all(row["_sdc_deleted_at"] is None for row in first.records("customers"))
    row = second.newest("customers")[ids[3]]
    assert row["_sdc_deleted_at"] == row["updated_at"] == row["deleted_at"]


def test_deleted_rows_can_be_left_out(fast_sim: Simulator) -> None:
    """`include_deleted` false is what the search does by itself."""
    org = fast_sim.org
    ids = org.add("customer", 10)
    org.delete("customer", ids[3])

    output = read(fast_sim, include_deleted=False)

    assert output.ids("customers") == set(ids) - {ids[3]}


def test_a_context_that_refuses_deleted_rows_is_read_without_them(fast_sim: Simulator) -> None:
    """A warning says once that deletes of this stream are not seen."""
    org = fast_sim.org
    org.add("customer", 30)
    fast_sim.set(include_deleted_supported=())

    output = read(fast_sim, start_date=fast_sim.config["start_date"], page_size=10)

    assert output.status == 0
    assert output.ids("customers") == set(org.ids("customer"))
    assert output.stderr.count("deleted rows") == 1


def test_rows_erased_meanwhile_do_not_stop_a_run(fast_sim: Simulator) -> None:
    """A row that is removed for good makes totals shrink, everywhere."""
    org = fast_sim.org
    ids = org.add("customer", 200)
    fast_sim.before_each_search(one_by_one(ids[::-7], lambda id_: org.erase("customer", id_)))
    fast_sim.faults.add(Fault("slow", seconds=0.01, times=3))

    output = read(fast_sim, start_date=fast_sim.config["start_date"])

    assert output.status == 0
    assert output.ids("customers") >= set(org.ids("customer"))
