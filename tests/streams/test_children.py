"""What hangs on one parent: read by its updates, with bookmarks of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from simulator import Fault, Org, Simulator
from tap_kustomer.clock import Clock
from tests.support import FAST, Output, catalog_of, sync_tap

CONVERSATIONS = 45
PAGE = 10
CHILDREN = ("conversation_events", "conversation_forwards")


@pytest.fixture
def server() -> Iterator[Simulator]:
    """An org whose conversations have two events and a forward each."""
    org = Org(seed=3)
    for id_ in org.add("conversation", CONVERSATIONS):
        org.add("customer_event", 2, parents={"conversation": id_})
        org.add("forward", parents={"conversation": id_})
    with Simulator(org=org, limits=False) as simulator:
        yield simulator


def config_of(server: Simulator, **settings: Any) -> dict[str, Any]:
    """Return a config that offers all children, in small pages."""
    return {
        **server.config,
        "optional_streams": [
            *CHILDREN,
            "conversation_attachments",
            "satisfaction_responses",
            "customer_merges",
            "customer_sessions",
        ],
        "page_size": PAGE,
        "requests_per_minute": 100_000,
        **settings,
    }


def lows(server: Simulator) -> list[str]:
    """Return the lower bounds of the searches for conversations so far."""
    return [log.body["and"][0]["conversation_updated_at"]["gte"]  # type: ignore[index]
            for log in server.searches("conversation")]  # fmt: skip


def newest_parent(output: Output) -> str:
    """Return the conversation that was updated last, of those with events."""
    rows = output.records("conversation_events")
    return str(max(rows, key=lambda row: row["parent_updated_at"])["conversation_id"])


def runs(output: Output) -> dict[str, dict[str, Any]]:
    """Return the rows of `sync_runs` by stream."""
    return {row["stream"]: row for row in output.records("sync_runs")}


def test_children_are_read_below_their_parents_and_each_keeps_its_place(server: Simulator) -> None:
    """Each row tells when its parent was updated."""
    output = sync_tap(config_of(server), ["conversations", *CHILDREN, "sync_runs"])

    assert output.status == 0
    assert output.ids("conversation_events") == set(server.org.ids("customer_event"))
    assert output.ids("conversation_forwards") == set(server.org.ids("forward"))
    parents = output.newest("conversations")
    for row in output.records("conversation_events"):
        assert row["parent_updated_at"] == parents[row["conversation_id"]]["updated_at"]
    places = {output.bookmark(stream) for stream in ("conversations", *CHILDREN)}
    assert len(places) == 1
    assert {row["status"] for row in runs(output).values()} == {"complete"}
    assert runs(output)["conversation_events"]["requests"] >= CONVERSATIONS
    assert runs(output)["conversations"]["requests"] < CONVERSATIONS


def test_a_deselected_parent_is_read_but_not_written(server: Simulator) -> None:
    """A user who wants events only has no table of conversations."""
    output = sync_tap(config_of(server), ["conversation_events"])

    assert output.status == 0
    assert output.streams == ["conversation_events"]
    assert set(output.counts) == {"conversation_events"}
    assert output.ids("conversation_events") == set(server.org.ids("customer_event"))
    assert "conversations" not in output.state["bookmarks"]


def test_the_next_run_asks_only_for_parents_that_changed(server: Simulator) -> None:
    """Children cost a request per parent, so a run asks as few parents as it can."""
    config = config_of(server)
    first = sync_tap(config, ["conversation_events"])
    changed = server.org.update_random("conversation", 3)
    server.reset_log()
    second = sync_tap(config, ["conversation_events"], state=first.state)

    asked = {log.path.split("/")[3] for log in server.requests if log.path.endswith("/events")}
    last = newest_parent(first)  # the bookmark is its moment, so it comes again
    assert asked == {*changed, last}
    assert {row["conversation_id"] for row in second.records("conversation_events")} == asked


def test_a_child_that_is_selected_later_reads_all_parents_since_the_start(
    server: Simulator,
) -> None:
    """Its table would otherwise begin in the middle; the parent's rows are not written again."""
    config = config_of(server)
    first = sync_tap(config, ["conversations"])
    changed = set(server.org.update_random("conversation", 2))
    second = sync_tap(config, ["conversations", "conversation_events"], state=first.state)

    assert second.ids("conversation_events") == set(server.org.ids("customer_event"))
    assert second.ids("conversations") >= changed
    assert len(second.ids("conversations") - changed) <= 1  # the one at the bookmark
    known, reached = first.bookmark("conversations"), second.bookmark("conversation_events")
    assert known is not None
    assert reached is not None
    assert reached >= known


