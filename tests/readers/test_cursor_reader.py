"""The reader of lists by cursor alone, against logs in memory that grow and answer oddly."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from tap_kustomer.client.transport import Request
from tap_kustomer.errors import NotFoundError, StreamError
from tap_kustomer.readers.cursor import CursorReader

TRIALS = {"long": 100_000, "few": 200}.get(os.environ.get("HYPOTHESIS_PROFILE", ""), 2_000)
PATH = "/v1/audit-logs"
READINGS = 3
ODD = (
    "short", "empty", "cut", "nothing", "null", "errors", "no next", "no links", "repeated",
    "first page", "total smaller", "total larger", "no meta", "404",
)  # fmt: skip

T = TypeVar("T")


@dataclass
class MemoryLog:
    """The log of an org, newest entry first, answered by cursor as Kustomer does."""

    rng: random.Random
    rows: list[str]
    count: int
    links: bool = True
    tells_totals: bool = True
    arrivals: float = 0.0  # chance before each request
    odd_request: int = 0
    odd: str = ""
    requests: int = 0

    def next_request(self, request: Request, link: str) -> Request:
        """Return the request of a link, as the client does."""
        url = urlsplit(urljoin(f"http://host{request.path}", link))
        return Request(f"{url.path}?{url.query}", budget=request.budget)

    def fetch(self, request: Request, parse: Callable[[bytes], T]) -> T:
        """Return the answer, asked for again where it is no page or refused, as the client does."""
        while True:
            if self.rng.random() < self.arrivals:
                self.rows.insert(0, f"new-{self.requests}")
            try:
                return parse(json.dumps(self._answer(request)).encode())
            except (ValueError, NotFoundError):
                continue

    def _answer(self, request: Request) -> dict[str, Any]:
        self.requests += 1
        assert self.requests < 300, "no end"
        odd = self.odd if self.requests == self.odd_request else ""
        if odd == "404":
            raise NotFoundError(PATH)
        asked = dict(parse_qsl(urlsplit(request.path).query)) | dict(request.params)
        start = self.rows.index(asked["before"]) + 1 if "before" in asked else 0
        start = {"repeated": max(start - self.count, 0), "first page": 0}.get(odd, start)
        shown = self.rows[start : start + self.count]
        keep = {"short": len(shown) // 2, "cut": len(shown) // 2, "empty": 0, "nothing": 0}
        data = shown[: keep.get(odd, len(shown))]
        wrong = {"total smaller": -3, "total larger": 3}.get(odd, 0)
        document: dict[str, Any] = {"data": [{"type": "audit_log", "id": id_} for id_ in data]}
        if self.tells_totals and odd != "no meta":
            total, left = len(self.rows) + wrong, len(self.rows) - start + wrong
            document["meta"] = {"count": self.count, "total": total, "cursorCount": max(left, 0)}
        if self.links and odd != "no links":
            more = start + self.count < len(self.rows) and odd not in {"no next", "cut", "nothing"}
            query = urlencode({"count": self.count, "before": shown[-1] if shown else ""})
            document["links"] = {"next": f"{PATH}?{query}" if more else None}
        if odd == "null":
            document["data"] = None
        if odd == "errors":
            document["errors"] = [{"code": "internal"}]
        return document


def read(server: MemoryLog) -> set[str]:
    """Return the ids of a range that was read until it was whole."""
    reader = CursorReader(server, PATH, {}, count=server.count)  # type: ignore[arg-type]
    found: set[str] = set()
    for _ in range(READINGS):
        for page in reader.pages():
            ids = [row["id"] for row in page.rows]
            assert found.isdisjoint(ids)
            found.update(ids)
        if reader.is_whole:
            return found
    raise reader.incomplete


def test_no_entry_is_missing_from_a_range_that_ends_as_whole() -> None:
    """Whichever answer is odd, but the first of a log of one page, which nothing contradicts."""
    failed = 0
    for seed in range(TRIALS):
        rng = random.Random(seed)
        count = rng.randint(2, 6)
        size = rng.choice([0, 1, count, 2 * count, rng.randint(0, 30)])
        pages = 1 + size // count
        server = MemoryLog(
            rng,
            [f"row-{number}" for number in range(size)],
            count,
            links=rng.random() < 0.8,
            tells_totals=rng.random() < 0.7,
            arrivals=rng.choice([0, 0.1, 0.5]),
            odd_request=rng.randint(1, pages + 1),
            odd=rng.choice(ODD) if seed % 4 else "",
        )
        there = set(server.rows)
        try:
            found = read(server)
        except StreamError:
            failed += 1
            continue
        missing = there - found
        assert not missing, f"seed {seed}: {sorted(missing)} of {server.requests} requests"
    assert failed < TRIALS / 12
