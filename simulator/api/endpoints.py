"""Every list endpoint that the vendor documents and the simulator has no rows of its own for.

``endpoints.json`` holds the facts of the vendor's registries of June 2026: path, parameters, keys
of ``meta`` and ``links``, attributes and relationships of a row.
"""

from __future__ import annotations

import json
import math
import random
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from simulator.api.answers import Answer, Refused
from simulator.api.parameters import positive
from simulator.clock import to_iso
from simulator.org.index import encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulator.jsontypes import JSON
    from simulator.knobs import Knobs

_PLACEHOLDER = re.compile(r"\{\w+\}")
_SINCE = 1_700_000_000_000  # unix milliseconds, near the creation of all rows
_MOST = 100  # rows a page


@dataclass(frozen=True)
class Endpoint:
    """What is documented of one list."""

    path: str
    params: tuple[str, ...] = ("page", "pageSize")
    required: tuple[str, ...] = ()
    meta: tuple[str, ...] | None = ("page", "pageSize")
    links: tuple[str, ...] | None = ("first", "next", "prev", "self")
    has_id: bool = True
    attributes: Mapping[str, str] | None = None
    relationships: tuple[str, ...] = ()

    @property
    def is_paged(self) -> bool:
        """Whether it takes a page and its size."""
        return "page" in self.params or "page" in (self.meta or ())

    @property
    def shape(self) -> str:
        """The path whatever its placeholders are called."""
        return _PLACEHOLDER.sub("{}", self.path)


@cache
def documented() -> tuple[Endpoint, ...]:
    """Return the documented lists, those without placeholders first."""
    text = (files("simulator.api") / "endpoints.json").read_text("utf-8")
    facts: list[dict[str, Any]] = json.loads(text)
    for one in facts:
        one |= {name: tuple(fact) for name, fact in one.items() if isinstance(fact, list)}
    found = [Endpoint(**one) for one in facts]
    return tuple(sorted(found, key=lambda one: (len(_PLACEHOLDER.findall(one.path)), one.path)))


def endpoint_at(path: str) -> Endpoint | None:
    """Return the documented list that a path belongs to."""
    for endpoint in documented():
        if re.fullmatch(_PLACEHOLDER.sub("[^/]+", re.sub(r"\.", r"\\.", endpoint.path)), path):
            return endpoint
    return None


def answer(
    endpoint: Endpoint, path: str, params: Mapping[str, str], rows: Sequence[JSON], knobs: Knobs
) -> Answer:
    """Return a page of ``rows`` in the form that is documented for the endpoint.

    Raises: ``Refused`` for parameters that it does not know or lacks.
    """
    known = {*endpoint.params, *(("page", "pageSize") if endpoint.is_paged else ())}
    for name in params:
        if name.partition("[")[0] not in known:
            raise Refused(400, f"Unknown query parameter {name!r}.", pointer=name)
    for name in endpoint.required:
        if name not in params:
            raise Refused(400, f"{name}: required.", pointer=name)
    if not endpoint.is_paged:
        return _document(endpoint, [encode(row) for row in rows], {}, {})
    page = positive(params, "page", 1)
    size = min(positive(params, "pageSize", _MOST), knobs.list_max_page_size or _MOST)
    shown = rows[(page - 1) * size : page * size]
    pages = max(1, math.ceil(len(rows) / size))
    meta = {"page": page, "pageSize": size, "total": len(rows), "totalPages": pages}

    def link(number: int) -> str:
        return f"{path}?{urlencode({**params, 'page': number, 'pageSize': size}, safe='[]:')}"

    links = {
        "self": link(page),
        "first": link(1),
        "prev": link(page - 1) if page > 1 else None,
        "next": link(page + 1) if page < pages else None,
        "last": link(pages),
    }
    return _document(endpoint, [encode(row) for row in shown], meta, links)


def _document(
    endpoint: Endpoint, rows: list[bytes], meta: Mapping[str, Any], links: Mapping[str, Any]
) -> Answer:
    document: JSON = {"data": None}
    if endpoint.meta is not None:
        document["meta"] = {name: meta.get(name, 0) for name in endpoint.meta}
    if endpoint.links is not None:
        document["links"] = {name: links.get(name) for name in endpoint.links}
    return Answer(document=document, rows=rows)


def rows_of(endpoint: Endpoint, path: str, count: int) -> list[JSON]:
    """Return rows as documented; the same path always has the same."""
    return [_row(endpoint, path, number) for number in range(count)]


def _row(endpoint: Endpoint, path: str, number: int) -> JSON:
    rng = random.Random(f"{path} {number}")
    words = [part for part in path.split("/") if part and not part[0].isdigit()]
    row: JSON = {"type": words[-1].rstrip("s").replace("-", "_")}
    if endpoint.has_id:
        row["id"] = f"{rng.getrandbits(96):024x}"
    row["attributes"] = {
        name: _value(name, kind, rng) for name, kind in (endpoint.attributes or {}).items()
    }
    row["relationships"] = {
        name: {"data": {"type": name, "id": f"{rng.getrandbits(96):024x}"}}
        for name in endpoint.relationships
    }
    if endpoint.has_id:
        row["links"] = {"self": f"{path}/{row['id']}"}
    return row


def _value(name: str, kind: str, rng: random.Random) -> object:
    if kind == "number":
        return rng.randrange(1000)
    if kind == "boolean":
        return rng.random() < 0.5  # noqa: PLR2004
    if kind == "object":
        return {"name": f"{name} {rng.randrange(1000)}", "token": f"{rng.getrandbits(64):016x}"}
    if kind == "array":
        return [f"{name} {rng.randrange(1000)}"]
    if name.endswith("At"):
        return to_iso(_SINCE + rng.randrange(10**10))
    return f"{name} {rng.getrandbits(64):016x}"
