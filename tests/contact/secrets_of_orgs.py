"""Everything that is an org's own, in every form in which it could slip out."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import quote

from simulator import Org
from tap_kustomer.contact.vocabulary import (
    ENUMERATIONS,
    RESOURCES,
    attribute_words,
    path_words,
    role_words,
)
from tap_kustomer.ledger.assumptions import ASSUMPTIONS

__all__ = ["CANARIES", "add_canaries", "found_in", "values_of"]

# Shorter ones are found everywhere by chance; numbers above all, since others stand for them.
_SHORTEST_TEXT, _FEWEST_DIGITS = 5, 9
_LONG_WORD, _PIECE = 16, 8
_WORD = re.compile(r"[\w.-]+", re.ASCII)
# What no generator makes: one for each kind of value and place.
CANARIES: dict[str, Any] = {
    "text": "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich",
    "word": "qXz7wVb93Kjr",
    "email": "quirin.zwiebelfisch@bienenstich.example",
    "phone": "+4930901820774",
    "url": "https://files.zwiebelfisch.example/9b1d/receipt?token=s3cr3tT0ken",
    "number": 918273645,
    "fraction": 73645.1875,
    "moment": "2025-03-17T04:11:59.217Z",
    "day": "1987-06-05",
    "uuid": "f3b2c1d0-9a8b-4c7d-8e6f-5a4b3c2d1e0f",
}
_KEY = "zwiebelfischKey"
_KLASS = "zwiebelfisch-order"


def add_canaries(org: Org) -> None:
    """Put each canary into rows, custom values, maps, names of klasses and of attributes."""
    org.add_klass(_KLASS, attributes={"quittungStr": {}})
    org.set_attribute("customer", "geheimfachStr")
    org.add(f"kobject_{_KLASS}", 1, title=CANARIES["text"])
    for place, value in CANARIES.items():
        org.add("customer", 1, name=value, brandNew=value, custom={"geheimfachStr": value})
        org.add("message", 1, preview=value, meta={_KEY: value, place: [value, {"deep": value}]})
        org.add("tag", 1, name=value)
        org.add("conversation", 1, name=value, tags=[value])


def values_of(org: Org) -> set[str]:
    """Return every text, number, id and time of the rows of ``org`` that is not the vendor's."""
    found = {_KEY, _KLASS, "quittungStr", "geheimfachStr", *map(str, CANARIES.values())}
    for name in list(org.counts()):
        for row in org.rows(name):
            found |= set(_texts(row))
    vendors = {word.lower() for word in _vendors()}
    return {value for value in found if value.lower() not in vendors}


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            if not key.isidentifier() and len(key) >= _SHORTEST_TEXT:
                yield key  # an id, or another name that is no attribute's
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, str):
        if len(value) >= (_FEWEST_DIGITS if value.isdigit() else _SHORTEST_TEXT):
            yield value
            # The parts of a path and of an address, too.
            yield from (part for part in re.split(r"[/@?=&\s]", value) if len(part) > 10)
    elif isinstance(value, bool):
        return
    elif isinstance(value, (int, float)) and sum(map(str.isdigit, str(value))) >= _FEWEST_DIGITS:
        yield str(value)


def _vendors() -> set[str]:
    """Return the words that every org has."""
    words = {word for one in ENUMERATIONS.values() for word in one}
    words |= RESOURCES | attribute_words() | path_words() | role_words()
    # Words of the report's own texts, and of a media type.
    told = " ".join(
        f"{one.assumed} {one.shows} {one.otherwise} {one.unseen}" for one in ASSUMPTIONS
    )
    return words | set(re.findall(r"[a-z]+", told)) | {"agent", "application", "timeout"}


class _Haystack:
    """A long text in which thousands of others are looked for."""

    def __init__(self, text: str) -> None:
        """Cut the text into pieces and words."""
        self._text = text
        self._pieces = {text[at : at + _PIECE] for at in range(0, len(text), _PIECE)}
        self._words = {*re.findall(r"[A-Za-z0-9]+", text), *re.findall(r"[\w.-]+", text)}

    def holds(self, form: str) -> bool:
        """Whether the text holds ``form``; a short word counts as a whole word only."""
        if form in self._words:
            return True
        if len(form) < _LONG_WORD and _WORD.fullmatch(form):
            return False
        if len(form) >= 2 * _PIECE and self._pieces.isdisjoint(
            [form[at : at + _PIECE] for at in range(_PIECE)]
        ):
            return False  # some piece of the text would lie within it
        return form in self._text


def found_in(text: str, values: Iterable[str]) -> list[str]:
    """Return those of ``values`` that ``text`` holds in any encoding, each with the encoding."""
    plain, lower = _Haystack(text), _Haystack(text.lower())
    unescaped = _Haystack(_unescaped(text)) if "\\u" in text else plain
    found = []
    for value in sorted(values):
        found += [f"{value} ({name})" for name, form in _forms(value) if plain.holds(form)]
        if lower.holds(value.lower()) or unescaped.holds(value):
            found.append(value)
    return found


def _unescaped(text: str) -> str:
    return re.sub(r"\\u([0-9a-f]{4})", lambda match: chr(int(match[1], 16)), text)


@cache
def _forms(value: str) -> tuple[tuple[str, str], ...]:
    """Return a value in the encodings in which it could stand somewhere."""
    return tuple(_each_form(value))


def _each_form(value: str) -> Iterator[tuple[str, str]]:
    raw = value.encode("utf-8", "surrogatepass")
    yield "as it is", value
    yield "escaped", json.dumps(value)[1:-1]
    yield "percent", quote(value, safe="")
    yield "hex", raw.hex()
    yield "backwards", value[::-1]
    yield "escaped twice", json.dumps(json.dumps(value))[3:-3]
    if value[4:5] == "-" and "T" in value:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
        yield "milliseconds since 1970", str(round(moment.timestamp() * 1000))
        yield "seconds since 1970", str(int(moment.timestamp()))
    for cut in range(3):  # base64 depends on where a text begins
        middle = base64.b64encode(raw[cut:])[:-4].decode()
        if len(middle) >= 12:
            yield "base64", middle
            yield "base64 for addresses", middle.replace("+", "-").replace("/", "_")
