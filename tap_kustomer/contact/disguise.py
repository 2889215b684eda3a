"""Requests and answers with every value replaced that is not known to be harmless."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from tap_kustomer.catalog.attributes import suffix_of
from tap_kustomer.contact.vocabulary import (
    ENUMERATIONS,
    RESOURCES,
    attribute_words,
    is_attribute,
    path_words,
    role_words,
)
from tap_kustomer.contact.words import StandIns
from tap_kustomer.readers.search.page import KNOWN_CAPS

__all__ = ["Disguise"]

_CODES = frozenset(
    {
        "bad_request",
        "badparam",
        "forbidden",
        "not_found",
        "notfound",
        "too_many_requests",
        "unauthorized",
    }
)
_TITLES = frozenset(status.phrase for status in HTTPStatus)
_PAGING = frozenset({"page", "pageSize", "count", "timed_out", "aggregations"})
_TOTALS = frozenset({"total", "totalPages", "cursorCount"})
_NUMBERS = frozenset({"count", "page", "pageSize"})
_PARAMETERS = _NUMBERS | {"after", "before", "filter[end]", "filter[objectType]", "filter[start]"}
# `customer_updated_at`, `kobject_order_created_at`: how searches name attributes.
_SEARCHED = re.compile(r"(?P<context>[a-z_]+?)(?P<klass>_.+?)?(?P<end>_(?:created|updated)_at)")
_OPERATORS = frozenset({"gte", "lte", "gt", "lt", "equals", "in", "contains", "not_set"})
_OF_BODY = frozenset({"queryContext", "and", "or", "sort", "includeDeleted", "timeZone"})
_HOST = "https://recorded.invalid"
_MOST_DIGITS = 5


def _is_small(value: object) -> bool:
    """Whether a number, maybe as text, may be that of a page, a size or a rate."""
    text = str(value)
    return len(text) <= _MOST_DIGITS and text.isascii() and text.isdecimal()


class Disguise:
    """Makes the documents of a recording; any thread may use it."""

    def __init__(self, stand_ins: StandIns | None = None) -> None:
        """Begin with new secrets, unless ``stand_ins`` has some."""
        self.stand_ins = stand_ins or StandIns()

    # ------------------------------------------------------------ requests

    def path(self, path: str) -> str:
        """Return a path with ids and the org's names replaced."""
        bare, _, query = path.partition("?")
        parts = [self._part(unquote(part)) for part in bare.split("/")]
        tail = f"?{self._query(query)}" if query else ""
        return "/".join(quote(part, safe=",") for part in parts) + tail

    def _part(self, part: str) -> str:
        if not part or part in path_words() or part in RESOURCES:
            return part
        if part.startswith("kobject."):
            return f"kobject.{self.stand_ins.word(part[8:])}"
        return ",".join(map(self.stand_ins.word, part.split(",")))

    def _query(self, query: str) -> str:
        pairs = self.params(dict(parse_qsl(query, keep_blank_values=True)))
        return urlencode(pairs)

    def params(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return query parameters; what the tap sends of its own stays."""
        found = {}
        for name, value in params.items():
            known = name in _PARAMETERS or name in ENUMERATIONS
            found[name if known else self.stand_ins.word(name)] = self._parameter(name, value)
        return found

    def _parameter(self, name: str, value: object) -> object:
        text = str(value)
        if (name in _NUMBERS and _is_small(value)) or text in ENUMERATIONS.get(name, ()):
            return value
        return self.stand_ins.text(text)

    def body(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body of a search."""
        return {
            name if name in _OF_BODY else self.search_name(name): self.context(value)
            if name == "queryContext"
            else self._criteria(value)
            for name, value in body.items()
        }

    def _criteria(self, value: object) -> object:
        if isinstance(value, dict):
            return {self.search_name(name): self._criteria(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self._criteria(one) for one in value]
        if not isinstance(value, str) or value in {"asc", "desc", "GMT", ""}:
            return value
        return self.stand_ins.text(value)

    def context(self, context: object) -> str:
        """Return a queryContext, ``kobject_<klass>`` with the klass replaced."""
        text = str(context)
        if text in RESOURCES:
            return text
        if text.startswith("kobject_"):
            return f"kobject_{self.stand_ins.word(text[8:])}"
        return self.stand_ins.word(text)

    def search_name(self, name: str) -> str:
        """Return the name of an attribute as searches have it."""
        if name in _OPERATORS:
            return name
        for end in ("_updated_at", "_created_at"):
            if name.endswith(end):
                return f"{self.context(name.removesuffix(end))}{end}"
        return self.stand_ins.word(name)

    # ------------------------------------------------------------ answers

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers that tell something of the API."""
        kept = {}
        for name in ("x-ratelimit-limit", "x-ratelimit-remaining", "retry-after"):
            value = headers.get(name, "")
            if _is_small(value):
                kept[name] = value
        pod = headers.get("x-kustomer-pod", "")
        if re.fullmatch(r"prod\d{1,2}", pod, re.ASCII):
            kept["x-kustomer-pod"] = pod
        kind = headers.get("content-type", "")
        kept["content-type"] = "application/json" if "json" in kind else "text/html"
        return kept

    def document(self, document: object) -> object:
        """Return an answer."""
        if not isinstance(document, dict):
            return self.value("", document)
        found: dict[str, Any] = {}
        data = document.get("data")
        rows = len(data) if isinstance(data, list) else 1
        for name, part in document.items():
            if name in {"data", "included"}:
                found[name] = self._resources(part)
            elif name == "meta" and isinstance(part, dict):
                found[name] = {
                    self._key(key): self._meta(key, one, rows) for key, one in part.items()
                }
            elif name == "links":
                found[name] = self._links(part)
            elif name == "errors" and isinstance(part, list):
                found[name] = [self._error(one) for one in part]
            else:
                found[self._key(name)] = self.value(name, part)
        return found

    def _resources(self, data: object) -> object:
        if isinstance(data, list):
            return [self._resources(one) for one in data]
        if isinstance(data, dict):
            return self._resource(data)
        return self.stand_ins.word(data) if isinstance(data, str) else self.value("", data)

    def _resource(self, resource: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, part in resource.items():
            if name == "type":
                found[name] = self.type(part)
            elif name == "id":
                found[name] = self._id(part)
            elif name == "attributes" and isinstance(part, dict):
                found[name] = {
                    self._top_key(key): self.value(key, one) for key, one in part.items()
                }
            elif name == "relationships" and isinstance(part, dict):
                found[name] = {self._key(key): self._relation(one) for key, one in part.items()}
            elif name == "links":
                found[name] = self._links(part)
            else:
                found[self._key(name)] = self.value(name, part)
        return found

    def _relation(self, relation: object) -> object:
        if not isinstance(relation, dict):
            return self.value("", relation)
        return {
            self._key(name): self._links(part)
            if name == "links"
            else self._resources(part)
            if name == "data"
            else self.value(name, part)
            for name, part in relation.items()
        }

    def type(self, type_: object) -> object:
        """Return a resource's type, ``kobject.<klass>`` with the klass replaced."""
        if not isinstance(type_, str):
            return self.value("", type_)
        if type_ in RESOURCES:
            return type_
        if type_.startswith("kobject."):
            return f"kobject.{self.stand_ins.word(type_[8:])}"
        return self.stand_ins.word(type_)

    def _id(self, id_: object) -> object:
        if isinstance(id_, str):
            return self.stand_ins.word(id_)
        if isinstance(id_, int) and not isinstance(id_, bool):
            return int(self.stand_ins.word(str(id_)))
        return self.value("", id_)

    def _links(self, links: object) -> object:
        if isinstance(links, dict):
            return {self._key(name): self._links(one) for name, one in links.items()}
        if not isinstance(links, str):
            return self.value("", links)
        try:
            url = urlsplit(links)
        except ValueError:
            return self.stand_ins.text(links)
        path = self.path(f"{url.path}?{url.query}" if url.query else url.path)
        return f"{_HOST}{path}" if url.scheme or url.netloc else path

    def _meta(self, name: str, value: object, rows: int) -> object:
        if name in _PAGING and not isinstance(value, (dict, list)):
            known = isinstance(value, bool) or _is_small(value)
            return value if known or value is None else self.value(name, value)
        if name in _TOTALS and isinstance(value, int) and (value in KNOWN_CAPS or value <= rows):
            return value
        return self.value(name, value)

    def _error(self, error: object) -> object:
        if not isinstance(error, dict):
            return self.value("", error)
        found: dict[str, Any] = {}
        for name, value in error.items():
            known = (
                (name == "status" and str(value).isdecimal() and len(str(value)) == 3)  # noqa: PLR2004
                or (name == "code" and value in _CODES)
                or (name == "title" and value in _TITLES)
            )
            found[self._key(name)] = value if known else self.value(name, value)
        return found

    # ------------------------------------------------------------ values

    def value(self, name: str, value: object) -> Any:  # noqa: PLR0911 - one for each type
        """Return the stand-in of the value of ``name``, whatever it is."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, (int, float)):
            return self.stand_ins.number(value, is_time=name.endswith("At"))
        if isinstance(value, list):
            return [self.value(name, one) for one in value]
        if isinstance(value, dict):
            own = name in {"custom", "properties", "patternProperties"}
            return {
                self._custom_key(key) if own else self._key(key): self.value(key, one)
                for key, one in value.items()
            }
        text = str(value)
        if text in ENUMERATIONS.get(name, ()) or (name == "roles" and text in role_words()):
            return text
        if name in {"parameter", "pointer"}:
            return text if text == "path" else self.stand_ins.text(text)
        if name == "enum":
            return self._custom_key(text)
        return self.stand_ins.text(text)

    def _top_key(self, name: str) -> str:
        return name if is_attribute(name) else self.stand_ins.word(name)

    def _key(self, name: str) -> str:
        return name if name in attribute_words() else self.stand_ins.word(name)

    def _custom_key(self, name: str) -> str:
        """Return the name of a custom attribute with the end that tells its type."""
        if _SEARCHED.fullmatch(name):
            return self.search_name(name)
        suffix = suffix_of(name) or ""
        return f"{self.stand_ins.word(name.removesuffix(suffix))}{suffix}"
