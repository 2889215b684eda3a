"""Chapter after chapter of disturbed runs, each ended by a quiet one and a comparison."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from simulator import Clock, Org, Simulator
from simulator.clock import DAY
from tools.soak.life import CONTEXTS, HOUR, Life, index_lag
from tools.soak.pipeline import Outcome, Pipeline
from tools.soak.plan import LOOKBACK, Plan
from tools.soak.report import Report
from tools.soak.truth import compare
from tools.soak.weather import REQUEST_TIMEOUT, Trouble, Weather

__all__ = ["Endurance"]

START_DATE = "2015-01-01"  # before the oldest row
LISTS = frozenset({"tags", "users", "sync_runs"})  # a few: the comparison is of the searches
NOT_BY_SEARCH = frozenset({"work_sessions", "work_items"})
COLD_EVERY = 3  # so often a chapter begins with an empty database
# Searches per minute of the org's time, few enough that the tap and others meet at the limit.
SEARCH_LIMIT = 30
LONGEST_STOP = (
    8.0  # real seconds from SIGTERM to the end: five are promised, three a busy machine's
)
SIGTERM_STATUS = 143
LEAP_AT_MOST = 1.5 * DAY  # by how much the org's time leaps in one run: less than the tap allows


class Endurance:
    """An org, its weather, and the pipeline that has to keep up with both."""

    def __init__(self, plan: Plan, folder: Path, tell: Callable[[str], None]) -> None:
        """Make the org; ``tell`` takes a line for each chapter."""
        self.report = Report()
        self.org = Org(
            plan.seed,
            clock=Clock(plan.speed),
            index_lag=index_lag(plan.seed),
            search_limit=SEARCH_LIMIT,
        )
        self.org.seed(plan.customers, children=False)
        self.org.audit = False  # only `audit_logs` would read it
        self.sim = Simulator(self.org)
        self.database = folder / "none.duckdb"
        self._plan, self._folder, self._tell = plan, folder, tell
        self._rng = random.Random(f"{plan.seed} runs")
        self._life = Life(self.org, plan.seed)
        self._weather = Weather(self.sim, plan.seed)
        self._pipeline = Pipeline(folder, plan.loader, plan.speed)
        self._state: dict[str, Any] | None = None
        self._usual_requests = 200
        self._leaps = 0.0  # seconds that the org's time may still leap in this run

    def go(self) -> Report:
        """Run until the time is up or something is lost."""
        began, org_began = time.monotonic(), self.org.clock.now()
        self.sim.before_each_request(self._meanwhile)
        with self.sim:
            while time.monotonic() - began < self._plan.seconds and not self._has_failed:
                self._chapter(began)
        report = self.report
        report.minutes = (time.monotonic() - began) / 60
        report.hours = (self.org.clock.now() - org_began) / HOUR
        report.changes = self._life.changes
        report.rows, report.rows_again = self._pipeline.rows.written, self._pipeline.rows.again
        return report

    @property
    def _has_failed(self) -> bool:
        return bool(self.report.differences or self.report.failures)

    def _meanwhile(self) -> None:
        """Change the org before a request is answered: rows move while they are read."""
        self._life.go_on()
        if self._leaps > 0 and self._rng.random() < 0.01:  # noqa: PLR2004 - a few times in a run
            leap = self._rng.uniform(0, min(self._leaps, 6 * HOUR))
            self._leaps -= leap
            self.org.clock.advance(leap)

    def _chapter(self, began: float) -> None:
        report = self.report
        cold = report.chapters % COLD_EVERY == 0
        if cold:
            self._begin_afresh()
        catalog = self._catalog()
        end = time.monotonic() + min(
            self._plan.chapter_seconds, self._plan.seconds - (time.monotonic() - began)
        )
        runs = 0
        while not self._has_failed and (time.monotonic() < end or runs < self._plan.fewest_runs):
            self._leaps = LEAP_AT_MOST if cold and runs == 0 else 0.0
            runs += 1
            self._run(catalog, self._weather.change(self._usual_requests))
            self._pause()
        if not self._has_failed:
            self._quiet(catalog)
        report.chapters += 1
        self._tell(
            f"Chapter {report.chapters}: {report.runs.total()} runs, {report.kills.total()} kills, "
            f"{report.faults.total()} faults, {report.compared:,} rows compared, "
            f"{len(report.differences)} differences."
        )

    def _begin_afresh(self) -> None:
        with self.org.lock:
            self._life.grow_old()
        self.database = self._folder / f"chapter_{self.report.chapters}.duckdb"
        self._pipeline.rows.forget()
        self._state = None
        self._usual_requests = 200

    def _pause(self) -> None:
        """Wait for the next run: minutes as a rule, now and then a night or a weekend."""
        seconds = self._rng.choices(
            (0.0, self._rng.uniform(0, 0.5 * HOUR), self._rng.uniform(0, 12 * HOUR), 2 * DAY),
            (3, 4, 2, 0.3),
        )[0]
        with self.org.lock:
            self._life.let_pass(seconds)

    def _quiet(self, catalog: Mapping[str, Any]) -> None:
        """Let the index catch up, run undisturbed, compare."""
        trouble = self._weather.clear()
        self.sim.clear_hooks()
        self.org.clock.advance(LOOKBACK + 1)
        outcome = self._run(catalog, trouble)
        if outcome.status or outcome.loader_status:
            self.report.failures.append(
                f"An undisturbed run ended with {outcome.status}, the loader with "
                f"{outcome.loader_status}. {outcome.log[-2000:]}"
            )
            return
        compared, differences = compare(self.org, self.database, CONTEXTS)
        self.report.compared += compared
        self.report.differences += differences
        self.sim.before_each_request(self._meanwhile)

    def _run(self, catalog: Mapping[str, Any], trouble: Trouble) -> Outcome:
        sim = self.sim
        sim.requests.clear()
        reopen_at = [0.0]

        def watch() -> tuple[str, tuple[str, ...]] | None:
            sent, now = len(sim.requests), time.monotonic()
            if trouble.outage_after is not None and not reopen_at[0]:
                if sent >= trouble.outage_after:
                    sim.close_port()
                    reopen_at[0] = now + trouble.outage_seconds / self._plan.speed
            elif reopen_at[0] and now >= reopen_at[0]:
                sim.open_port()
                reopen_at[0] = float("inf")
            if trouble.kill_after is not None and sent >= trouble.kill_after:
                return trouble.signal, trouble.victims
            return None

        outcome = self._pipeline.run(self._config(), catalog, self._state, self.database, watch)
        if trouble.outage_after is not None and 0 < reopen_at[0] < float("inf"):
            sim.open_port()
        if trouble.outage_after is not None and reopen_at[0]:
            self.report.faults["outage"] += 1
        self._judge(outcome, trouble)
        if outcome.state is not None:
            self._state = outcome.state
        return outcome

    def _judge(self, outcome: Outcome, trouble: Trouble) -> None:
        """Count a run; note what must not happen in any."""
        report, logs = self.report, list(self.sim.requests)
        report.count_requests(logs)
        killed = trouble.kill if outcome.killed else None
        if killed:
            report.kills[killed] += 1
        else:
            self._usual_requests = max(20, len(logs))
        report.runs["killed" if killed else {0: "whole", 1: "a stream failed"}.get(
            outcome.status, f"status {outcome.status}")] += 1  # fmt: skip
        if "Traceback" in outcome.log:
            report.failures.append(f"The tap crashed: {outcome.log[-3000:]}")
        if not killed and outcome.loader_status:
            report.failures.append(f"The loader ended with {outcome.loader_status}.")
        if killed == "SIGTERM tap" and outcome.status not in (SIGTERM_STATUS, 0):
            report.failures.append(f"SIGTERM: status {outcome.status}. {outcome.log[-1000:]}")
        if killed == "SIGTERM tap" and outcome.stop_seconds > LONGEST_STOP:
            report.failures.append(f"SIGTERM: the end took {outcome.stop_seconds:.1f} seconds.")

    def _config(self) -> dict[str, Any]:
        return {
            **self.sim.config,
            "start_date": START_DATE,
            "request_timeout": REQUEST_TIMEOUT,
            "search_requests_per_minute": SEARCH_LIMIT,
            "page_size": self._rng.choice((100, 100, 250, 500)),
            "max_concurrency": self._rng.choice((1, 4, 8)),
        }

    def _catalog(self) -> dict[str, Any]:
        """Return the catalog with every stream that is read by search selected."""
        self._weather.clear()
        catalog = self._pipeline.discover(self._config())
        for entry in catalog["streams"]:
            name = entry["tap_stream_id"]
            by_search = bool(entry.get("replication_key")) and name not in NOT_BY_SEARCH
            for metadata in entry["metadata"]:
                if not metadata["breadcrumb"]:
                    metadata["metadata"]["selected"] = by_search or name in LISTS
        return catalog
