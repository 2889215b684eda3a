"""What is known of the host that is asked, and what follows from it for a request that fails."""

from __future__ import annotations

from tap_kustomer.client.failures import Refused, Retry
from tap_kustomer.errors import UnavailableError

__all__ = ["Host"]

# Seconds to try a host that has never answered, or a Kustomer that is down as a whole: a typo
# should not cost ten minutes, nor an outage ten minutes for each stream.
_SHORT_PATIENCE = 20.0


class Host:
    """One host, as all threads know it that ask it."""

    def __init__(self, api_url: str, max_elapsed: float) -> None:
        """Know nothing yet; a request is retried for ``max_elapsed`` seconds at most."""
        self.is_down = False  # retried in vain, and no good answer since
        self.is_left = False  # nobody waits for an answer any more
        self._api_url = api_url
        self._max_elapsed = max_elapsed
        self._has_answered = False  # anything, in this run
        self._is_silent = False  # could not be reached, which was said

    def note_answer(self) -> None:
        """Note that there was an answer, whatever it says."""
        self._has_answered, self._is_silent = True, False

    def is_news(self, error: Retry, tries: int) -> bool:
        """Whether a failed try is worth a warning: the first of a request, of a host, of all."""
        if isinstance(error, Refused):
            return False  # requested once more to be sure; what it means is said then
        if not error.unreachable:
            return tries == 1
        silent, self._is_silent = self._is_silent, True
        return not silent

    def patience(self, error: Retry) -> float:
        """Return the seconds for which a request that failed so is retried."""
        if self.is_down or self._never_answered(error):
            return min(self._max_elapsed, _SHORT_PATIENCE)
        return self._max_elapsed

    def unavailable(self, path: str, error: Retry, seconds: float) -> UnavailableError:
        """Return the error of a request that was retried in vain for ``seconds``."""
        if self._never_answered(error):
            return UnavailableError(f"{self._api_url} could not be reached: {error}.")
        return UnavailableError(
            f"{path} kept failing for {seconds:.0f} seconds (last error: {error}). Run again "
            "later, which resumes from the state, or raise `backoff_max_elapsed_seconds`.",
        )

    def _never_answered(self, error: Retry) -> bool:
        return error.unreachable and not self._has_answered
