"""How many requests a look may send, and the one way in which it sends them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from requests import Response

from tap_kustomer.client.rate_limit import Budget
from tap_kustomer.client.transport import KustomerClient, Request

__all__ = ["Allowance", "SpentError"]

T = TypeVar("T")
MOST_REQUESTS = 60
MOST_SEARCHES = 20
_MOST_FOR_ONE = 3  # answers until a refusal is confirmed, and one to spare


class SpentError(Exception):
    """The look has sent as many requests as it may."""


class Allowance:
    """Counts the requests of a look, retries included; used by one thread."""

    def __init__(self, client: KustomerClient) -> None:
        """Begin with all of them left."""
        self.requests = self.searches = 0
        self._client = client
        client.watchers.append(self._count)

    def _count(self, request: Request, _response: Response) -> None:
        self.requests += 1
        self.searches += request.budget is Budget.SEARCH

    def spend(self, call: Callable[[], T], *, searches: bool = False) -> T:
        """Return what ``call`` returns. Raises ``SpentError`` before it when it may be too much."""
        left = MOST_SEARCHES - self.searches if searches else _MOST_FOR_ONE
        if min(MOST_REQUESTS - self.requests, left) < _MOST_FOR_ONE:
            raise SpentError
        return call()

    def close(self) -> None:
        """Count no longer."""
        self._client.watchers.remove(self._count)
