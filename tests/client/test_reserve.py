"""The rest of the org's budget is left to others: an agent at work is never refused for the tap."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from simulator import Clock as OrgClock
from simulator import Org, Simulator
from tap_kustomer.clock import Clock
from tests.readers.trials import OrgTime
from tests.support import Output, sync_tap
from tools.bench.agent import Agent

SPEED = 30.0  # of the clock; faster, the processor and not the budget would hold the tap back
LIMIT = 100  # requests of the org a minute
AGENT_SHARE = 20  # of them, what the default share of 80 % leaves
# Lists, searches, and a list for each conversation: more than three minutes of the tap's share.
STREAMS = ("users", "tags", "teams", "customers", "conversations", "conversation_events")
CONVERSATIONS = 160
TOO_MANY = 429


def small_org() -> Org:
    """Return an org with a small budget and work for several of its minutes."""
    org = Org(seed=3, clock=OrgClock(speed=SPEED), plan_limit=LIMIT)
    for context, count in (("user", 3), ("tag", 250), ("team", 3), ("customer", 40)):
        org.add(context, count)
    org.add("conversation", CONVERSATIONS)
    return org


def run_beside_agent(sim: Simulator, percentage: int) -> tuple[Output, Agent]:
    """Run the tap while an agent sends a fifth of the org's requests."""
    config: dict[str, Any] = {
        **sim.config,
        "optional_streams": ["conversation_events"],
        "api_utilization_percentage": percentage,
        "page_size": 20,
    }
    clock = OrgClock(speed=SPEED)
    with Agent(sim.url, sim.knobs.api_key, per_minute=AGENT_SHARE, clock=clock) as agent:
        output = sync_tap(config, STREAMS, clock=Clock(SPEED))
    return output, agent


def tap_requests(sim: Simulator) -> list[int]:
    """Return the status of each request that the tap sent."""
    logs = list(sim.requests)
    return [log.status for log in logs if log.headers["user-agent"].startswith("tap-kustomer")]


@pytest.mark.parametrize("window", ["fixed", "sliding"])
def test_an_agent_at_work_is_never_refused_because_of_the_tap(window: str) -> None:
    """At 80 %, lists, children and searches together leave a fifth of every minute."""
    org = small_org()
    with Simulator(org, window=window) as sim:
        output, agent = run_beside_agent(sim, 80)
        statuses = tap_requests(sim)
    assert output.status == 0
    assert output.ids("conversations") == set(org.ids("conversation"))
    assert len(statuses) > 2 * 80  # the tap did come to its share's end
    assert agent.sent > AGENT_SHARE
    assert agent.refused == 0
    assert statuses.count(429) == 0


class AgentAsksMeanwhile(OrgTime):
    """Time that passes only while the tap waits; an agent then asks, within its own share."""

    def __init__(self, sim: Simulator) -> None:
        """Begin at the org's time."""
        super().__init__(sim.org)
        self._sim = sim
        self._asked: list[float] = []
        self.refused = 0

    def sleep(self, seconds: float) -> None:
        """Ask once for the agent, then let the time pass."""
        now = self.now()
        self._asked = [moment for moment in self._asked if moment > now - 60] + [now]
        if len(self._asked) <= AGENT_SHARE:
            headers = {"Authorization": f"Bearer {self._sim.knobs.api_key}"}
            answer = requests.get(f"{self._sim.url}/v1/users", headers=headers, timeout=60)
            self.refused += answer.status_code == TOO_MANY
        super().sleep(seconds)


@pytest.mark.parametrize(("percentage", "refused"), [(100, {True}), (80, {False})])
def test_what_the_tap_leaves_is_what_an_agent_gets(percentage: int, refused: set[bool]) -> None:
    """A tap that takes all gets the agent refused: the test above would see one that does."""
    org = Org(seed=3, clock=OrgClock(speed=0), plan_limit=LIMIT)
    org.add("conversation", CONVERSATIONS)
    with Simulator(org, window="sliding") as sim:
        config = {**sim.config, "optional_streams": ["conversation_events"],
                  "api_utilization_percentage": percentage, "page_size": 20}  # fmt: skip
        clock = AgentAsksMeanwhile(sim)
        output = sync_tap(config, ("conversations", "conversation_events"), clock=clock)
    assert output.status == 0
    assert {clock.refused > 0} == refused
