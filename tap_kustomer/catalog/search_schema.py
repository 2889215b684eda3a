"""The org's own search schema: which attributes its search can filter and sort by.

``GET /v1/customers/searches/schema``, one request, asked only where a stream can be searched by
more than one attribute and no earlier run found out which. It only says what to try first: it
lacks ``work_*``, though these work, so absence proves nothing.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tap_kustomer.client.transport import KustomerClient, Request
from tap_kustomer.errors import SpentError, StreamError

__all__ = ["SearchSchema", "SearchSchemaReader"]

logger = logging.getLogger("tap-kustomer.search")

PATH = "/v1/customers/searches/schema"


@dataclass(frozen=True)
class SearchSchema:
    """Names of attributes, and patterns of names, that a search takes."""

    names: frozenset[str] = frozenset()
    patterns: tuple[re.Pattern[str], ...] = ()

    @classmethod
    def parse(cls, raw: bytes) -> SearchSchema:
        """Return the schema in ``raw``; an empty one for what is none. Never fails.

        Shape: ``data.attributes.fields`` is a JSON Schema whose properties and pattern
        properties are the attributes; ``sort`` names some of them again.
        """
        try:
            attributes = json.loads(raw)["data"]["attributes"]
            parts = list(_schemas(attributes["fields"]))
        except (ValueError, TypeError, KeyError, RecursionError):
            return cls()
        names = {name for part in parts for name in _object(part, "properties")}
        patterns = {name for part in parts for name in _object(part, "patternProperties")}
        return cls(frozenset(names), tuple(filter(None, map(_compiled, sorted(patterns)))))

    def knows(self, attribute: str) -> bool:
        """Whether the search takes the attribute for certain."""
        return attribute in self.names or any(one.search(attribute) for one in self.patterns)


def _schemas(part: object) -> Iterator[dict[str, Any]]:
    """Yield each JSON object inside a schema."""
    if isinstance(part, dict):
        yield part
        for one in part.values():
            yield from _schemas(one)
    elif isinstance(part, list):
        for one in part:
            yield from _schemas(one)


def _object(part: dict[str, Any], name: str) -> dict[str, Any]:
    found = part.get(name)
    return found if isinstance(found, dict) else {}


def _compiled(pattern: str) -> re.Pattern[str] | None:
    """Return the pattern; ``None`` for one of another dialect than Python's."""
    try:
        return re.compile(pattern)
    except re.error:
        return None


class SearchSchemaReader:
    """Asks for the schema once, whoever needs it first; any thread may."""

    def __init__(self, client: KustomerClient) -> None:
        """Ask nothing yet."""
        self._client = client
        self._lock = threading.Lock()
        self._schema: SearchSchema | None = None

    def read(self) -> SearchSchema:
        """Return the schema; an empty one where Kustomer does not give it out."""
        with self._lock:
            if self._schema is None:
                try:
                    self._schema = self._client.fetch(
                        Request(PATH), SearchSchema.parse, page_tries=2
                    )
                    known = bool(self._schema.names or self._schema.patterns)
                    self._client.ledger.judge(
                        "search-schema", holds=known, how="it names no attributes"
                    )
                except SpentError:
                    raise  # nothing was asked, so nothing is known
                except StreamError as error:
                    logger.debug("Search attributes are tried one by one: %s", error)
                    self._client.ledger.differs("search-schema", "it is refused")
                    self._schema = SearchSchema()
            return self._schema

    def sorted(self, attributes: list[str]) -> list[str]:
        """Return ``attributes`` with those that the search takes for certain in front.

        Of these the more specific one: the attribute of a klass before that of all.
        """
        schema = self.read()
        known = sorted(filter(schema.knows, attributes), key=len, reverse=True)
        return [*known, *(one for one in attributes if one not in known)]
