"""What goes wrong between Kustomer and here: retried, bounded, then one sentence."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from simulator import Clock as OrgClock
from simulator import Fault, Org, Simulator
from tap_kustomer.clock import Clock
from tap_kustomer.errors import UnavailableError
from tests.support import FAST, Output, run_tap, sync_tap

SEARCH = "/v1/customers/search"


FASTER = 200.0  # clock speed of tests that only wait


def fast_org(*, speed: float = FAST, **counts: int) -> Org:
    """Return an org whose time runs as fast as the tap's."""
    org = Org(seed=1, clock=OrgClock(speed=speed))
    for context, count in counts.items():
        org.add(context, count=count)
    return org


def run(sim: Simulator, *select: str, **config: Any) -> Output:
    """Run the tap on the org's clock."""
    clock = Clock(sim.org.clock.speed)
    return sync_tap({**sim.config, **config}, select, clock=clock)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 502, "html": True},
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 503, "headers": {"Retry-After": "20"}},
        {"kind": "status", "status": 504},
        {"kind": "reset"},
        {"kind": "close"},
        {"kind": "truncated"},
        {"kind": "truncated", "fraction": 0.0},
        {"kind": "invalid_json"},
        {"kind": "not_json_200"},
        {"kind": "invalid_json", "body": b""},
        {"kind": "invalid_json", "body": b"[]"},
        {"kind": "invalid_json", "body": b'{"data": 5}'},
        {"kind": "timed_out"},
        {"kind": "empty_page"},
    ],
    ids=str,
)
def test_a_fault_that_passes_costs_no_row(fault: dict[str, Any]) -> None:
    """Twice in a row, on a search and on a list: every row arrives once."""
    org = fast_org(customer=60, tag=60)
    with Simulator(org) as sim:
        if fault["kind"] not in {"timed_out", "empty_page"}:
            sim.faults.add(Fault(**fault, path="/v1/tags", times=2))
        sim.faults.add(Fault(**fault, path=SEARCH, after=2, times=2))
        output = run(sim, "customers", "tags", page_size=10)
        assert output.status == 0, output.stderr
        for stream, context in (("customers", "customer"), ("tags", "tag")):
            assert output.ids(stream) == set(org.ids(context))
            assert output.counts[stream] == 60


def test_a_server_that_asks_for_a_pause_gets_it() -> None:
    """``Retry-After`` of a 503 counts, not only that of a 429."""
    org = fast_org(brand=3)
    with Simulator(org) as sim:
        sim.faults.add(
            Fault("status", status=503, path="/v1/brands", headers={"Retry-After": "90"})
        )
        run(sim, "brands")
        first, second = [log for log in sim.requests if log.path == "/v1/brands"]
        assert second.time - first.answered >= 90


def test_retries_pause_longer_each_time_and_never_alike() -> None:
    """Pauses double, with jitter, so that threads and taps do not knock in step."""
    org = fast_org(speed=FASTER, brand=3)
    pauses = []
    with Simulator(org) as sim:
        for _ in range(2):
            sim.reset_log()
            sim.faults.add(Fault("status", status=500, path="/v1/brands", times=5))
            run(sim, "brands")
            times = [log.time for log in sim.requests if log.path == "/v1/brands"]
            pauses.append([after - before for before, after in itertools.pairwise(times)])
    for first, second in zip(*pauses, strict=True):
        assert first != second
    assert all(run_[4] > run_[0] for run_ in pauses)
    assert all(pause >= 0.5 * 2**n for run_ in pauses for n, pause in enumerate(run_))


def test_a_hang_is_cut_off_at_the_timeout() -> None:
    """Real seconds: the socket knows no fast clock."""
    org = fast_org(tag=3)
    with Simulator(org) as sim:
        sim.faults.add(Fault("hang", path="/v1/tags"))
        output = run(sim, "tags", request_timeout=1)
        assert output.status == 0
        assert output.counts["tags"] == 3
        assert "no answer within `request_timeout` (1 seconds)" in output.stderr


@pytest.mark.parametrize("outage", ["refused", "status"])
def test_an_outage_of_five_minutes_is_sat_out(outage: str) -> None:
    """In the middle of a run: all rows arrive, and no stream fails."""
    org = fast_org(speed=FASTER, customer=100, tag=5)
    with Simulator(org) as sim:
        begun = threading.Event()

        def begin() -> None:
            if len(sim.searches()) == 4 and not begun.is_set():
                begun.set()
                threading.Thread(target=suffer).start()

        def suffer() -> None:
            if outage == "refused":
                sim.close_port()
                time.sleep(300 / FASTER)
                sim.open_port()
            else:
                fault = sim.faults.add(Fault("status", status=503, times=None))
                time.sleep(300 / FASTER)
                sim.faults.remove(fault)

        sim.before_each_search(begin)
        output = run(sim, "customers", "tags", page_size=10)
        assert begun.is_set()
        assert output.status == 0, output.stderr
        assert output.ids("customers") == set(org.ids("customer"))
        assert output.ids("tags") == set(org.ids("tag"))


