"""The simulated org behind a real HTTP server."""

from __future__ import annotations

import asyncio
import fnmatch
import gzip
import socket
import struct
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import web

from simulator.api.answers import Answer, Refused, error_answer
from simulator.api.routes import Call, respond
from simulator.clock import DAY, to_iso
from simulator.knobs import Knobs, Seconds
from simulator.org.org import Org
from simulator.server import control, faults
from simulator.server.faults import Fault, Faults
from simulator.server.limits import Limits
from simulator.server.requestlog import Asked, RequestLog, read_request
from simulator.server.serving import HOST, HttpThread, Response
from simulator.server.webhooks import Webhooks

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self


START_DAYS = 600  # `start_date` of `config`: before the rows that `Org.add` spreads
POLL = 0.02  # real seconds between looks whether a hanging client has gone


class Simulator:
    """Serves an ``Org``; use it as a context manager. ``knobs`` are the fields of ``Knobs``."""

    def __init__(self, org: Org | None = None, *, port: int = 0, **knobs: Any) -> None:
        self.org = org or Org()
        self.knobs = Knobs(**knobs)
        self.faults = Faults(self.org.seed_number)
        self.limits = Limits(self.org, self.knobs)
        self.requests: list[RequestLog] = []
        self._hooks: list[tuple[bool, Callable[[], object]]] = []
        self._refusals: dict[str, int] = {}
        self.webhooks = Webhooks(self.org)
        self._http = HttpThread(self._handle, port)

    # -------------------------------------------------------------- lifecycle

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
        """Close the port and every connection, and send no more webhooks."""
        self.webhooks.stop()
        self._http.stop()

    def close_port(self) -> None:
        """Begin an outage: connections are refused until ``open_port``."""
        self._http.close_port()

    def open_port(self) -> None:
        """End an outage."""
        self._http.open_port()

    @property
    def url(self) -> str:
        """Where the org answers."""
        return f"http://{HOST}:{self._http.port}"

    @property
    def config(self) -> dict[str, Any]:
        """The smallest config of a tap that reads this org."""
        start = to_iso(int((self.org.clock.now() - START_DAYS * DAY) * 1000))
        return {"api_key": self.knobs.api_key, "api_url": self.url, "start_date": start}

    # --------------------------------------------------------- hooks, faults

    def before_each_search(self, call: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        """Call something before each search is answered, while the org is locked."""
        self._hooks.append((True, lambda: call(*args, **kwargs)))

    def before_each_request(self, call: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        """Call something before each request is answered, while the org is locked."""
        self._hooks.append((False, lambda: call(*args, **kwargs)))

    def clear_hooks(self) -> None:
        """Forget all hooks."""
        self._hooks.clear()

    def refuse(self, path: str, status: int = 404) -> None:
        """Answer paths of this pattern (`*` stands for anything) with an error."""
        self._refusals[path] = status

    def allow(self, path: str) -> None:
        """Take ``refuse`` back."""
        self._refusals.pop(path, None)

    def set(self, **knobs: Any) -> None:
        """Turn knobs."""
        for name, value in knobs.items():
            if not hasattr(self.knobs, name):
                message = f"Unknown knob {name!r}."
                raise AttributeError(message)
            setattr(self.knobs, name, value)

    # ---------------------------------------------------------------- counts

    def searches(self, context: str | None = None) -> list[RequestLog]:
        """Return the searches so far, of one context or all."""
        return [
            log for log in list(self.requests)
            if log.is_search and (context is None or log.context == context)
        ]  # fmt: skip

    def reset_log(self) -> None:
        """Forget the requests so far."""
        self.requests.clear()
        self.limits.refused.clear()

    @property
    def refused(self) -> int:
        """How many requests were answered 429."""
        return self.limits.refused.total()

    def consume(self, *, search: int = 0, org: int = 0) -> None:
        """Let other clients of the org make requests now."""
        with self.org.lock:
            self.limits.consume(org=org, search=search)

    # --------------------------------------------------------------- serving

    def answer(self, request: Asked, body: bytes) -> tuple[RequestLog, Answer, list[Fault]]:
        """Return what a request gets, however it came, and the faults in how that is sent."""
        log, decoded = read_request(request, body, self.org.clock.now())
        self.requests.append(log)
        with self.org.lock:
            answer, trouble = self._answer(log, decoded)
        return log, answer, trouble

    def headers_of(self, answer: Answer) -> dict[str, str]:
        """Return the headers with which an answer is sent."""
        return {
            "Content-Type": answer.content_type,
            "Date": self.org.clock.http_date(),
            "X-Kustomer-Pod": self.knobs.pod,
            **answer.headers,
        }

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        if request.path.startswith(control.PREFIX):
            answer = control.answer(self, request.method, request.path, dict(request.query), body)
            return web.Response(
                status=answer.status,
                body=answer.body(),
                headers={"Content-Type": "application/json"},
            )
        log, answer, trouble = self.answer(request, body)
        knob = self.knobs.page_latency if log.is_search else self.knobs.latency
        seconds = self.org.clock.real_seconds(_seconds(knob))
        for fault in trouble:
            log.faults.append(fault.kind)
            if fault.kind in ("slow", "hang"):
                seconds += fault.detail.get("seconds", 1 if fault.kind == "slow" else 3600)
            elif fault.kind != "truncated":
                _drop(request, reset=fault.kind == "reset")
                return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        if seconds and not await self._pause(request, seconds):
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        log.status, log.rows = answer.status, len(answer.rows or ())
        log.answered = self.org.clock.now()
        cut = next((fault for fault in trouble if fault.kind == "truncated"), None)
        return await self._send(request, answer, cut)

    def _answer(self, log: RequestLog, body: object) -> tuple[Answer, list[Fault]]:
        """Return the answer, and the faults that concern how it is sent."""
        for only_searches, hook in self._hooks:
            if log.is_search or not only_searches:
                hook()
        knobs = self.knobs
        headers: dict[str, str] = {}
        trouble: list[Fault] = []
        where = (log.method, log.path, log.context)
        try:
            self._authorize(log)
            allowed, headers = self.limits.take(is_search=log.is_search)
            if not allowed:
                raise Refused(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests.")  # noqa: TRY301
            trouble = self.faults.strike(faults.TRANSPORT, *where)
            replacing = self.faults.strike(faults.REPLACING, *where)
            if replacing:
                log.faults.append(replacing[0].kind)
                answer = self._replaced(replacing[0])
            else:
                self._check_refusals(log.path)
                call = Call(log.method, log.path, log.query, body, self.org, knobs)
                answer = respond(call)
                answer = self._changed(answer, log)
        except Refused as refused:
            answer = error_answer(refused, knobs.error_shape)
        answer.headers = {**headers, **answer.headers}
        return answer, trouble

    def _authorize(self, log: RequestLog) -> None:
        if self.knobs.pod_mismatch:
            # The vendor's wording; its status is UNCONFIRMED (pod-mismatch).
            raise Refused(
                self.knobs.pod_mismatch,
                "Auth token associated with pod prod2 but request is being handled by prod1",
            )
        if log.headers.get("authorization") != f"Bearer {self.knobs.api_key}":
            raise Refused(HTTPStatus.UNAUTHORIZED, "Invalid or expired token.")

    def _check_refusals(self, path: str) -> None:
        for pattern, status in self._refusals.items():
            if fnmatch.fnmatchcase(path, pattern):
                raise Refused(status, "Refused by the simulator.")

    def _replaced(self, fault: Fault) -> Answer:
        if fault.kind == "429":
            self.limits.refused["fault"] += 1
        return faults.replacement(fault, self.org.clock.now(), self.org.plan_limit)

    def _changed(self, answer: Answer, log: RequestLog) -> Answer:
        if answer.rows is None:
            kinds = frozenset({"rewrite"})
        else:
            kinds = faults.CHANGING - (frozenset() if log.is_search else faults.SEARCH_ONLY)
        for fault in self.faults.strike(kinds, log.method, log.path, log.context):
            log.faults.append(fault.kind)
            answer = faults.changed(answer, fault)
        return answer

    async def _pause(self, request: web.BaseRequest, seconds: float) -> bool:
        """Wait; return False once the client is gone or the server stops."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while (left := end - loop.time()) > 0:
            if self._http.stopping or request.transport is None or request.transport.is_closing():
                return False
            await asyncio.sleep(min(left, POLL))
        return True

    async def _send(
        self, request: web.BaseRequest, answer: Answer, cut: Fault | None
    ) -> web.StreamResponse:
        body = answer.body()
        headers = self.headers_of(answer)
        if self.knobs.gzip and "gzip" in request.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
        if cut is None:
            whole = Response(status=answer.status, body=body, headers=headers)
            whole.dateless = not self.knobs.date_header
            return whole
        headers["Content-Length"] = str(len(body))
        response = web.StreamResponse(status=answer.status, headers=headers)
        await response.prepare(request)
        await response.write(body[: int(len(body) * cut.detail.get("fraction", 0.5))])
        _drop(request, reset=False)
        return response


def _seconds(knob: Seconds) -> float:
    return knob() if callable(knob) else knob


def _drop(request: web.BaseRequest, *, reset: bool) -> None:
    """End the connection, with ``reset`` by RST instead of FIN."""
    transport = request.transport
    if transport is None:
        return
    if reset:
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()
