"""An event as Kustomer sends it: ``{"id": ..., "name": ..., "org": ..., "data": {...}, ...}``.

Source: https://developer.kustomer.com/docs/events/event-catalog
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple, NoReturn

import msgspec

__all__ = ["SAMPLE_ORG", "Event", "NotAnEventError", "read_event"]

# In the place of an org's id: the event only tries the way to the spool and is not kept.
SAMPLE_ORG = "sample"
_WORD = re.compile(r"[\x21-\x7e]{1,200}")


class NotAnEventError(ValueError):
    """The body is no JSON, or is not an event of Kustomer; its text quotes none of it."""


class Event(NamedTuple):
    """What the spool keeps of an event: its id, its org, and the body as it was sent."""

    id: str
    name: str
    org_id: str
    body: bytes


def read_event(body: bytes) -> Event:
    """Return the event in ``body``. Raises ``NotAnEventError``."""
    content = _decode(body)
    if not isinstance(content, dict):
        msg = "the body is not a JSON object"
        raise NotAnEventError(msg)
    return Event(_word(content, "id"), _word(content, "name"), _word(content, "org"), body)


def _word(content: dict[str, Any], member: str) -> str:
    value = content.get(member)
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        msg = f"the body has no `{member}`, which every event of Kustomer has"
        raise NotAnEventError(msg)
    return value


def _decode(body: bytes) -> object:
    """Return the JSON in ``body``, all of it checked: what is taken must be readable later."""
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):
        pass
    try:
        # msgspec refuses numbers beyond a float, which are JSON all the same.
        return json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        msg = "the body isn't JSON"
        raise NotAnEventError(msg) from None


def _refuse(_constant: str) -> NoReturn:
    raise ValueError
