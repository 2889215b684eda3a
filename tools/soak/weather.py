"""What goes wrong: failing requests, other clients of the org, outages, kills."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from simulator import Fault, Simulator

__all__ = ["REQUEST_TIMEOUT", "Trouble", "Weather"]

REQUEST_TIMEOUT = 3  # real seconds: sockets know no other

# Kinds of fault and the share of requests that each hits in a run that has it.
FAULTS: tuple[tuple[str, float, dict[str, Any]], ...] = (
    ("status", 0.03, {"status": 500}),
    ("status", 0.03, {"status": 502}),
    ("status", 0.03, {"status": 503}),
    ("status", 0.02, {"status": 504, "html": True}),
    ("reset", 0.03, {}),
    ("close", 0.03, {}),
    ("truncated", 0.04, {}),
    ("invalid_json", 0.03, {}),
    ("not_json_200", 0.02, {}),
    ("short_page", 0.04, {}),
    ("empty_page", 0.03, {}),
    ("timed_out", 0.04, {}),
    ("slow", 0.05, {"seconds": 0.1}),
    ("hang", 0.004, {"seconds": REQUEST_TIMEOUT + 1}),
    ("429", 0.01, {"seconds": 20}),
    ("429", 0.01, {"seconds": 15, "reset": None, "retry_after": "seconds"}),
)


@dataclass(frozen=True)
class Trouble:
    """What happens during one run, each after so many of its requests; None: it does not."""

    kill_after: int | None
    victims: tuple[str, ...]  # `tap`, `loader`
    signal: str  # `SIGKILL` or `SIGTERM`
    outage_after: int | None
    outage_seconds: float  # of the org's time

    @property
    def kill(self) -> str | None:
        """Name the kill for the report."""
        return f"{self.signal} {' and '.join(self.victims)}" if self.victims else None


CALM = Trouble(None, (), "", None, 0.0)


class Weather:
    """Draws each run's trouble from the seed."""

    def __init__(self, sim: Simulator, seed: int) -> None:
        """Disturb nothing yet."""
        self._sim = sim
        self._rng = random.Random(f"{seed} weather")

    def change(self, usual_requests: int) -> Trouble:
        """Set the faults of a run that will make about so many requests; return its trouble."""
        rng, sim = self._rng, self._sim
        self.clear()
        if rng.random() < 0.8:  # noqa: PLR2004 - one run of five meets no fault
            for kind, share, detail in rng.sample(FAULTS, rng.randint(1, 6)):
                sim.faults.add(Fault(kind, times=None, probability=share, **detail))
        sim.set(
            other_client_search=rng.choice((0, 0, 10, 20)),
            other_client_org=rng.choice((0, 100, 500)),
            ratelimit_reset=rng.choice(("seconds", "seconds", "milliseconds", "delta", None)),
            retry_after=rng.choice((None, None, "seconds", "date")),
            ratelimit_headers_on_search=rng.choice(("org", "search", None)),
            gzip=rng.random() < 0.5,  # noqa: PLR2004
            page_latency=rng.choice((0.0, 1.0, 3.0)),
        )
        victims, signal = rng.choices(
            (
                ((), ""),
                (("tap",), "SIGKILL"),
                (("tap",), "SIGTERM"),
                (("loader",), "SIGKILL"),
                (("tap", "loader"), "SIGKILL"),
            ),
            (5, 3, 2, 1, 1),
        )[0]
        return Trouble(
            kill_after=rng.randrange(max(2, usual_requests)) if victims else None,
            victims=victims,
            signal=signal,
            outage_after=rng.randrange(usual_requests + 1) if rng.random() < 0.1 else None,  # noqa: PLR2004
            outage_seconds=rng.uniform(20, 150),
        )

    def clear(self) -> Trouble:
        """End all trouble."""
        self._sim.faults.clear()
        self._sim.set(
            other_client_search=0,
            other_client_org=0,
            ratelimit_reset="seconds",
            retry_after=None,
            ratelimit_headers_on_search="org",
            page_latency=0.0,
        )
        return CALM
