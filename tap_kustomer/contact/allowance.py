"""How many requests a check may send: discovery, the table of streams and the look together."""

from __future__ import annotations

import threading

from tap_kustomer.client.rate_limit import Budget
from tap_kustomer.client.transport import Request
from tap_kustomer.errors import SpentError

__all__ = ["MOST_REQUESTS", "MOST_SEARCHES", "NOT_ASKED", "Allowance"]

MOST_REQUESTS = 60
MOST_SEARCHES = 20
# So that many entries of `extra_streams` leave the streams themselves something to ask.
_MOST_OF_DISCOVERY = 25
NOT_ASKED = f"a check sends at most {MOST_REQUESTS} requests, {MOST_SEARCHES} of them searches"


class Allowance:
    """Counts each request before it is sent, retries included; any thread may ask."""

    def __init__(self) -> None:
        """Begin with those of discovery."""
        self.requests = self.searches = 0
        self._most = _MOST_OF_DISCOVERY
        self._lock = threading.Lock()

    def end_discovery(self) -> None:
        """Let all of them be sent from now on."""
        self._most = MOST_REQUESTS

    def __call__(self, request: Request) -> None:
        """Count a request that is due. Raises ``SpentError`` where it would be one too many."""
        is_search = request.budget is Budget.SEARCH
        with self._lock:
            if self.requests >= self._most or (is_search and self.searches >= MOST_SEARCHES):
                msg = f"It was not asked for: {NOT_ASKED}."
                raise SpentError(msg)
            self.requests += 1
            self.searches += is_search
