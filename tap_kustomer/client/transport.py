"""Sends requests: one pooled session, one turn of the limiter per try, retries, errors.

Nothing here knows a stream. Worker threads use it at the same time.
"""

from __future__ import annotations

import copy
import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, TypeVar
from urllib.parse import urljoin, urlsplit

import backoff
import requests
from backoff.types import Details
from requests.cookies import RequestsCookieJar
from typing_extensions import override

from tap_kustomer import errors
from tap_kustomer.client.auth import KustomerAuthenticator, Origin
from tap_kustomer.client.certificates import Adapter
from tap_kustomer.client.failures import Refused, Retry, misconfigured, trouble
from tap_kustomer.client.host import Host
from tap_kustomer.client.noted import note_headers, note_refusal, note_too_many
from tap_kustomer.client.rate_limit import Budget, RateLimiter
from tap_kustomer.client.responses import (
    complaints,
    header_epoch,
    is_final,
    may_pass,
    refusal,
    seconds_to_wait,
)
from tap_kustomer.client.retries import Tries
from tap_kustomer.clock import Clock, ServerTime
from tap_kustomer.ledger.assumptions import ASSUMPTIONS
from tap_kustomer.ledger.ledger import Ledger

__all__ = ["Counts", "KustomerClient", "Request", "Watcher"]

T = TypeVar("T")
logger = logging.getLogger("tap-kustomer.client")

# Bytes of a body read at a time. `requests` takes 10 KiB, which for a page of 1.4 MB costs twice
# as much processor time; pieces too large for the allocator's pools cost more again.
_CHUNK = 65_536
_CONNECT_TIMEOUT = 20.0  # seconds; the read timeout is the setting
_TOO_MANY_REQUESTS = 429
_TOO_LARGE = 413


@dataclass(frozen=True)
class Request:
    """One request to Kustomer: a path below the host, and what is sent."""

    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    budget: Budget = Budget.ORG

    @property
    def method(self) -> str:
        """``POST`` when there is a body."""
        return "GET" if self.body is None else "POST"


Watcher: TypeAlias = "Callable[[Request, requests.Response], None]"
Gate: TypeAlias = "Callable[[Request], None]"


class Counts(Protocol):
    """Anything with a request counter, such as a `StreamRun`; each request sent adds one."""

    requests: int


