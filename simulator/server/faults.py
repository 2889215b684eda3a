"""Things that go wrong on request."""

from __future__ import annotations

import json
import random
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from simulator.api.answers import Answer, Refused, error_answer
from simulator.org.index import encode
from simulator.server.limits import reset_text, retry_after_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from simulator.jsontypes import JSON

# Before or instead of the answer: the server acts on them.
TRANSPORT = frozenset({"reset", "close", "refuse", "hang", "slow", "truncated"})
# In place of the answer.
REPLACING = frozenset({"status", "429", "redirect", "invalid_json", "not_json_200"})
# The answer, changed; these hit only pages, `timed_out` and `shrink_total` only searches.
CHANGING = frozenset(
    {
        "timed_out", "short_page", "empty_page", "shrink_total", "next_link_other_host",
        "null_attributes", "missing_id", "missing_updated_at", "rewrite",
    }
)  # fmt: skip
SEARCH_ONLY = frozenset({"timed_out", "shrink_total"})
KINDS = TRANSPORT | REPLACING | CHANGING


class Fault:
    """One kind of trouble, for the requests that it fits.

    Args:
        kind: one of ``KINDS``.
        path: beginning of the request's path; None fits all.
        context: the search's queryContext.
        method: `GET` or `POST`.
        times: how often it happens; None without end.
        after: so many fitting requests are spared first.
        every: of the rest, every so-many-th is hit.
        probability: of the rest, this share is hit, by the seed.
        detail: what the kind needs, see ``simulator``'s docstring.
    """

    def __init__(  # noqa: PLR0913  # all but the kind are filters
        self,
        kind: str,
        *,
        path: str | None = None,
        context: str | None = None,
        method: str | None = None,
        times: int | None = 1,
        after: int = 0,
        every: int | None = None,
        probability: float | None = None,
        **detail: Any,
    ) -> None:
        if kind not in KINDS:
            message = f"Unknown fault {kind!r}; known: {', '.join(sorted(KINDS))}."
            raise ValueError(message)
        self.kind, self.path, self.context, self.method = kind, path, context, method
        self.times, self.after, self.every, self.probability = times, after, every, probability
        self.detail = detail
        self.seen = 0  # requests that fitted
        self.happened = 0

    def fits(self, method: str, path: str, context: str | None) -> bool:
        """Say whether the request is of those that the fault is meant for."""
        return (
            (self.path is None or path.startswith(self.path))
            and (self.context is None or context == self.context)
            and (self.method is None or method == self.method)
        )

    def strikes(self, rng: random.Random) -> bool:
        """Count a fitting request and say whether it is hit."""
        self.seen += 1
        place = self.seen - self.after
        if place < 1 or (self.times is not None and self.happened >= self.times):
            return False
        if self.every is not None and place % self.every:
            return False
        if self.probability is not None and rng.random() >= self.probability:
            return False
        self.happened += 1
        return True

    def __repr__(self) -> str:
        """Say what it does and how often it did."""
        return f"Fault({self.kind!r}, path={self.path!r}, happened={self.happened})"


