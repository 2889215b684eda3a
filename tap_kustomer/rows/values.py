"""Values that fit their schema: converted when nothing is lost, refused otherwise."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import GenericAlias
from typing import Annotated, Any, Union

import msgspec

from tap_kustomer import timestamps

__all__ = [
    "MISFIT",
    "Converter",
    "admits_null",
    "checker",
    "converter",
    "is_masked",
    "plain_type",
    "typed",
]


class _Misfit:
    """The mark of a value that does not fit."""

    def __repr__(self) -> str:
        return "MISFIT"


MISFIT = _Misfit()
Converter = Callable[[Any], Any]  # a value that is not None -> what fits, or MISFIT

_is_normal = timestamps.is_normal
_INT64 = 2**63
_Int64 = Annotated[int, msgspec.Meta(ge=-_INT64, le=_INT64 - 1)]
# A text with zeros or a plus in front is an id or a telephone number, which lost them as a number.
_INTEGER = re.compile(r"-?(0|[1-9]\d{0,18})", re.ASCII)
_NUMBER = re.compile(
    r"-?((0|[1-9]\d{0,400})(\.\d{0,400})?|\.\d{1,400})([eE][+-]?\d{1,4})?", re.ASCII
)
_EXACT = 2**53  # whole numbers up to this are themselves wherever numbers are doubles
# How Kustomer masks a value that the key may not read is UNCONFIRMED (masking); a text of nothing
# but these characters is no value of a number, date or boolean.
_MASK = re.compile(r"[*•●·]{2,}|[#xX]{4,}")
# What a catalog may say of a column and the conversion understands. Other words (`enum`,
# `pattern`: a user may declare them) are checked by the validator behind the conversion.
_UNDERSTOOD = frozenset({"type", "format", "items", "description", "title", "additionalProperties"})
_NATURAL: Mapping[type, tuple[str, ...]] = {
    str: ("string",),
    bool: ("boolean",),
    int: ("integer", "number"),
    float: ("number",),
    dict: ("object",),
    list: ("array",),
}

_JSON_TYPES: Mapping[str, Any] = {
    "string": str,
    "boolean": bool,
    "integer": _Int64,
    "number": _Int64 | float,
    "object": dict[str, Any],
    "array": list[Any],
    "null": None,
}


def is_masked(value: object) -> bool:
    """Whether ``value`` is a mask instead of a value."""
    return isinstance(value, str) and _MASK.fullmatch(value) is not None


def admits_null(schema: Mapping[str, Any]) -> bool:
    """Whether null fits ``schema``."""
    if "type" in schema and schema.keys() <= _UNDERSTOOD:
        return "null" in _types(schema)
    return checker(schema)(None)


def plain_type(schema: Mapping[str, Any]) -> type | None:
    """Return the type whose values all fit ``schema`` as they are, or ``None``.

    It saves the call of a converter for most values. Integers and floats are not among them:
    their size has to be looked at.
    """
    if not _is_understood(schema) or schema.get("format"):
        return None
    types = _types(schema) - {"null"}
    if types in ({"string"}, {"string", "object", "array"}):
        return str
    if len(types) != 1 or (schema.get("items") or {}).get("type"):
        return None
    return {"boolean": bool, "object": dict, "array": list}.get(types.pop())


def typed(schema: Mapping[str, Any]) -> Any:
    """Return the type of the JSON values that ``converter`` leaves as they are.

    ``Any`` where only a conversion can tell.

    >>> typed({"type": ["boolean", "null"]})
    typing.Optional[bool]
    """
    if not _is_understood(schema) or schema.get("format"):
        return Any
    types = tuple(_typed(kind, schema) for kind in _types(schema, list))
    if not types or Any in types:
        return Any
    return Union[types]  # noqa: UP007 - they are known at run time only


def _typed(kind: str, schema: Mapping[str, Any]) -> Any:
    if kind != "array" or not schema.get("items"):
        return _JSON_TYPES.get(kind, Any)
    item = typed(schema["items"])
    return Any if item is Any else GenericAlias(list, (item,))


def converter(schema: Mapping[str, Any]) -> Converter:
    """Return the function that makes a value fit ``schema``."""
    if _is_understood(schema):
        return _converter(schema)
    convert = _converter(schema) if "type" in schema else _same
    fits = checker(schema)

    def checked(value: Any) -> Any:
        fitting = convert(value)
        return fitting if fitting is not MISFIT and fits(fitting) else MISFIT

    return checked


def _converter(schema: Mapping[str, Any]) -> Converter:
    kinds = [kind for kind in _types(schema, list) if kind != "null"]
    by_kind = {kind: _single(kind, schema) for kind in kinds}
    if len(by_kind) == 1:
        return by_kind[kinds[0]]

    def convert(value: Any) -> Any:
        natural = [kind for kind in _NATURAL.get(type(value), ()) if kind in by_kind]
        for kind in natural + kinds:
            fitting = by_kind[kind](value)
            if fitting is not MISFIT:
                return fitting
        return MISFIT

    return convert


def _single(kind: str, schema: Mapping[str, Any]) -> Converter:
    if kind == "string":
        return _moment if schema.get("format") == "date-time" else _text
    if kind == "array":
        items = schema.get("items") or {}
        return _array_of(items) if items else _array
    return _BY_KIND.get(kind, _never)


def _types(schema: Mapping[str, Any], make: Callable[[Any], Any] = set) -> Any:
    types = schema.get("type", ())
    return make([types] if isinstance(types, str) else types)


def _is_understood(schema: Mapping[str, Any]) -> bool:
    return (
        "type" in schema
        and schema.keys() <= _UNDERSTOOD
        and schema.get("format") in {None, "date-time"}
        and schema.get("additionalProperties", True) is True
    )


def checker(schema: Mapping[str, Any]) -> Callable[[Any], bool]:
    """Return the function that says whether a value fits ``schema`` as it is; slow."""
    from jsonschema import Draft202012Validator, FormatChecker  # noqa: PLC0415 - rarely needed

    validator = Draft202012Validator(dict(schema), format_checker=FormatChecker())
    return lambda value: bool(validator.is_valid(value))


def _moment(value: Any) -> Any:
    if value.__class__ is str and _is_normal(value):
        return value
    return timestamps.normalise(value) or MISFIT


def _text(value: Any) -> Any:
    if type(value) is str:
        return value
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    return MISFIT


def _integer(value: Any) -> Any:
    if (type(value) is float and value.is_integer()) or (
        type(value) is str and _INTEGER.fullmatch(value.strip())
    ):
        value = int(value)
    if type(value) is int and -_INT64 <= value < _INT64:
        return value
    return MISFIT


def _number(value: Any) -> Any:
    if type(value) is int:
        return value if -_INT64 <= value < _INT64 else MISFIT
    if type(value) is float:
        return value if math.isfinite(value) else MISFIT
    if type(value) is str and _NUMBER.fullmatch(value.strip()):
        whole = _integer(value)
        if whole is not MISFIT and abs(whole) <= _EXACT:
            return whole
        number = float(value)
        # More digits than a double holds would be lost: such a text moves as it is.
        exact = math.isfinite(number) and Decimal(repr(number)) == Decimal(value.strip())
        if exact and whole is MISFIT:
            return number
    return MISFIT


def _boolean(value: Any) -> Any:
    if value is True or value is False:
        return value
    if type(value) is str:
        return {"true": True, "false": False}.get(value.strip().lower(), MISFIT)
    return MISFIT


def _object(value: Any) -> Any:
    return value if type(value) is dict else MISFIT


def _array(value: Any) -> Any:
    return value if type(value) is list else MISFIT


def _array_of(items: Mapping[str, Any]) -> Converter:
    item = converter(items)
    all_plain = {plain_type(items)}
    absent = None if admits_null(items) else MISFIT

    def convert(value: Any) -> Any:
        values = value if type(value) is list else [value]
        if not values or set(map(type, values)) == all_plain:
            return values
        fitting = []
        for one in values:
            fit = absent if one is None else item(one)
            if fit is MISFIT:
                return MISFIT
            fitting.append(fit)
        return fitting

    return convert


def _same(value: Any) -> Any:
    return value


def _never(_value: Any) -> Any:
    return MISFIT


_BY_KIND: Mapping[str, Converter] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "object": _object,
}
