"""What the simulator remembers of each request."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from simulator.api import search

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.jsontypes import JSON


class Asked(Protocol):
    """A request as far as an answer depends on it, however it came."""

    @property
    def method(self) -> str:
        """Such as ``GET``."""

    @property
    def path(self) -> str:
        """Below the host, without the query."""

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, names in any case."""


@dataclass
class RequestLog:
    """One request; ``status`` stays 0 where no answer was sent."""

    time: float  # org clock, unix seconds, at arrival
    method: str
    path: str
    query: dict[str, str]
    body: JSON | None
    headers: dict[str, str]  # names in lower case
    context: str | None  # queryContext
    is_search: bool
    is_archive: bool
    status: int = 0
    rows: int = 0
    answered: float = 0.0
    faults: list[str] = field(default_factory=list)


def read_request(request: Asked, body: bytes, now: float) -> tuple[RequestLog, object]:
    """Return the log of a request that has just come, and its decoded body."""
    try:
        decoded = json.loads(body) if body else None
    except ValueError:
        decoded = body  # no JSON: the endpoint says so
    known = decoded if isinstance(decoded, dict) else None
    context = known.get("queryContext") if known else None
    is_archive = request.path == search.ARCHIVE_PATH
    log = RequestLog(
        time=now,
        method=request.method,
        path=request.path,
        query=dict(request.query),
        body=known,
        headers={name.lower(): value for name, value in request.headers.items()},
        context=context if isinstance(context, str) else None,
        is_search=is_archive or request.path == search.STANDARD_PATH,
        is_archive=is_archive,
    )
    return log, decoded