class KustomerClient:
    """The way to one org, shared by all streams and threads."""

    def __init__(  # noqa: PLR0913 - the parts are wired by hand, in tap.py only
        self,
        *,
        api_url: str,
        authenticator: KustomerAuthenticator,
        limiter: RateLimiter,
        clock: Clock,
        user_agent: str,
        timeout: float,
        max_elapsed: float,
        connections: int,
    ) -> None:
        """Open no connection yet; ``timeout`` and ``max_elapsed`` are in seconds."""
        self.ledger = Ledger(ASSUMPTIONS)  # what this run sees of what is assumed
        self.watchers: list[Watcher] = []  # told of every answer, by any thread
        self.confirms_roles = True  # else one answer that a role is missing is believed
        self.gates: list[Gate] = []  # asked before each request; an error of theirs holds it back
        self.limiter = limiter
        self.clock = clock
        self.server_time = ServerTime(clock)
        self._api_url = api_url
        self._origin = Origin.of(api_url)
        self._timeout = timeout
        self._session = _session(authenticator, user_agent, connections)
        # A proxy named in the environment would read what goes to this machine in plain http.
        self._session.trust_env = self._origin.scheme == "https"
        self._host = Host(api_url, max_elapsed)
        self._counter_lock = threading.Lock()
        self._counts: Counts | None = None

    def counting(self, counts: Counts) -> KustomerClient:
        """Return the same client, which counts in ``counts`` what is sent by it.

        Streams overlap, so no difference between two moments tells what one of them cost.
        """
        counted = copy.copy(self)
        counted._counts = counts  # noqa: SLF001 - of the copy
        return counted

    def close(self) -> None:
        """Close all connections; a request that is under way is not tried again."""
        self._host.is_left = True
        self._session.close()

    def next_request(self, request: Request, link: str) -> Request:
        """Return the request that an answer's ``links.next`` asks for.

        Raises: ``UntrustedAnswerError`` when the link leads to another host: the key stays here.
        """
        try:
            following = urljoin(f"{self._api_url}{request.path}", link)
            url, origin = urlsplit(following), Origin.of(following)
        except ValueError:
            url, origin = urlsplit(""), None
        if origin != self._origin:
            msg = (
                f"Kustomer's answer to {request.path} links its next page to another host. "
                "The link was not followed and the API key not sent; check `api_url`."
            )
            raise errors.UntrustedAnswerError(msg)
        path = f"{url.path}?{url.query}" if url.query else url.path
        return Request(path=path, budget=request.budget)

    def fetch(
        self,
        request: Request,
        parse: Callable[[bytes], T],
        *,
        page_tries: int | None = None,
        confirms: bool = True,
    ) -> T:
        """Return ``parse`` of the answer's body; retried until it parses or the time is up.

        A refusal is asked for again until it is confirmed, if it ``confirms``. Give
        ``page_tries`` where a smaller page can be asked for: after so many failures that a
        smaller one may avoid, the page is given up instead of being retried until the time is up.

        Raises: an error of ``tap_kustomer.errors``, ``PageFailedError`` only with ``page_tries``;
        ``StopRequested``.
        """
        path = request.path.partition("?")[0]
        tries = Tries(
            self.clock,
            self._host.patience,
            page_tries,
            confirms=confirms,
            confirms_roles=self.confirms_roles,
        )

        def pause(details: Details) -> None:
            # The library would sleep deaf to signals, so the wait is made here and its own is 0.
            error = details["exception"]
            if not isinstance(error, Retry) or error.paced:
                return
            seconds = tries.pause(error)
            level = (
                logging.WARNING if self._host.is_news(error, details["tries"]) else logging.DEBUG
            )
            patience = self._host.patience(error)
            logger.log(level, "%s: %s; retrying for up to %.0f s.", path, error, patience)
            end = self.clock.monotonic() + seconds
            while not self._host.is_left and (rest := end - self.clock.monotonic()) > 0:
                self.clock.sleep(min(rest, 1.0))

        def attempt() -> T:
            try:
                return self._try(request, path, parse, tries)
            except Retry as error:
                tries.note(error)
                raise

        retried = backoff.on_exception(
            backoff.constant,
            Retry,
            interval=0,
            jitter=None,
            giveup=lambda error: (
                self._host.is_left or (isinstance(error, Retry) and tries.are_over(error))
            ),
            on_backoff=pause,
            logger=None,
        )
        try:
            return retried(attempt)()
        except Retry as error:
            raise self._end_of(tries, path, error) from None

    def _end_of(self, tries: Tries, path: str, error: Retry) -> errors.KustomerError:
        """Return what it means that ``error`` ended the tries."""
        refusal = tries.confirmed(error)
        if refusal is not None:
            return refusal
        if tries.page_failed(error):
            return errors.PageFailedError(
                f"Kustomer kept failing at this page of {path} (last error: {error}).",
            )
        if not isinstance(error, Refused):
            self._host.is_down = True
        return self._host.unavailable(path, error, tries.elapsed)

    def _try(
        self,
        request: Request,
        path: str,
        parse: Callable[[bytes], T],
        tries: Tries,
    ) -> T:
        response = self._send(request, tries)
        self._host.note_answer()
        status = response.status_code
        if status == requests.codes.ok:
            try:
                content = parse(response.content)
            except ValueError:
                reason = "status 200, but the body was not the JSON that was asked for"
                raise Retry(reason) from None
            self._host.is_down = False
            return content
        if is_final(response):
            raise refusal(response, path)
        if status == _TOO_MANY_REQUESTS:
            reason = "status 429, rate limit reached"
            note_too_many(self.ledger, response.headers)
            raise Retry(reason, paced=True)
        note_refusal(self.ledger, response)
        reason = f"status {status}"
        if may_pass(response) or (status == _TOO_LARGE and tries.are_of_page):
            retry_after = {"retry-after": response.headers.get("retry-after", "")}
            asked = seconds_to_wait(retry_after, self.server_time.now())
            raise Retry(reason, asked=asked or 0.0)
        raise Refused(reason, refusal(response, path), complaints(response))

    def _send(self, request: Request, tries: Tries) -> requests.Response:
        for gate in self.gates:
            gate(request)
        with self.limiter.turn(request.budget):
            tries.begin()
            if self._counts is not None:
                with self._counter_lock:
                    self._counts.requests += 1
            try:
                response = self._session.request(
                    request.method,
                    f"{self._api_url}{request.path}",
                    params=request.params,
                    data=None if request.body is None else json.dumps(request.body),
                    headers=None if request.body is None else {"Content-Type": "application/json"},
                    timeout=(min(_CONNECT_TIMEOUT, self._timeout), self._timeout),
                    allow_redirects=False,
                    stream=True,
                )
                response._content = b"".join(response.iter_content(_CHUNK))  # noqa: SLF001 - as `content` does
            except OSError as error:
                raise misconfigured(error) or trouble(error, self._timeout) from None
            date = header_epoch(response.headers.get("date"))
            if date is not None:
                self.server_time.observe(date)
            self.limiter.observe(
                request.budget,
                response.status_code,
                response.headers,
                self.server_time.now(),
            )
        note_headers(self.ledger, response.headers, is_search=request.budget is Budget.SEARCH)
        for watch in self.watchers:
            watch(request, response)
        self.clock.check()
        return response


def _session(
    authenticator: KustomerAuthenticator,
    user_agent: str,
    connections: int,
) -> requests.Session:
    # Its warnings quote headers and addresses.
    logging.getLogger("urllib3.connection").setLevel(logging.ERROR)
    session = _Session()
    session.auth = authenticator
    session.headers.update({"User-Agent": user_agent, "Accept": "application/json"})
    session.cookies = _NoCookies()
    adapter = Adapter(pool_connections=1, pool_maxsize=connections)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class _Session(requests.Session):
    """Reads nothing of where a redirect leads, as none is followed."""

    @override
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return nothing: a malformed place would be an error of `requests`."""


class _NoCookies(RequestsCookieJar):
    """Keeps nothing: a jar shared by threads is the unsafe part of a shared session."""

    def set_cookie(self, cookie: Any, *_args: Any, **_kwargs: Any) -> None:
        """Forget ``cookie``."""
