"""Conversations of about 2.8 KB, and messages, that cost the server almost nothing.

However many there are: a few are made in the simulator's own shape, all others are copies of
them with an id and two timestamps of their own, rendered each time they are sent. Neither a
million documents in memory nor the making of JSON shall stand between the tap and what is measured.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from simulator import Org, to_iso, to_ms
from simulator.jsontypes import JSON
from simulator.org.index import Version, encode
from simulator.org.rows import Recipe, build

__all__ = ["SPAN", "add_conversations", "add_messages"]

SPAN = 500 * 86_400.0  # seconds over which the rows are spread: none is for the archive search
_TEMPLATES = 40  # different rows, given out in turn
_DAY_MS = 86_400_000
_FIRST_NUMBER = 0x5F << 88  # ids look like Kustomer's: 24 hexadecimal digits
_ATTRIBUTES = ("tierStr", "vipBool")  # custom ones, so that `custom` is typed as it is in an org


@dataclass(frozen=True)
class _Template:
    """A row's JSON, cut where its own values go."""

    text: bytes  # for the % operator, with the names id, created and updated


class _Copy(Version):
    """A row that is rendered from a template, and not kept."""

    __slots__ = ("_template",)

    def __init__(self, template: _Template, name: str, number: int, updated: int) -> None:
        super().__init__(
            row=-1,
            number=-1,
            id=f"{_FIRST_NUMBER + number:024x}",
            name=name,
            contexts=(name,),
            created=updated - _DAY_MS,
            updated=updated,
            deleted=False,
            parents={},
            make=_never,
        )
        self._template = template

    @property
    def body(self) -> bytes:
        """The resource as the server sends it."""
        assert self.created is not None  # noqa: S101 - given above
        assert self.updated is not None  # noqa: S101 - given above
        return self._template.text % {
            b"id": self.id.encode(),
            b"created": to_iso(self.created).encode(),
            b"updated": to_iso(self.updated).encode(),
        }


def add_conversations(org: Org, count: int) -> None:
    """Add ``count`` conversations, updated at even distances over the last ``SPAN`` seconds."""
    if count:
        for name in _ATTRIBUTES:
            org.set_attribute("conversation", name)
    _add(org, "conversation", count)


def add_messages(org: Org, count: int) -> None:
    """Add ``count`` messages in the same way."""
    _add(org, "message", count)


def _add(org: Org, name: str, count: int) -> None:
    if not count:
        return
    rng = random.Random(7)  # noqa: S311 - seeded and repeatable is the point
    now = org.clock.now()
    templates = [_template(org, name, rng.getrandbits(48), now) for _ in range(_TEMPLATES)]
    # The last hour is left out: rows of the last minutes are read twice, by the lookback.
    begin, step = to_ms(now - SPAN), (SPAN - 3600) * 1000 / count
    with org.lock:
        for number in range(count):
            template = templates[number % _TEMPLATES]
            org.put(_Copy(template, name, number, begin + int(number * step)))


def _template(org: Org, name: str, seed: int, now: float) -> _Template:
    id_, created = f"{0xABCDEF:024x}", to_ms(now) - 30 * _DAY_MS
    updated = created + 3 * _DAY_MS
    document = build(
        Recipe(
            seed=seed,
            org_id=org.org_id,
            name=name,
            klass=None,
            id=id_,
            now=now,
            created=created,
            updated=updated,
            deleted=False,
            parents={"customer": f"{seed:024x}"},
            attributes={},
            relationships={},
            pools={},
            properties=org.metadata.properties(name),
        )
    )
    text = encode(document).replace(b"%", b"%%")
    for part, value in (("id", id_), ("created", to_iso(created)), ("updated", to_iso(updated))):
        text = text.replace(value.encode(), b"%%(%s)b" % part.encode())
    return _Template(text)


def _never() -> JSON:
    message = "A copy renders its JSON itself."
    raise AssertionError(message)