class Faults:
    """The faults that are set; each request asks which of them hit it."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, *faults: Fault) -> Fault:
        """Set faults and return the last."""
        with self._lock:
            self._faults.extend(faults)
        return faults[-1]

    def remove(self, fault: Fault) -> None:
        """Take a fault back."""
        with self._lock:
            self._faults.remove(fault)

    def clear(self) -> None:
        """Take all faults back."""
        with self._lock:
            self._faults.clear()

    def __iter__(self) -> Iterator[Fault]:
        """Iterate over the faults that are set."""
        return iter(list(self._faults))

    def strike(
        self, kinds: frozenset[str], method: str, path: str, context: str | None
    ) -> list[Fault]:
        """Return the faults of these kinds that hit a request."""
        with self._lock:
            return [
                fault
                for fault in self._faults
                if fault.kind in kinds
                and fault.fits(method, path, context)
                and fault.strikes(self._rng)
            ]


HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


def replacement(fault: Fault, now: float, limit: int) -> Answer:
    """Return the answer that a fault of the ``REPLACING`` kinds gives instead of the right one."""
    detail = fault.detail
    headers = dict(detail.get("headers", {}))
    if fault.kind == "invalid_json":
        return Answer(raw=detail.get("body", b'{"meta": {"page": 1}, "data": [{"type": "cus'))
    if fault.kind == "not_json_200":
        return Answer(raw=HTML, content_type="text/html")
    if fault.kind == "redirect":
        headers["Location"] = detail.get("to", "https://elsewhere.example/v1/users")
        return Answer(detail.get("status", 302), {}, headers=headers)
    if fault.kind == "429":
        return _too_many(detail, headers, now, limit)
    return _status(detail, headers)


def _status(detail: JSON, headers: dict[str, str]) -> Answer:
    status = int(detail.get("status", 500))
    body = detail.get("body")
    if isinstance(body, dict):
        return Answer(status, body, headers=headers)
    if body is not None or detail.get("html", status == HTTPStatus.BAD_GATEWAY):
        raw = HTML if body is None else body if isinstance(body, bytes) else str(body).encode()
        return Answer(status, raw=raw, content_type="text/html", headers=headers)
    answer = error_answer(Refused(status, "Simulated fault."), detail.get("shape", "A"))
    answer.headers = headers
    return answer


def _too_many(detail: JSON, headers: dict[str, str], now: float, limit: int) -> Answer:
    """A 429; ``reset`` and ``retry_after`` name the form of each header, None leaves it out."""
    resets_at = now + detail.get("seconds", 60)
    headers |= {"x-ratelimit-limit": str(limit), "x-ratelimit-remaining": "0"}
    if form := detail.get("reset", "seconds"):
        headers["x-ratelimit-reset"] = reset_text(form, resets_at, now)
    if form := detail.get("retry_after"):
        headers["Retry-After"] = retry_after_text(form, resets_at, now)
    answer = error_answer(Refused(429, "Too many requests."), detail.get("shape", "A"))
    answer.headers = headers
    return answer


def changed(answer: Answer, fault: Fault) -> Answer:
    """Return the answer with a fault of the ``CHANGING`` kinds in it."""
    change = _CHANGES[fault.kind]
    return change(answer, fault.detail)


def _cut(answer: Answer, detail: JSON, *, default: float) -> list[bytes]:
    rows = answer.rows or []
    keep = detail.get("keep", int(len(rows) * detail.get("fraction", default)))
    return rows[:keep]


def _meta(answer: Answer, **values: object) -> JSON:
    return {**answer.document, "meta": {**answer.document.get("meta", {}), **values}}


def _timed_out(answer: Answer, detail: JSON) -> Answer:
    if answer.rows is None:
        return answer
    return _with(answer, _meta(answer, timed_out=True), _cut(answer, detail, default=0.5))


def _short_page(answer: Answer, detail: JSON) -> Answer:
    return _with(answer, answer.document, _cut(answer, detail, default=0.5))


def _empty_page(answer: Answer, _: JSON) -> Answer:
    return _with(answer, answer.document, [])


def _shrink_total(answer: Answer, detail: JSON) -> Answer:
    total = answer.document.get("meta", {}).get("total")
    if total is None:
        return answer
    smaller = detail.get("to", max(0, total - detail.get("by", max(1, total // 2))))
    return _with(answer, _meta(answer, total=smaller), answer.rows)


def _next_link_other_host(answer: Answer, detail: JSON) -> Answer:
    links = answer.document.get("links") or {}
    host = detail.get("to", "https://elsewhere.example")
    path = links.get("next") or links.get("self") or "/v1/users?page=2"
    document = {**answer.document, "links": {**links, "next": host + path}}
    return _with(answer, document, answer.rows)


def _rewrite(answer: Answer, detail: JSON) -> Answer:
    change: Callable[[JSON], JSON] = detail["rewrite"]
    return Answer(answer.status, change(answer.whole()), None, answer.headers)


def _row_change(change: Callable[[JSON], None]) -> Callable[[Answer, JSON], Answer]:
    """Change the first ``rows`` rows of a page (default one), or the single resource."""

    def apply(answer: Answer, detail: JSON) -> Answer:
        if answer.rows is None:
            document = json.loads(encode(answer.document))
            change(document.get("data") or {})
            return _with(answer, document, None)
        rows = list(answer.rows)
        for place in range(min(detail.get("rows", 1), len(rows))):
            resource = json.loads(rows[place])
            change(resource)
            rows[place] = encode(resource)
        return _with(answer, answer.document, rows)

    return apply


def _null_attributes(resource: JSON) -> None:
    resource["attributes"] = None


def _missing_id(resource: JSON) -> None:
    resource.pop("id", None)


def _missing_updated_at(resource: JSON) -> None:
    (resource.get("attributes") or {}).pop("updatedAt", None)


def _with(answer: Answer, document: JSON, rows: list[bytes] | None) -> Answer:
    return Answer(answer.status, document, rows, answer.headers)


_CHANGES: dict[str, Callable[[Answer, JSON], Answer]] = {
    "timed_out": _timed_out,
    "short_page": _short_page,
    "empty_page": _empty_page,
    "shrink_total": _shrink_total,
    "next_link_other_host": _next_link_other_host,
    "rewrite": _rewrite,
    "null_attributes": _row_change(_null_attributes),
    "missing_id": _row_change(_missing_id),
    "missing_updated_at": _row_change(_missing_updated_at),
}
