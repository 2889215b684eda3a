"""Values that fit their schema: converted when nothing is lost, refused otherwise."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tap_kustomer import timestamps

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MISFIT", "Converter", "converter", "is_masked"]


class _Misfit:
    """The mark of a value that does not fit."""

    def __repr__(self) -> str:
        return "MISFIT"


MISFIT = _Misfit()
Converter = Callable[[Any], Any]  # a value that is not None -> what fits, or MISFIT

_INT64 = 2**63
_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# How Kustomer masks a value that the key may not read is UNCONFIRMED; a text of nothing but
# these characters is no value of a number, date or boolean.
_MASK = re.compile(r"[*•●·#xX]{2,}")


def is_masked(value: object) -> bool:
    """Whether ``value`` is a mask instead of a value."""
    return isinstance(value, str) and _MASK.fullmatch(value) is not None


def converter(schema: Mapping[str, Any]) -> Converter:
    """Return the function that makes a value fit ``schema``."""
    types = [name for name in schema["type"] if name != "null"]
    if len(types) > 1:
        return _open
    kind = types[0]
    if kind == "string":
        return _moment if schema.get("format") == "date-time" else _text
    if kind == "array":
        items = schema.get("items") or {}
        return _array_of(converter(items)) if items.get("type") else _array
    return {"integer": _integer, "number": _number, "boolean": _boolean, "object": _object}[kind]


def _moment(value: Any) -> Any:  # noqa: ANN401
    return timestamps.normalise(value) or MISFIT


def _text(value: Any) -> Any:  # noqa: ANN401
    if type(value) is str:
        return value
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    return MISFIT


def _integer(value: Any) -> Any:  # noqa: ANN401
    whole = type(value) is float and value.is_integer()
    if whole or (type(value) is str and _INTEGER.fullmatch(value.strip())):
        value = int(value)
    if type(value) is int and -_INT64 <= value < _INT64:
        return value
    return MISFIT


def _number(value: Any) -> Any:  # noqa: ANN401
    if type(value) is int:
        # Loaders take a number as a double: an integer that a double cannot hold would change.
        return value if abs(value) < _INT64 else MISFIT
    if type(value) is float:
        return value if math.isfinite(value) else MISFIT
    if type(value) is str and _NUMBER.fullmatch(value.strip()):
        whole = _integer(value)
        if whole is not MISFIT:
            return whole
        number = float(value)
        return number if math.isfinite(number) else MISFIT
    return MISFIT


def _boolean(value: Any) -> Any:  # noqa: ANN401
    if value is True or value is False:
        return value
    if type(value) is str:
        return {"true": True, "false": False}.get(value.strip().lower(), MISFIT)
    return MISFIT


def _object(value: Any) -> Any:  # noqa: ANN401
    return value if type(value) is dict else MISFIT


def _array(value: Any) -> Any:  # noqa: ANN401
    return value if type(value) is list else MISFIT


def _array_of(item: Converter) -> Converter:
    def convert(value: Any) -> Any:  # noqa: ANN401
        # One value where several are allowed: `"5f00"` in an attribute that may have many.
        values = value if type(value) is list else [value]
        fitting = [None if one is None else item(one) for one in values]
        return MISFIT if MISFIT in fitting else fitting

    return convert


def _open(value: Any) -> Any:  # noqa: ANN401
    return value if isinstance(value, (str, dict, list)) else _text(value)
