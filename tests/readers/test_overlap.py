"""Streams overlap: lists and first searches are asked ahead, and nobody downstream can tell."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator import Fault, Org, RequestLog, Simulator
from tap_kustomer.client.rate_limit import Budget, RateLimiter
from tap_kustomer.client.transport import KustomerClient
from tap_kustomer.clock import Clock, StopRequested
from tap_kustomer.readers.prefetch import HELD_BYTES
from tap_kustomer.streams.registry import OPTIONAL_STREAMS, STREAM_NAMES
from tap_kustomer.tap import TapKustomer
from tests.support import Output, read_messages, run_tap, sync_tap, tap_command
from tests.test_resume import read_lines, rest, started

SEARCH = "/v1/customers/search"
SEARCHED = {"conversations": "conversation", "customers": "customer", "messages": "message"}
LISTED = {"brands": "brand", "snoozes": "snooze", "tags": "tag", "teams": "team"}
STREAMS = [*SEARCHED, *LISTED, "companies", "schedules", "users", "work_sessions", "sync_runs"]


@pytest.fixture
def server() -> Iterator[Simulator]:
    """An org with rows of every kind that is read here; answers take a while."""
    org = Org(seed=11, realistic=False)
    for context in (*SEARCHED.values(), *LISTED.values(), "company", "work_session", "user"):
        org.add(context, 25)
    for schedule in org.add("schedule", 3):
        org.add("holiday", 2, parents={"schedule": schedule})
    with Simulator(org, limits=False, latency=0.03, page_latency=0.05) as simulator:
        yield simulator


def read(server: Simulator, *streams: str, state: Any = None, **settings: Any) -> Output:
    """Run the tap over some streams, or all of this page, with pages of ten rows."""
    config = {**server.config, "page_size": 10, **settings}
    return sync_tap(config, streams or STREAMS, state=state)


def most_in_flight(server: Simulator) -> int:
    """Return how many requests were in flight at one moment, at most."""
    moments = [(log.time, 1) for log in server.requests]
    moments += [(log.answered, -1) for log in server.requests]
    in_flight = most = 0
    for _, change in sorted(moments):
        in_flight += change
        most = max(most, in_flight)
    return most


def asked(server: Simulator, path: str) -> list[RequestLog]:
    """Return the requests for a path, which may be shortened."""
    return [log for log in server.requests if log.path.startswith(path)]


def runs_of(output: Output) -> dict[str, dict[str, Any]]:
    """Return the rows of ``sync_runs`` by stream."""
    return {row["stream"]: row for row in output.records("sync_runs")}


# ---------------------------------------------------------------- what nobody may notice


def outline(output: Output) -> list[tuple[str, str | None, str | None]]:
    """Return what the messages are and of which row, without what differs between two runs."""
    return [
        (one["type"], one.get("stream"), one["record"]["id"] if "record" in one else None)
        for one in output.messages
        if one.get("stream") != "sync_runs"
    ]


def test_messages_leave_in_the_order_of_the_streams(server: Simulator) -> None:
    """The same as when one request waits for the other."""
    apart = read(server, max_concurrency=1)
    together = read(server, max_concurrency=4)

    assert apart.status == together.status == 0
    assert outline(together) == outline(apart)
    assert together.streams == sorted(STREAMS, key=lambda name: (name == "sync_runs", name))
    for stream, context in {**SEARCHED, **LISTED, "companies": "company"}.items():
        assert together.ids(stream) == set(server.org.ids(context))


def test_lists_and_first_searches_are_asked_while_another_stream_is_read(
    server: Simulator,
) -> None:
    """Else a run with nothing new is one wait after the other."""
    read(server, max_concurrency=4)

    first_stream_read = server.searches("conversation")[-1].answered
    for path in ("/v1/tags", "/v1/teams", "/v1/users", "/v1/schedules/"):
        assert asked(server, path)[-1].time < first_stream_read
    for context in ("customer", "message"):
        assert server.searches(context)[0].time < first_stream_read
    assert len(server.searches("work_session")) > 0
    assert server.searches("work_session")[0].time > server.searches("company")[-1].answered


def test_with_one_request_in_flight_streams_are_asked_in_their_order(server: Simulator) -> None:
    """Nothing is gained by another order, and a log is easier to read."""
    read(server, max_concurrency=1)

    assert most_in_flight(server) == 1
    order = [log.context or log.path for log in server.requests]
    assert order.index("/v1/tags") > max(
        place for place, one in enumerate(order) if one == "message"
    )


@pytest.mark.parametrize("allowed", [2, 3, 5])
def test_no_more_requests_are_in_flight_than_allowed(server: Simulator, allowed: int) -> None:
    """Lists, searches and children together, discovery too."""
    for conversation in server.org.ids("conversation"):
        server.org.add("customer_event", parents={"conversation": conversation})
    server.reset_log()
    optional = ["conversation_events"]
    output = read(server, *STREAMS, *optional, optional_streams=optional, max_concurrency=allowed)

    assert output.status == 0
    assert len(output.ids("conversation_events")) == 25
    assert 1 < most_in_flight(server) <= allowed


def test_a_stream_that_is_not_selected_is_never_asked_for(server: Simulator) -> None:
    """Not even ahead."""
    read(server, "customers", "tags")
    wanted = {"/v1/users/current", "/v1/klasses", SEARCH, "/v1/tags"}

    paths = {log.path for log in server.requests}
    assert {path for path in paths if not path.startswith("/v1/metadata/")} == wanted
    assert {log.context for log in server.searches()} == {"customer"}


def test_a_test_of_the_streams_asks_for_no_more_than_it_shows(
    server: Simulator, tmp_path: Path
) -> None:
    """One row of each stream is one page."""
    server.org.add("tag", 400)
    output = run_tap({**server.config, "page_size": 10}, "--test", folder=tmp_path)

    assert output.status == 0
    assert output.counts["tags"] == output.counts["messages"] == 1
    assert (
        len(asked(server, "/v1/tags")) <= 3
    )  # two readings, by the switch for deleted ones, and a look ahead


@pytest.mark.parametrize("concurrency", [1, 4])
def test_the_main_thread_waits_for_no_answer_and_the_others_for_no_other(
    monkeypatch: pytest.MonkeyPatch, concurrency: int
) -> None:
    """So a signal is noticed at once, and whatever is asked, nothing can deadlock."""
    threads: dict[str, set[bool]] = {"asks": set(), "waits": set()}
    send, wait_for = KustomerClient.fetch, Clock.wait_for

    def is_main() -> bool:
        return threading.current_thread() is threading.main_thread()

    def fetch(*args: Any, **options: Any) -> Any:
        threads["asks"].add(is_main())
        return send(*args, **options)

    def wait(self: Clock, changed: threading.Condition) -> None:
        threads["waits"].add(is_main())
        wait_for(self, changed)

    monkeypatch.setattr(KustomerClient, "fetch", fetch)
    monkeypatch.setattr(Clock, "wait_for", wait)
    org = Org(seed=12, realistic=False)
    for context in (*SEARCHED.values(), *LISTED.values(), "schedule"):
        org.add(context, 12)
    for conversation in org.ids("conversation"):
        org.add("customer_event", parents={"conversation": conversation})
    klasses = ["order", "device", "visit"]
    for klass in klasses:
        org.add_klass(klass)
        org.add(f"kobject_{klass}", 12)
    settings: dict[str, Any] = {
        "optional_streams": [name for name in OPTIONAL_STREAMS if name != "webhook_events"],
        "extra_streams": [{"name": "more", "path": "/v1/tags"}],
        "present_ids_of": ["customers"],
        "tombstones": True,
        "max_concurrency": concurrency,
        "search_requests_per_minute": 100_000,
        "requests_per_minute": 1_000_000,
        "start_date": "2020-01-01T00:00:00Z",
    }
    streams = [name for name in STREAM_NAMES if name != "webhook_events"]
    streams += ["more", *(f"kobject_{klass}" for klass in klasses)]
    with Simulator(org, limits=False) as server:
        first = read(server, *streams, **settings)
        again = read(server, *streams, state=first.state, **settings)
        checked = TapKustomer(config={**server.config, **settings}, looks=True).preflight()

    assert (first.status, again.status, checked.works) == (0, 0, True)
    assert threads == {"asks": {False}, "waits": {True}}


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("stream", "fault"),
    [
        ("tags", Fault("status", status=422, path="/v1/tags", times=None)),
        ("messages", Fault("status", status=422, path=SEARCH, context="message", times=None)),
    ],
)
def test_what_fails_ahead_fails_when_its_turn_comes_and_alone(
    server: Simulator, stream: str, fault: Fault
) -> None:
    """The streams before and behind it are read."""
    server.faults.add(fault)
    output = read(server)

    runs = runs_of(output)
    assert output.status == 1
    assert {name for name, run in runs.items() if run["status"] != "complete"} == {stream}
    assert list(runs) == sorted(runs)


def test_errors_are_told_in_the_order_of_the_streams(server: Simulator) -> None:
    """A list that failed at once waits for the streams before it."""
    server.faults.add(Fault("status", status=422, path="/v1/tags", times=None))
    server.faults.add(
        Fault("status", status=422, path=SEARCH, context="conversation", after=2, times=None)
    )
    log = read(server).stderr

    assert log.index("conversations: Kustomer rejected") < log.index("tags: Kustomer rejected")
    assert log.count("tags: Kustomer rejected") == 1


def test_a_list_that_is_no_part_of_the_org_is_a_warning(server: Simulator) -> None:
    """Also when it was asked ahead."""
    server.refuse("/v1/tags", 404)
    output = read(server)

    assert output.status == 0
    assert runs_of(output)["tags"]["status"] == "skipped"
    assert not output.of_type("RECORD", "tags")


def test_a_rejected_key_still_ends_the_run_at_its_stream(server: Simulator, tmp_path: Path) -> None:
    """The streams before it are whole, and none behind it is begun."""
    server.faults.add(Fault("status", status=401, path="/v1/tags", times=None))
    output = run_tap(server.config, select=STREAMS, folder=tmp_path)

    assert output.status == 1
    runs = runs_of(output)
    assert runs["tags"]["status"] == "failed"
    assert runs["snoozes"]["status"] == "complete"
    assert "teams" not in runs
    assert not output.of_type("SCHEMA", "teams")


# ---------------------------------------------------------------- ends


@pytest.mark.parametrize("moment", ["while rows are written", "at the turn of a list"])
def test_a_signal_ends_what_is_asked_ahead(server: Simulator, tmp_path: Path, moment: str) -> None:
    """Within seconds, with a last STATE, though lists hang."""
    server.org.add("customer", 3_000)
    server.faults.add(Fault("hang", path="/v1/t", times=None))
    select = ["customers", "tags", "teams"]
    if moment == "at the turn of a list":
        select = ["brands", "tags", "teams"]
    command = tap_command({**server.config, "page_size": 10}, select=select, folder=tmp_path)
    with started(command, tmp_path) as process:
        text = read_lines(process, lambda line, _number: b'"STATE"' in line)
        while not asked(server, "/v1/teams"):
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        text += rest(process)

    assert process.returncode == 143
    assert "Traceback" not in (tmp_path / "log").read_text()
    last = [one for one in read_messages(text.decode()) if one["type"] == "STATE"][-1]
    assert last["value"]["bookmarks"][select[0]]


def test_a_closed_pipe_ends_what_is_asked_ahead(server: Simulator, tmp_path: Path) -> None:
    """Quietly, as a target that is gone wants nothing more."""
    server.org.add("customer", 3_000)
    server.faults.add(Fault("hang", path="/v1/t", times=None))
    command = tap_command(
        {**server.config, "page_size": 10}, select=["customers", "tags", "teams"], folder=tmp_path
    )
    with started(command, tmp_path) as process:
        read_lines(process, lambda line, _number: b'"RECORD"' in line)
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(timeout=60) == 1

    assert "Traceback" not in (tmp_path / "log").read_text()


# ---------------------------------------------------------------- what is told of a run


def test_each_stream_counts_its_own_requests(server: Simulator) -> None:
    """Retries included, whichever stream is read meanwhile."""
    for conversation in server.org.ids("conversation")[:7]:
        server.org.add("customer_event", parents={"conversation": conversation})
    server.faults.add(Fault("status", status=503, path="/v1/teams", times=1))
    server.reset_log()
    optional = ["conversation_events"]
    output = read(server, *STREAMS, *optional, optional_streams=optional)

    told = {stream: run["requests"] for stream, run in runs_of(output).items()}
    below = told["conversation_events"] - len(asked(server, "/v1/conversations/"))
    assert below == told["conversations"]  # each searches for itself
    for stream, context in SEARCHED.items():
        again = below if stream == "conversations" else 0
        assert told[stream] == len(server.searches(context)) - again
    for stream in LISTED:
        assert told[stream] == len(asked(server, f"/v1/{stream}"))
    assert told["teams"] == 4
    assert told["schedules"] == len(asked(server, "/v1/schedules")) == 4
    assert len(asked(server, "/v1/conversations/")) == 25
    discovered = asked(server, "/v1/metadata/") + asked(server, "/v1/klasses")
    assert sum(told.values()) == len(server.requests) - len(discovered) - 1  # `users/current`


def test_a_stream_begins_when_it_is_first_asked(server: Simulator) -> None:
    """Its rows are as current as that, and no more."""
    output = read(server)

    runs = runs_of(output)
    begun = min(run["started_at"] for run in runs.values())
    for stream in LISTED:
        assert runs[stream]["started_at"] == runs[stream]["read_to"]
        # Kustomer tells its time in whole seconds.
        assert runs[stream]["read_to"][:19] <= _text(asked(server, f"/v1/{stream}")[0].time + 1)
    assert runs["tags"]["started_at"][:19] == begun[:19]


def _text(epoch: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(epoch))


# ---------------------------------------------------------------- searches asked ahead


def change_customers_during(server: Simulator, *, seconds: float = 0) -> set[str]:
    """Have customers updated, once, while conversations are read; or the time go on."""
    changed: set[str] = set()

    def change() -> None:
        if len(server.searches("conversation")) >= 3 and not changed:
            changed.update(server.org.update_random("customer", 5))
            server.org.clock.advance(seconds)

    server.before_each_search(change)
    return changed


def test_what_changes_after_a_search_asked_ahead_comes_with_the_next_run(
    server: Simulator,
) -> None:
    """The bookmark stays behind the moment before that search was sent."""
    config = {"page_size": 50, "lookback_seconds": 0}
    server.org.add("conversation", 200)
    changed = change_customers_during(server)
    first = read(server, "conversations", "customers", **config)
    sent = server.searches("customer")[0].time
    assert changed
    assert len(server.searches("customer")) == 1
    assert (first.bookmark("customers") or "9")[:19] <= _text(sent)

    second = read(server, "conversations", "customers", state=first.state, **config)
    rows = {**first.newest("customers"), **second.newest("customers")}
    for row in server.org.rows("customer"):
        assert rows[row["id"]]["updated_at"] == row["attributes"]["updatedAt"]


def test_a_first_answer_that_has_become_old_is_asked_for_again(server: Simulator) -> None:
    """The edge of two years moves on while a long stream is read."""
    server.org.add("conversation", 200)
    changed = change_customers_during(server, seconds=3_600)
    output = read(server, "conversations", "customers", page_size=50)

    assert changed
    assert len(server.searches("customer")) == 2
    rows = output.newest("customers")
    for row in server.org.rows("customer"):
        assert rows[row["id"]]["updated_at"] == row["attributes"]["updatedAt"]


def test_klasses_without_a_search_share_one_when_asked_ahead(server: Simulator) -> None:
    """Several find out at the same time, and the first opens it for all."""
    server.set(kobject_klass_attribute=None)
    klasses = ["order", "device", "visit", "claim"]
    for klass in klasses:
        server.org.add_klass(klass)
        server.org.add(f"kobject_{klass}", 12)
    server.reset_log()
    streams = [f"kobject_{klass}" for klass in klasses]
    output = read(server, *streams)

    assert output.status == 0, output.stderr
    for stream in streams:
        assert output.ids(stream) == set(server.org.ids(stream))
        assert len(output.records(stream)) == 12
    read_once = [log for log in server.searches("kobject") if log.status == 200 and log.rows]
    # Pages, ends, and a first answer of three more; how the range is cut depends on who is first.
    assert len(read_once) <= 4 * 12 // 10 + 2 + 3 + 3 < 4 * 5


# ---------------------------------------------------------------- memory


def test_a_list_is_held_back_until_its_turn(server: Simulator) -> None:
    """Some pages wait, whatever the list's length and the time until its turn."""
    server.org.add("tag", 2_000, name="x" * 8_000)
    server.org.add("conversation", 200)
    output = read(server, "conversations", "tags")

    assert output.ids("tags") == set(server.org.ids("tag"))
    last_search = server.searches("conversation")[-1].time
    # Pages, not requests: one that is asked for again, as where a connection broke, holds no more.
    pages = {log.query["page"] for log in asked(server, "/v1/tags") if log.time < last_search}
    assert len(pages) <= HELD_BYTES // (100 * 8_000) + 1 < len(asked(server, "/v1/tags"))


