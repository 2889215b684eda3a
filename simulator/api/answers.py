"""Answers of the server, and the vendor's two error shapes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from simulator.org.index import encode

if TYPE_CHECKING:
    from simulator.jsontypes import JSON

JSON_TYPE = "application/json; charset=utf-8"

# Codes beside `bad_request` are UNCONFIRMED (error-form); clients should go by the status.
CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    429: "too_many_requests",
}


@dataclass
class Answer:
    """One response. ``rows`` hold resources as bytes already; they become `data`."""

    status: int = 200
    document: JSON = field(default_factory=dict)
    rows: list[bytes] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    content_type: str = JSON_TYPE

    def body(self) -> bytes:
        """Return the bytes to send."""
        if self.raw is not None:
            return self.raw
        if self.rows is None:
            return encode(self.document)
        parts = [
            b'"data":[' + b",".join(self.rows) + b"]" if key == "data" else
            encode(key) + b":" + encode(value)
            for key, value in {"meta": {}, "data": None, **self.document}.items()
        ]  # fmt: skip
        return b"{" + b",".join(parts) + b"}"

    def whole(self) -> JSON:
        """Return the document with its rows decoded."""
        if self.rows is None:
            return self.document
        return {**self.document, "data": [json.loads(row) for row in self.rows]}


class Refused(Exception):  # noqa: N818  # an answer, not a fault of the server
    """A request that Kustomer would answer with an error."""

    def __init__(
        self, status: int, message: str, *, pointer: str = "", parameter: str = ""
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.pointer = status, message, pointer
        self.parameter = parameter


def error_answer(refused: Refused, shape: str) -> Answer:
    """Return an error as it was recorded, or in shape A (code and message), B or `legacy`.

    Source: https://developer.kustomer.com/docs/concepts/errors; the legacy one is what an older
    connector looks for.
    """
    code = CODES.get(refused.status, HTTPStatus(refused.status).phrase.lower().replace(" ", "_"))
    if shape == "legacy":
        return Answer(refused.status, {"error": code, "message": refused.message})
    if shape == "recorded":
        return _recorded(refused)
    if shape == "B":
        source = {"pointer": refused.pointer} if refused.pointer else {}
        if refused.parameter:
            source = {"parameter": refused.parameter}
        error = {
            "status": refused.status,
            "code": code,
            "title": HTTPStatus(refused.status).phrase,
            "detail": refused.message,
            "source": source,
            "meta": {},
        }
        return Answer(refused.status, {"errors": [error]})
    meta = {"pointer": refused.pointer} if refused.pointer else {}
    error = {"code": code, "message": refused.message, "meta": meta}
    if refused.parameter:
        error["source"] = {"parameter": refused.parameter}
    return Answer(refused.status, {"errors": [error]})


# Codes of recorded answers; of the others only the status is known.
_RECORDED_CODES = {400: "badparam", 404: "notfound"}


def _recorded(refused: Refused) -> Answer:
    """Return an error in the form of production: a numeric status, and where the fault lies."""
    status = refused.status
    error: JSON = {"status": status}
    place = refused.parameter or refused.pointer
    if place:
        error["source"] = {"pointer" if place.startswith("/") else "parameter": place}
    error["code"] = _RECORDED_CODES.get(status, CODES.get(status, "error"))
    error["title"] = HTTPStatus(status).phrase
    if status != HTTPStatus.NOT_FOUND:
        error["detail"] = refused.message
    return Answer(status, {"errors": [error]})
