"""A search index in memory, and a client that asks it: no HTTP, and no time passes but on paper."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

from tap_kustomer import timestamps
from tap_kustomer.client.transport import Request
from tap_kustomer.clock import Clock, ServerTime
from tap_kustomer.ledger.assumptions import ASSUMPTIONS
from tap_kustomer.ledger.ledger import Ledger
from tap_kustomer.readers.search.ask import PageSearch
from tap_kustomer.readers.search.query import SearchQuery

__all__ = [
    "BEGIN", "QUERY", "AtOnce", "Client", "Index", "PaperClock", "Row", "answer_of", "at",
    "rows_at", "scripted", "search_of",
]  # fmt: skip

BEGIN = 1_700_000_000.0  # Unix seconds
QUERY = SearchQuery("customers", "customer", "customer_updated_at", "customer_created_at")
_MOST_REQUESTS = 2_000  # of one client; more is a loop


def at(seconds: float) -> str:
    """Return the moment so many seconds after the beginning."""
    return timestamps.from_epoch(BEGIN + seconds)


@dataclass(frozen=True)
class Row:
    """A row as it is sent, and its ``place`` in the index, where that is not its stamp."""

    id: Any
    updated: str | None
    created: str | None = None
    rev: int | None = None
    place: str | None = None

    def sent(self) -> dict[str, Any]:
        """Return the row as it stands in an answer."""
        shown = {"updatedAt": self.updated, "createdAt": self.created, "rev": self.rev}
        attributes = {name: value for name, value in shown.items() if value is not None}
        return {"type": "row", "id": self.id, "attributes": attributes}

    def value(self, attribute: str) -> str | None:
        """Return what the index has of the row under the name of a search."""
        if attribute.endswith("created_at"):
            return self.created
        return self.place or self.updated


def rows_at(*seconds: float, created: float | None = None, prefix: str = "") -> list[Row]:
    """Return a row for each moment, created when it was updated if nothing else is said."""
    return [
        Row(f"{prefix}{number}", at(one), at(one if created is None else created))
        for number, one in enumerate(seconds)
    ]


def answer_of(rows: Iterable[Row], **meta: Any) -> dict[str, Any]:
    """Return an answer that holds ``rows``."""
    return {"data": [row.sent() for row in rows], "meta": meta}


class PaperClock(Clock):
    """Each sleep takes no time and is noted."""

    def __init__(self) -> None:
        """Begin an hour after the beginning of the rows."""
        super().__init__()
        self.time = BEGIN + 3_600
        self.sleeps: list[float] = []

    def now(self) -> float:
        """Return the time on paper."""
        return self.time

    def monotonic(self) -> float:
        """Return the same."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Note the pause."""
        assert seconds >= 0
        self.sleeps.append(seconds)
        self.time += seconds


class Client:
    """Asks ``answer`` in place of Kustomer."""

    def __init__(self, answer: Callable[[Request], Any]) -> None:
        """Send nothing yet."""
        self.clock = PaperClock()
        self.server_time = ServerTime(self.clock)
        self.ledger = Ledger(ASSUMPTIONS)
        self.answer = answer
        self.sent: list[Request] = []
        self.page_tries: list[int | None] = []  # that each request was given

    def fetch(
        self,
        request: Request,
        parse: Callable[[bytes], Any],
        *,
        page_tries: int | None = None,
    ) -> Any:
        """Return the answer, parsed; raise it where it is an error."""
        self.sent.append(request)
        self.page_tries.append(page_tries)
        assert len(self.sent) < _MOST_REQUESTS, "no end"
        answer = self.answer(request)
        if isinstance(answer, Exception):
            raise answer
        return parse(answer if isinstance(answer, bytes) else json.dumps(answer).encode())

    @property
    def sizes(self) -> list[int]:
        """The page sizes that were asked for."""
        return [request.params["pageSize"] for request in self.sent]

    @property
    def ranges(self) -> list[tuple[str, str | None]]:
        """The ranges that were asked for, as (low, high) of the first attribute."""
        found = []
        for request in self.sent:
            (first, *others) = (request.body or {})["and"]
            ((name, low),) = first.items()
            highs = [one[name]["lte"] for one in others if "lte" in one.get(name, {})]
            found.append((low["gte"], highs[0] if highs else None))
        return found

    def seen(self, assumption: str) -> tuple[str, list[str]]:
        """Return how an assumption stands, and the differences."""
        finding = self.ledger.findings[assumption]
        return finding.column.value, finding.how


class Index:
    """Answers as Kustomer does, from a list that a test may change."""

    def __init__(self, rows: Iterable[Row] = (), archived: Iterable[Row] = ()) -> None:
        """Hold ``rows``, and what the archive search has."""
        self.rows = list(rows)
        self.archived = list(archived)

    def __call__(self, request: Request) -> dict[str, Any]:
        """Return one page."""
        body = request.body or {}
        ((sort, _),) = body["sort"][0].items()
        rows = self.archived if "archive" in request.path else self.rows
        found = [row for row in rows if all(_matches(row, one) for one in body["and"])]
        found.sort(key=lambda row: row.value(sort) or "")
        number, size = request.params["page"], request.params["pageSize"]
        shown = found[(number - 1) * size : number * size]
        return answer_of(shown, total=len(found), page=number, pageSize=size)


def _matches(row: Row, criterion: dict[str, dict[str, str]]) -> bool:
    ((attribute, rule),) = criterion.items()
    ((operator, moment),) = rule.items()
    value = row.value(attribute)
    if operator == "not_set":
        return value is None
    if value is None:
        return False
    return value >= moment if operator == "gte" else value <= moment


def scripted(*answers: Any) -> Callable[[Request], Any]:
    """Return what gives these answers, one after the other; the last one for ever."""
    waiting = deque(answers)
    return lambda _request: waiting.popleft() if len(waiting) > 1 else waiting[0]


def search_of(
    answer: Callable[[Request], Any],
    *,
    page_size: int = 5,
    watermark: str | None = None,
    query: SearchQuery = QUERY,
    **changes: Any,
) -> tuple[PageSearch, Client]:
    """Return a search that ``answer`` answers, and its client."""
    client = Client(answer)
    search = PageSearch(
        client,  # type: ignore[arg-type]
        replace(query, **changes),
        page_size=page_size,
        watermark=watermark or at(10**8),
    )
    return search, client


class AtOnce(Executor):
    """Does each task at once, in the thread that asks for it, one after the other."""

    def __init__(self) -> None:
        """Begin with nothing to do."""
        self._waiting: deque[Callable[[], Any]] = deque()
        self._is_busy = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Do it now, or behind what is being done."""
        self._waiting.append(lambda: fn(*args, **kwargs))
        if self._is_busy:
            return
        self._is_busy = True
        try:
            for task in self._tasks():
                task()
        finally:
            self._is_busy = False

    def _tasks(self) -> Iterator[Callable[[], Any]]:
        while self._waiting:
            yield self._waiting.popleft()
