"""Lists that change or answer oddly while they are read: whole, or a failed stream."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from simulator import MISSING, Fault, Org, Simulator
from simulator.clock import DAY
from tap_kustomer.readers.list_page import ListPage, is_of_other_list
from tests.support import Output, sync_tap


@pytest.fixture
def server() -> Iterator[Simulator]:
    """An empty org."""
    with Simulator(org=Org(seed=6), limits=False) as simulator:
        yield simulator


def read(server: Simulator, *streams: str, **settings: Any) -> Output:
    """Run the tap over some streams."""
    return sync_tap({**server.config, **settings}, [*streams, "sync_runs"])


def status(output: Output, stream: str) -> str:
    """Return how a stream ended."""
    [row] = [row for row in output.records("sync_runs") if row["stream"] == stream]
    return str(row["status"])


def tags(server: Simulator, *, state: dict[str, Any] | None = None, **settings: Any) -> Output:
    """Run the tap over tags, with another list beside it."""
    config = {**server.config, "emit_activate_version_messages": True, **settings}
    return sync_tap(config, ["tags", "teams", "sync_runs"], state=state)


def is_activated(output: Output) -> bool:
    """Say whether the target was told to drop what was not among these tags."""
    return bool(output.of_type("ACTIVATE_VERSION", "tags"))


@pytest.mark.parametrize("status_code", [404, 403, 400])
@pytest.mark.parametrize("was_read", [True, False])
def test_a_refused_page_is_no_end(server: Simulator, status_code: int, *, was_read: bool) -> None:
    """Only the first answer may say that a list is no part of the org, or needs a role."""
    server.set(list_max_page_size=5)
    all_tags = set(server.org.add("tag", 17))
    server.org.add("team", 2)
    state = tags(server).state if was_read else None
    fault = Fault("status", path="/v1/tags", status=status_code, after=2, times=None)
    server.faults.add(fault)
    output = tags(server, state=state)

    assert output.status == 1
    assert status(output, "tags") == "failed"
    assert not is_activated(output)
    assert output.ids("tags") < all_tags
    server.faults.clear()
    assert tags(server, state=output.state).ids("tags") == all_tags


def test_a_page_that_is_refused_once_is_asked_for_again(server: Simulator) -> None:
    """A hiccup in the middle of a long list costs a request, not the list."""
    server.set(list_max_page_size=5)
    all_tags = set(server.org.add("tag", 17))
    server.faults.add(Fault("status", path="/v1/tags", status=404, after=2, times=1))

    assert tags(server).ids("tags") == all_tags


def test_a_list_that_was_read_before_is_not_skipped(server: Simulator) -> None:
    """A 404 to its first page would let its table go stale in silence."""
    server.org.add("tag", 3)
    server.org.add("team", 2)
    state = tags(server).state
    server.refuse("/v1/tags", 404)
    output = tags(server, state=state)

    assert output.status == 1
    assert status(output, "tags") == "failed"
    assert status(output, "teams") == "complete"
    assert not is_activated(output)


def test_users_whose_second_reading_is_refused_are_not_whole(server: Simulator) -> None:
    """The first brought rows, so the list is a part of the org."""
    server.org.add("user", 3)
    server.faults.add(Fault("status", path="/v1/users", status=404, after=2, times=None))
    output = read(server, "users", "teams", emit_activate_version_messages=True)

    assert status(output, "users") == "failed"
    assert not output.of_type("ACTIVATE_VERSION", "users")


def _null(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "data": None}


def _errors(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "data": [], "errors": [{"code": "internal"}]}


def _half(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "data": document["data"][: len(document["data"]) // 2]}


def _empty(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "data": []}


def _number(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "links": {"next": 2}}


def _cut(document: dict[str, Any]) -> dict[str, Any]:
    return {**_half(document), "links": {"next": None}}


def _without_next(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "links": {"next": None}}


def _without_links(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != "links"}


def _back(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "links": {"next": "/v1/tags?page=1&pageSize=5"}}


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize(
    "change",
    [_null, _errors, _half, _empty, _number, _cut, _without_next, _without_links, _back],
)
def test_one_odd_page_hides_no_tags(server: Simulator, change: Any, after: int) -> None:
    """Neither a part, nor nothing, nor a link that is none is an end."""
    server.set(list_max_page_size=5)
    all_tags = set(server.org.add("tag", 17))
    state = tags(server).state
    server.faults.add(Fault("rewrite", path="/v1/tags", after=after, times=1, rewrite=change))
    output = tags(server, state=state)

    assert output.status == 0
    assert output.ids("tags") == all_tags


@pytest.mark.parametrize("change", [_without_next, _without_links])
@pytest.mark.parametrize("rows", [5, 17, 20])
def test_a_list_that_never_names_a_next_page_is_whole(
    server: Simulator, change: Any, rows: int
) -> None:
    """A full page is no end, however often it says so: the next is asked for by its number."""
    server.set(list_max_page_size=5)
    all_tags = set(server.org.add("tag", rows))
    server.faults.add(Fault("rewrite", path="/v1/tags", times=None, rewrite=change))
    output = tags(server)

    assert output.status == 0
    assert output.ids("tags") == all_tags
    assert status(output, "tags") == "complete"


@pytest.mark.parametrize("change", [_null, _errors, _half, _empty, _number, _back])
def test_a_page_that_stays_odd_fails_its_stream_alone(server: Simulator, change: Any) -> None:
    """A target that drops what was not among the rows would drop those that are missing."""
    server.set(list_max_page_size=5)
    server.org.add("tag", 17)
    server.org.add("team", 2)
    server.faults.add(Fault("rewrite", path="/v1/tags", after=1, times=None, rewrite=change))
    output = tags(server, backoff_max_elapsed_seconds=1)

    assert output.status == 1
    assert status(output, "tags") == "failed"
    assert status(output, "teams") == "complete"
    assert not is_activated(output)
    assert "/v1/tags" in output.stderr
    assert "unexpected" not in output.stderr


def test_a_link_may_be_an_object(server: Simulator) -> None:
    """JSON:API has two forms of a link."""

    def linked(document: dict[str, Any]) -> dict[str, Any]:
        return {**document, "links": {"next": {"href": document["links"]["next"]}}}

    server.set(list_max_page_size=5)
    all_tags = set(server.org.add("tag", 17))
    server.faults.add(Fault("rewrite", path="/v1/tags", times=None, rewrite=linked))

    assert tags(server).ids("tags") == all_tags


def test_pages_smaller_than_asked_for_are_learned_where_nothing_tells_it(server: Simulator) -> None:
    """A silent limit of the server looks like a page that is short."""
    server.set(list_max_page_size=5)
    all_tags = set(server.org.add("tag", 17))

    def bare(document: dict[str, Any]) -> dict[str, Any]:
        return {**document, "meta": {}}

    server.faults.add(Fault("rewrite", path="/v1/tags", times=None, rewrite=bare))
    for links in (True, False):
        server.set(list_links=links)
        output = tags(server)
        assert output.status == 0
        assert output.ids("tags") == all_tags


@pytest.mark.parametrize(
    ("kind", "stream", "path"),
    [("tag", "tags", "/v1/tags"), ("company", "companies", "/v1/companies"),
     ("note", "notes", "/v1/notes")],
)  # fmt: skip
def test_rows_that_leave_take_no_other_row_with_them(
    server: Simulator, kind: str, stream: str, path: str
) -> None:
    """Each one that leaves an earlier page moves the rest across the edges of pages."""
    server.set(list_max_page_size=5)
    old = server.org.clock.now() - 800 * DAY
    victims = iter(sorted(server.org.add(kind, 33, updated_at=old))[:4])

    def leave(document: dict[str, Any]) -> dict[str, Any]:
        for id_ in victims:
            server.org.erase(kind, id_)
            break
        return document

    server.faults.add(Fault("rewrite", path=path, times=None, rewrite=leave))
    output = read(server, stream, start_date="2020-01-01")

    assert output.status == 0
    assert output.ids(stream) >= set(server.org.ids(kind))


def test_notes_that_do_not_tell_when_they_were_updated_are_rows(server: Simulator) -> None:
    """Only the list has them; they move no bookmark, and a warning says so."""
    old = server.org.add("note", 7, updated_at=server.org.clock.now() - 800 * DAY)
    undated = server.org.add("note", 3, updated_at=MISSING)
    output = read(server, "notes", start_date="2020-01-01")

    assert output.ids("notes") == {*old, *undated}
    assert output.bookmark("notes") is None or output.bookmark("notes") < "2026"  # type: ignore[operator]
    assert "3 notes do not say when they were updated" in output.stderr


@pytest.mark.parametrize("value", [None, "x", [1]])
def test_a_schedule_without_attributes_is_a_row(server: Simulator, value: Any) -> None:
    """Its holidays are asked for all the same."""
    schedules = server.org.add("schedule", 2)

    def spoil(document: dict[str, Any]) -> dict[str, Any]:
        if isinstance(document["data"], list):
            document["data"][0]["attributes"] = value
        return document

    server.faults.add(Fault("rewrite", path="/v1/schedules", times=None, rewrite=spoil))
    output = read(server, "schedules")

    assert output.status == 0
    assert output.ids("schedules") == set(schedules)


def test_a_quiet_run_asks_each_list_once(server: Simulator) -> None:
    """Active and deleted rows apart; what the last run found tells that none of them is a part."""
    server.org.add("user", 3)
    server.org.add("tag", 3)
    state = tags(server).state
    config = server.config
    first = sync_tap(config, ["users", "tags", "teams"], state=state)
    server.reset_log()
    sync_tap(config, ["users", "tags", "teams"], state=first.state)

    paths = Counter(log.path for log in server.requests)
    assert (paths["/v1/tags"], paths["/v1/teams"], paths["/v1/users"]) == (2, 2, 2)


@pytest.mark.parametrize("said", [1, 3, 100, 0, -5, "many", None])
def test_a_page_size_that_is_told_wrongly_does_not_keep_a_list_from_its_end(
    server: Simulator, said: object
) -> None:
    """What a page holds counts, not what it says of itself."""

    def lie(document: dict[str, Any]) -> dict[str, Any]:
        return {**document, "meta": {"pageSize": said}}

    all_tags = set(server.org.add("tag", 250))
    server.faults.add(Fault("rewrite", path="/v1/tags", times=None, rewrite=lie))
    output = tags(server)

    assert output.status == 0
    assert output.ids("tags") == all_tags


@pytest.mark.parametrize("times", [1, None])
def test_the_answer_to_another_list_is_asked_for_again(
    server: Simulator, times: int | None
) -> None:
    """A cache that mistakes one for the other. What is said twice is believed: it may be so."""
    org = server.org
    all_tags = set(org.add("tag", 3))
    team = {"type": "team", "id": "7" * 24, "attributes": {"name": "Night"}}
    body = json.dumps({"data": [team], "meta": {"total": 1}, "links": {"next": None}})
    fault = Fault("status", path="/v1/tags", status=200, times=times, body=body)
    server.faults.add(fault)
    output = tags(server)

    assert status(output, "tags") == "complete"
    assert output.ids("tags") == (all_tags if times == 1 else {"7" * 24})


@pytest.mark.parametrize("rows", [0, 3, 12])
@pytest.mark.parametrize("after", [0, 1, 2, 3, 4, 5])
def test_a_total_that_is_too_large_once_fails_no_list(
    server: Simulator, rows: int, after: int
) -> None:
    """Whichever answer of whichever walk it is in: two walks have to say so."""
    server.set(list_max_page_size=5)
    all_snoozes = set(server.org.add("snooze", rows))

    def grown(document: dict[str, Any]) -> dict[str, Any]:
        document["meta"]["total"] = rows + 3
        return document

    server.faults.add(Fault("rewrite", path="/v1/snoozes", rewrite=grown, after=after, times=1))
    output = read(server, "snoozes", "teams")

    assert status(output, "snoozes") == "complete", output.stderr
    assert output.ids("snoozes") == all_snoozes


@pytest.mark.parametrize("path", ["/v1/tags", "/v1/teams/7/members/users", "/v1/companies"])
def test_a_list_of_what_its_path_names_is_not_doubted(path: str) -> None:
    """Nor one whose kind nobody knows, nor an empty one."""
    for kind in ("tag", "user", "company"):
        page = ListPage.parse(json.dumps({"data": [{"type": kind, "id": "1"}]}).encode())
        assert is_of_other_list(page, path) == (kind.removesuffix("y") not in path)
    for rows in ([], [{"id": "1"}], [{"type": "kb_category", "id": "1"}]):
        assert not is_of_other_list(ListPage.parse(json.dumps({"data": rows}).encode()), path)
