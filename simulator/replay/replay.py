"""Serves a recording over HTTP: lists page by page, searches by their filter and sort.

Rows and refusals are those of the recording; what was never asked is refused, as unknown. Totals
are of the rows that the recording holds.
"""

from __future__ import annotations

import json
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from aiohttp import web

from simulator.replay.recording import (
    OK,
    ListRecord,
    Recording,
    forms_of,
    identity,
    list_key,
)
from simulator.server.serving import HOST, HttpThread, Response

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from simulator.jsontypes import JSON

API_KEY = "simulated-api-key"
LAST = "9999"  # behind every timestamp
SEARCHES = {"/v1/customers/search": False, "/v1/customers/archive/search": True}
BAD_REQUEST, NOT_FOUND = 400, 404


class Replay:
    """Serves a ``Recording``; use it as a context manager."""

    def __init__(self, recording: Recording, *, port: int = 0) -> None:
        self.recording = recording
        self.requests = 0
        self._started = time.monotonic()
        self._http = HttpThread(self._handle, port)

    def __enter__(self) -> Self:
        """Start serving."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop serving."""
        self.stop()

    def start(self) -> None:
        """Open the port; it is open when this returns."""
        self._http.start()

    def stop(self) -> None:
        """Close the port and every connection."""
        self._http.stop()

    @property
    def url(self) -> str:
        """Where the recording answers."""
        return f"http://{HOST}:{self._http.port}"

    @property
    def config(self) -> dict[str, Any]:
        """The config of a tap that reads what was recorded."""
        manifest = self.recording.manifest
        found = {"api_key": API_KEY, "api_url": self.url, **manifest.get("settings", {})}
        if "start_date" in manifest:
            found["start_date"] = manifest["start_date"]
        return found

    # ------------------------------------------------------------ answers

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests += 1
        body = await request.read()
        query = dict(request.query)
        if request.path == "/_simulator/config":
            return web.json_response(self.config)
        if request.path in SEARCHES:
            status, document = self._search(SEARCHES[request.path], json.loads(body), query)
        else:
            status, document = self._list(request.path, query)
        now = self.recording.last_date + 1 + time.monotonic() - self._started
        headers = {**self.recording.headers, "Date": formatdate(now, usegmt=True)}
        kind = headers.pop("content-type", "application/json")
        raw = b"<html></html>" if document is None else json.dumps(document).encode()
        headers["Content-Type"] = "text/html" if document is None else kind
        return Response(status=status, body=raw, headers=headers)

    def _list(self, path: str, query: dict[str, str]) -> tuple[int, JSON | None]:
        record = self.recording.lists.get(list_key(path, query))
        if record is None:
            return NOT_FOUND, _error(NOT_FOUND, "notfound", "path")
        if record.document is None:
            return _recorded(record.refusal)
        if record.is_single:
            return OK, record.document
        return OK, _page_of(record, path, query)

    def _search(
        self,
        archive: bool,  # noqa: FBT001 - a part of the key
        body: JSON,
        query: dict[str, str],
    ) -> tuple[int, JSON | None]:
        recording = self.recording
        for form in forms_of(archive, body, query):
            if (refusal := recording.forms.get(form)) is not None:
                return _recorded(refusal)
        context = body["queryContext"]
        record = recording.searches.get((archive, context))
        if record is None or record.document is None:
            known = archive and (False, context) in recording.searches
            if not known:
                return BAD_REQUEST, _error(BAD_REQUEST, "badparam", "queryContext")
            return OK, {"meta": {"page": 1, "pageSize": 1, "total": 0}, "data": []}
        sort = next(iter(body["sort"][0].items())) if body.get("sort") else ("", "asc")
        form = next(forms_of(archive, body, query))
        if form not in recording.forms and not sort[0].endswith("_created_at"):
            return BAD_REQUEST, _error(BAD_REQUEST, "badparam", sort[0])
        rows = [row for row in record.rows.values() if _matches(row, body)]
        rows.sort(key=lambda row: (_stamp(row, sort[0]), identity(row)))
        if sort[1] == "desc":
            rows.reverse()
        size = min(int(query.get("pageSize", "100")), record.page_size)
        page = int(query.get("page", "1"))
        shown = rows[(page - 1) * size : page * size]
        if query.get("idsOnly") == "true":
            shown = [{"type": row.get("type"), "id": row.get("id")} for row in shown]
        meta = {**(record.document.get("meta") or {}), "page": page, "pageSize": size}
        if "total" in meta:
            meta |= {"total": len(rows), "totalPages": -(-len(rows) // size)}
        return OK, {"meta": meta, "data": shown, "links": {}}


def _recorded(refusal: JSON | None) -> tuple[int, JSON | None]:
    if refusal is None:
        return NOT_FOUND, _error(NOT_FOUND, "notfound", "path")
    return refusal["status"], refusal["body"]


def _error(status: int, code: str, place: str) -> JSON:
    error = {"status": status, "code": code, "source": {"parameter": place}}
    return {"errors": [{**error, "title": "Not in the recording"}]}


def _page_of(record: ListRecord, path: str, query: dict[str, str]) -> JSON:
    """Return a page of a list in the form of the recorded ones."""
    document = dict(record.document or {})
    rows = list(record.rows.values())
    meta, links = document.get("meta"), document.get("links")
    size = len(rows) or 1
    page = 1
    if "pageSize" in query and not record.by_cursor:
        told = meta.get("pageSize") if isinstance(meta, dict) else None
        size = min(int(query["pageSize"]), int(told)) if told else int(query["pageSize"])
        page = int(query.get("page", "1"))
    document["data"] = rows[(page - 1) * size : page * size]
    if record.included:
        document["included"] = list(record.included.values())
    if isinstance(meta, dict):
        document["meta"] = {
            **meta,
            **({"page": page} if "page" in meta else {}),
            **({"total": len(rows)} if "total" in meta else {}),
            **({"cursorCount": len(rows)} if "cursorCount" in meta else {}),
        }
    if isinstance(links, dict):
        following = None
        if page * size < len(rows):
            others = {**query, "page": str(page + 1)}
            following = f"{path}?{'&'.join(f'{k}={v}' for k, v in others.items())}"
        document["links"] = {**dict.fromkeys(links), "next": following}
    return document


def _stamp(row: JSON, attribute: str) -> str:
    attributes = row.get("attributes") or {}
    name = "createdAt" if attribute.endswith("_created_at") else "updatedAt"
    return str(attributes.get(name) or LAST)


def _matches(row: JSON, body: JSON) -> bool:
    if not body.get("includeDeleted") and (row.get("attributes") or {}).get("deleted") is True:
        return False
    for criterion in body.get("and", []):
        for attribute, condition in criterion.items():
            for operator, value in condition.items():
                stamp = _stamp(row, attribute)
                if operator == "not_set" and stamp != LAST:
                    return False
                if operator == "gte" and stamp < value:
                    return False
                if operator == "lte" and stamp > value:
                    return False
    return True
