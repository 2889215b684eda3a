"""From a response to what happens next: go on, wait and retry, or stop with a sentence.

A refusal counts only in Kustomer's own form, JSON with ``errors``: a firewall or a proxy on the way
knows neither the key's roles nor the API's endpoints.
Source: https://developer.kustomer.com/docs/concepts/errors
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, NamedTuple, TypeAlias

from requests import Response

from tap_kustomer import errors

__all__ = [
    "SMALLEST_EPOCH_MILLISECONDS",
    "complaints",
    "header_epoch",
    "is_final",
    "may_pass",
    "refusal",
    "seconds_to_wait",
]

# Client errors that are none of the request: it took too long, came too early or too often.
_PASSING = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS},
)
# Of the others, those that tell of the request; a conflict or a plan that ended are no reason to
# ask for less.
_ABOUT_FORM = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.GONE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    },
)
_REDIRECTS = frozenset({300, 301, 302, 303, 305, 306, 307, 308})

# A rate-limit window of Kustomer, in seconds, and what a reset header may at most ask for.
WINDOW = 60.0
_LONGEST_RESET = 65.0
_LONGEST_RETRY_AFTER = 900.0
# Numbers above are Unix seconds or milliseconds, below it is a number of seconds to wait.
_SMALLEST_EPOCH = 1e6
SMALLEST_EPOCH_MILLISECONDS = 1e12


class _Refusal(NamedTuple):
    error: type[errors.KustomerError]
    sentence: str


REFUSALS: Mapping[int, _Refusal] = {
    HTTPStatus.UNAUTHORIZED: _Refusal(
        errors.CredentialsError,
        "Kustomer rejected the API key (status 401) on {path}. Create a key under Settings > "
        "Security > API Keys and put it into the setting `api_key`; also check that `org_name` "
        "or `region` names the org that the key belongs to.",
    ),
    HTTPStatus.FORBIDDEN: _Refusal(
        errors.MissingRoleError,
        "This API key may not read {path} (status 403).",
    ),
    HTTPStatus.NOT_FOUND: _Refusal(
        errors.NotFoundError,
        "There is no {path} on this host (status 404).",
    ),
}


_NO_SUCH_ENDPOINT = _Refusal(
    errors.UnknownEndpointError,
    "Kustomer has no endpoint {path} (status 404).",
)
_FOREIGN = _Refusal(
    errors.ForeignAnswerError,
    "Something else than Kustomer's API answered {path} with status {status}: a firewall, a proxy "
    "or a login page. This says nothing about the key's roles or the org. Check `api_url`, "
    "`org_name` and what stands between this machine and Kustomer, then run again.",
)

# What a refusal complains about: the code and the parameter or pointer of each of its errors.
Complaints: TypeAlias = frozenset[tuple[str, str]]


def may_pass(response: Response) -> bool:
    """Whether the status says nothing for good: the same request may work the next time.

    Every status but a plain 200, a redirect and a client error. The vendor's own table of
    retryable statuses was never seen.
    """
    status = response.status_code
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return status in _PASSING
    return status not in _REDIRECTS


def is_final(response: Response) -> bool:
    """Whether one answer is enough, since its words leave no doubt."""
    return _is_region_mismatch(response)


def complaints(response: Response) -> Complaints | None:
    """Return what a refusal complains about; ``None`` when it is not of Kustomer's form."""
    try:
        content = json.loads(response.content)
    except (ValueError, RecursionError):
        return None
    found = content.get("errors") if isinstance(content, dict) else None
    if not isinstance(found, list) or not found:
        return None
    if not all(isinstance(one, dict) for one in found):
        return None
    return frozenset((str(one.get("code")), _subject(one)) for one in found)


def _subject(error: Mapping[str, Any]) -> str:
    """Return the parameter or pointer that an error is about, in either of the vendor's shapes."""
    for place in (error.get("source"), error.get("meta")):
        if isinstance(place, dict):
            subject = place.get("parameter") or place.get("pointer")
            if isinstance(subject, str):
                return subject
    return ""


def _is_region_mismatch(response: Response) -> bool:
    """Whether the key belongs to another region than the host.

    The status of this error is nowhere documented, the words are: look for them in any.
    """
    return response.status_code >= HTTPStatus.BAD_REQUEST and (
        b"associated with pod" in response.content
    )


def refusal(response: Response, path: str) -> errors.KustomerError:
    """Return the error for a response that retrying cannot fix."""
    status = response.status_code
    if status in _REDIRECTS:
        return errors.CredentialsError(
            f"Kustomer redirected {path} (status {status}). The API key is never sent after a "
            "redirect; put the host that answers directly into `api_url` or `org_name`.",
        )
    if _is_region_mismatch(response):
        return errors.CredentialsError(
            "The API key belongs to another region of Kustomer than the host that was asked. "
            "Set `org_name` (it always leads to the right region), or `region` to the region "
            "of your org: us, eu or in.",
        )
    known = REFUSALS.get(status)
    told = complaints(response)
    if told is None and status != HTTPStatus.UNAUTHORIZED:
        known = _FOREIGN
    elif status == HTTPStatus.NOT_FOUND and any(subject == "path" for _, subject in told or ()):
        known = _NO_SUCH_ENDPOINT
    if known:
        return known.error(known.sentence.format(path=path, status=status))
    refused = errors.RequestRefusedError(
        f"Kustomer rejected the request to {path} (status {status}). If this persists, report it "
        "with this line.",
    )
    refused.is_about_form = status in _ABOUT_FORM
    return refused


def header_epoch(value: str | None) -> float | None:
    """Return the Unix seconds of an HTTP date, or ``None`` when it is none."""
    try:
        moment = parsedate_to_datetime(value or "")
        if moment.tzinfo is None:  # the zone -0000: UTC, of which nothing more is known
            moment = moment.replace(tzinfo=timezone.utc)
        return moment.timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def seconds_to_wait(headers: Mapping[str, str], now: float) -> float | None:
    """Return how long a 429 asks to wait, in seconds, or ``None`` when it does not say.

    At most a quarter of an hour: a longer one is asked again then.
    ``Retry-After`` (seconds or an HTTP date) counts before ``x-ratelimit-reset`` (Unix seconds,
    milliseconds, or a number of seconds: all were reported). ``now`` is Kustomer's Unix time.
    """
    retry_after = headers.get("retry-after", "").strip()
    if retry_after:
        asked = _number(retry_after)
        if asked is None and (epoch := header_epoch(retry_after)) is not None:
            asked = epoch - now
        if asked is not None:
            return min(max(asked, 0.0), _LONGEST_RETRY_AFTER)
    reset = _number(headers.get("x-ratelimit-reset", ""))
    if reset is None:
        return None
    if reset >= SMALLEST_EPOCH_MILLISECONDS:
        reset /= 1000
    if reset >= _SMALLEST_EPOCH:
        reset -= now
    return min(max(reset, 0.0), _LONGEST_RESET)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if number == number and abs(number) != float("inf") else None  # noqa: PLR0124
