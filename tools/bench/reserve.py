"""Reserve: whether an agent's requests are refused while lists, children and searches run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from simulator import Clock
from tools.bench.agent import Agent
from tools.bench.measure import Measured, catalog_of, measure
from tools.bench.orgs import OrgPlan, served
from tools.bench.report import Column, Figures, Part

__all__ = ["DEFAULT_SHARE", "RESERVE"]

DEFAULT_SHARE = 80  # api_utilization_percentage
_SPEED = 10.0
_ORG_LIMIT = 300  # requests a minute, the smallest plan
_AGENT = 60  # of them: what the default share leaves
_STREAMS = (
    "users", "teams", "tags", "shortcuts", "queues",  # lists
    "customers", "messages", "conversations",  # searches
    "conversation_events",  # one request for each conversation
)  # fmt: skip
_PLAN = OrgPlan(conversations=400, customers=60, plan_limit=_ORG_LIMIT, speed=_SPEED)
_LATENCIES = {"page_latency": 1.5, "latency": 0.1}  # the clock's seconds


class _Case(NamedTuple):
    """One run: the tap's share, and how the server counts a minute."""

    share: int
    window: str


# The last one is no use of the tap, but shows that the agent notices a tap that takes all.
_CASES = (_Case(DEFAULT_SHARE, "fixed"), _Case(DEFAULT_SHARE, "sliding"), _Case(100, "sliding"))


def _run(everything: bool) -> Iterator[Figures]:  # noqa: ARG001, FBT001 - what a part is
    for case in _CASES:
        plan = replace(_PLAN, knobs={**_LATENCIES, "window": case.window})
        with served(plan) as org:
            org.config["optional_streams"] = ["conversation_events"]
            catalog = catalog_of(org, _STREAMS)
            url, key = org.config["api_url"], org.config["api_key"]
            with Agent(url, key, per_minute=_AGENT, clock=Clock(speed=_SPEED)) as agent:
                found = measure(
                    org,
                    catalog=catalog,
                    others=Agent.sent_it,
                    settings={"api_utilization_percentage": case.share},
                )
        yield _figures(case, found, agent)


def _figures(case: _Case, found: Measured, agent: Agent) -> Figures:
    return {
        **case._asdict(),
        "requests": len(found.requests),
        "searches": found.searches,
        "seconds": found.seconds,
        "refused": found.refused,
        "agent_sent": agent.sent,
        "agent_refused": agent.refused,
    }


RESERVE = Part(
    "reserve",
    (
        Column("share", lambda row: f"{row['share']} %"),
        Column("the server counts", lambda row: f"a {row['window']} minute"),
        Column("tap's requests", lambda row: f"{row['requests']:,}"),
        Column("seconds", lambda row: f"{row['seconds']:,.0f}"),
        Column("a minute", lambda row: f"{60 * row['requests'] / row['seconds']:.0f}"),
        Column("its 429", lambda row: f"{100 * row['refused'] / row['requests']:.1f} %"),
        Column("agent's requests", lambda row: f"{row['agent_sent']:,}"),
        Column("its 429", lambda row: f"{row['agent_refused']:,}"),
    ),
    _run,
)
