"""The audit log: newest first, kept for 90 days, resumable while it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from simulator import Fault, Org, Simulator
from simulator.clock import DAY, to_iso
from tap_kustomer.streams import audit_logs
from tests.support import Output, sync_tap

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = 10
ENTRIES = 45
STREAM = "audit_logs"


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
    server.reset_log()
    new = server.org.add("audit_log", 3, objectType="customer", created_at=server.org.clock.now())
    second = sync_tap(config, [STREAM], state=first.state)

    assert second.ids(STREAM) == set(new)
    assert {query["filter[start]"] for query in asked(server)} == {bookmark}
    assert (second.bookmark(STREAM) or "") >= (bookmark or "")


def test_the_bookmark_stays_behind_the_start_by_the_lookback(server: Simulator) -> None:
    """Entries are published some time after they happened."""
    started = to_iso(int((server.org.clock.now() - 3600) * 1000))
    output = sync_tap(config_of(server, lookback_seconds=3600), [STREAM])

    assert abs(int((output.bookmark(STREAM) or "")[17:19]) - int(started[17:19])) % 60 <= 2
    assert (output.bookmark(STREAM) or "")[:13] == started[:13]


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
        assert "reading" not in part(rest, "conversation")


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
    assert len(first.ids(STREAM) & second.ids(STREAM)) <= 1  # the one that it had come to
    assert first.ids(STREAM) | second.ids(STREAM) == ids_of(server, "conversation", "customer")


def test_a_type_that_is_added_later_is_read_from_the_start(server: Simulator) -> None:
    """The other types go on from where they are."""
    first = sync_tap(config_of(server), [STREAM])
    types = ["conversation", "customer", "user"]
    second = sync_tap(config_of(server, audit_log_object_types=types), [STREAM], state=first.state)

    assert second.ids(STREAM) == ids_of(server, "user")
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
    assert first.bookmark(STREAM) == end
    assert first.ids(STREAM) | second.ids(STREAM) == ids_of(server, "conversation", "customer")


@pytest.mark.parametrize("ignored", ["filter[objectType]", "the order"])
def test_an_answer_that_ignores_the_request_stops_the_stream(
    server: Simulator, ignored: str
) -> None:
    """A list in another order would end early or never."""

    def spoil(document: dict[str, Any]) -> dict[str, Any]:
        rows = document["data"]
        if ignored == "the order":
            rows.reverse()
        else:
            rows[0]["attributes"]["objectType"] = "shortcut"
        return document

    server.faults.add(Fault("rewrite", path="/v1/audit-logs", rewrite=spoil))
    output = sync_tap(config_of(server), [STREAM])

    assert output.status == 1
    assert f"ignores {ignored}" in output.stderr
    assert output.bookmark(STREAM) is None


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
