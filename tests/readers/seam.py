"""Reads at the reader's seam: a search stream's reader and the client, without tap, socket, thread.

The simulator is asked where a socket would be. Tasks of the prefetch wait in a list; where the main
thread would wait, one of them runs, whichever the dice say. So a trial is the same each time, on
any machine, and takes a tenth of a run of the whole tap.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from functools import partial
from threading import Condition
from typing import Any

from typing_extensions import override

from simulator import Org, Simulator
from tap_kustomer.client.auth import KustomerAuthenticator
from tap_kustomer.client.codec import decode
from tap_kustomer.client.rate_limit import RateLimiter
from tap_kustomer.client.transport import KustomerClient
from tap_kustomer.errors import KustomerError
from tap_kustomer.readers.negotiation import Form, settle
from tap_kustomer.readers.prefetch import Prefetch
from tap_kustomer.readers.search.emission import NewRows
from tap_kustomer.readers.search.options import FirstPage, ReadOptions
from tap_kustomer.readers.search.query import SearchQuery
from tap_kustomer.readers.search.reader import SearchReader
from tests.direct import Direct
from tests.readers.trials import OrgTime
from tests.support import Output, logged

__all__ = ["read_customers"]

STREAM = "customers"
QUERY = SearchQuery(STREAM, "customer", "customer_updated_at", "customer_created_at")


class Dice(Executor):
    """Runs its tasks where the main thread waits, in an order of the dice."""

    def __init__(self, rng: random.Random) -> None:
        """Begin without a task."""
        self._rng = rng
        self._tasks: list[Callable[[], object]] = []

    @override
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._tasks.append(partial(fn, *args, **kwargs))
        return Future()

    def run_one(self) -> None:
        """Run one task to its end."""
        assert self._tasks, "the main thread waits for what nobody fetches"
        self._tasks.pop(self._rng.randrange(len(self._tasks)))()


class DiceTime(OrgTime):
    """The org's clock, by which waiting for a page lets a task run."""

    def __init__(self, org: Org, dice: Dice) -> None:
        """Wait for ``dice``."""
        super().__init__(org)
        self._dice = dice

    @override
    def wait_for(self, changed: Condition) -> None:
        self.check()
        self._dice.run_one()


class Target:
    """Takes what a stream would write: rows, and the bookmark behind them in a state."""

    def __init__(self, bookmark: Mapping[str, Any]) -> None:
        """Go on from ``bookmark``, the stream's part of the state."""
        self.messages: list[dict[str, Any]] = []
        self._bookmark = dict(bookmark)

    def take(self, new: NewRows, reader: SearchReader) -> None:
        """Write the rows of a page, then its bookmark, as ``KustomerStream.write_batch`` does."""
        rows = decode(new.raw)["data"] if new.indexes else []
        for index in new.indexes:
            values = rows[index]["attributes"]
            record = {
                "id": rows[index]["id"],
                "updated_at": values["updatedAt"],
                "rev": values["rev"],
            }
            self.messages.append({"type": "RECORD", "stream": STREAM, "record": record})
        if reader.archive_form is not None:
            self._bookmark["archive_form"] = reader.archive_form
        if reader.edge_later:
            self._bookmark["edge_later"] = reader.edge_later
        if new.bookmark is None:
            return
        self._bookmark["uncounted"] = new.uncounted
        before = self._bookmark.get("replication_key_value") or ""
        if new.bookmark < before if new.goes_back else new.bookmark > before:
            self._bookmark["replication_key_value"] = new.bookmark
            self.write_state()

    def write_state(self) -> None:
        """Write the state as it is."""
        value = {"bookmarks": {STREAM: dict(self._bookmark)}}
        self.messages.append({"type": "STATE", "value": value})


def read_customers(
    sim: Simulator,
    config: Mapping[str, Any],
    state: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
) -> Output:
    """Read all that a run of ``customers`` owes; return it as a run of the tap would print it.

    A row has what tells its version, and nothing else.
    """
    bookmark = ((state or {}).get("bookmarks") or {}).get(STREAM) or {}
    dice = Dice(random.Random(seed))
    clock = DiceTime(sim.org, dice)
    client = _client(sim, config, clock)
    prefetch = Prefetch(clock, config["max_concurrency"], threads=dice)
    options = ReadOptions(
        start=str(bookmark.get("replication_key_value") or config["start_date"]),
        end=None,
        lookback_seconds=config["lookback_seconds"],
        page_size=config["page_size"],
        archive=True,
        resumes="replication_key_value" in bookmark,
        archive_form=bookmark.get("archive_form"),
        edge_later=bookmark.get("edge_later", 0.0),
        uncounted=bookmark.get("uncounted"),
    )
    target, status = Target(bookmark), 0

    def ask(form: Form[SearchQuery]) -> tuple[SearchReader, FirstPage]:
        reader = SearchReader(client, prefetch, options)
        return reader, reader.first_page(form.query)

    with logged() as log:
        try:
            forms = [Form(QUERY.attribute, QUERY)]
            _, (reader, first) = prefetch.call(
                lambda: settle(STREAM, forms, ask, pause=lambda: clock.sleep(1))
            )
            for new in reader.read(first):
                target.take(new, reader)
            target.write_state()
        except KustomerError as error:
            status = 1
            log.write(f"{error}\n")
        finally:
            client.close()
            prefetch.close()
    return Output(status, log.getvalue(), target.messages)


def _client(sim: Simulator, config: Mapping[str, Any], clock: OrgTime) -> KustomerClient:
    limiter = RateLimiter(
        clock,
        search_per_minute=config["search_requests_per_minute"],
        org_per_minute=config["requests_per_minute"],
        utilization=0.8,
        in_flight=config["max_concurrency"],
    )
    client = KustomerClient(
        api_url=config["api_url"],
        authenticator=KustomerAuthenticator(token=config["api_key"], origin=config["api_url"]),
        limiter=limiter,
        clock=clock,
        user_agent="tests",
        timeout=120,
        max_elapsed=600,
        connections=1,
    )
    vars(client)["_session"] = Direct(sim)
    return client
