"""Answers are decoded into values that every loader takes."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from tap_kustomer.client.codec import decode, has_nul, loads_leniently, split


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a": [1, 2.5, true, null, "\xc3\xa9"]}', {"a": [1, 2.5, True, None, "é"]}),
        (b"123456789012345678901234567890", 123456789012345678901234567890),
        (rb'{"a\u0000": ["\u0000b", {"c": "\u0000\u0000"}]}', {"a�": ["�b", {"c": "��"}]}),
        (rb'["\ud83d\ude00", "\ud83d", "\ude00x"]', ["😀", "�", "�x"]),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'["\xff"]', ["�"]),
        (b'["a\nb"]', ["a\nb"]),
        (b"[NaN, -Infinity, 1e999, -1e999, 1e5]", ["NaN", "-Infinity", "1e999", "-1e999", 1e5]),
        (b"[NaN, 7, -7.25]", ["NaN", 7, -7.25]),
    ],
)
def test_an_answer_becomes_text_that_loaders_take_and_finite_numbers(
    raw: bytes, value: Any
) -> None:
    """What JSON cannot say is kept as its text, never dropped and never a failed stream."""
    assert decode(raw) == value


def test_an_integer_of_any_length_is_kept_with_all_its_digits() -> None:
    """As text where it is longer than Python reads."""
    for count in (20, 400, 4_000):
        assert loads_leniently(b"9" * count) == 10**count - 1
    assert loads_leniently(b"-" + b"9" * 5_000) == "-" + "9" * 5_000


@pytest.mark.parametrize(
    "raw", [b"", b"<html>", b'{"a": 1', b'{"a": 1} x', b"[" * 5_000, b'{"a":' * 5_000]
)
def test_what_is_no_json_is_a_value_error(raw: bytes) -> None:
    """The client asks again then."""
    with pytest.raises(ValueError, match=r"."):
        decode(raw)


def depth_of(value: Any) -> int:
    """Return the levels of nesting."""
    if isinstance(value, (list, dict)):
        inner = value.values() if isinstance(value, dict) else value
        return 1 + max(map(depth_of, inner), default=0)
    return 0


def opened(value: Any) -> Any:
    """Return what is at the bottom of lists in lists, as text where a text stands for them."""
    while isinstance(value, list) and value:
        value = value[0]
    return value


@pytest.mark.parametrize(
    ("left", "right"),
    [("[", "]"), ('{"a": ', "}"), ('[{"a]}": "\\"]}", "b": ', "}]")],
)
def test_what_nests_too_deep_becomes_text_in_its_place(left: str, right: str) -> None:
    """Its neighbours stay as they are, also behind it; the text holds all of it."""
    deep = left * 3_000 + "1" + right * 3_000
    beside = '{"x": ["]", {"y": "}"}], "z": "\\\\"}'

    first, before, second, after = loads_leniently(
        f"[{deep}, {beside}, {deep}, [2, {beside}]]".encode()
    )

    known = {"x": ["]", {"y": "}"}], "z": "\\"}
    assert (before, after) == (known, [2, known])
    assert first == second
    assert depth_of(first) == 98  # and two above: a hundred levels with the text
    text = json.dumps(first)
    for _ in range(98 // depth_of(json.loads(f"{left}1{right}"))):
        text = text.removeprefix(left)
    inner = json.loads(text[: text.rindex('"') + 1])
    assert inner in deep
    assert inner.count("1") == 1
    assert inner.count("[") == inner.count("]") or '"' in left


def test_what_nests_as_deep_as_python_reads_is_left_alone() -> None:
    """Nothing becomes text that need not."""
    assert depth_of(loads_leniently(b"[" * 150 + b"NaN" + b"]" * 150)) == 150


def test_a_page_is_split_into_the_bytes_of_its_resources() -> None:
    """What is no page is a value error."""
    raw = b'{"meta": {}, "data": [{"id": "1"}, {"id":"2"}]}'
    assert [bytes(one) for one in split(raw)] == [b'{"id": "1"}', b'{"id":"2"}']
    for other in (b"[]", b'{"data": null}', b"{}", b"<html>"):
        with pytest.raises(ValueError, match=r"."):
            split(other)


def test_a_nul_is_seen_in_its_only_form() -> None:
    """Only then the text is cleaned, which takes time."""
    assert has_nul(rb'["\u0000"]')
    assert not has_nul(rb'["\u0001"]')
    assert math.isfinite(decode(b"1e308"))
