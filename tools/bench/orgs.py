"""Simulated orgs of any size, served by another process: the tap has a core of its own."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import requests

from simulator import Clock, Org, Simulator, to_iso, to_ms
from tools.bench.rows import SPAN, add_conversations, add_messages

__all__ = ["CHECKOUT", "OrgPlan", "ServedOrg", "served"]

CHECKOUT = Path(__file__).resolve().parents[2]
_TIMEOUT = 60.0  # seconds for a question to the server's control plane
_WINDOW = 61.0  # seconds after which no request counts any more
_DAY = 86_400.0
_CPU = "cpu\n"  # the question for the server's processor seconds, on its standard input


@dataclass(frozen=True)
class OrgPlan:
    """What an org holds and how it is served; times in the clock's seconds."""

    conversations: int = 0
    messages: int = 0
    customers: int = 0  # with all that hangs on them: the simulator's own seed
    klasses: int = 0
    rows_per_klass: int = 0
    klass_days: float = 0.0  # over which their last updates are spread, before now
    index_lag: float = 0.0  # the clock's seconds until a search shows a change
    speed: float = 1.0  # of the clock
    plan_limit: int = 1000  # requests a minute
    knobs: dict[str, Any] = field(default_factory=dict)  # of the simulator

    def make(self) -> Org:
        """Return the org, filled."""
        clock = Clock(speed=self.speed)
        org = Org(
            seed=1,
            clock=clock,
            plan_limit=self.plan_limit,
            realistic=bool(self.customers),
            index_lag=self.index_lag,
        )
        if self.customers:
            org.seed(customers=self.customers)
        for number in range(self.klasses):
            name = f"klass-{number}"
            org.add_klass(name, attributes={f"a{i}Str": {} for i in range(20)})
            for row in range(self.rows_per_klass):
                # Rows of all klasses lie between those of the others, the newest half a day back.
                place = (row + (number + 1) / (self.klasses + 1)) / self.rows_per_klass
                age = (0.5 + place * self.klass_days) * _DAY if self.klass_days else 0.0
                org.add(f"kobject_{name}", updated_at=clock.now() - age)
        add_conversations(org, self.conversations)
        add_messages(org, self.messages)
        return org


class ServedOrg:
    """An org in another process, and the tap's config for it."""

    def __init__(self, plan: OrgPlan, process: subprocess.Popen[str]) -> None:
        """Wait until ``process`` serves."""
        self.plan = plan
        self._process = process
        self.config: dict[str, Any] = json.loads(self._line())

    @property
    def cpu(self) -> float:
        """The server's processor seconds so far."""
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.write(_CPU)
        self._process.stdin.flush()
        return float(self._line())

    def now(self) -> float:
        """Return the server's Unix seconds, which run at the plan's speed."""
        return float(self._ask("GET", "clock")["now"])

    def forget(self) -> None:
        """Begin anew: nothing counts against a budget, and no request is in the log."""
        self._ask("POST", "advance", seconds=_WINDOW)
        self._ask("POST", "reset-log")

    def change(self, context: str, rows: int) -> list[str]:
        """Update so many rows of a context; return their ids."""
        changed: list[str] = self._ask("POST", "churn", context=context, update=rows)["updated"]
        return changed

    def wait(self, seconds: float) -> None:
        """Let the clock run on without anything happening."""
        self._ask("POST", "advance", seconds=seconds)

    def log(self) -> list[dict[str, Any]]:
        """Return the requests since ``forget``, as the simulator notes them."""
        requests_: list[dict[str, Any]] = self._ask("GET", "requests", limit=10**9)["requests"]
        return requests_

    def api(self, method: str, path: str, **options: Any) -> requests.Response:
        """Return the answer to a request with the org's key; ``options`` as `requests` takes."""
        return requests.request(
            method,
            self.config["api_url"] + path,
            headers={"Authorization": f"Bearer {self.config['api_key']}"},
            timeout=_TIMEOUT,
            **options,
        )

    def _ask(self, method: str, action: str, **arguments: Any) -> dict[str, Any]:
        url = f"{self.config['api_url']}/_simulator/{action}"
        asks = method == "GET"
        answer = requests.request(
            method,
            url,
            params=arguments if asks else None,
            json=None if asks else arguments,
            timeout=_TIMEOUT,
        )
        answer.raise_for_status()
        content: dict[str, Any] = answer.json()
        return content

    def _line(self) -> str:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        line = self._process.stdout.readline()
        if not line:
            message = "The simulated org's process ended; what it said stands above."
            raise RuntimeError(message)
        return line


@contextlib.contextmanager
def served(plan: OrgPlan) -> Iterator[ServedOrg]:
    """Serve an org as long as the context lasts."""
    command = [sys.executable, "-m", "tools.bench.orgs", json.dumps(asdict(plan))]
    with subprocess.Popen(  # noqa: S603 - this module
        command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield ServedOrg(plan, process)
        finally:
            process.terminate()


def main(plan: OrgPlan) -> None:
    """Serve an org until the other end is gone."""
    org = plan.make()
    with Simulator(org, **plan.knobs) as sim:
        start = to_iso(to_ms(org.clock.now() - SPAN - 86_400))
        _say(json.dumps({**sim.config, "start_date": start}))
        for _ in sys.stdin:
            _say(str(time.process_time()))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    main(OrgPlan(**json.loads(sys.argv[1])))
