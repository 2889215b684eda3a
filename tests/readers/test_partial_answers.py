"""Answers that hold a part of what they should: asked again, and never the end of a stream."""

from __future__ import annotations

from typing import Any

import pytest

from simulator import Fault, Simulator
from tap_kustomer import clock as tap_clock
from tests.support import FAST, Output, sync_tap

SEARCH = "/v1/customers/search"


def read(sim: Simulator, page_size: int = 20) -> Output:
    """Run the tap in quick time."""
    config: dict[str, Any] = {**sim.config, "page_size": page_size}
    return sync_tap(config, ["customers", "teams"], clock=tap_clock.Clock(FAST * 4))


@pytest.mark.parametrize("kind", ["timed_out", "short_page", "empty_page", "shrink_total"])
@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_partial_answer_is_asked_for_again(fast_sim: Simulator, kind: str, after: int) -> None:
    """On the first page, in the middle and at the end."""
    org = fast_sim.org
    org.add("customer", 75)
    fast_sim.faults.add(Fault(kind, path=SEARCH, after=after, times=2))

    output = read(fast_sim)

    assert output.status == 0, output.stderr
    assert output.ids("customers") == set(org.ids("customer"))


@pytest.mark.parametrize("to", [20, 10, 0])
def test_a_total_that_shrinks_to_the_page_is_not_the_end(fast_sim: Simulator, to: int) -> None:
    """A full page that claims to be all there is would end the run in silence."""
    org = fast_sim.org
    org.add("customer", 75)
    fast_sim.faults.add(Fault("shrink_total", path=SEARCH, to=to))

    output = read(fast_sim)

    assert output.ids("customers") == set(org.ids("customer"))


@pytest.mark.parametrize("kind", ["timed_out", "short_page", "empty_page"])
def test_answers_that_stay_partial_fail_the_stream(fast_sim: Simulator, kind: str) -> None:
    """Asked a few times, not for ever; what was read stays read and the others go on."""
    org = fast_sim.org
    org.add("customer", 75)
    org.add("team", 3)
    fast_sim.faults.add(Fault(kind, path=SEARCH, after=2, times=None))

    output = read(fast_sim)

    assert output.status == 1
    assert "only a part of a search page" in output.stderr
    assert len(fast_sim.searches()) < 20
    assert 0 < len(output.ids("customers")) < 75
    assert len(output.ids("teams")) == 3
    fast_sim.faults.clear()
    second = sync_tap(
        {**fast_sim.config, "page_size": 20},
        ["customers"],
        state=output.state,
        clock=tap_clock.Clock(FAST),
    )
    assert output.ids("customers") | second.ids("customers") == set(org.ids("customer"))


def test_a_total_that_stays_too_small_is_never_the_end(fast_sim: Simulator) -> None:
    """Kustomer announces fewer rows than it sends, every time."""
    fast_sim.org.add("customer", 75)
    fast_sim.faults.add(Fault("shrink_total", path=SEARCH, to=3, times=None))

    output = read(fast_sim)

    assert output.status == 1


def test_rows_without_a_timestamp_do_not_lead_astray(fast_sim: Simulator) -> None:
    """They are emitted, and never move the search on."""
    org = fast_sim.org
    org.add("customer", 75)
    fast_sim.faults.add(Fault("missing_updated_at", path=SEARCH, rows=20, after=1, times=2))

    output = read(fast_sim)

    assert output.status == 0, output.stderr
    assert output.ids("customers") == set(org.ids("customer"))
