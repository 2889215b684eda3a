"""Sends the org's events to its outbound webhooks: signed, at least once, in no order.

Source: https://developer.kustomer.com/docs/events/delivery-and-retries
"""

from __future__ import annotations

import hashlib
import heapq
import hmac
import json
import random
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

import requests

from simulator.clock import to_iso

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.jsontypes import JSON
    from simulator.org.index import Version
    from simulator.org.org import Org

PUSHED = ("conversation", "customer", "message", "user", "team", "tag")
VERBS = ("create", "update")  # no deletes
EVENTS = tuple(f"kustomer.{name}.{verb}" for name in PUSHED for verb in VERBS)
MOST_EVENTS = 12  # of one webhook
RETRY_MINUTES = (1, 1, 2, 5, 10, 15, 30)
SENDERS = 8  # threads
TIMEOUT = 10.0  # real seconds; Kustomer's is UNCONFIRMED (webhook-timeout)
POLL = 0.01  # real seconds


class Delivery(NamedTuple):
    """One try to send an event; ``status`` None: no answer came."""

    event: str
    attempt: int
    status: int | None


class _Due(NamedTuple):
    """A try that is due at a moment of the org's clock."""

    moment: float
    number: int  # makes every one distinct
    attempt: int
    event: str
    body: bytes
    webhook: str


class Webhooks:
    """The outbound webhooks of an org that are really sent.

    ``duplicates`` is the share of events that are sent twice, ``disorder_seconds`` how much later
    than it happened an event may be sent first, and ``wrong_signatures`` how many of the next
    tries are signed with something else.
    """

    def __init__(self, org: Org) -> None:
        self.duplicates = 0.0
        self.disorder_seconds = 0.0
        self.wrong_signatures = 0
        self.deliveries: list[Delivery] = []
        self.given_up: list[str] = []  # events that nobody took within the hour
        self._org = org
        self._rng = random.Random(f"{org.seed_number} webhooks")
        self._webhooks: dict[str, tuple[str, str, frozenset[str]]] = {}
        self._due: list[_Due] = []
        self._open = 0  # tries that are due or on their way
        self._numbers = 0
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._stopping = False

    def adjust(self, **fields: float) -> None:
        """Set ``duplicates``, ``disorder_seconds``, ``wrong_signatures``."""
        for name, value in fields.items():
            if name not in {"duplicates", "disorder_seconds", "wrong_signatures"}:
                message = f"Unknown field {name!r}."
                raise AttributeError(message)
            setattr(self, name, value)

    def subscribe(self, url: str, secret: str, events: Sequence[str] = EVENTS) -> str:
        """Make a webhook of the org and send its events from now on; return its id."""
        if len(events) > MOST_EVENTS or not set(events) <= set(EVENTS):
            message = f"At most {MOST_EVENTS} of {', '.join(EVENTS)}."
            raise ValueError(message)
        [id_] = self._org.add("outbound_webhook", url=url, token=secret, events=list(events))
        with self._lock:
            self._webhooks[id_] = (url, secret, frozenset(events))
        if not self._threads:
            self._org.listeners.append(self._happened)
            for number in range(SENDERS):
                name = f"webhooks-{number}"
                self._threads.append(threading.Thread(target=self._run, name=name, daemon=True))
                self._threads[-1].start()
        return id_

    def wait(self, timeout: float = 60.0) -> None:
        """Return once every event was taken or given up. Raises ``TimeoutError``."""
        end = time.monotonic() + timeout
        while self._open:
            if time.monotonic() > end:
                message = f"{self._open} webhooks are not delivered after {timeout} seconds."
                raise TimeoutError(message)
            time.sleep(POLL)

    def stop(self) -> None:
        """Send no more."""
        self._stopping = True
        for thread in self._threads:
            thread.join()

    @property
    def taken(self) -> set[str]:
        """The ids of the events that were answered with 200."""
        return {one.event for one in list(self.deliveries) if one.status == requests.codes.ok}

    # ---------------------------------------------------------------- events

    def _happened(self, version: Version, verb: str, changes: JSON) -> None:
        """Queue the event of a change; called while the org is locked."""
        name = f"kustomer.{version.name}.{verb}"
        with self._lock:
            receivers = [id_ for id_, (*_, events) in self._webhooks.items() if name in events]
            if not receivers:
                return
            self._numbers += 1
            event = f"{int(self._org.clock.now()):08x}{self._numbers:016x}"
            body = json.dumps(self._envelope(event, name, version, changes)).encode()
            for id_ in receivers:
                copies = 2 if self._rng.random() < self.duplicates else 1
                for _ in range(copies):
                    delay = self._rng.uniform(0, self.disorder_seconds)
                    self._queue(self._org.clock.now() + delay, 0, event, body, id_)

    def _envelope(self, event: str, name: str, version: Version, changes: JSON) -> JSON:
        org = self._org
        return {
            "id": event,
            "name": name,
            "org": org.org_id,
            "partition": org.org_id,
            "orgName": org.name,
            "data": version.resource,
            "createdAt": to_iso(org.clock.now_ms()),
            "changes": {"attributes": changes, "relationships": {}} if changes else None,
            "persist": True,
            "client": "api-gw",
            "dataId": version.id,
        }

    def _queue(self, moment: float, attempt: int, event: str, body: bytes, webhook: str) -> None:
        self._numbers += 1
        self._open += 1
        heapq.heappush(self._due, _Due(moment, self._numbers, attempt, event, body, webhook))

    # --------------------------------------------------------------- sending

    def _run(self) -> None:
        with requests.Session() as session:
            while not self._stopping:
                due = self._next()
                if due is None:
                    time.sleep(POLL)
                else:
                    self._settle(due, self._send(session, due))

    def _next(self) -> _Due | None:
        with self._lock:
            if not self._due or self._due[0].moment > self._org.clock.now():
                return None
            return heapq.heappop(self._due)

    def _send(self, session: requests.Session, due: _Due) -> int | None:
        url, secret, _ = self._webhooks[due.webhook]
        with self._lock:
            if wrong := self.wrong_signatures > 0:
                self.wrong_signatures -= 1
        key = b"something else" if wrong else secret.encode()
        headers = {
            "Content-Type": "application/json",
            "X-Kustomer-Webhook-Event": json.loads(due.body)["name"],
            "X-Kustomer-Webhook-Signature": hmac.new(key, due.body, hashlib.sha256).hexdigest(),
        }
        try:
            answer = session.post(url, data=due.body, headers=headers, timeout=TIMEOUT)
        except requests.RequestException:
            return None
        return answer.status_code

    def _settle(self, due: _Due, status: int | None) -> None:
        with self._lock:
            self.deliveries.append(Delivery(due.event, due.attempt, status))
            if status != requests.codes.ok:
                if due.attempt < len(RETRY_MINUTES):
                    moment = self._org.clock.now() + 60 * RETRY_MINUTES[due.attempt]
                    self._queue(moment, due.attempt + 1, due.event, due.body, due.webhook)
                else:
                    self.given_up.append(due.event)
            self._open -= 1