# ---------------------------------------------------------------- the bound where it is sent


def test_a_search_that_waits_for_its_budget_holds_no_place_of_those_in_flight() -> None:
    """Lists go on meanwhile, even with one request in flight."""
    clock = Clock()
    limiter = RateLimiter(clock, search_per_minute=1, utilization=1.0, in_flight=1)
    with limiter.turn(Budget.SEARCH):
        pass

    def search() -> None:
        with pytest.raises(StopRequested), limiter.turn(Budget.SEARCH):
            pass

    waiting = threading.Thread(target=search)
    waiting.start()
    for _ in range(20):
        with limiter.turn(Budget.ORG):
            pass
    assert waiting.is_alive()  # its minute is not over
    clock.stop_requested = True
    waiting.join(timeout=60)
    assert not waiting.is_alive()


def test_threads_beyond_the_requests_in_flight_wait_for_a_turn_to_end() -> None:
    """However many threads there are, no more than two requests are sent at a time."""
    limiter = RateLimiter(Clock(), in_flight=2)
    held: list[int] = []
    most: list[int] = []

    def send() -> None:
        for _ in range(5):
            with limiter.turn(Budget.ORG):
                held.append(1)
                most.append(len(held))
                time.sleep(0.01)
                held.pop()

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 2
    assert len(most) == 30


