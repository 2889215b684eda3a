"""A simulator that is asked by a call, where the client would open a connection.

Half of what a short run of the tap costs is HTTP. Where a test is about what the tap makes of
answers, hundreds of times over, and not about how they come, it can do without.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, unquote, urlsplit

import requests

from simulator import Simulator
from tap_kustomer.client import transport

__all__ = ["Direct", "without_sockets"]


@dataclass(frozen=True)
class Sent:
    """A request of the client, as the simulator reads it."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


class Direct:
    """In place of the client's HTTP session: hands requests to the simulator by a call."""

    trust_env = False

    def __init__(self, sim: Simulator) -> None:
        """Ask ``sim``, which need not be started; the key is its own."""
        self._sim = sim
        self._headers = {"Authorization": f"Bearer {sim.knobs.api_key}"}

    def request(
        self, method: str, url: str, *, params: Mapping[str, Any], data: str | None, **_: Any
    ) -> requests.Response:
        """Return the simulator's answer; one that is cut off is an error of the connection."""
        address = urlsplit(url)
        query = dict(parse_qsl(address.query, keep_blank_values=True))
        query |= {name: str(value) for name, value in params.items() if value is not None}
        sent = Sent(method, unquote(address.path), query, self._headers)
        log, answer, trouble = self._sim.answer(sent, (data or "").encode())
        if trouble:
            log.faults += [fault.kind for fault in trouble]
            raise requests.exceptions.ChunkedEncodingError(trouble[0].kind)
        log.status, log.rows = answer.status, len(answer.rows or ())
        log.answered = self._sim.org.clock.now()
        response = requests.Response()
        response.status_code = answer.status
        response.headers.update(self._sim.headers_of(answer))
        response.raw = io.BytesIO(answer.body())
        return response

    def close(self) -> None:
        """Hold nothing."""


@contextlib.contextmanager
def without_sockets(sim: Simulator) -> Iterator[None]:
    """Let each tap of this process that is made meanwhile ask ``sim`` by calls."""
    with patch.object(transport, "_session", lambda *_: Direct(sim)):
        yield
