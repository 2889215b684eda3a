"""The repository's account, stated once: in `[project.urls]` of `pyproject.toml`.

Nobody publishes the repository yet, so the account is OWNER. Once it has one, change it there and
run `make docs`: every page and definition that names OWNER gets it.
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["OPEN", "PAGES", "REPOSITORY", "account", "named", "raw"]

CHECKOUT = Path(__file__).resolve().parents[2]
OPEN = "OWNER"  # what stands where the account is to be
# What names the address outside of parts that `make docs` writes anyway.
PAGES = ("README.md", "docs/singer.md", "docs/loading.md", "docs/analytics.md", "CHANGELOG.md")

_FOUND = re.search(
    r'^Repository = "(https://github\.com/[^/"]+/tap-kustomer)"$',
    (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"),
    re.MULTILINE,
)
if _FOUND is None:
    message = "pyproject.toml: [project.urls] must name the Repository on github.com."
    raise ValueError(message)
REPOSITORY = _FOUND[1]


def account() -> str:
    """Return the account, ``OPEN`` while there is none."""
    return REPOSITORY.split("/")[3]


def raw(version: str) -> str:
    """Return where files of a version can be fetched from."""
    return f"{REPOSITORY.replace('github.com', 'raw.githubusercontent.com')}/v{version}"


def named(text: str) -> str:
    """Return ``text`` with the account in place of ``OPEN`` in addresses of this repository."""
    return re.sub(
        rf"((?:github|githubusercontent)\.com/){OPEN}(/tap-kustomer)", rf"\1{account()}\2", text
    )