def test_a_stream_fails_when_the_time_is_up_and_the_others_go_on() -> None:
    """With a sentence, and in about the time that the setting allows."""
    org = fast_org(speed=FASTER, tag=5, team=5)
    with Simulator(org) as sim:
        sim.faults.add(Fault("status", status=500, path="/v1/tags", times=None))
        output = run(sim, "tags", "teams", backoff_max_elapsed_seconds=100)
        assert output.status == 1
        assert output.ids("teams") == set(org.ids("team"))
        tries = [log.time for log in sim.requests if log.path == "/v1/tags"]
        assert 95 <= tries[-1] - tries[0] <= 300  # a busy machine wakes threads late
        assert "/v1/tags kept failing for" in output.stderr
        assert "last error: status 500" in output.stderr
        assert "backoff_max_elapsed_seconds" in output.stderr


def test_no_retry_when_none_is_wanted() -> None:
    """``backoff_max_elapsed_seconds`` 0: the first failure counts."""
    org = fast_org(tag=5)
    with Simulator(org) as sim:
        fault = sim.faults.add(Fault("status", status=500, path="/v1/tags", times=None))
        assert run(sim, "tags", backoff_max_elapsed_seconds=0).status == 1
        assert fault.happened == 1


def test_a_kustomer_that_is_down_costs_the_time_once() -> None:
    """Ten streams would otherwise retry for ten minutes each, past the next run's start."""
    streams = ("customers", "messages", "notes", "tags", "teams", "shortcuts")
    org = fast_org(speed=FASTER, customer=5, tag=5)
    with Simulator(org) as sim:
        for path in (SEARCH, "/v1/tags", "/v1/teams", "/v1/shortcuts"):
            sim.faults.add(Fault("status", status=503, path=path, times=None))
        begun = org.clock.now()
        output = run(sim, *streams, backoff_max_elapsed_seconds=300)
        assert output.status == 1
        assert 300 <= org.clock.now() - begun < 300 * (len(streams) - 1)
        for stream in streams:
            assert f"{stream}: " in output.stderr


def test_a_closed_port_at_the_start_ends_soon(fast_sim: Simulator) -> None:
    """Nothing has ever answered there: a typo should not cost ten minutes."""
    config = fast_sim.config
    fast_sim.close_port()
    clock = Clock(FAST)
    with pytest.raises(UnavailableError, match=r"could not be reached: the connection was refused"):
        sync_tap(config, ["tags"], clock=clock)
    assert 20 <= clock.monotonic() <= 300  # far from the ten minutes that a host has later


@pytest.mark.parametrize(
    ("api_url", "sentence"),
    [
        ("https://kustomer.invalid", "the host name could not be resolved"),
        ("https://127.0.0.1:{port}", "the host does not speak TLS"),
    ],
)
def test_a_host_of_another_kind_ends_in_a_sentence(
    sim: Simulator, api_url: str, sentence: str
) -> None:
    """No such name, and a plain-http port that is asked for TLS."""
    port = sim.url.rpartition(":")[2]
    config = {**sim.config, "api_url": api_url.format(port=port)}
    with pytest.raises(UnavailableError, match=sentence):
        sync_tap(config, ["tags"], clock=Clock(500))


@pytest.mark.parametrize("args", [(), ("--discover",), ("--test",)], ids=str)
def test_a_closed_port_is_one_sentence_and_status_1(
    fast_sim: Simulator, tmp_path: Path, args: tuple[str, ...]
) -> None:
    """For a run, the discovery and the connection test alike."""
    config = fast_sim.config
    fast_sim.close_port()
    output = run_tap(config, *args, speed=500, folder=tmp_path)
    assert output.status == 1
    assert "could not be reached: the connection was refused" in output.stderr
    assert "Traceback" not in output.stderr
    assert not output.messages


def test_random_faults_of_all_kinds_lose_nothing() -> None:
    """A tenth of all requests fails in one way or another."""
    org = fast_org(customer=300, message=300, tag=250)
    with Simulator(org) as sim:
        kinds: dict[str, dict[str, Any]] = {
            "status": {"status": 502},
            "reset": {},
            "truncated": {},
            "invalid_json": {},
            "429": {"seconds": 5},
            "slow": {"seconds": 0.02},
        }
        for kind, detail in kinds.items():
            sim.faults.add(Fault(kind, probability=0.03, times=None, path="/v1/", **detail))
        output = run(sim, "customers", "messages", "tags", page_size=10)
        assert output.status == 0, output.stderr
        for stream, context in (("customers", "customer"), ("messages", "message")):
            assert output.ids(stream) == set(org.ids(context))
        assert output.ids("tags") == set(org.ids("tag"))
        assert sum(len(log.faults) for log in sim.requests) > 5
