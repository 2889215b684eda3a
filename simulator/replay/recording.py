"""A recording as it lies on the disk, and what it holds: lists, searches, refusals."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.jsontypes import JSON

FORMAT = 1
OK, CLIENT_ERROR, TOO_MANY = 200, 400, 429
# Parameters that choose a part of a list; by them no two requests ask for different lists. The
# audit log is asked for from a moment on, which depends on when a run begins.
PAGING = frozenset(
    {
        "after",
        "before",
        "cursor",
        "filter[end]",
        "filter[start]",
        "idsOnly",
        "page",
        "pageSize",
        "trackTotalHits",
    }
)


class RecordingError(ValueError):
    """A folder that is no recording; the text says what to do."""


@dataclass
class ListRecord:
    """All that was recorded of one list, or of one resource."""

    rows: dict[str, JSON] = field(default_factory=dict)
    included: dict[str, JSON] = field(default_factory=dict)
    document: JSON | None = None  # the first good answer
    refusal: JSON | None = None  # the last other one
    by_cursor: bool = False

    @property
    def is_single(self) -> bool:
        """Whether it is one resource instead of a list."""
        return self.document is not None and not isinstance(self.document.get("data"), list)


@dataclass
class SearchRecord:
    """The rows that one search showed: of a context, live or archived."""

    rows: dict[str, JSON] = field(default_factory=dict)
    document: JSON | None = None
    page_size: int = 500


@dataclass
class Recording:
    """What a folder holds. ``cut``: its last line is not whole, and was left out."""

    manifest: JSON
    lists: dict[tuple[str, frozenset[tuple[str, str]]], ListRecord] = field(default_factory=dict)
    searches: dict[tuple[bool, str], SearchRecord] = field(default_factory=dict)
    # (archive, context, attribute, includeDeleted), (archive, trackTotalHits) -> refusal, if any
    forms: dict[tuple[object, ...], JSON | None] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    last_date: float = 0.0
    exchanges: int = 0
    cut: bool = False

    @classmethod
    def load(cls, folder: str | Path) -> Recording:
        """Return the recording in ``folder``.

        Raises: ``RecordingError`` when there is none.
        """
        path = Path(folder)
        try:
            lines = (path / "exchanges.jsonl").read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError):
            message = (
                f"{folder} holds no recording: name the folder that `tap-kustomer --record` wrote "
                "(it has a file exchanges.jsonl)."
            )
            raise RecordingError(message) from None
        recording = cls(_manifest(path))
        for number, line in enumerate(lines, 1):
            if not line:
                continue
            try:
                exchange = json.loads(line)
                recording.add(exchange)
            except (ValueError, KeyError, TypeError, AttributeError):
                if number < len(lines) - 1:
                    message = (
                        f"Line {number} of the recording is no exchange. Ask for the file again: "
                        "only its last line may be cut."
                    )
                    raise RecordingError(message) from None
                recording.cut = True
        if not recording.exchanges:
            message = "The recording holds no exchange, so there is nothing to answer with."
            raise RecordingError(message)
        return recording

    # ------------------------------------------------------------ what is in it

    def add(self, exchange: JSON) -> None:
        """Take in one exchange."""
        path, params = split_path(exchange["path"], exchange["params"])
        status, document = exchange["status"], exchange.get("answer")
        if exchange.get("date"):
            moment = parsedate_to_datetime(exchange["date"]).timestamp()
            self.last_date = max(self.last_date, moment)
        self.headers = exchange.get("headers") or self.headers
        answer = {"status": status, "body": document, "length": exchange.get("length")}
        if exchange["is_search"]:
            self._add_search(path, params, exchange["body"], answer)
        else:
            self._add_list(path, params, answer)
        self.exchanges += 1

    def _add_list(self, path: str, params: dict[str, str], answer: JSON) -> None:
        record = self.lists.setdefault(list_key(path, params), ListRecord())
        document = answer["body"]
        if answer["status"] != OK or not isinstance(document, dict) or "data" not in document:
            record.refusal = answer
            return
        record.document = record.document or document
        data = document["data"]
        for row in data if isinstance(data, list) else []:
            record.rows[identity(row)] = row
        included = document.get("included")
        for row in included if isinstance(included, list) else []:
            record.included[identity(row)] = row
        following = (document.get("links") or {}).get("next")
        if isinstance(following, str) and "page=" not in following:
            record.by_cursor = True

    def _add_search(self, path: str, params: dict[str, str], body: JSON, answer: JSON) -> None:
        archive, context = path.endswith("/archive/search"), body["queryContext"]
        document, status = answer["body"], answer["status"]
        good = status == OK and isinstance(document, dict) and isinstance(document["data"], list)
        for form in forms_of(archive, body, params):
            if good or (form not in self.forms and CLIENT_ERROR <= status < TOO_MANY):
                self.forms[form] = None if good else answer
        if not good or "idsOnly" in params:
            return
        record = self.searches.setdefault((archive, context), SearchRecord())
        if record.document is None:
            record.document, record.page_size = document, 0
        size = (document.get("meta") or {}).get("pageSize")
        record.page_size = max(record.page_size, int(size or params.get("pageSize") or 1))
        for row in document["data"]:
            known = record.rows.get(identity(row))
            if known is None or version(known) <= version(row):
                record.rows[identity(row)] = row


def _manifest(path: Path) -> JSON:
    try:
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # of a run that was killed: what was asked is in the exchanges
    if not isinstance(manifest, dict) or manifest.get("format", FORMAT) != FORMAT:
        message = "The recording is of another format: use the version of the project that made it."
        raise RecordingError(message)
    return manifest


def split_path(path: str, params: JSON) -> tuple[str, dict[str, str]]:
    """Return a path without its query, and all parameters."""
    bare, _, query = path.partition("?")
    named = dict(parse_qsl(query, keep_blank_values=True))
    return bare, {**named, **{name: str(value) for name, value in params.items()}}


def list_key(path: str, params: dict[str, str]) -> tuple[str, frozenset[tuple[str, str]]]:
    """Return what tells one list from another, whatever its page."""
    return path, frozenset(one for one in params.items() if one[0] not in PAGING)


def forms_of(
    archive: bool,  # noqa: FBT001 - a part of the key
    body: JSON,
    params: dict[str, str],
) -> Iterator[tuple[object, ...]]:
    """Yield the forms of a search that its answer says something about."""
    attribute = next(iter(body["sort"][0]), "") if body.get("sort") else ""
    yield archive, body["queryContext"], attribute, bool(body.get("includeDeleted"))
    if "trackTotalHits" in params:
        yield archive, "trackTotalHits"


def identity(row: Any) -> str:
    """Return what tells a row from the others."""
    if isinstance(row, dict) and row.get("id") is not None:
        return f"{row.get('type')} {row['id']}"
    return json.dumps(row, sort_keys=True)


def version(row: JSON) -> tuple[str, int]:
    """Return which of two versions of a row is the newer: the greater one."""
    attributes = row.get("attributes") or {}
    rev = attributes.get("rev")
    return str(attributes.get("updatedAt") or ""), rev if isinstance(rev, int) else 0
