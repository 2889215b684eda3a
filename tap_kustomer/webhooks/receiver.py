"""The receiver: an ASGI application that answers 200 once an event is on disk.

Kustomer tries again after any other answer, for about an hour.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus

import anyio
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tap_kustomer.webhooks.errors import SpoolError
from tap_kustomer.webhooks.events import SAMPLE_ORG, Event, NotAnEventError, read_event
from tap_kustomer.webhooks.logs import logger
from tap_kustomer.webhooks.signature import SIGNATURE_HEADER, is_signed
from tap_kustomer.webhooks.spool import OTHER_ORG
from tap_kustomer.webhooks.writer import SpoolWriter

__all__ = ["LARGEST_BODY", "receiver"]

LARGEST_BODY = 1 << 20  # bytes; Kustomer's largest objects have some 100 KiB
# A client that is still sending when it is refused would see a broken connection, not the answer.
_READ_BEFORE_REFUSAL = 8 * LARGEST_BODY
_BODY_SECONDS = 30.0  # for a whole body to arrive
_RETRY_SECONDS = "30"
_UNWRITABLE = "the spool cannot be written"


class _RefusedError(Exception):
    """The request is answered with an error; ``reason`` holds nothing of what was sent."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


def receiver(writer: SpoolWriter, secrets: Sequence[bytes]) -> Starlette:
    """Return the application that writes with ``writer`` what is signed with ``secrets``."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        writer.start()
        yield
        writer.close()

    async def receive(request: Request) -> JSONResponse:
        started = time.perf_counter()
        status, fields = HTTPStatus.OK, dict[str, object]()
        try:
            event = await _signed_event(request, secrets)
            fields = {"event": event.name, "id": event.id}  # signed: these words are Kustomer's
            outcome = await _keep(event, writer)
        except _RefusedError as refused:
            status, outcome = refused.status, refused.reason
        fields["status"] = int(status)
        fields["milliseconds"] = round(1000 * (time.perf_counter() - started), 1)
        log = logger.info if status == HTTPStatus.OK else logger.warning
        log("%s", outcome, extra={"fields": fields})
        return _response(status, outcome)

    async def healthz(_request: Request) -> JSONResponse:
        try:
            await writer.probe()
        except SpoolError:
            return _response(HTTPStatus.SERVICE_UNAVAILABLE, _UNWRITABLE)
        return _response(HTTPStatus.OK, "ok")

    routes = [
        Route("/healthz", healthz, methods=["GET"]),
        # The path is the business of the proxy in front.
        Route("/{path:path}", receive, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


async def _signed_event(request: Request, secrets: Sequence[bytes]) -> Event:
    """Return the event that was sent. Raises ``_RefusedError``."""
    try:
        with anyio.fail_after(_BODY_SECONDS):
            body = await _read_body(request)
    except TimeoutError:
        reason = "the body did not arrive in time"
        raise _RefusedError(HTTPStatus.REQUEST_TIMEOUT, reason) from None
    except ClientDisconnect:
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "the client went away") from None
    if body is None:
        reason = f"the body is larger than {LARGEST_BODY} bytes"
        raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, reason)
    signature = request.headers.get(SIGNATURE_HEADER)
    if signature is None:
        raise _RefusedError(HTTPStatus.UNAUTHORIZED, f"no {SIGNATURE_HEADER}")
    if not is_signed(body, signature, secrets):
        raise _RefusedError(HTTPStatus.UNAUTHORIZED, "the signature is wrong")
    try:
        return read_event(body)
    except NotAnEventError as error:
        raise _RefusedError(HTTPStatus.BAD_REQUEST, str(error)) from None


async def _keep(event: Event, writer: SpoolWriter) -> str:
    """Return what became of ``event``, once that is on disk. Raises ``_RefusedError``."""
    try:
        if event.org_id == SAMPLE_ORG:
            await writer.probe()
            return "sample"
        outcome = await writer.append(event)
    except SpoolError:  # the writer has logged why
        raise _RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, _UNWRITABLE) from None
    if outcome == OTHER_ORG:
        raise _RefusedError(HTTPStatus.FORBIDDEN, "the spool belongs to another org")
    return outcome


async def _read_body(request: Request) -> bytes | None:
    """Return the raw body, or ``None`` when it is too large."""
    body = bytearray()
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= LARGEST_BODY:
            body += chunk
        elif size > _READ_BEFORE_REFUSAL:
            return None
    return bytes(body) if size <= LARGEST_BODY else None


def _response(status: HTTPStatus, outcome: str) -> JSONResponse:
    headers = {}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = _RETRY_SECONDS
    return JSONResponse({"status": outcome}, status_code=status, headers=headers)
