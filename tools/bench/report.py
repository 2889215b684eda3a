"""Tables: what a part measured, as rows of figures, becomes Markdown between two marks of a page.

The figures are kept in a file beside the code, so that a part can be measured again alone and
what is judged across parts is still judged by the figures in the page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

__all__ = ["FIGURES", "PAGE", "Column", "Figures", "Kept", "Part", "markdown", "place"]

_ROOT = Path(__file__).resolve().parents[2]
FIGURES = Path(__file__).with_name("figures.json")
PAGE = _ROOT / "docs" / "performance.md"

Figures: TypeAlias = dict[str, Any]
"""What one case gave, by name; only what JSON can say."""


class Column(NamedTuple):
    """A column of a table: its title, and how a row's figures are shown in it."""

    title: str
    show: Callable[[Figures], str]


@dataclass(frozen=True)
class Part:
    """One table. ``run`` measures its cases; True asks it for the long ones too."""

    name: str
    columns: tuple[Column, ...]
    run: Callable[[bool], Iterator[Figures]]


def markdown(columns: Iterable[Column], rows: Iterable[Figures]) -> str:
    """Return a table; it ends with a line break."""
    columns = list(columns)
    lines = [[column.title for column in columns], ["---"] * len(columns)]
    lines += [[column.show(row) for column in columns] for row in rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def place(page: str, name: str, table: str) -> str:
    """Return ``page`` with ``table`` between the marks of ``name``.

    Raises: ``ValueError`` when the page has no such marks.
    """
    begin, end = f"<!-- <{name}> -->\n", f"<!-- </{name}> -->"
    before, first, rest = page.partition(begin)
    _, second, after = rest.partition(end)
    if not (first and second):
        message = f"{PAGE.name} has no marks for {name}: {begin.strip()} and {end}."
        raise ValueError(message)
    return f"{before}{begin}{table}{end}{after}"


class Kept:
    """The figures of each part that was measured last."""

    def __init__(self, path: Path = FIGURES) -> None:
        """Read what is there."""
        self._path = path
        self.parts: dict[str, list[Figures]] = {}
        if path.exists():
            self.parts = json.loads(path.read_text(encoding="utf-8"))

    def save(self) -> None:
        """Write them back."""
        text = json.dumps(self.parts, indent=1)
        self._path.write_text(f"{text}\n", encoding="utf-8")
