"""Answers that are odd in one way or another, in place of the right ones.

Each kind was seen in some API, or could come from what stands between: a proxy, a replica, a cache.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from unittest.mock import patch

from typing_extensions import override

from simulator import Simulator, index
from simulator.api.answers import Answer, Refused, error_answer
from simulator.server.faults import Fault
from simulator.server.requestlog import RequestLog

__all__ = ["CERTAIN", "KINDS", "PARTS", "PRIVATE", "Odd", "OddSimulator", "area_of"]

PRIVATE = "Jane Roe, plan expired"  # in bodies that must not be quoted
HTML = f"<html><title>Bad gateway</title><body>{PRIVATE}</body></html>".encode()
HOUR = 3_600.0

JSON = dict[str, Any]


@dataclass
class Odd:
    """Which answers are odd, and how."""

    area: str
    kind: str
    place: int  # the first of them, among the run's requests in the area, from 1 on
    times: int = 1
    seed: int = 0
    seen: int = 0
    happened: int = 0
    rng: random.Random = field(default_factory=random.Random)

    def strikes(self, area: str) -> bool:
        """Count a request and say whether its answer is odd."""
        if area != self.area:
            return False
        self.seen += 1
        if not self.place <= self.seen < self.place + self.times:
            return False
        self.happened += 1
        self.rng = random.Random(self.seed)
        return True


def area_of(log: RequestLog) -> str:
    """Return what kind of endpoint a request asks."""
    if log.is_search:
        return "archive" if log.is_archive else "search"
    path = log.path.split("/")[2:]
    if path[0] in {"klasses", "metadata"}:
        return path[0]
    if path[0] == "audit-logs":
        return "cursor"
    if path[0] in {"conversations", "customers"}:
        return "child" if len(path) > 1 else "list"
    return "start" if path == ["users", "current"] else "list"


# ---------------------------------------------------------------- kinds


def _status(status: int) -> Callable[[Answer, Odd], Answer]:
    """Return what refuses in Kustomer's own form."""

    def change(_: Answer, __: Odd) -> Answer:
        return error_answer(Refused(status, PRIVATE), "A")

    return change


def _foreign(status: int) -> Callable[[Answer, Odd], Answer]:
    """Return what answers as a proxy does."""
    return lambda _, __: Answer(status, raw=HTML, content_type="text/html")


def _raw(raw: bytes) -> Callable[[Answer, Odd], Answer]:
    return lambda _, __: Answer(raw=raw)


def _document(change: Callable[[JSON, Odd], None]) -> Callable[[Answer, Odd], Answer]:
    """Return what changes the document of an answer."""

    def apply(answer: Answer, odd: Odd) -> Answer:
        if answer.status != HTTPStatus.OK:
            return answer
        document = json.loads(json.dumps(answer.whole()))
        document.setdefault("meta", {})
        change(document, odd)
        return Answer(answer.status, document, None, answer.headers)

    return apply


def _rows(change: Callable[[list[Any], Odd], Any]) -> Callable[[Answer, Odd], Answer]:
    """Return what changes the rows of an answer, and nothing that is told of them."""

    def on_document(document: JSON, odd: Odd) -> None:
        rows = document.get("data")
        if isinstance(rows, list):
            document["data"] = change(rows, odd)

    return _document(on_document)


def _entry(place: str, name: str, value: Any) -> Callable[[Answer, Odd], Answer]:
    """Return what sets an entry of ``meta`` or ``links``; a function makes it from the old one."""

    def change(document: JSON, _: Odd) -> None:
        part = document.get(place)
        part = document[place] = part if isinstance(part, dict) else {}
        part[name] = value(part.get(name)) if callable(value) else value

    return _document(change)


def _without(*names: str) -> Callable[[Answer, Odd], Answer]:
    """Return what leaves an entry of the document, or of a part of it, out."""

    def change(document: JSON, _: Odd) -> None:
        part: Any = document
        for name in names[:-1]:
            part = part.get(name) or {}
        part.pop(names[-1], None)

    return _document(change)


def _of_rows(name: str, value: object) -> Callable[[Answer, Odd], Answer]:
    """Return what sets a member of some row."""

    def change(rows: list[Any], odd: Odd) -> list[Any]:
        if rows:
            odd.rng.choice(rows)[name] = value
        return rows

    return _rows(change)


def _shuffled(rows: list[Any], odd: Odd) -> list[Any]:
    return odd.rng.sample(rows, len(rows))


def _one_null(rows: list[Any], odd: Odd) -> list[Any]:
    return [None, *rows[1:]] if odd.rng.random() < 0.5 else [*rows[:-1], None]


