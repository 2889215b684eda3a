"""Recordings: nothing of the org is in one, and a replay of it gives the same rows."""

from __future__ import annotations

import io
import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from simulator import Clock, Fault, Org, Simulator
from simulator.replay import Recording, RecordingError, Replay
from tap_kustomer.clock import Clock as TapClock
from tap_kustomer.contact.recording import Recorder
from tap_kustomer.errors import KustomerError
from tap_kustomer.tap import TapKustomer
from tests.contact.secrets_of_orgs import add_canaries, found_in, values_of
from tests.contact.support import LIMITS
from tests.support import FAST, quiet, run_tap

OPTIONAL = [
    "audit_logs",
    "conversation_attachments",
    "conversation_events",
    "customer_merges",
    "kb_articles",
    "kobjects",
    "satisfaction_responses",
    "workflows",
]
# Written by the tap: they tell of the run, not of the org.
OWN = {"sync_runs"}


def org_of(*, seed: int = 11, customers: int = 4, realistic: bool = True) -> Org:
    """Return a seeded org whose limits nobody reaches."""
    org = Org(
        seed=seed,
        clock=Clock(speed=FAST),
        realistic=realistic,
        plan_limit=100_000,
        search_limit=100_000,
    )
    org.seed(customers=customers)
    return org


