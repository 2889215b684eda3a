"""What a run prints into a log: few lines, each worth reading."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from simulator import Fault, Org, Simulator
from tests.support import FAST, ROOT, run_tap, sync_tap, tap_command

PREFIX = re.compile(r"^[-\d]+ [:,\d]+ \| (\w+) +\| (\S+) +\| (.*)$")


def said(stderr: str, level: str = "INFO") -> list[str]:
    """Return the messages of one level."""
    found = [PREFIX.match(line) for line in stderr.splitlines()]
    return [one[3] for one in found if one and one[1] == level]


def test_a_run_of_all_default_streams_prints_at_most_40_lines(tmp_path: Path) -> None:
    """One for the version, one for each stream, and a closing sentence."""
    org = Org(seed=3)
    org.seed(customers=30, children=False)
    with Simulator(org, limits=False) as sim:
        output = run_tap(sim.config, folder=tmp_path)

    assert output.status == 0
    lines = said(output.stderr)
    assert len(output.streams) >= 26
    assert len(lines) <= 40
    assert len(lines) == len(output.stderr.splitlines())  # no warning, where all is well
    for stream in output.streams:
        rows = f"{output.counts[stream]:,} row"
        (line,) = (one for one in lines if one.startswith(f"{stream}:"))
        assert line.startswith(f"{stream}: {rows}")
        assert line.count(stream) == 1
    for noise in ("METRIC", "Beginning sync", "Skipping", "status 4", "cannot be used"):
        assert noise not in output.stderr
    (closing,) = (line for line in lines if re.match(r"\d+ streams: ", line))
    count = len(output.streams)
    total = sum(output.counts.values())
    assert re.match(
        rf"{count} streams: {count} complete\. {total:,} rows, [\d,]+ requests, [\d.]+ s\. ",
        closing,
    )
    assert closing.endswith(
        "The last STATE message holds where the next run resumes (Meltano stores it)."
    )


@pytest.mark.parametrize("command", ["--discover", "--check"])
def test_a_discovery_and_a_check_in_which_all_is_well_log_nothing_of_the_sdk(
    sim: Simulator, tmp_path: Path, command: str
) -> None:
    """Meltano shows the log of its discovery before each run."""
    output = run_tap(sim.config, command, folder=tmp_path)

    assert output.status == 0
    assert "env var" not in output.stderr


def test_the_closing_sentence_says_what_kustomer_counted(sim: Simulator, tmp_path: Path) -> None:
    """Complete means counted; a stream of one page needs no count."""
    sim.org.add("customer", 1200)
    sim.org.add("tag", 2)

    output = run_tap(
        {**sim.config, "page_size": 500}, select=["customers", "tags"], folder=tmp_path
    )

    assert (
        "Kustomer's own closing count of 1 large stream (1,200 rows) found none missing."
        in output.stderr
    )


def test_metrics_are_there_for_those_who_ask(sim: Simulator, tmp_path: Path) -> None:
    """With the log level DEBUG, and then the SDK's own words too."""
    sim.org.add("tag", 2)

    output = run_tap(
        sim.config, select=["tags"], folder=tmp_path, env={"TAP_KUSTOMER_LOGLEVEL": "DEBUG"}
    )

    assert '"metric":"record_count","value":2' in output.stderr
    assert "Beginning sync of 'tags'" in output.stderr


def test_a_list_that_is_read_instead_of_a_search_claims_no_start(
    sim: Simulator, tmp_path: Path
) -> None:
    """`sync_runs` says the same: a full list has rows of any age."""
    sim.set(company_updated_at_supported=False)
    sim.org.add("company", 3, updated_at="2019-01-01T00:00:00.000Z")

    output = run_tap(sim.config, select=["companies", "sync_runs"], folder=tmp_path)

    (line,) = (one for one in said(output.stderr) if one.startswith("companies:"))
    assert "since" not in line
    (row,) = output.records("sync_runs")
    assert row["read_from"] is None


def test_a_stopped_run_says_that_its_state_is_saved(sim: Simulator, tmp_path: Path) -> None:
    """Whoever stopped it wants to know whether anything is lost."""
    sim.org.add("brand", 2)
    sim.org.add("tag", 2)
    command = tap_command(sim.config, select=["brands", "tags"], folder=tmp_path)
    sim.reset_log()
    sim.faults.add(Fault("hang", path="/v1/tags", times=None))
    with subprocess.Popen(  # noqa: S603 - the tap itself
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True
    ) as process:
        deadline = time.monotonic() + 120
        while not any(log.path == "/v1/tags" for log in sim.requests):
            if time.monotonic() > deadline:
                process.kill()
                break
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=60)

    assert process.returncode == 143
    (warning,) = said(stderr, "WARNING")
    assert warning == "Stopped by SIGTERM; state saved, the next run resumes here."


def test_a_host_that_does_not_answer_is_one_warning_and_one_error(tmp_path: Path) -> None:
    """Not one per try of each request."""
    output = run_tap({"api_key": "k", "api_url": "http://127.0.0.1:9"}, folder=tmp_path, speed=FAST)

    assert output.status == 1
    (warning,) = said(output.stderr, "WARNING")
    assert "retrying for up to 20 s" in warning
    (error,) = said(output.stderr, "ERROR")
    assert "could not be reached" in error


def test_a_fault_that_passes_is_one_warning(fast_sim: Simulator, tmp_path: Path) -> None:
    """The tries after the first one are in the debug log."""
    fast_sim.org.add("tag", 2)
    fast_sim.faults.add(Fault("status", status=503, path="/v1/tags", times=3))

    output = run_tap(fast_sim.config, select=["tags"], folder=tmp_path, speed=FAST)

    assert output.status == 0
    (warning,) = said(output.stderr, "WARNING")
    assert warning == "/v1/tags: status 503; retrying for up to 600 s."


def test_no_stream_ends_before_it_began(sim: Simulator) -> None:
    """Kustomer's time has whole seconds, so it seems to go back; durations must not."""
    org = sim.org
    org.seed(customers=5, children=False)
    streams = ["brands", "tags", "teams", "users", "customers", "queues", "slas", "sync_runs"]

    for _ in range(3):
        for row in sync_tap(sim.config, streams).records("sync_runs"):
            assert row["ended_at"] >= row["started_at"]