def _date(seconds: float | str | None) -> Callable[[Answer, Odd], Answer]:
    """Return what tells a wrong time in the ``Date`` header."""

    def change(answer: Answer, _: Odd) -> Answer:
        answer.headers = {**answer.headers, "x-odd-date": json.dumps(seconds)}
        return answer

    return change


def _plus(number: int) -> Callable[[Any], Any]:
    return lambda old: max(old + number, 0) if isinstance(old, int) else number


def _cut(answer: Answer, odd: Odd) -> Answer:
    body = answer.body()
    return Answer(answer.status, raw=body[: odd.rng.randrange(len(body))], headers=answer.headers)


def _content_type(answer: Answer, _: Odd) -> Answer:
    return Answer(
        answer.status, raw=answer.body(), content_type="text/html", headers=answer.headers
    )


def _as_it_is(answer: Answer, _: Odd) -> Answer:
    return answer  # made odd before it is found


KINDS: Mapping[str, Callable[[Answer, Odd], Answer]] = {
    **{f"status {one}": _status(one) for one in (400, 401, 403, 404, 408, 409, 413, 422, 425)},
    **{f"status {one}": _status(one) for one in (429, 500, 501, 502, 503, 504)},
    **{f"proxy {one}": _foreign(one) for one in (200, 202, 304, 400, 401, 403)},
    **{f"proxy {one}": _foreign(one) for one in (404, 407, 502, 520, 524)},
    "no content": _raw(b""),
    "cut": _cut,
    "null": _raw(b"null"),
    "list": _raw(b"[]"),
    "text": _raw(b'"ok"'),
    "object": _raw(b"{}"),
    "wrong content type": _content_type,
    "data null": _document(lambda document, _: document.update(data=None)),
    "data object": _document(lambda document, _: document.update(data={})),
    "data one object": _rows(lambda rows, _: rows[0] if rows else {}),
    "data missing": _without("data"),
    "errors": _document(lambda document, _: document.update(errors=[{"code": PRIVATE}])),
    "errors, no rows": _document(lambda document, _: document.update(errors=[{}], data=[])),
    "half": _rows(lambda rows, _: rows[: len(rows) // 2]),
    "other half": _rows(lambda rows, _: rows[len(rows) // 2 :]),
    "one row less": _rows(lambda rows, odd: rows[:-1] if odd.rng.random() < 0.5 else rows[1:]),
    "empty": _rows(lambda _, __: []),
    "twice": _rows(lambda rows, _: [*rows, *rows]),
    "first row twice": _rows(lambda rows, _: [*rows[:1], *rows]),
    "shuffled": _rows(_shuffled),
    "backwards": _rows(lambda rows, _: rows[::-1]),
    "null row": _rows(_one_null),
    "row without id": _of_rows("id", None),
    "row without attributes": _of_rows("attributes", None),
    "meta missing": _without("meta"),
    "meta null": _document(lambda document, _: document.update(meta=None)),
    "total missing": _without("meta", "total"),
    "total null": _entry("meta", "total", None),
    "total 0": _entry("meta", "total", 0),
    "total less": _entry("meta", "total", _plus(-3)),
    "total more": _entry("meta", "total", _plus(3)),
    "total 10000": _entry("meta", "total", 10_000),
    "total text": _entry("meta", "total", "many"),
    "total negative": _entry("meta", "total", -1),
    "total of rows": _document(
        lambda document, _: document["meta"].update(total=len(document.get("data") or []))
    ),
    "half, total of rows": _document(lambda document, _: _half_in_itself(document)),
    "page size 1": _entry("meta", "pageSize", 1),
    "page size 0": _entry("meta", "pageSize", 0),
    "page size more": _entry("meta", "pageSize", 5_000),
    "timed out": _entry("meta", "timed_out", value=True),
    "links missing": _without("links"),
    "links null": _document(lambda document, _: document.update(links=None)),
    "next missing": _without("links", "next"),
    "next null": _entry("links", "next", None),
    "next a number": _entry("links", "next", 7),
    "next empty": _entry("links", "next", ""),
    "next elsewhere": _entry("links", "next", "https://elsewhere.example/v1/tags?page=2"),
    "next object": _entry("links", "next", lambda old: {"href": old}),
    "next is self": _document(lambda document, _: _next_is_self(document)),
    "count less": _entry("meta", "cursorCount", _plus(-2)),
    "date ahead": _date(3 * HOUR),
    "date behind": _date(-3 * HOUR),
    "date of 1970": _date(-1e9),
    "date unreadable": _date("soon"),
    "cached": _as_it_is,
    "stale": _as_it_is,
    "part": _as_it_is,
}  # fmt: skip

# Kinds that show fewer rows than there are. Where one answer holds all, and tells no total, or one
# that agrees, there is no other answer to disagree with it.
PARTS = frozenset(
    {
        "half", "other half", "one row less", "empty", "data one object", "half, total of rows",
        "part", "stale", "cached",
    }
)  # fmt: skip
# Kinds that two answers make certain: Kustomer says it, and says it again. That a full page is the
# last one of its list belongs to them, and what time it is.
CERTAIN = frozenset(
    {f"status {one}" for one in (400, 403, 404, 422)}
    | {"next missing", "next null", "next empty"}
    | {"date ahead", "date behind", "date of 1970"}
)


def _half_in_itself(document: JSON) -> None:
    rows = document.get("data")
    if isinstance(rows, list):
        document["data"] = rows[: len(rows) // 2]
        document["meta"] = {**(document["meta"] or {}), "total": len(document["data"])}


def _next_is_self(document: JSON) -> None:
    links = document.get("links")
    if isinstance(links, dict):
        links["next"] = links.get("self")


# ---------------------------------------------------------------- the simulator


class OddSimulator(Simulator):
    """A simulator that can answer oddly, and that remembers what the org was like before."""

    odd: Odd | None = None

    def begin_run(self, odd: Odd | None) -> None:
        """Forget the requests so far; answer as ``odd`` says."""
        self.reset_log()
        self.odd = odd
        self._earlier: dict[str, tuple[Any, Answer]] = {}

    def remember(self) -> None:
        """Keep the org as it is: a stale answer shows it so."""
        store = self.org.store
        self._stale = {
            context: (list(store.view(context).documents.values()), dict(store._truth[context]))  # noqa: SLF001
            for context in store.contexts()
        }

    def _answer(self, log: RequestLog, body: object) -> tuple[Answer, list[Fault]]:
        area = area_of(log)
        odd = self.odd if self.odd is not None and self.odd.strikes(area) else None
        if odd is None:
            answer, trouble = super()._answer(log, body)
            self._earlier.setdefault(area, (log.path, answer))
            return answer, trouble
        log.faults.append(odd.kind)
        if odd.kind == "cached" and area in self._earlier:
            return self._earlier[area][1], []
        if odd.kind == "stale":
            answer, trouble = self._answer_of_before(log, body)
        elif odd.kind == "part":
            answer, trouble = self._answer_in_part(odd, log, body)
        else:
            answer, trouble = super()._answer(log, body)
        limits = answer.headers
        answer = KINDS[odd.kind](answer, odd)
        answer.headers = {**limits, **answer.headers}
        return answer, trouble

    def _answer_of_before(self, *args: Any) -> tuple[Answer, list[Fault]]:
        store = self.org.store
        store.refresh()  # what is due belongs into the index of now
        views, truth, ordered = store._views, store._truth, store._sorted  # noqa: SLF001
        late, store._late = store._late, []  # noqa: SLF001
        store._views = type(views)(index.IndexView)  # noqa: SLF001
        store._truth = type(truth)(dict)  # noqa: SLF001
        store._sorted = {}  # noqa: SLF001
        for context, (documents, rows) in self._stale.items():
            store._truth[context] = rows  # noqa: SLF001
            for version in documents:
                store._views[context].put(version)  # noqa: SLF001
        try:
            return super()._answer(*args)
        finally:
            store._views, store._truth, store._sorted = views, truth, ordered  # noqa: SLF001
            store._late = late  # noqa: SLF001

    def _answer_in_part(self, odd: Odd, *args: Any) -> tuple[Answer, list[Fault]]:
        """Answer from a part of the index: rows and totals are those of the part."""
        share = odd.rng.choice((1, 2, 5))
        keys = index.IndexView.keys

        def keys_of_part(view: Any, **options: Any) -> Any:
            return [key for key in keys(view, **options) if key[1] % share]

        with patch.object(index.IndexView, "keys", keys_of_part):
            return super()._answer(*args)

    @override
    def headers_of(self, answer: Answer) -> dict[str, str]:
        told = answer.headers.pop("x-odd-date", None)
        headers = super().headers_of(answer)
        if told is not None:
            seconds = json.loads(told)
            if not isinstance(seconds, str):
                moment = max(self.org.clock.now() + seconds, 0.0)
                seconds = formatdate(moment, usegmt=True)
            headers["Date"] = seconds
        return headers
