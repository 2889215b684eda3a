"""One format for all timestamps: UTC, milliseconds, ``Z``.

In that format text order is time order, so positions and bookmarks are compared as text.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

__all__ = [
    "before",
    "behind",
    "between",
    "from_epoch",
    "is_normal",
    "normalise",
    "parse",
    "seconds_between",
    "shift",
    "to_text",
]

_FIRST, _LAST = "0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"
_LENGTH = len(_FIRST)
# What Kustomer sends nearly always. Anything else takes the slow way.
_USUAL = re.compile(
    r"\d{4}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)"
    r"|(?:0[13578]|1[02])-31)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z",
    re.ASCII,
)
is_normal = _USUAL.fullmatch  # whether a text is in that format already; fast
# RFC 3339, a little wider: the parts after the day may be missing, a blank may stand for `T`.
_TIMESTAMP = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})"
    r"(?:[Tt ](?P<time>\d{2}:\d{2}(?::\d{2})?)(?:[.,](?P<fraction>\d+))?"
    r"\s*(?P<zone>[Zz]|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?)?",
    re.ASCII,
)


def parse(value: str) -> datetime:
    """Return the aware UTC time that ``value`` names; without an offset it is UTC.

    Raises: ``ValueError`` when ``value`` is no RFC 3339 date or date-time.
    """
    match = _TIMESTAMP.fullmatch(value.strip())
    if match is None:
        msg = "not an RFC 3339 date or date-time"
        raise ValueError(msg)
    time = match["time"] or "00:00:00"
    if time.count(":") == 1:
        time += ":00"
    moment = datetime.fromisoformat(f"{match['day']}T{time}")
    microsecond = int((match["fraction"] or "0")[:6].ljust(6, "0"))
    zone = match["zone"]
    offset = timedelta()
    if zone and zone not in "Zz":
        hours, minutes = int(zone[1:3]), int(zone[-2:])
        offset = timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)
    try:
        return moment.replace(microsecond=microsecond, tzinfo=timezone.utc) - offset
    except OverflowError as error:
        msg = "outside the calendar"
        raise ValueError(msg) from error


def to_text(moment: datetime) -> str:
    """Return ``moment`` as UTC text with milliseconds; finer parts are cut, never rounded up."""
    utc = moment.astimezone(timezone.utc)
    return utc.isoformat(timespec="milliseconds")[: _LENGTH - 1] + "Z"  # strftime is slow


def from_epoch(seconds: float) -> str:
    """Return the text of a Unix time in seconds."""
    return to_text(datetime.fromtimestamp(seconds, tz=timezone.utc))


def normalise(value: object) -> str | None:
    """Return ``value`` as UTC text with milliseconds, or ``None`` when it is no timestamp."""
    if not isinstance(value, str):
        return None
    if len(value) == _LENGTH and _USUAL.fullmatch(value):
        return value
    try:
        return to_text(parse(value))
    except ValueError:
        return None


def shift(value: str, *, seconds: float = 0, days: float = 0) -> str:
    """Return the text of the moment that lies ``seconds`` and ``days`` after ``value``.

    Moments outside the calendar stop at its ends.
    """
    try:
        return to_text(parse(value) + timedelta(days=days, seconds=seconds))
    except OverflowError:
        return _FIRST if seconds + days < 0 else _LAST


def behind(moment: str) -> str:
    """Return the next moment: timestamps have milliseconds."""
    return shift(moment, seconds=0.001)


def before(moment: str) -> str:
    """Return the last moment before ``moment``."""
    return shift(moment, seconds=-0.001)


def between(low: str, high: str, share: float) -> str:
    """Return the moment that ``share`` of the way from ``low`` to ``high`` takes to."""
    return low if high <= low else shift(low, seconds=seconds_between(low, high) * share)


def seconds_between(low: str, high: str) -> float:
    """Return the seconds from ``low`` to ``high``."""
    return (parse(high) - parse(low)).total_seconds()
