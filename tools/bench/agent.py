"""Somebody else at work in the org: sends its own share of the org's requests, in small bursts."""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

import requests
from typing_extensions import Self

from simulator import Clock

__all__ = ["Agent"]

_REFUSED = 429
_WINDOW = 60.0  # the clock's seconds, over which the org's budget is counted
_TIMEOUT = 60.0  # seconds for an answer
_BURSTS_PER_WINDOW = 6
_PATH, _QUERY = "/v1/users", {"pageSize": "1"}  # which the tap never asks for in this way


class Agent:
    """A second client of the org's budget, in a thread of its own as long as the context lasts.

    It never sends more than ``per_minute`` requests in any 60 seconds: where it is refused,
    others took more than the rest. What it is refused it does not send again.
    """

    def __init__(self, url: str, key: str, *, per_minute: int, clock: Clock) -> None:
        """Prepare; ``clock`` runs as fast as the org's."""
        self.sent = 0
        self.refused = 0
        self._url = f"{url}{_PATH}?{urlencode(_QUERY)}"
        self._clock = clock
        self._burst = max(per_minute // _BURSTS_PER_WINDOW, 1)
        self._bursts = max(per_minute // self._burst, 1)  # in any 60 seconds
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {key}"
        self._session.trust_env = False  # no proxy stands between the agent and the org
        self._leave = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="agent", daemon=True)

    def __enter__(self) -> Self:
        """Begin to send."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End. Raises what ended the agent before its time."""
        self._leave.set()
        self._thread.join()
        self._session.close()
        if self._failure is not None and error is None:
            raise self._failure

    @staticmethod
    def sent_it(request: dict[str, Any]) -> bool:
        """Say whether a request of the server's log is an agent's."""
        return bool(request["path"] == _PATH and request["query"] == _QUERY)

    def _run(self) -> None:
        try:
            self._work()
        except Exception as failure:  # noqa: BLE001 - raised in the thread that waits for this one
            self._failure = failure

    def _work(self) -> None:
        answered: deque[float] = deque(maxlen=self._bursts)  # when the last bursts were over
        while True:
            began = self._clock.now()
            for _ in range(self._burst):
                self._send()
            answered.append(self._clock.now())
            # Spread over the minute, and never more than the share in any: the server counted
            # a request at some moment before its answer.
            due = began + _WINDOW / self._bursts
            if len(answered) == self._bursts:
                due = max(due, answered[0] + _WINDOW)
            while (left := due - self._clock.now()) > 0:
                if self._leave.wait(self._clock.real_seconds(left)):
                    return
            if self._leave.is_set():
                return

    def _send(self) -> None:
        answer = self._session.get(self._url, timeout=_TIMEOUT)
        self.sent += 1
        if answer.status_code == _REFUSED:
            self.refused += 1
        else:
            answer.raise_for_status()
