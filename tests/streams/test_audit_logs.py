"""The audit log: newest first, kept for 90 days, resumable while it is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from simulator import Fault, Org, Simulator
from simulator.clock import DAY, to_iso
from tap_kustomer import timestamps
from tap_kustomer.clock import Clock
from tap_kustomer.streams import audit_logs
from tests.support import Output, sync_tap

PAGE = 10
ENTRIES = 45
STREAM = "audit_logs"
PATH = "/v1/audit-logs"
START = "2026-10-01"


class WrongClock(Clock):
    """A machine's clock that is ahead, or behind."""

    def __init__(self, ahead: float) -> None:
        """Be ``ahead`` by so many seconds."""
        super().__init__()
        self.ahead = ahead

    def now(self) -> float:
        """Return the wrong time."""
        return super().now() + self.ahead


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """An org with entries of two object types over a month; pages are small."""
    monkeypatch.setattr(audit_logs, "COUNT", PAGE)
    org = Org(seed=4)
    now = org.clock.now()
    for kind in ("conversation", "customer"):
        moments = [now - 30 * DAY + place * DAY / 2 for place in range(ENTRIES)]
        org.add("audit_log", ENTRIES, created_at=moments, objectType=kind)
    org.add("audit_log", 5, created_at=now - DAY, objectType="user")
    with Simulator(org=org, limits=False) as simulator:
        yield simulator


def config_of(server: Simulator, **settings: Any) -> dict[str, Any]:
    """Return a config that offers the audit log."""
    return {**server.config, "optional_streams": [STREAM], "lookback_seconds": 0, **settings}


def ids_of(server: Simulator, *kinds: str) -> set[str]:
    """Return the ids of the entries of some object types."""
    rows = server.org.rows("audit_log")
    return {row["id"] for row in rows if row["attributes"]["objectType"] in kinds}


def newest(server: Simulator, *kinds: str) -> set[str]:
    """Return the newest entry of each type: it is at the bookmark, so it comes again."""
    rows = sorted(server.org.rows("audit_log"), key=lambda row: row["attributes"]["createdAt"])
    return {
        [row["id"] for row in rows if row["attributes"]["objectType"] == kind][-1] for kind in kinds
    }


def asked(server: Simulator) -> list[dict[str, str]]:
    """Return the queries of the requests for the log so far."""
    return [log.query for log in server.requests if log.path == "/v1/audit-logs"]


def part(output: Output, kind: str) -> dict[str, Any]:
    """Return what the state holds of one object type."""
    return dict(output.state["bookmarks"][STREAM]["object_types"][kind])


def move_state(output: Output, days: float) -> dict[str, Any]:
    """Return the state as a run would have left it ``days`` ago."""
    moment = to_iso(int((Org().clock.now() - days * DAY) * 1000))
    bookmark = {
        "replication_key": "created_at",
        "replication_key_value": moment,
        "object_types": {"conversation": {"read_until": moment}},
    }
    return {**output.state, "bookmarks": {STREAM: bookmark}}


