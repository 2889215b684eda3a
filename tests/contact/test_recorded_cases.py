"""Recordings of real and simulated orgs, each with what a sync of it came to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simulator import Clock, Org, Simulator
from tap_kustomer.clock import Clock as TapClock
from tap_kustomer.contact.recording import Recorder
from tap_kustomer.tap import TapKustomer
from tests.contact.support import LIMITS
from tests.support import FAST, quiet
from tools import recorded_case

FOLDERS = sorted(path.parent for path in recorded_case.CASES.glob("*/expected.json"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_recorded_org_is_read_as_before(folder: Path) -> None:
    """What an org's API once did is never unlearned."""
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    assert recorded_case.outcome_of(folder) == expected


def test_there_is_a_recorded_case() -> None:
    """A glob that finds nothing would prove nothing."""
    assert FOLDERS


def test_a_recording_becomes_a_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One command, so that a report is a test on the day it comes."""
    org = Org(seed=5, clock=Clock(speed=FAST), realistic=False)
    org.add("customer", 7)
    with Simulator(org) as sim, quiet():
        TapKustomer(
            config={**sim.config, **LIMITS},
            clock=TapClock(FAST),
            looks=True,
            recorder=Recorder(str(tmp_path / "r")),
        ).preflight()
    monkeypatch.setattr(recorded_case, "CASES", tmp_path / "cases")
    assert recorded_case.main([str(tmp_path / "r"), "small_org"]) == 0
    case = tmp_path / "cases" / "small_org"
    expected = json.loads((case / "expected.json").read_text())
    assert expected["streams"]["customers"] == ["complete", 7]
    assert recorded_case.outcome_of(case) == expected
    with pytest.raises(SystemExit):
        recorded_case.main([str(tmp_path / "r"), "small_org"])
    with pytest.raises(SystemExit):
        recorded_case.main([str(tmp_path / "nothing"), "other"])
