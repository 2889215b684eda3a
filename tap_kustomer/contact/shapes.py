"""The shape of answers: names, types and lengths of what is in them, and never a value."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tap_kustomer import timestamps
from tap_kustomer.contact.masks import Masks

__all__ = ["Shape", "shape_lines"]

_DEEPEST = 6
_HASH = re.compile(r"hash-[0-9a-f]+")


@dataclass
class Shape:
    """What was seen of the values of one name."""

    kinds: dict[str, tuple[int, int]] = field(default_factory=dict)  # type -> least, most length
    inside: dict[str, Shape] = field(default_factory=dict)

    def add(self, value: object, masks: Masks, name: str = "", depth: int = 0) -> None:
        """Take in one value."""
        kind, length = _kind(value)
        least, most = self.kinds.get(kind, (length, length))
        self.kinds[kind] = min(least, length), max(most, length)
        if depth >= _DEEPEST:
            return
        if isinstance(value, dict):
            for key, one in value.items():
                shown = masks.key(key, within=name)
                self.inside.setdefault(shown, Shape()).add(one, masks, key, depth + 1)
        elif isinstance(value, list):
            for one in value:
                self.inside.setdefault("[]", Shape()).add(one, masks, name, depth + 1)

    def __str__(self) -> str:
        """Return types with their lengths, as ``string 3-20 | null``."""
        parts = []
        for kind, (least, most) in sorted(self.kinds.items()):
            span = f" {least}" if least == most else f" {least}-{most}"
            parts.append(kind + ("" if kind in {"null", "boolean", "object"} else span))
        return " | ".join(parts)


def _kind(value: object) -> tuple[str, int]:  # noqa: PLR0911 - one for each type of JSON
    """Return the type of a value and its length: characters, digits, elements."""
    if value is None:
        return "null", 0
    if isinstance(value, bool):
        return "boolean", 0
    if isinstance(value, int):
        return "integer", len(str(abs(value)))
    if isinstance(value, float):
        return "number", len(repr(abs(value)))
    if isinstance(value, list):
        return "array", len(value)
    if isinstance(value, dict):
        return "object", len(value)
    text = str(value)
    return ("time" if timestamps.normalise(text) else "string"), len(text)


def shape_lines(shape: Shape, indent: str = "") -> Iterable[str]:
    """Yield a line for each name, those inside it below it; hashes come last."""
    for name, one in sorted(shape.inside.items(), key=_place):
        yield f"{indent}{name}: {one}"
        yield from shape_lines(one, f"{indent}  ")


def _place(item: tuple[str, Shape]) -> tuple[str, str, str]:
    name, shape = item
    return _HASH.sub("~", name), str(shape), name


def shape_of(documents: Iterable[dict[str, Any]], masks: Masks) -> Shape:
    """Return the shape that all of ``documents`` have together."""
    shape = Shape()
    for document in documents:
        shape.add(document, masks)
    return shape
