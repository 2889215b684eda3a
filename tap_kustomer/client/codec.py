"""JSON as Kustomer sends it, decoded into text that every loader takes."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import msgspec

__all__ = ["clean_text", "decode", "has_nul", "loads_leniently", "split"]

# Lone surrogates and NUL break loaders; JavaScript cuts emoji in half, so they do occur.
_UNLOADABLE = re.compile("[\ud800-\udfff\x00]")
_REPLACEMENT = "\ufffd"
_NUL = re.compile(rb"\\u0000")  # found in half the time that `in` takes
_DEEPEST = 100  # levels of nesting, where there are more than Python reads
_STRUCTURE = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)


class _Rows(msgspec.Struct):
    data: list[msgspec.Raw]


_ROWS = msgspec.json.Decoder(_Rows)


def split(raw: bytes) -> list[msgspec.Raw]:
    """Return the resources of a page, each as its bytes. Raises ``ValueError`` for no page."""
    return _ROWS.decode(raw).data


def decode(raw: bytes) -> Any:
    """Return the JSON of an answer, with text that every loader takes and finite numbers.

    Raises: ``ValueError`` when ``raw`` is no JSON.
    """
    try:
        # As fast as orjson here, and it keeps integers beyond 64 bits, which orjson rounds.
        content = msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        return loads_leniently(raw)
    return clean_text(content) if has_nul(raw) else content


def has_nul(raw: bytes) -> bool:
    """Whether there may be a NUL in the text of an answer."""
    return _NUL.search(raw) is not None


def clean_text(value: Any) -> Any:
    """Return ``value`` with U+FFFD for NUL and lone surrogates, in keys and values."""
    if isinstance(value, str):
        return _UNLOADABLE.sub(_REPLACEMENT, value)
    if isinstance(value, list):
        return [clean_text(item) for item in value]
    if isinstance(value, dict):
        return {clean_text(key): clean_text(item) for key, item in value.items()}
    return value


def loads_leniently(raw: bytes) -> Any:
    """Return the JSON in ``raw`` as the standard library reads it.

    What JSON cannot say (NaN, Infinity, 1e999) and what nests too deep becomes text.
    Raises: ``ValueError`` when ``raw`` is no JSON.
    """
    text = raw.decode("utf-8-sig", errors="replace")
    try:
        return clean_text(_loads(text))
    except RecursionError:
        return clean_text(_loads(_shallow(text)))


def _loads(text: str) -> Any:
    return json.loads(
        text,
        strict=False,
        parse_constant=str,
        parse_int=_integer_or_text,
        parse_float=_float_or_text,
    )


def _integer_or_text(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text  # of more digits than Python reads, and writes


def _float_or_text(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def _shallow(text: str) -> str:
    """Return the JSON ``text`` with everything below ``_DEEPEST`` levels as a JSON string.

    Python, and most loaders, end at about a thousand levels.
    Raises: ``ValueError`` when its brackets are no pairs, as in one that was cut off.
    """
    parts: list[str] = []
    depth = begin = copied = 0
    for match in _STRUCTURE.finditer(text):
        bracket = match.group()
        if bracket in "[{":
            depth += 1
            if depth == _DEEPEST:
                begin = match.start()
        elif bracket in "]}":
            if depth == _DEEPEST:
                parts += text[copied:begin], json.dumps(text[begin : match.end()])
                copied = match.end()
            depth -= 1
    if depth:
        msg = "the JSON has brackets without their others"
        raise ValueError(msg)
    return "".join([*parts, text[copied:]])
