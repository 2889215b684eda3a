"""How often one request is tried, and what its end means.

A status that may pass is retried until the time is up, a refusal until it is confirmed: one odd
answer decides nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import backoff

from tap_kustomer.client.failures import Refused, Retry
from tap_kustomer.clock import Clock
from tap_kustomer.errors import (
    CredentialsError,
    ForeignAnswerError,
    KustomerError,
    MissingRoleError,
    StreamError,
)

__all__ = ["Tries"]

_LONGEST_PAUSE = 60.0  # seconds between two tries, when Kustomer does not name the moment
_CONFIRMING_PAUSE = 0.5  # seconds between a refusal and the question whether it is meant
_REFUSALS = 2  # equal ones make a refusal by Kustomer certain
_FOREIGN_REFUSALS = 3  # a firewall's answer may pass, and is no refusal by Kustomer
_ODD_REFUSALS = 8  # refusals of one request in all: they differ from one to the next


class Tries:
    """The tries of one request. Used by one thread."""

    def __init__(
        self,
        clock: Clock,
        patience: Callable[[Retry], float],
        page_tries: int | None,
        *,
        confirms: bool = True,
        confirms_roles: bool = True,
    ) -> None:
        """Begin with none.

        ``patience`` returns the seconds for which an error is retried, counted from the first
        sending: waiting for a turn is no fault of Kustomer's. ``page_tries`` is how often the
        server may fail at the page. Without ``confirms`` one refusal by Kustomer is enough,
        but one of the key; without ``confirms_roles`` one that speaks of a role.
        """
        self._clock = clock
        self._patience = patience
        self._page_tries = page_tries
        self._confirms = confirms
        self._confirms_roles = confirms_roles
        self._began: float | None = None
        self._failures_of_page = 0
        self._refusals = 0
        self._equal_refusals = 0
        self._meaning: tuple[object, ...] = ()
        self._pauses = backoff.expo(base=2, factor=1, max_value=_LONGEST_PAUSE)
        next(self._pauses)  # a generator of the library answers from its second step on

    @property
    def are_of_page(self) -> bool:
        """Whether a smaller page can be asked for instead."""
        return self._page_tries is not None

    @property
    def elapsed(self) -> float:
        """Seconds since the first sending."""
        return 0.0 if self._began is None else self._clock.monotonic() - self._began

    def begin(self) -> None:
        """Note that a request is sent now."""
        if self._began is None:
            self._began = self._clock.monotonic()

    def note(self, error: Retry) -> None:
        """Count a try that gave nothing usable."""
        self._failures_of_page += error.is_of_page
        if isinstance(error, Refused):
            self._refusals += 1
            self._equal_refusals = self._equal_refusals + 1 if error.meaning == self._meaning else 1
            self._meaning = error.meaning

    def are_over(self, error: Retry) -> bool:
        """Whether ``error``, the last, ends the tries."""
        if isinstance(error, Refused):
            return self._is_confirmed(error.error) or self._refusals >= _ODD_REFUSALS
        return self.page_failed(error) or self._left(error) <= 0

    def page_failed(self, error: Retry) -> bool:
        """Whether the server has failed at this page often enough to try a smaller one."""
        if self._page_tries is None or not error.is_of_page:
            return False
        return self._failures_of_page >= self._page_tries or self._left(error) <= 0

    def pause(self, error: Retry) -> float:
        """Return the seconds until the next try."""
        if isinstance(error, Refused) and not isinstance(error.error, ForeignAnswerError):
            return _CONFIRMING_PAUSE
        seconds = self._pauses.send(None) * (0.5 + random.random() / 2)  # noqa: S311 - jitter
        return max(min(seconds, self._left(error)), error.asked)

    def confirmed(self, error: Retry) -> KustomerError | None:
        """Return the refusal that ``error`` ended the tries with, if it is certain."""
        if not isinstance(error, Refused) or not self._is_confirmed(error.error):
            return None
        if isinstance(error.error, StreamError):
            is_own = not isinstance(error.error, ForeignAnswerError)
            error.error.confirmed = is_own and self._confirms
        return error.error

    def _is_confirmed(self, refusal: KustomerError) -> bool:
        if isinstance(refusal, ForeignAnswerError):
            return self._equal_refusals >= _FOREIGN_REFUSALS
        if isinstance(refusal, CredentialsError):
            is_enough = False  # it would end the whole run
        else:
            is_role = isinstance(refusal, MissingRoleError)
            is_enough = not self._confirms or (is_role and not self._confirms_roles)
        return self._equal_refusals >= (1 if is_enough else _REFUSALS)

    def _left(self, error: Retry) -> float:
        return self._patience(error) - self.elapsed
