"""Each guarantee in `docs/guarantees.md` names its tests, and those exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "guarantees.md"
TEST = re.compile(r"`((?:tests/[\w/]+\.py)?(?:::)?(?:test_\w+)?)`")


def table_rows() -> list[list[str]]:
    """Return the rows of the tables whose last column says which tests show it."""
    rows, wanted = [], False
    for line in PAGE.read_text().splitlines():
        if not line.startswith("|"):
            wanted = False
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[-1] == "shown by":
            wanted = True
        elif wanted and set(cells[-1]) != {"-"}:
            rows.append(cells)
    return rows


def names_in(text: str) -> set[str]:
    """Return the files and tests that a text names."""
    return {name for found in TEST.findall(text) for name in found.split("::") if name}


def existing() -> set[str]:
    """Return the files of tests, and the names of all tests."""
    names = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        names.add(str(path.relative_to(ROOT)))
        tree = ast.parse(path.read_text())
        names |= {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)}
    return names


@pytest.mark.parametrize("row", table_rows(), ids=lambda row: row[0][:40])
def test_each_guarantee_names_its_tests(row: list[str]) -> None:
    """A promise that nothing checks is a hope."""
    assert names_in(row[-1]), f"{row[0]}: the last column names no test"


def test_every_test_that_the_page_names_exists() -> None:
    """A renamed test would leave a guarantee without one."""
    missing = names_in(PAGE.read_text()) - existing()

    assert len(table_rows()) > 20
    assert not missing, f"docs/guarantees.md names tests that are not there: {sorted(missing)}"
