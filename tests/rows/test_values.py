"""What becomes of a value, by the type of its column."""

from __future__ import annotations

from typing import Any

import pytest

from tap_kustomer.rows.values import MISFIT, converter, is_masked

TEXT: dict[str, Any] = {"type": ["string", "null"]}
MOMENT: dict[str, Any] = {"type": ["string", "null"], "format": "date-time"}
INTEGER: dict[str, Any] = {"type": ["integer", "null"]}
NUMBER: dict[str, Any] = {"type": ["number", "null"]}
BOOLEAN: dict[str, Any] = {"type": ["boolean", "null"]}
OBJECT: dict[str, Any] = {"type": ["object", "null"]}
ARRAY: dict[str, Any] = {"type": ["array", "null"]}
TEXTS: dict[str, Any] = {"type": ["array", "null"], "items": TEXT}
STRICT: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
OPEN: dict[str, Any] = {"type": ["string", "object", "array", "null"]}
CHOICE: dict[str, Any] = {"type": ["string", "null"], "enum": ["a", "b"]}


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        (TEXT, "x", "x"),
        (TEXT, 7, "7"),
        (TEXT, 1.5, "1.5"),
        (TEXT, True, "true"),
        (TEXT, {"a": 1}, MISFIT),
        (TEXT, ["x"], MISFIT),
        (MOMENT, "2026-01-31T12:30:00.000Z", "2026-01-31T12:30:00.000Z"),
        (MOMENT, "2024-02-29", "2024-02-29T00:00:00.000Z"),
        (MOMENT, "2026-01-31T12:30:00.123456+02:00", "2026-01-31T10:30:00.123Z"),
        (MOMENT, "2023-02-29T00:00:00.000Z", MISFIT),
        (MOMENT, "2026-04-31T00:00:00.000Z", MISFIT),
        (MOMENT, "2026-13-01", MISFIT),
        (MOMENT, "tomorrow", MISFIT),
        (MOMENT, "2024-01-01T00:00:00+23:59", "2023-12-31T00:01:00.000Z"),
        (MOMENT, "2024-01-01T00:00:00-1130", "2024-01-01T11:30:00.000Z"),
        (MOMENT, "2024-01-01T00:00:00+99:00", MISFIT),
        (MOMENT, "2024-01-01T00:00:00-24:00", MISFIT),
        (MOMENT, "2024-01-01T00:00:00+14:99", MISFIT),
        (MOMENT, 1767225600000, MISFIT),
        (INTEGER, 7, 7),
        (INTEGER, 7.0, 7),
        (INTEGER, "7", 7),
        (INTEGER, 7.5, MISFIT),
        (INTEGER, True, MISFIT),
        (INTEGER, 2**63 - 1, 2**63 - 1),
        (INTEGER, 2**63, MISFIT),
        (INTEGER, -(2**63), -(2**63)),
        (INTEGER, float("inf"), MISFIT),
        (NUMBER, 7, 7),
        (NUMBER, "12.5", 12.5),
        (NUMBER, " -3 ", -3),
        (NUMBER, "1e3", 1000.0),
        (NUMBER, "1e999", MISFIT),
        (NUMBER, "NaN", MISFIT),
        (NUMBER, "0.12345678901234567890123", MISFIT),
        (NUMBER, "9223372036854775808", MISFIT),
        # Numbers that are ids: no digit is lost, also where a target makes doubles of numbers.
        (NUMBER, "1234567890123456", 1234567890123456),
        (NUMBER, "9007199254740992", 2**53),
        (NUMBER, "9007199254740993", MISFIT),
        (NUMBER, "9999999999999999", MISFIT),
        (NUMBER, "-9999999999999999", MISFIT),
        (NUMBER, "0012345678901234", MISFIT),
        (NUMBER, "007", MISFIT),
        (NUMBER, "007.5", MISFIT),
        (NUMBER, "+4915112345678", MISFIT),
        (NUMBER, "0", 0),
        (NUMBER, "0.50", 0.5),
        (NUMBER, "-0.5", -0.5),
        (NUMBER, 9999999999999999, 9999999999999999),
        (INTEGER, "007", MISFIT),
        (INTEGER, "9223372036854775807", 2**63 - 1),
        (TEXT, 1234567890123456.0, "1234567890123456.0"),
        (TEXT, 0.1 + 0.2, "0.30000000000000004"),
        (TEXT, 1e21, "1e+21"),
        (TEXT, 2**70, "1180591620717411303424"),
        (NUMBER, "١٢", MISFIT),
        (NUMBER, float("nan"), MISFIT),
        (NUMBER, False, MISFIT),
        (BOOLEAN, False, False),
        (BOOLEAN, "True", True),
        (BOOLEAN, 1, MISFIT),
        (BOOLEAN, "yes", MISFIT),
        (OBJECT, {"a": 1}, {"a": 1}),
        (OBJECT, "{}", MISFIT),
        (ARRAY, [1, "x"], [1, "x"]),
        (ARRAY, "x", MISFIT),
        (TEXTS, "5f00", ["5f00"]),
        (TEXTS, ["a", None, 7], ["a", None, "7"]),
        (TEXTS, [{"a": 1}], MISFIT),
        (STRICT, ["a", None], MISFIT),
        (OPEN, 7, "7"),
        (OPEN, [7], [7]),
        (OPEN, {"a": 1}, {"a": 1}),
        (CHOICE, "a", "a"),
        (CHOICE, "c", MISFIT),
        ({"type": ["integer", "string"]}, "7", "7"),
        ({"type": ["number", "boolean"]}, "true", True),
        ({"type": "string", "format": "date"}, "2026-01-31", "2026-01-31"),
        ({"type": "string", "format": "date"}, "soon", MISFIT),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 7, 7),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "7", MISFIT),
    ],
    ids=repr,
)
def test_a_value_is_converted_when_nothing_is_lost(
    schema: dict[str, Any], value: Any, expected: Any
) -> None:
    """Else it is a misfit, and moves as it is."""
    found = converter(schema)(value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("text", ["****", "••••", "●●", "##########", "XXXXXXXX"])
def test_a_mask_is_no_value(text: str) -> None:
    """Of a key without the permission for sensitive attributes."""
    assert is_masked(text)


@pytest.mark.parametrize("text", ["", "*", "xx", "***-1234", "12.5", 7, None, ["**"]])
def test_a_value_is_no_mask(text: Any) -> None:
    """It would be lost."""
    assert not is_masked(text)
