"""One stream that fails does not stop the others, and none ends in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simulator import Fault, Simulator
from tap_kustomer import clock as tap_clock
from tests.support import FAST, Output, run_tap, sync_tap

SEARCH = "/v1/customers/search"
STREAMS = ["customers", "conversations", "messages", "teams", "tags", "sync_runs"]


def fill(sim: Simulator) -> None:
    """Add rows of every kind that is read here."""
    for context in ("customer", "conversation", "message", "team", "tag"):
        sim.org.add(context, 25)


def read(sim: Simulator, state: Any = None, **settings: Any) -> Output:
    """Run the tap in quick time."""
    config = {**sim.config, "page_size": 10, "backoff_max_elapsed_seconds": 5, **settings}
    return sync_tap(config, STREAMS, state=state, clock=tap_clock.Clock(FAST))


def test_the_streams_after_a_failing_one_are_read(fast_sim: Simulator) -> None:
    """In whatever order; what was read of the failing one counts."""
    fill(fast_sim)
    fast_sim.faults.add(
        Fault("status", path=SEARCH, context="conversation", status=503, times=None, after=2)
    )

    output = read(fast_sim)

    assert output.status == 1
    for stream, context in (("customers", "customer"), ("messages", "message"), ("teams", "team")):
        assert output.ids(stream) == set(fast_sim.org.ids(context))
    assert 0 < len(output.ids("conversations")) < 25
    fast_sim.faults.clear()
    second = read(fast_sim, output.state)
    assert second.status == 0
    ids = output.ids("conversations") | second.ids("conversations")
    assert ids == set(fast_sim.org.ids("conversation"))


def test_a_stream_that_fails_at_once_keeps_no_bookmark(fast_sim: Simulator) -> None:
    """The next run begins it at its start date."""
    fill(fast_sim)
    fast_sim.faults.add(Fault("status", path=SEARCH, context="message", status=500, times=None))

    output = read(fast_sim)

    assert output.status == 1
    assert output.bookmark("messages") is None
    assert output.bookmark("customers") is not None


def test_the_rows_of_sync_runs_tell_what_became_of_each_stream(fast_sim: Simulator) -> None:
    """Rows, requests and why it failed, for a dashboard."""
    fill(fast_sim)
    fast_sim.faults.add(
        Fault("status", path=SEARCH, context="conversation", status=503, times=None, after=2)
    )

    output = read(fast_sim)

    runs = {row["stream"]: row for row in output.records("sync_runs")}
    assert runs["customers"]["status"] == "complete"
    assert runs["customers"]["row_count"] == 25
    assert runs["customers"]["requests"] >= 3
    assert runs["conversations"]["status"] == "failed"
    assert "503" in runs["conversations"]["error"]


def test_the_summary_names_each_stream(sim: Simulator, tmp_path: Path) -> None:
    """A line for each that ended well, an error for the other, and how many there were."""
    fill(sim)
    sim.faults.add(Fault("status", path=SEARCH, context="message", status=400, times=None))

    output = run_tap({**sim.config}, select=STREAMS, folder=tmp_path)

    assert output.status == 1
    assert "Traceback" not in output.stderr
    lines = output.stderr.splitlines()
    for stream in ("customers", "conversations", "teams"):
        assert any(f"| {stream}: " in line and " request" in line for line in lines)
    assert any("ERROR" in line and "messages" in line for line in lines)
    assert f"{len(STREAMS)} streams: {len(STREAMS) - 1} complete, 1 failed. " in lines[-1]


def test_a_failing_list_sends_no_activate_version(fast_sim: Simulator) -> None:
    """It would empty the table that the list could not fill."""
    fast_sim.org.add("team", 5)
    fast_sim.org.add("tag", 230)
    fast_sim.faults.add(Fault("status", path="/v1/tags", status=500, times=None, after=3))

    output = read(fast_sim, emit_activate_version_messages=True)

    assert output.status == 1
    assert output.of_type("ACTIVATE_VERSION", "teams")
    assert not output.of_type("ACTIVATE_VERSION", "tags")
    assert 0 < len(output.ids("tags")) < 230


def test_a_bookmark_is_kept_when_the_next_run_fails(fast_sim: Simulator) -> None:
    """A run that reads nothing leaves the state as it was."""
    fill(fast_sim)
    first = read(fast_sim)
    fast_sim.faults.add(Fault("status", path=SEARCH, status=503, times=None))

    second = read(fast_sim, first.state)

    assert second.status == 1
    for stream in ("customers", "conversations", "messages"):
        assert second.bookmark(stream) == first.bookmark(stream)