def test_the_types_of_the_setting_are_read_to_their_end(server: Simulator) -> None:
    """Each type has a filter of its own; the pages hang together by cursor."""
    output = sync_tap(config_of(server), [STREAM])

    assert output.status == 0
    assert output.ids(STREAM) == ids_of(server, "conversation", "customer")
    assert len(output.records(STREAM)) == 2 * ENTRIES
    assert {query["filter[objectType]"] for query in asked(server)} == {"conversation", "customer"}
    assert len([query for query in asked(server) if "before" in query]) == 2 * (ENTRIES // PAGE)


def test_the_next_run_reads_what_came_since(server: Simulator) -> None:
    """The filter on the start makes it cheap; the lookback may bring a few entries again."""
    config = config_of(server)
    first = sync_tap(config, [STREAM])
    bookmark = first.bookmark(STREAM)
    again = newest(server, "conversation", "customer")
    server.reset_log()
    new = server.org.add("audit_log", 3, objectType="customer", created_at=server.org.clock.now())
    second = sync_tap(config, [STREAM], state=first.state)

    assert second.ids(STREAM) == {*new, *again}
    assert {query["filter[start]"] for query in asked(server)} == {bookmark}
    assert len(asked(server)) == 2 * 2  # each type's only answer is asked for again
    assert (second.bookmark(STREAM) or "") >= (bookmark or "")


@pytest.mark.parametrize("lookback", [0, 3600])
def test_the_bookmark_stays_behind_the_newest_entry_by_the_lookback(
    server: Simulator, lookback: int
) -> None:
    """Entries are published some time after they happened."""
    output = sync_tap(config_of(server, lookback_seconds=lookback), [STREAM])
    seen = max(row["created_at"] for row in output.records(STREAM))

    assert output.bookmark(STREAM) == timestamps.shift(seen, seconds=-lookback)


@pytest.mark.parametrize("minutes", [-60, 10, 60])
def test_a_clock_that_is_wrong_moves_no_bookmark_past_entries(
    server: Simulator, minutes: int
) -> None:
    """Without a `Date` header it is this machine's: the place is that of what was seen."""
    server.set(date_header=False)
    config = config_of(server, audit_log_object_types=["customer"])
    wrong = WrongClock(minutes * 60)
    first = sync_tap(config, [STREAM], clock=wrong)
    now = server.org.clock.now()
    late = server.org.add(
        "audit_log", 3, objectType="customer", created_at=[now, now + 60, now + 120]
    )
    server.org.clock.advance(7200)
    second = sync_tap(config, [STREAM], state=first.state)

    assert first.ids(STREAM) | second.ids(STREAM) == ids_of(server, "customer")
    assert second.ids(STREAM) >= set(late)


def _half(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "data": document["data"][: PAGE // 2]}


def _cut(document: dict[str, Any]) -> dict[str, Any]:
    return {**_half(document), "links": {"next": None}}


def _nothing(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "data": [], "links": {"next": None}}


def _null(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "data": None}


def _without_meta(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "meta": {}}


@pytest.mark.parametrize("change", [_half, _cut, _nothing, _null])
@pytest.mark.parametrize("times", [1, None])
@pytest.mark.parametrize("tells", [True, False])
def test_a_page_that_is_a_part_ends_nothing(
    server: Simulator, change: Any, times: int | None, *, tells: bool
) -> None:
    """It is asked for again; what stays a part leaves the bookmark in front of it."""
    if not tells:
        server.faults.add(Fault("rewrite", path=PATH, times=None, rewrite=_without_meta))
    server.faults.add(Fault("rewrite", path=PATH, after=1, times=times, rewrite=change))
    config = config_of(
        server, audit_log_object_types=["customer"], backoff_max_elapsed_seconds=1, start_date=START
    )
    first = sync_tap(config, [STREAM])
    server.faults.clear()
    second = sync_tap(config, [STREAM], state=first.state)

    if times == 1:
        assert first.status == 0
        assert first.ids(STREAM) == ids_of(server, "customer")
    # Nothing tells an empty answer that is given twice from an end, but a count does.
    if tells or change is not _nothing or times == 1:
        assert first.ids(STREAM) | second.ids(STREAM) == ids_of(server, "customer")
        assert second.status == 0


@pytest.mark.parametrize("place", [1, 2, 3])
def test_a_circle_over_several_pages_is_left(server: Simulator, place: int) -> None:
    """A cursor that leads back to a page before the last would be followed for ever."""

    def back(document: dict[str, Any]) -> dict[str, Any]:
        link = f"{PATH}?count={PAGE}&filter[objectType]=customer"
        return {**document, "links": {"next": link}}

    server.faults.add(Fault("rewrite", path=PATH, after=place, times=None, rewrite=back))
    output = sync_tap(config_of(server, audit_log_object_types=["customer"]), [STREAM])

    assert output.status == 1
    assert output.bookmark(STREAM) is None
    assert len(asked(server)) < 12


def test_no_bookmark_moves_while_the_list_is_read(server: Simulator) -> None:
    """The newest entry comes first: a bookmark behind it would lose all the older ones."""
    output = sync_tap(config_of(server), [STREAM])
    states = [state["bookmarks"].get(STREAM, {}) for state in output.states]
    values = [
        state["replication_key_value"] for state in states if "replication_key_value" in state
    ]

    assert len(states) > 2 * (ENTRIES // PAGE)
    assert set(values) == {output.bookmark(STREAM)}
    ends = [one for one in output.messages if one["type"] == "STATE"][-2:]
    assert "replication_key_value" in ends[0]["value"]["bookmarks"][STREAM]


def test_every_state_continues_without_a_gap(server: Simulator) -> None:
    """Killed after any STATE line, the older part comes first, and then what is new."""
    config = config_of(server)
    whole = sync_tap(config, [STREAM])
    places = [place for place, one in enumerate(whole.messages) if one["type"] == "STATE"]
    new = set(server.org.add("audit_log", 2, objectType="customer",
                             created_at=server.org.clock.now()))  # fmt: skip

    for place in places:
        before = Output(0, "", whole.messages[: place + 1])
        rest = sync_tap(config, [STREAM], state=before.state)
        assert rest.status == 0
        assert before.ids(STREAM) | rest.ids(STREAM) == whole.ids(STREAM) | new
        assert part(rest, "conversation")["reading"] is None


def test_a_resumed_reading_asks_only_for_the_older_part(server: Simulator) -> None:
    """A log of millions of entries must come to its end, over as many runs as it takes."""
    config = config_of(server)
    server.faults.add(Fault("status", status=422, path="/v1/audit-logs", after=3, times=None))
    first = sync_tap(config, [STREAM])
    server.faults.clear()
    server.reset_log()
    second = sync_tap(config, [STREAM], state=first.state)

    assert first.status == 1
    assert first.bookmark(STREAM) is None
    assert part(first, "conversation")["reading"]["reached"] > server.config["start_date"]
    assert second.status == 0
    again = first.ids(STREAM) & second.ids(STREAM)
    assert len(again - newest(server, "conversation")) <= 1  # the one that it had come to
    assert first.ids(STREAM) | second.ids(STREAM) == ids_of(server, "conversation", "customer")


def test_a_type_that_is_added_later_is_read_from_the_start(server: Simulator) -> None:
    """The other types go on from where they are."""
    first = sync_tap(config_of(server), [STREAM])
    types = ["conversation", "customer", "user"]
    second = sync_tap(config_of(server, audit_log_object_types=types), [STREAM], state=first.state)

    again = newest(server, "conversation", "customer")
    assert second.ids(STREAM) == ids_of(server, "user") | again
    assert (second.bookmark(STREAM) or "") >= (first.bookmark(STREAM) or "")


def test_a_gap_longer_than_the_retention_is_warned_of_with_its_range(server: Simulator) -> None:
    """Kustomer has dropped those entries: the table has a hole that nobody else tells of."""
    config = config_of(server, audit_log_object_types=["conversation"])
    first = sync_tap(config, [STREAM])
    state = move_state(first, days=120)
    second = sync_tap(config, [STREAM], state=state)

    lost_from = state["bookmarks"][STREAM]["replication_key_value"]
    assert lost_from in second.stderr
    assert "may be lost" in second.stderr
    edge = to_iso(int((server.org.clock.now() - 90 * DAY) * 1000))
    assert edge[:13] in second.stderr
    assert "may be lost" not in first.stderr


def test_a_gap_within_the_retention_is_no_word_worth(server: Simulator) -> None:
    """Nothing was lost."""
    config = config_of(server, audit_log_object_types=["conversation"])
    first = sync_tap(config, [STREAM])
    second = sync_tap(config, [STREAM], state=move_state(first, days=80))

    assert "may be lost" not in second.stderr
    assert second.ids(STREAM) == ids_of(server, "conversation")


def test_an_end_date_ends_the_reading_and_the_bookmark(server: Simulator) -> None:
    """A backfill reads up to there, and the next run goes on from there."""
    end = to_iso(int((server.org.clock.now() - 20 * DAY) * 1000))
    first = sync_tap(config_of(server, end_date=end), [STREAM])
    second = sync_tap(config_of(server), [STREAM], state=first.state)

    assert max(row["created_at"] for row in first.records(STREAM)) <= end
    assert first.bookmark(STREAM) == max(row["created_at"] for row in first.records(STREAM))
    assert first.ids(STREAM) | second.ids(STREAM) == ids_of(server, "conversation", "customer")


@pytest.mark.parametrize("times", [1, None])
@pytest.mark.parametrize("ignored", ["filter[objectType]", "the order"])
def test_answers_that_ignore_the_request_stop_the_stream(
    server: Simulator, ignored: str, times: int | None
) -> None:
    """A list in another order would end early or never; one odd answer decides nothing."""

    def spoil(document: dict[str, Any]) -> dict[str, Any]:
        rows = document["data"]
        if ignored == "the order":
            rows.reverse()
        else:
            rows[0]["attributes"]["objectType"] = "shortcut"
        return document

    server.faults.add(Fault("rewrite", path="/v1/audit-logs", rewrite=spoil, times=times))
    output = sync_tap(config_of(server), [STREAM])

    if times == 1:
        assert output.status == 0, output.stderr
        assert output.ids(STREAM) == ids_of(server, "conversation", "customer")
        return
    assert output.status == 1
    assert f"ignores {ignored}" in output.stderr
    assert output.bookmark(STREAM) is None


@pytest.mark.parametrize("lost", ["attributes", "createdAt"])
def test_an_entry_that_lost_a_part_in_one_answer_arrives_whole(
    server: Simulator, lost: str
) -> None:
    """It is asked for again: an entry never changes, so no later run would mend it."""

    def spoil(document: dict[str, Any]) -> dict[str, Any]:
        row = document["data"][3]
        (row if lost in row else row["attributes"]).pop(lost)
        return document

    server.faults.add(Fault("rewrite", path=PATH, rewrite=spoil))
    output = sync_tap(config_of(server), [STREAM])

    assert output.status == 0
    assert all(row["created_at"] and row["object_type"] for row in output.records(STREAM))
    assert output.ids(STREAM) == ids_of(server, "conversation", "customer")


def test_links_that_are_missing_do_not_end_the_list(server: Simulator) -> None:
    """The id of the last row is a cursor too; an empty page is the end."""

    def bare(document: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in document.items() if name == "data"}

    server.faults.add(Fault("rewrite", path="/v1/audit-logs", rewrite=bare, times=None))
    output = sync_tap(config_of(server), [STREAM])

    assert output.status == 0
    assert output.ids(STREAM) == ids_of(server, "conversation", "customer")


def test_a_list_that_goes_round_in_circles_is_left(server: Simulator) -> None:
    """A cursor that leads to the same page would be followed for ever."""
    server.faults.add(
        Fault(
            "rewrite",
            path="/v1/audit-logs",
            times=None,
            rewrite=lambda document: {**document, "links": {"next": "/v1/audit-logs?count=10"}},
        )
    )
    output = sync_tap(config_of(server, audit_log_object_types=["conversation"]), [STREAM])

    assert output.status == 1
    assert output.bookmark(STREAM) is None
