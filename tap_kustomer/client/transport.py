"""Sends requests: one pooled session, one turn of the limiter per try, retries, errors.

Nothing here knows a stream. Worker threads use it at the same time.
"""

from __future__ import annotations

import json
import logging
import random
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin, urlsplit

import backoff
import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar

from tap_kustomer import errors
from tap_kustomer.client.rate_limit import Budget
from tap_kustomer.client.responses import (
    RETRIED_STATUSES,
    header_epoch,
    refusal,
)
from tap_kustomer.clock import ServerTime

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from backoff.types import Details

    from tap_kustomer.client.auth import KustomerAuthenticator
    from tap_kustomer.client.rate_limit import RateLimiter
    from tap_kustomer.clock import Clock

__all__ = ["KustomerClient", "Request", "Retry"]

T = TypeVar("T")
logger = logging.getLogger("tap-kustomer.client")

_CONNECT_TIMEOUT = 20.0  # seconds; the read timeout is the setting
_LONGEST_PAUSE = 60.0  # seconds between two tries, when Kustomer does not name the moment
_TOO_MANY_REQUESTS = 429


class Retry(Exception):  # noqa: N818 - not an error until the time is up
    """This try gave nothing usable; the next may. The text says why, without any content."""

    def __init__(self, reason: str, *, paced: bool = False) -> None:
        """Keep the reason; ``paced`` when the limiter already holds the next try back."""
        super().__init__(reason)
        self.paced = paced


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
        self.limiter = limiter
        self.clock = clock
        self.server_time = ServerTime(clock)
        self._api_url = api_url
        self._origin = urlsplit(api_url)[:2]
        self._timeout = timeout
        self._max_elapsed = max_elapsed
        self._session = _session(authenticator, user_agent, connections)
        self._counter_lock = threading.Lock()
        self.requests = 0

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def next_request(self, request: Request, link: str) -> Request:
        """Return the request that an answer's ``links.next`` asks for.

        Raises: ``UntrustedAnswerError`` when the link leads to another host: the key stays here.
        """
        url = urlsplit(urljoin(f"{self._api_url}{request.path}", link))
        if url[:2] != self._origin:
            msg = (
                f"Kustomer's answer to {request.path} links its next page to another host. "
                "The link was not followed and the API key not sent; check `api_url`."
            )
            raise errors.UntrustedAnswerError(msg)
        path = f"{url.path}?{url.query}" if url.query else url.path
        return Request(path=path, budget=request.budget)

    def fetch(self, request: Request, parse: Callable[[bytes], T]) -> T:
        """Return ``parse`` of the answer's body; retried until it parses or the time is up.

        Raises: an error of ``tap_kustomer.errors``; ``StopRequested``.
        """
        started = self.clock.monotonic()
        pauses = backoff.expo(base=2, factor=1, max_value=_LONGEST_PAUSE)
        next(pauses)  # a generator of the library answers from its second step on

        def pause(details: Details) -> None:
            # The library would sleep deaf to signals, so the wait is made here and its own is 0.
            error = details["exception"]
            if not (isinstance(error, Retry) and error.paced):
                longest = float(pauses.send(None) or 0)
                self.clock.sleep(longest * (0.5 + random.random() / 2))  # noqa: S311 - jitter

        def out_of_time(_error: Exception) -> bool:
            return self.clock.monotonic() - started >= self._max_elapsed

        attempt = backoff.on_exception(
            backoff.constant,
            Retry,
            interval=0,
            jitter=None,
            giveup=out_of_time,
            on_backoff=pause,
            logger=None,
        )(self._try)
        try:
            return attempt(request, parse)
        except Retry as error:
            path = request.path.partition("?")[0]
            msg = (
                f"Kustomer did not answer {path} properly for {self._max_elapsed:.0f} seconds; "
                f"the last try: {error}. Run again later (the state continues where this run "
                "stopped), or raise `backoff_max_elapsed_seconds`."
            )
            raise errors.UnavailableError(msg) from None

    def _try(self, request: Request, parse: Callable[[bytes], T]) -> T:
        path = request.path.partition("?")[0]
        response = self._send(request)
        status = response.status_code
        if status == requests.codes.ok:
            try:
                return parse(response.content)
            except ValueError:
                reason = "the body was no valid JSON"
                raise Retry(reason) from None
        if status in RETRIED_STATUSES:
            reason = f"status {status}"
            if status == _TOO_MANY_REQUESTS:
                reason = "status 429, the budget is used up"
            else:
                logger.warning("Kustomer answered %s with %s; trying again.", path, reason)
            raise Retry(reason, paced=status == _TOO_MANY_REQUESTS)
        raise refusal(response, path)

    def _send(self, request: Request) -> requests.Response:
        with self.limiter.turn(request.budget):
            with self._counter_lock:
                self.requests += 1
            try:
                response = self._session.request(
                    request.method,
                    f"{self._api_url}{request.path}",
                    params=request.params,
                    data=None if request.body is None else json.dumps(request.body),
                    headers=None if request.body is None else {"Content-Type": "application/json"},
                    timeout=(min(_CONNECT_TIMEOUT, self._timeout), self._timeout),
                    allow_redirects=False,
                )
            except requests.exceptions.SSLError:
                reason = "the TLS certificate of the host could not be verified"
                raise Retry(reason) from None
            except requests.exceptions.Timeout:
                reason = f"no answer within `request_timeout` ({self._timeout:.0f} seconds)"
                raise Retry(reason) from None
            except requests.exceptions.ConnectionError as error:
                raise Retry(_connection_trouble(error)) from None
            except requests.exceptions.RequestException as error:
                reason = f"the answer broke off ({type(error).__name__})"
                raise Retry(reason) from None
            date = header_epoch(response.headers.get("date"))
            if date is not None:
                self.server_time.observe(date)
            self.limiter.observe(
                request.budget,
                response.status_code,
                response.headers,
                self.server_time.now(),
            )
        self.clock.check()
        return response


def _session(
    authenticator: KustomerAuthenticator,
    user_agent: str,
    connections: int,
) -> requests.Session:
    session = requests.Session()
    session.auth = authenticator
    session.headers.update({"User-Agent": user_agent, "Accept": "application/json"})
    session.cookies = _NoCookies()
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=connections)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class _NoCookies(RequestsCookieJar):
    """Keeps nothing: a jar shared by threads is the unsafe part of a shared session."""

    def set_cookie(self, cookie: Any, *_args: Any, **_kwargs: Any) -> None:  # noqa: ANN401
        """Forget ``cookie``."""


def _connection_trouble(error: requests.exceptions.ConnectionError) -> str:
    """Return the kind of trouble in words; the error's own text would show the whole URL."""
    text = str(error)
    if "NameResolution" in text or "getaddrinfo" in text:
        return "the host name could not be resolved (check `org_name`, `region` or `api_url`)"
    if "Connection refused" in text:
        return "the connection was refused (check `api_url`, and that the host is up)"
    return "the connection was cut"
