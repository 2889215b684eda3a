"""What an answer's status and headers say of what is assumed; told to the ledger."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus

from requests import Response

from tap_kustomer.client.responses import SMALLEST_EPOCH_MILLISECONDS, complaints
from tap_kustomer.ledger.ledger import Ledger

__all__ = ["note_headers", "note_refusal", "note_too_many"]

_SMALLEST_EPOCH = 1e6
_PODS = frozenset({"prod1", "prod2", "prod4"})
_ROLE = re.compile(rb"org\.(permission|user|admin)\.")


def note_headers(ledger: Ledger, headers: Mapping[str, str], *, is_search: bool) -> None:
    """Note what the headers of any answer tell."""
    pod = headers.get("x-kustomer-pod")
    known = pod in _PODS
    ledger.judge("pod", holds=known, how="no header" if pod is None else "another name")
    ledger.judge("date-header", holds="date" in headers, how="no `Date`")
    if not is_search:
        told = "x-ratelimit-limit" in headers and "x-ratelimit-remaining" in headers
        ledger.judge("rate-headers", holds=told, how="no `x-ratelimit-limit` or `-remaining`")
    if (reset := headers.get("x-ratelimit-reset")) is None:
        return
    if headers.get("x-ratelimit-remaining") not in {None, "0"}:
        ledger.differs("rate-reset", "it is there although the budget is not used up")
    form = _form_of(reset)
    ledger.judge("rate-reset", holds=form == "Unix seconds", how=f"it is in {form}")


def _form_of(reset: str) -> str:
    try:
        number = float(reset)
    except ValueError:
        return "no number"
    if number >= SMALLEST_EPOCH_MILLISECONDS:
        return "milliseconds"
    return "Unix seconds" if number >= _SMALLEST_EPOCH else "seconds to wait"


def note_too_many(ledger: Ledger, headers: Mapping[str, str]) -> None:
    """Note what a 429 tells of when to come back."""
    ledger.judge("retry-after", holds="retry-after" not in headers, how="a 429 has `Retry-After`")


def note_refusal(ledger: Ledger, response: Response) -> None:
    """Note the form of an answer that is neither good nor a 429."""
    status = response.status_code
    if not HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return
    is_json = "json" in response.headers.get("content-type", "")
    if complaints(response) is not None:
        ledger.holds("error-form")
        if status == HTTPStatus.FORBIDDEN:
            named = _ROLE.search(response.content) is not None
            ledger.judge("role-in-refusal", holds=not named, how="a 403 names a role")
    elif is_json:
        ledger.differs("error-form", f"a {status} is JSON without `errors`")
