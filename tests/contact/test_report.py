"""The report: enough to learn from, and nothing of the org."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simulator import Clock, Fault, Org, Simulator
from tap_kustomer.clock import Clock as TapClock
from tap_kustomer.tap import TapKustomer
from tests.contact.secrets_of_orgs import CANARIES, add_canaries, found_in, values_of
from tests.contact.support import LIMITS
from tests.support import FAST, quiet, run_tap


def seeded_org() -> Org:
    """Return a realistic org with canaries in it."""
    org = Org(seed=11, clock=Clock(speed=FAST), plan_limit=100_000, search_limit=100_000)
    org.seed(customers=6)
    add_canaries(org)
    return org


def report_of(sim: Simulator) -> str:
    """Return the report of a check."""
    with quiet():
        config = {**sim.config, **LIMITS, "start_date": "2015-01-01"}
        tap = TapKustomer(config=config, clock=TapClock(FAST), looks=True)
        return tap.report(tap.preflight())


def test_nothing_of_a_seeded_org_is_in_a_report() -> None:
    """It is pasted into a public issue."""
    org = seeded_org()
    with Simulator(org) as sim:
        sim.faults.add(
            Fault("status", path="/v1/brands", status=400, body={"errors": [{"detail": "Zwiebel"}]})
        )
        report = report_of(sim)
        values = values_of(org) | {sim.knobs.api_key, sim.url.rpartition(":")[2], org.org_id}
    assert len(values) > 1000
    assert found_in(report, values) == []
    assert "Zwiebel" not in report


@pytest.mark.parametrize("value", [str(one) for one in CANARIES.values()])
def test_the_proof_finds_what_slips_out(value: str) -> None:
    """A search that finds nothing would prove nothing."""
    assert found_in(f"a line with {value} in it", [value])
    assert found_in(value.encode().hex(), [value])
    assert found_in(json.dumps({"text": json.dumps([value])}), [value])
    if value == CANARIES["moment"]:
        assert found_in('{"at": 1742184719217}', [value])
    assert found_in(f"a line with {value[::-1]} in it", [value])
    assert not found_in("a line with nothing in it", [value])


def test_a_report_says_what_was_seen() -> None:
    """Findings, versions, names of settings, types and lengths: what a maintainer asks for."""
    with Simulator(seeded_org(), track_total_hits="refused", pod="prod2") as sim:
        report = report_of(sim)
    assert "| exact-totals | different, handled | it refuses `trackTotalHits` |" in report
    assert "known-attributes | different, handled" in report
    assert "customers.brandNew" in report
    assert "`api_key`, `api_url`" in report
    assert "pod prod2" in report
    assert "updatedAt: time 24" in report
    assert "* tap-kustomer " in report


def test_a_report_is_written_beside_the_table(sim: Simulator, tmp_path: Path) -> None:
    """``--check --report FILE`` shows the table as ever."""
    file = tmp_path / "report.md"
    output = run_tap(sim.config, "--check", "--report", str(file), folder=tmp_path)
    assert output.status == 0
    assert "customers" in output.stdout
    assert file.read_text().startswith("# tap-kustomer: report")


def test_a_report_that_cannot_be_written_ends_before_the_first_request(
    sim: Simulator, tmp_path: Path
) -> None:
    """Nobody waits for a report that is lost in the end."""
    file = tmp_path / "missing" / "report.md"
    output = run_tap(sim.config, "--check", "--report", str(file), folder=tmp_path)
    assert output.status == 1
    assert "--report" in output.stderr
    assert "Traceback" not in output.stderr
    assert not sim.requests


def test_a_report_without_a_check_is_refused(sim: Simulator, tmp_path: Path) -> None:
    """A sync has nothing to report of."""
    output = run_tap(sim.config, "--report", str(tmp_path / "r.md"), folder=tmp_path)
    assert output.status == 1
    assert "--report goes with --check" in output.stderr
    assert not sim.requests
