"""What `make` installs is written down: names and exact versions, for every environment."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import CHECKOUT

FILES = sorted((CHECKOUT / "constraints").glob("*.txt"))
PINNED = re.compile(r"[a-z0-9-]+==[\w.!+]+( ; [\w .()'<>=!*]+)?")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.stem))
def test_a_constraint_is_a_name_and_an_exact_version(path: Path) -> None:
    """No address: where packages come from is up to whoever installs them."""
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines
    assert not [line for line in lines if not PINNED.fullmatch(line)]


def test_every_installation_is_constrained() -> None:
    """An environment without its file would take whatever was released since."""
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    commands = [line for line in makefile.splitlines() if "$(PIP) install" in line]
    free = [line for line in commands if "call tested," not in line]
    assert len(commands) > len(free)
    assert all("'pip>=" in line or "'uv>=" in line for line in free)
    named = set(re.findall(r"call tested,([a-z0-9.-]+)", makefile))
    assert {f"{name}.txt" for name in named} | {"dev-oldest.txt"} == {path.name for path in FILES}
