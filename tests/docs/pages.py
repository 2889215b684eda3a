"""The pages of this repository as tests read them: their code blocks and what is said of each.

A block of shell commands runs against the simulator, unless the comment above it says otherwise:

    <!-- sh: Meltano -->               run in a Meltano project, by tests/e2e/test_readme.py
    <!-- sh: quick start -->           run in an empty folder, tests/e2e/test_quick_start.py
    <!-- sh: serves -->                runs until the page has been read
    <!-- sh: not run, <why> -->        looked at only: do its options exist?
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CHECKOUT", "PAGES", "SINGER", "Block", "blocks_of", "demo_lines", "without_numbers"]

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = [
    CHECKOUT / "README.md",
    *(
        CHECKOUT / "docs" / f"{name}.md"
        for name in ("loading", "operations", "switching", "singer")
    ),
]
SINGER = PAGES[-1]

_BLOCK = re.compile(
    r"(?:^<!-- (?P<kind>\w+): (?P<remark>[^\n]*?) -->\n)?"
    r"^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """A code block: its language, its text, and the comment above it."""

    page: str
    number: int
    language: str
    text: str
    remark: str
    kind: str = "sh"  # of the remark

    def __str__(self) -> str:
        """Say where it is."""
        return f"{self.page}-{self.number}"

    @property
    def runs(self) -> bool:
        """Whether it runs against the simulator."""
        apart = ("Meltano", "quick start", "not run")
        return self.language == "sh" and self.kind == "sh" and not self.remark.startswith(apart)

    @property
    def serves(self) -> bool:
        """Whether it goes on until it is stopped."""
        return self.language == "sh" and self.remark == "serves"

    @property
    def needs_meltano(self) -> bool:
        """Whether it runs in a Meltano project."""
        return self.language == "sh" and self.remark == "Meltano"


def blocks_of(page: Path) -> list[Block]:
    """Return the code blocks of a page, in order."""
    found = _BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [
        Block(
            page.stem,
            number,
            one["language"],
            one["text"],
            one["remark"] or "",
            one["kind"] or "sh",
        )
        for number, one in enumerate(found, 1)
    ]


def demo_lines() -> list[str]:
    """Return the lines of the demo's output that the README shows, from its first table on."""
    text = PAGES[0].read_text(encoding="utf-8")
    block = text.partition("<!-- <demo>")[2].partition("```text\n")[2].partition("```")[0]
    lines = [without_numbers(line) for line in block.splitlines() if line.strip()]
    return lines[next(at for at, line in enumerate(lines) if "┏" in line) :]


def without_numbers(line: str) -> str:
    """Return a line without its numbers and durations, and the space that they took."""
    line = re.sub(r"\d+ h \d+ min|[\d,]+ (min|s)\b", "#", line)
    return re.sub(r"[─━ ]+", " ", re.sub(r"[\d,]+", "#", line)).strip()