def sync(config: Mapping[str, Any], recorder: Recorder | None = None) -> tuple[int, Counter[str]]:
    """Sync all streams; return the status and the rows of each."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with quiet(), patch.object(sys, "stdout", out):
        tap = TapKustomer(config={**LIMITS, **config}, clock=TapClock(FAST), recorder=recorder)
        tap.sync_all()
    lines = out.detach().getvalue().decode().splitlines()
    messages = [json.loads(line) for line in lines]
    rows = Counter(one["stream"] for one in messages if one["type"] == "RECORD")
    return tap.exit_status, Counter({k: v for k, v in rows.items() if k not in OWN})


def record(sim: Simulator, folder: Path, **options: Any) -> tuple[int, Counter[str]]:
    """Record a sync of everything."""
    config = {**sim.config, "start_date": "2015-01-01", "optional_streams": OPTIONAL}
    return sync(config, Recorder(str(folder), **options))


def by_kind(rows: Counter[str]) -> dict[str, Any]:
    """Return the rows per stream; those of klasses, whose names differ, as a sorted list."""
    klasses = sorted(n for name, n in rows.items() if name.startswith("kobject_"))
    others = {name: n for name, n in rows.items() if not name.startswith("kobject_")}
    return {**others, "klasses": klasses}


def read_all(folder: Path) -> str:
    """Return the text of a recording."""
    return "".join(file.read_text(encoding="utf-8") for file in sorted(folder.iterdir()))


def test_nothing_of_a_seeded_org_is_in_a_recording_of_a_sync(tmp_path: Path) -> None:
    """It is sent to strangers."""
    org = org_of()
    add_canaries(org)
    with Simulator(org) as sim:
        record(sim, tmp_path / "r")
        values = values_of(org) | {sim.knobs.api_key, org.org_id}
    text = read_all(tmp_path / "r")
    assert json.loads((tmp_path / "r" / "manifest.json").read_text())["left_out"] == 0
    assert len(values) > 1000
    assert found_in(text, values) == []


def test_nothing_of_a_seeded_org_is_in_a_recording_of_a_check(tmp_path: Path) -> None:
    """A check asks for other things than a sync."""
    org = org_of()
    add_canaries(org)
    with Simulator(org) as sim, quiet():
        tap = TapKustomer(
            config={**sim.config, **LIMITS},
            clock=TapClock(FAST),
            looks=True,
            recorder=Recorder(str(tmp_path / "r")),
        )
        tap.preflight()
        values = values_of(org) | {sim.knobs.api_key, org.org_id}
    assert found_in(read_all(tmp_path / "r"), values) == []


@pytest.mark.parametrize(
    "org",
    [{"seed": 7, "customers": 25}, {"seed": 0, "customers": 15}, {"seed": 1, "realistic": False}],
    ids=["demo", "default", "plain"],
)
def test_a_replay_gives_the_rows_that_were_recorded(org: dict[str, Any], tmp_path: Path) -> None:
    """What went wrong in an org goes wrong in its replay."""
    with Simulator(org_of(**org)) as sim:
        status, rows = record(sim, tmp_path / "r")
    with Replay(Recording.load(tmp_path / "r")) as replay:
        again, replayed = sync(replay.config)
    assert status == again == 0
    assert sum(rows.values()) > 100
    assert by_kind(replayed) == by_kind(rows)


def test_an_empty_org_is_recorded_and_replayed(tmp_path: Path) -> None:
    """A sandbox org that was just made is where most first contacts happen."""
    org = Org(seed=1, clock=Clock(speed=FAST), plan_limit=100_000, search_limit=100_000)
    with Simulator(org) as sim:
        status, rows = record(sim, tmp_path / "r")
    with Replay(Recording.load(tmp_path / "r")) as replay:
        again, replayed = sync(replay.config)
    assert status == again == 0
    assert rows == replayed


def test_a_key_that_may_do_little_is_replayed_with_what_it_lacks(tmp_path: Path) -> None:
    """What is refused in the org is refused in its replay."""
    with Simulator(org_of()) as sim:
        sim.org.roles = frozenset({"org.permission.search.create"})
        status, rows = record(sim, tmp_path / "r")
    with Replay(Recording.load(tmp_path / "r")) as replay:
        again, replayed = sync(replay.config)
    assert status == again
    assert rows["customers"] > 0
    assert by_kind(replayed) == by_kind(rows)


def test_a_replay_refuses_what_was_refused(tmp_path: Path) -> None:
    """The form that works in the org is the one that works in its replay."""
    refusals: dict[str, Any] = {"queues_path": "/v1/queues", "company_updated_at_supported": False}
    with Simulator(org_of(), track_total_hits="refused", **refusals) as sim:
        record(sim, tmp_path / "r")
    with Replay(Recording.load(tmp_path / "r")) as replay, quiet():
        config = {**replay.config, **LIMITS}
        tap = TapKustomer(config=config, clock=TapClock(FAST), looks=True)
        tap.preflight()
    different = set(tap.client.ledger.differences)
    assert {"exact-totals", "list-paths", "company-updated-at"} <= different


def test_a_replay_of_a_check_reads_what_it_holds(tmp_path: Path) -> None:
    """Most reports come from a check: it has a page of each stream."""
    with Simulator(org_of()) as sim, quiet():
        TapKustomer(
            config={**sim.config, **LIMITS},
            clock=TapClock(FAST),
            looks=True,
            recorder=Recorder(str(tmp_path / "r")),
        ).preflight()
    with Replay(Recording.load(tmp_path / "r")) as replay:
        status, rows = sync(replay.config)
    assert status == 0
    assert rows["customers"] > 0
    assert rows["users"] > 0


def test_order_and_ties_of_timestamps_stay(tmp_path: Path) -> None:
    """Keyset reading goes wrong by nothing else."""
    org = Org(seed=2, clock=Clock(speed=FAST), plan_limit=100_000, search_limit=100_000)
    now = org.clock.now()
    moments = [now - 1000 * (n // 3) for n in range(30)]
    org.add("customer", 30, updated_at=moments)
    with Simulator(org) as sim:
        record(sim, tmp_path / "r")
    recording = Recording.load(tmp_path / "r")
    stamps = [
        row["attributes"]["updatedAt"]
        for row in recording.searches[False, "customer"].rows.values()
    ]
    assert sorted(Counter(stamps).values()) == [3] * 10


def test_a_recording_ends_at_its_bound_and_the_run_goes_on(tmp_path: Path) -> None:
    """Nobody wants a disk filled by a support case."""
    with Simulator(org_of()) as sim:
        status, rows = record(sim, tmp_path / "r", most_bytes=50_000)
    manifest = json.loads((tmp_path / "r" / "manifest.json").read_text())
    assert status == 0
    assert sum(rows.values()) > 100
    assert (tmp_path / "r" / "exchanges.jsonl").stat().st_size <= 50_000
    assert manifest["left_out"] > 0


def test_an_api_that_goes_down_in_the_middle_leaves_a_recording(tmp_path: Path) -> None:
    """That is when a recording is wanted most."""
    with Simulator(org_of()) as sim:
        sim.faults.add(Fault("status", path="/v1/customers/search", status=503, times=None))
        status, _ = record(sim, tmp_path / "r")
    assert status == 1
    recording = Recording.load(tmp_path / "r")
    assert recording.exchanges > 20
    assert recording.lists[("/v1/brands", frozenset())].rows


def test_a_cut_recording_is_replayed_up_to_the_cut(tmp_path: Path) -> None:
    """A run was killed, or a file was sent in part."""
    with Simulator(org_of()) as sim:
        record(sim, tmp_path / "r")
    file = tmp_path / "r" / "exchanges.jsonl"
    text = file.read_text(encoding="utf-8")
    file.write_text(text[: len(text) // 2], encoding="utf-8")
    (tmp_path / "r" / "manifest.json").unlink()
    recording = Recording.load(tmp_path / "r")
    assert recording.cut
    assert recording.exchanges > 5
    file.write_text("no exchange\n" + text, encoding="utf-8")
    with pytest.raises(RecordingError, match="Line 1 of the recording"):
        Recording.load(tmp_path / "r")


def test_a_folder_without_a_recording_is_refused_by_a_sentence(tmp_path: Path) -> None:
    """The folder above the right one is the usual mistake."""
    with pytest.raises(RecordingError, match="holds no recording"):
        Recording.load(tmp_path)
    (tmp_path / "exchanges.jsonl").write_text("")
    with pytest.raises(RecordingError, match="no exchange"):
        Recording.load(tmp_path)


def test_a_folder_that_cannot_be_written_ends_before_the_first_request(
    sim: Simulator, tmp_path: Path
) -> None:
    """And one with files in it is never mixed with a recording."""
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file" / "below", tmp_path):
        with pytest.raises(KustomerError, match="--record"):
            Recorder(str(folder))
    output = run_tap(sim.config, "--record", str(tmp_path / "file" / "below"), folder=tmp_path)
    assert output.status == 1
    assert "--record" in output.stderr
    assert "Traceback" not in output.stderr
    assert not sim.requests


def test_a_sync_is_recorded_from_the_command_line(sim: Simulator, tmp_path: Path) -> None:
    """``--record DIR`` needs nothing else."""
    sim.org.add("customer", 3)
    output = run_tap(
        sim.config, "--record", str(tmp_path / "r"), select=["customers"], folder=tmp_path
    )
    assert output.status == 0
    recording = Recording.load(tmp_path / "r")
    assert len(recording.searches[False, "customer"].rows) == 3
