"""Some rows of a stream, before it is read: what hangs below it is looked for by their ids."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tap_kustomer.client.rate_limit import Budget
from tap_kustomer.client.transport import KustomerClient, Request
from tap_kustomer.errors import KustomerError, NotFoundError, RequestRefusedError
from tap_kustomer.readers.list_page import attributes_of
from tap_kustomer.rows.extra import BELONGS_TO, identified
from tap_kustomer.streams.base import KustomerStream
from tap_kustomer.streams.children import ChildStream
from tap_kustomer.streams.lists import ListStream
from tap_kustomer.streams.search import SearchStream

__all__ = ["Look", "Samples"]

_SEARCH = "/v1/customers/search"
_SAMPLE = 10  # rows of a stream


@dataclass(frozen=True)
class Look:
    """What an answer shows: its rows, or that it is no list."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    problem: str | None = None

    @classmethod
    def parse(cls, raw: bytes) -> Look:
        """Return what ``raw`` shows. Never fails: what is no list is asked for once more only."""
        try:
            content = json.loads(raw)
        except (ValueError, RecursionError):
            return cls(problem="returns something other than JSON, such as a web page")
        data = content.get("data") if isinstance(content, dict) else None
        if isinstance(data, dict):
            return cls([data], "answers with one object instead of a list")
        if not isinstance(data, list):
            return cls(problem="answers without `data`, so it isn't a list of resources")
        return cls([identified(one) for one in data if isinstance(one, dict)])


class Samples:
    """Asks for some rows of each stream that something hangs below, once.

    ``types`` and ``contexts`` are those of ``ExtraDiscovery``.
    """

    def __init__(
        self,
        client: KustomerClient,
        types: Mapping[str, type[KustomerStream]],
        contexts: Mapping[str, str],
    ) -> None:
        """Ask nothing yet."""
        self._client = client
        self._types = types
        self._contexts = contexts
        self._rows: dict[str, list[dict[str, Any]]] = {}

    def note(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Keep ``rows``, which a look at the stream has shown."""
        self._rows[name] = rows

    def ask(self, request: Request) -> Look:
        """Return what an endpoint shows. Raises what ``KustomerClient.fetch`` raises."""
        look = self._client.fetch(request, Look.parse, page_tries=2)
        if look.problem:  # one odd answer decides nothing
            look = self._client.fetch(request, Look.parse, page_tries=2)
        return look

    def rows_of(self, name: str) -> list[dict[str, Any]]:
        """Return some rows of a stream, to look for children below them."""
        if name not in self._rows:
            try:
                self._rows[name] = self._sample(name)
            except KustomerError:
                self._rows[name] = []  # the run says what is wrong with the parent
        return self._rows[name]

    def _sample(self, name: str) -> list[dict[str, Any]]:
        type_ = self._types.get(name)
        context = self._contexts.get(name)
        if context is None and type_ is not None and issubclass(type_, SearchStream):
            context = type_.query_context
        if context is not None:
            body = {"queryContext": context, "and": []}
            params = {"page": 1, "pageSize": _SAMPLE}
            return self.ask(Request(_SEARCH, params, body, Budget.SEARCH)).rows
        if type_ is not None and issubclass(type_, ListStream):
            return self._sample_of_list(type_)
        if type_ is not None and issubclass(type_, ChildStream):
            return self._sample_of_child(type_)
        return []

    def _sample_of_list(self, type_: type[ListStream]) -> list[dict[str, Any]]:
        """Return some rows, those first that are not deleted: of the others little is left."""
        rows: list[dict[str, Any]] = []
        for path in type_.paths:
            for params in (*type_.passes, {}):
                if rows and not params:
                    break  # without parameters only where they bring nothing, or are refused
                try:
                    request = Request(path, {**params, "page": 1, "pageSize": _SAMPLE})
                    rows += self.ask(request).rows
                except (NotFoundError, RequestRefusedError):
                    continue
            if rows:
                break
        return sorted(rows, key=lambda row: attributes_of(row).get("deleted") is True)

    def _sample_of_child(self, type_: type[ChildStream]) -> list[dict[str, Any]]:
        for parent in self.rows_of(type_.parent):
            try:
                path = type_.path.format(id=parent.get("id"))
                rows = self.ask(Request(path, {"page": 1, "pageSize": _SAMPLE})).rows
            except NotFoundError:
                continue
            if rows:
                places = {BELONGS_TO: parent.get("id"), "column": type_.parent_column}
                return [{**row, **places} for row in rows]
        return []