def test_searches_come_first_where_there_is_room_for_one_request_only() -> None:
    """A minute is lost with each search that is late; lists have the time that searches wait."""
    limiter = RateLimiter(Clock(), in_flight=1)
    order: list[Budget] = []

    def send(budget: Budget) -> None:
        with limiter.turn(budget):
            order.append(budget)

    waiting = [threading.Thread(target=send, args=(Budget.ORG,)) for _ in range(3)]
    waiting.append(threading.Thread(target=send, args=(Budget.SEARCH,)))
    with limiter.turn(Budget.ORG):
        for thread in waiting:
            thread.start()
        while not vars(limiter)["_searches_due"]:  # it waits for room
            time.sleep(0.001)
    for thread in waiting:
        thread.join()
    assert order == [Budget.SEARCH, Budget.ORG, Budget.ORG, Budget.ORG]


def test_the_place_of_a_search_is_kept_for_the_next_for_a_moment() -> None:
    """Its thread looks at the answer first, and a list would have the place before it."""
    limiter = RateLimiter(Clock(), in_flight=2)
    with limiter.turn(Budget.ORG):
        with limiter.turn(Budget.SEARCH):
            answering = time.monotonic()
        with limiter.turn(Budget.ORG):
            assert time.monotonic() - answering > 0.05


# ---------------------------------------------------------------- discovery
