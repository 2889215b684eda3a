"""Finds words that make a reader stop: part of `make check`.

What users read is searched: the pages, the descriptions of settings and streams, and what the tap
prints. Each word has a reason and what to write instead.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tools.docs.account import CHECKOUT

__all__ = ["WORDS", "Word", "found_in", "texts"]


class Word(NamedTuple):
    """A pattern that is not to be used, what to write, and why."""

    pattern: str
    instead: str
    why: str


# From a review by readers who met these pages for the first time; the numbers are its patterns.
WORDS = (
    Word(r"\banew\b|\bafresh\b", "again", "P2: archaic"),
    Word(r"\bmends?\b|\bmended\b", "fix", "P2: means sewing to most readers"),
    Word(r"\bshall\b", "is to, should", "P2: legal English"),
    Word(r"\bfor want of\b", "because there's no", "P2: archaic"),
    Word(r"\bin silence\b", "silently", "P2: nobody is silent here"),
    Word(r"\b(?:deal|deals|dealt) out\b", "split", "P2: of card games"),
    Word(
        r"\b(?:known|security|a) holes?\b", "vulnerability", "P2: search engines do not know holes"
    ),
    Word(
        r"\b(?:go|goes|went) on (?:from|with|where)\b",
        "resume, continue",
        "P3: reads as 'proceeds to'",
    ),
    Word(r"\bforg[eo]ts?\b", "delete, lose", "P7: software does not forget"),
    Word(r"\bbelieves?d?\b", "trust, take for", "P7: software does not believe"),
    Word(r"\bNothing does, but\b", "only ... does", "P8: an aphorism is read twice"),
    Word(r"\bis no (?:JSON|valid|Singer|state|list|secret|loss|whole)\b", "isn't a", "P9: stilted"),
    Word(
        r"\bMake (?:a|the) (?:new )?key\b",
        "Create a key",
        "P11: Kustomer's button says Add, keys are created",
    ),
    Word(
        r"\btells? (?:of|nothing|that|which|how|what|whether|when|where)\b",
        "say, show, report",
        "P1: pages and numbers do not tell",
    ),
    Word(r", say\b[,.)]", "for example", "P6: an afterthought"),
    Word(
        r"\bbudgets? of (?:its|their) own\b|\bof (?:a )?its own form\b",
        "its own ...",
        "P5: a detour",
    ),
    Word(r"\bstate id of its own\b", "a separate state ID", "P5: a detour"),
)
_PAGES = ("README.md", *sorted(f"docs/{path.name}" for path in (CHECKOUT / "docs").glob("*.md")))


def found_in(text: str) -> Iterator[tuple[int, str, Word]]:
    """Yield line, words and rule for each place in ``text``."""
    for number, line in enumerate(text.splitlines(), 1):
        for word in WORDS:
            for place in re.finditer(word.pattern, line, re.IGNORECASE):
                yield number, place[0], word


def texts() -> Iterator[tuple[str, str]]:
    """Yield the place and text of all that users read."""
    for name in _PAGES:
        yield name, (CHECKOUT / name).read_text(encoding="utf-8")
    for path in sorted((CHECKOUT / "tap_kustomer" / "schemas").glob("*.json")):
        yield f"schemas/{path.name}", json.dumps(json.loads(path.read_text("utf-8")), indent=1)
    for path in sorted((CHECKOUT / "tap_kustomer").rglob("*.py")):
        yield str(path.relative_to(CHECKOUT)), "\n".join(_sentences(path))


def _sentences(path: Path) -> Iterator[str]:
    """Yield the texts of a module that are sentences, one a line; docstrings are no such texts."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value = ast.Constant(value=None)  # a docstring
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield " ".join(node.value.split())


def main() -> int:
    """Print each place; return the exit status."""
    status = 0
    for name, text in texts():
        for number, words, rule in found_in(text):
            where = f"{name}:{number}" if name.endswith(".md") else name
            sys.stdout.write(f"{where}: '{words}': write {rule.instead} ({rule.why}).\n")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