def test_a_job_of_children_alone_begins_at_a_start_date_of_its_own(server: Simulator) -> None:
    """Jobs that are split have a state and a start each; neither moves the other's place."""
    moments = {row["id"]: row["attributes"]["updatedAt"] for row in server.org.rows("conversation")}
    middle = sorted(moments.values())[CONVERSATIONS // 2]
    due = {id_ for id_, moment in moments.items() if moment >= middle}
    parents = sync_tap(config_of(server, start_date="2019-01-01"), ["conversations"])
    config = config_of(server, start_date=middle)
    children = sync_tap(config, ["conversation_events"])
    changed = set(server.org.update_random("conversation", 3))
    later = sync_tap(config, ["conversation_events"], state=children.state)
    again = sync_tap(config_of(server, start_date="2019-01-01"), ["conversations"],
                     state=parents.state)  # fmt: skip

    assert parents.ids("conversations") == set(server.org.ids("conversation"))
    assert {row["conversation_id"] for row in children.records("conversation_events")} == due
    assert set(children.state["bookmarks"]) == {"conversation_events"}
    assert {row["conversation_id"] for row in later.records("conversation_events")} >= changed
    assert again.ids("conversations") >= changed


def test_one_schema_and_no_activate_version_whatever_the_catalog_forces(server: Simulator) -> None:
    """A new version would drop the rows of all parents that were not read this time."""
    config = config_of(server, emit_activate_version_messages=True)
    catalog = catalog_of(config, CHILDREN)
    for entry in catalog["streams"]:
        if entry["tap_stream_id"] == "conversation_events":
            entry["replication_method"] = "FULL_TABLE"
    output = sync_tap(config, CHILDREN, catalog=catalog)

    assert output.status == 0
    for stream in CHILDREN:
        assert len(output.of_type("SCHEMA", stream)) == 1
        assert not output.of_type("ACTIVATE_VERSION", stream)
    assert output.bookmark("conversation_events") is None
    assert output.bookmark("conversation_forwards") is not None


def test_a_failing_child_holds_only_itself_back(server: Simulator) -> None:
    """The parent and the other children go on; the next run reads what is missing."""
    config = config_of(server)
    selected = ["conversations", *CHILDREN, "sync_runs"]
    rows = server.org.rows("conversation")
    late = sorted(rows, key=lambda row: row["attributes"]["updatedAt"])[3 * PAGE]["id"]
    server.refuse(f"/v1/conversations/{late}/events", 422)
    first = sync_tap(config, selected)

    assert first.status == 1
    status = {stream: row["status"] for stream, row in runs(first).items()}
    assert status == {
        "conversations": "complete",
        "conversation_events": "failed",
        "conversation_forwards": "complete",
    }
    frozen, done = first.bookmark("conversation_events"), first.bookmark("conversations")
    assert frozen is not None
    assert done is not None
    assert frozen < done == first.bookmark("conversation_forwards")

    server.allow(f"/v1/conversations/{late}/events")
    second = sync_tap(config, selected, state=first.state)
    assert second.status == 0
    both = first.ids("conversation_events") | second.ids("conversation_events")
    assert both == set(server.org.ids("customer_event"))
    assert len(second.records("conversation_forwards")) <= 1  # of the parent at the bookmark
    assert second.bookmark("conversation_events") == second.bookmark("conversations")


def test_a_child_that_may_not_be_read_does_not_hold_the_start_back(server: Simulator) -> None:
    """Else every run would read all parents again for nothing."""
    config = config_of(server)
    first = sync_tap(config, ["conversations"])
    server.refuse("/v1/conversations/*/events", 403)
    server.reset_log()
    second = sync_tap(
        config, ["conversations", "conversation_events", "sync_runs"], state=first.state
    )

    assert second.status == 0
    assert runs(second)["conversation_events"]["status"] == "skipped"
    assert "org.permission.event.read" in second.stderr
    assert len([log for log in server.requests if log.path.endswith("/events")]) == 2
    # Both are asked before their turn, at the same time.
    assert len(lows(server)) == 2
    assert first.bookmark("conversations") in lows(server)
    assert len(second.records("conversations")) <= 1  # the one at the bookmark


def test_a_child_whose_role_the_key_lacks_is_skipped(server: Simulator) -> None:
    """Kustomer's refusal decides, not the roles that the key tells."""
    server.org.roles = frozenset({"org.permission.search.create"})
    output = sync_tap(config_of(server), ["conversations", "conversation_events", "sync_runs"])

    assert output.status == 0
    assert len(output.ids("conversations")) == CONVERSATIONS
    assert runs(output)["conversation_events"]["status"] == "skipped"
    assert "org.permission.event.read" in output.stderr


def test_a_child_that_was_read_before_fails_without_its_role(server: Simulator) -> None:
    """Its table would go stale in silence; the parent goes on."""
    config = config_of(server)
    first = sync_tap(config, ["conversations", "conversation_events"])
    server.org.update_random("conversation", 1)
    server.refuse("/v1/conversations/*/events", 403)
    second = sync_tap(
        config, ["conversations", "conversation_events", "sync_runs"], state=first.state
    )

    assert second.status == 1
    status = {stream: row["status"] for stream, row in runs(second).items()}
    assert status == {"conversations": "complete", "conversation_events": "failed"}
    assert second.bookmark("conversation_events") == first.bookmark("conversation_events")


def test_a_parent_that_is_gone_is_no_failure(server: Simulator) -> None:
    """It was deleted between the search and the request for its events."""
    gone = server.org.ids("conversation")[7]
    server.refuse(f"/v1/conversations/{gone}", 404)
    server.refuse(f"/v1/conversations/{gone}/events", 404)
    output = sync_tap(config_of(server), ["conversations", "conversation_events"])

    assert output.status == 0
    assert len({row["conversation_id"] for row in output.records("conversation_events")}) == 44
    assert output.bookmark("conversation_events") == output.bookmark("conversations")


@pytest.mark.parametrize("parent_status", [None, 403])
def test_a_404_without_a_parent_that_is_gone_fails_the_child(
    server: Simulator, parent_status: int | None
) -> None:
    """What a living parent has would be missing for good: its bookmark stays in front of it."""
    one = server.org.ids("conversation")[7]
    server.refuse(f"/v1/conversations/{one}/events", 404)
    if parent_status:
        server.refuse(f"/v1/conversations/{one}", parent_status)
    first = sync_tap(config_of(server), ["conversations", "conversation_events"])
    assert first.status == 1
    assert "conversation_events" in first.stderr

    server.allow(f"/v1/conversations/{one}/events")
    second = sync_tap(
        config_of(server), ["conversations", "conversation_events"], state=first.state
    )
    both = first.ids("conversation_events") | second.ids("conversation_events")
    assert both == set(server.org.ids("customer_event"))


@pytest.mark.parametrize("was_read", [True, False])
def test_a_child_unknown_for_every_parent_fails(server: Simulator, *, was_read: bool) -> None:
    """Nothing tells an endpoint that the org does not have from one that is gone."""
    config, selected = config_of(server), ["conversations", "conversation_events", "sync_runs"]
    before = sync_tap(config, selected) if was_read else None
    server.org.update_random("conversation", 3)
    for path in ("/v1/conversations/*/events", "/v1/conversations/*"):
        server.refuse(path, 404)
        output = sync_tap(config, selected, state=before.state if before else None)

        assert output.status == 1
        assert runs(output)["conversation_events"]["status"] == "failed"
        bookmark = before.bookmark("conversation_events") if before else None
        assert output.bookmark("conversation_events") == bookmark


def test_a_404_that_passes_costs_no_children(server: Simulator) -> None:
    """The parent is there, so the child is asked for again."""
    server.faults.add(
        Fault("status", path="/v1/conversations", method="GET", status=404, after=4, times=1)
    )
    output = sync_tap(config_of(server, max_concurrency=1), ["conversation_events"])

    assert output.status == 0
    assert output.ids("conversation_events") == set(server.org.ids("customer_event"))


@pytest.mark.parametrize("status", [403, 404])
def test_a_refused_later_page_of_children_is_no_end(server: Simulator, status: int) -> None:
    """Nor does it mean that the parent is gone, or that the key needs a role."""
    server.set(list_max_page_size=2)
    [busy] = server.org.add("conversation")
    events = server.org.add("customer_event", 7, parents={"conversation": busy})
    config = config_of(server)
    whole = sync_tap(config, ["conversation_events"])
    assert whole.ids("conversation_events") >= set(events)

    path = f"/v1/conversations/{busy}/events"
    server.faults.add(Fault("status", path=path, status=status, after=2, times=None))
    output = sync_tap(config, ["conversation_events", "sync_runs"])
    assert runs(output)["conversation_events"]["status"] == "failed"
    assert output.bookmark("conversation_events") != whole.bookmark("conversation_events")


def test_a_403_behind_children_that_were_read_fails(server: Simulator) -> None:
    """The key has the role, so some other thing is wrong."""
    rows = server.org.rows("conversation")
    last = max(rows, key=lambda row: row["attributes"]["updatedAt"])["id"]
    server.refuse(f"/v1/conversations/{last}/events", 403)
    output = sync_tap(config_of(server), ["conversations", "conversation_events", "sync_runs"])

    assert output.status == 1
    assert runs(output)["conversation_events"]["status"] == "failed"


def test_children_without_ids_are_told_apart(server: Simulator) -> None:
    """By their own link, else by all that they say: also over several pages."""
    server.set(list_max_page_size=3)
    [conversation] = server.org.add("conversation")
    server.org.add("attachment", 8, parents={"conversation": conversation})
    forwards = server.org.add("forward", 8, parents={"conversation": conversation})

    def bare(document: dict[str, Any]) -> dict[str, Any]:
        for row in document["data"]:
            del row["id"], row["links"]
        return document

    path = f"/v1/conversations/{conversation}/forwards"
    server.faults.add(Fault("rewrite", path=path, times=None, rewrite=bare))
    config = config_of(server)
    streams = ["conversation_attachments", "conversation_forwards"]
    first, second = sync_tap(config, streams), sync_tap(config, streams)

    assert first.ids("conversation_attachments") == set(server.org.ids("attachment"))
    named = {
        row["id"]
        for row in first.records("conversation_forwards")
        if row["conversation_id"] == conversation
    }
    assert len(named) == len(forwards)
    assert first.ids("conversation_forwards") == second.ids("conversation_forwards")


def test_the_id_of_a_parent_leaves_as_text(server: Simulator) -> None:
    """An integer in a column of text would not validate."""
    [conversation] = server.org.add("conversation", ids=["4711"])
    events = server.org.add("customer_event", 2, parents={"conversation": conversation})

    def whole(document: dict[str, Any]) -> dict[str, Any]:
        for row in document["data"]:
            row["id"] = 4711 if row["id"] == "4711" else row["id"]
        return document

    server.faults.add(Fault("rewrite", context="conversation", times=None, rewrite=whole))
    output = sync_tap(config_of(server), ["conversation_events"])

    rows = output.newest("conversation_events")
    assert {rows[event]["conversation_id"] for event in events} == {"4711"}


@pytest.mark.parametrize("value", [None, "x", [1]])
def test_a_parent_without_attributes_still_has_children(server: Simulator, value: Any) -> None:
    """What a row does not tell is no reason to leave out what hangs on it."""

    def spoil(document: dict[str, Any]) -> dict[str, Any]:
        if document["data"]:
            document["data"][-1]["attributes"] = value
        return document

    server.faults.add(Fault("rewrite", context="conversation", times=None, rewrite=spoil))
    output = sync_tap(config_of(server, page_size=500), ["conversation_events"])

    assert "unexpected" not in output.stderr
    if output.status == 0:
        assert output.ids("conversation_events") == set(server.org.ids("customer_event"))


def test_children_fail_with_a_parent_that_cannot_be_read(server: Simulator) -> None:
    """Also when the parent is not selected; the sentence names both."""
    server.faults.add(Fault("status", status=422, context="conversation", times=None))
    for selected in (["conversation_events"], ["conversations", "conversation_events"]):
        output = sync_tap(config_of(server), [*selected, "sync_runs"])

        assert output.status == 1
        assert set(runs(output)) == set(selected)
        assert runs(output)["conversation_events"]["status"] == "failed"
        assert "conversations" in runs(output)["conversation_events"]["error"]


def test_every_state_continues_without_a_gap(server: Simulator) -> None:
    """Killed after any STATE line, the rest comes with the next run."""
    config = config_of(server)
    selected = ["conversations", *CHILDREN]
    whole = sync_tap(config, selected)
    states = [place for place, one in enumerate(whole.messages) if one["type"] == "STATE"]
    assert len(states) > 6

    for place in states[::5]:
        before = Output(0, "", whole.messages[: place + 1])
        rest = sync_tap(config, selected, state=before.state)
        for stream in selected:
            assert before.ids(stream) | rest.ids(stream) == whole.ids(stream)


def test_children_are_fetched_at_the_same_time_but_no_more_than_allowed(
    server: Simulator,
) -> None:
    """One request per parent is slow; the setting says how many may be in flight."""
    server.set(latency=0.02, page_latency=0.02)
    sync_tap(config_of(server, max_concurrency=3), ["conversations", "conversation_events"])

    moments = [(log.time, 1) for log in server.requests]
    moments += [(log.answered, -1) for log in server.requests]
    in_flight = most = 0
    for _, change in sorted(moments):
        in_flight += change
        most = max(most, in_flight)
    assert most in {2, 3}


def test_one_request_at_a_time_is_enough(server: Simulator) -> None:
    """The smallest setting sends parents' searches and children's requests in turn."""
    output = sync_tap(config_of(server, max_concurrency=1), ["conversation_events"])

    assert output.ids("conversation_events") == set(server.org.ids("customer_event"))


def test_an_attachment_has_a_link_that_stays(server: Simulator) -> None:
    """The signed link differs in every answer: no change, and no secret to keep."""
    [conversation] = server.org.add("conversation")
    server.org.add("attachment", 2, parents={"conversation": conversation})
    config = config_of(server)
    first = sync_tap(config, ["conversation_attachments"])
    second = sync_tap(config, ["conversation_attachments"])

    rows = first.newest("conversation_attachments")
    assert set(rows) == set(server.org.ids("attachment"))
    assert rows == second.newest("conversation_attachments")
    for id_, row in rows.items():
        assert row["api_url"].endswith(f"/attachments/{id_}")
        assert row["conversation_id"] == conversation
        assert "Signature" not in str(row)


def test_responses_are_read_by_the_ids_that_conversations_name(server: Simulator) -> None:
    """There is no list of them; a conversation without an answer costs no request."""
    server.reset_log()
    responses = [f"{number:024x}" for number in (71, 72, 73)]
    for number, id_ in enumerate(responses):
        [conversation] = server.org.add("conversation", satisfactionLevel={"formResponse": id_})
        if number:  # the first was deleted since
            server.org.add(
                "satisfaction_response", ids=[id_], parents={"conversation": conversation}
            )
    named = {
        (row["attributes"].get("satisfactionLevel") or {}).get("formResponse")
        for row in server.org.rows("conversation")
    } - {None}
    output = sync_tap(config_of(server), ["satisfaction_responses"])

    assert output.status == 0
    assert output.ids("satisfaction_responses") == set(responses[1:])
    asked = [log.path for log in server.requests if "satisfaction-responses" in log.path]
    # A refusal is asked for again; for a conversation that names no response, nothing is.
    assert set(asked) == {f"/v1/satisfaction-responses/{id_}" for id_ in named}
    assert max(Counter(asked).values()) == 2
    assert len(named) < CONVERSATIONS


def test_an_end_date_before_the_bookmark_reads_no_children(server: Simulator) -> None:
    """All up to then was read."""
    config = config_of(server)
    first = sync_tap(config, ["conversations", "conversation_events"])
    second = sync_tap(
        {**config, "end_date": "2025-01-01", "start_date": "2024-12-24"},
        ["conversations", "conversation_events"],
        state=first.state,
    )

    assert second.status == 0
    assert not second.counts
    assert second.bookmark("conversation_events") == first.bookmark("conversation_events")


def test_columns_that_a_catalog_deselects_do_not_leave(server: Simulator) -> None:
    """Those that the tap adds to a child's rows are columns like any other."""
    config = config_of(server)
    catalog = catalog_of(config, ["conversation_events"])
    left_out = {"conversation_id", "parent_updated_at"}
    [entry] = [one for one in catalog["streams"] if one["stream"] == "conversation_events"]
    for one in entry["metadata"]:
        if one["breadcrumb"][-1:] and one["breadcrumb"][-1] in left_out:
            one["metadata"].update(selected=False, inclusion="available")
    output = sync_tap(config, ["conversation_events"], catalog=catalog)

    rows = output.records("conversation_events")
    assert output.status == 0
    assert {row["id"] for row in rows} == set(server.org.ids("customer_event"))
    assert not any(left_out & set(row) for row in rows)
    assert not left_out & set(output.schema("conversation_events")["properties"])
    assert output.bookmark("conversation_events") is not None


@pytest.mark.parametrize("times", [1, 3])
def test_a_row_that_is_none_is_asked_for_again(server: Simulator, times: int) -> None:
    """It stands where a row was, which would be missing until its parent changes."""

    def with_null(document: dict[str, Any]) -> dict[str, Any]:
        return {**document, "data": [None, *document["data"][1:]]}

    parent = server.org.ids("conversation")[0]
    server.faults.add(
        Fault(
            "rewrite",
            path=f"/v1/conversations/{parent}/events",
            times=times,
            rewrite=with_null,
        )
    )
    output = sync_tap(config_of(server), ["conversation_events"], clock=Clock(FAST))

    assert output.status == 0
    assert output.ids("conversation_events") == set(server.org.ids("customer_event"))
