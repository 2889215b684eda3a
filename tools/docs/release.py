"""Says what is left to fill in before a version is published: `make release`."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tap_kustomer import __version__
from tools.docs.account import CHECKOUT, OPEN, account

__all__ = ["left_to_do"]


def left_to_do(checkout: Path = CHECKOUT) -> Iterator[str]:
    """Yield a sentence for each thing that is left."""
    if account() == OPEN:
        yield (
            f"pyproject.toml: put the repository's account in place of {OPEN} in [project.urls], "
            "then run `make docs`."
        )
    changes = (checkout / "CHANGELOG.md").read_text(encoding="utf-8")
    section = re.search(r"^## \[Unreleased\]\n(.*?)^## ", changes, re.DOTALL | re.MULTILINE)
    if section and section[1].strip():
        yield (
            f"CHANGELOG.md: [Unreleased] has entries. Give them a version and a date, and raise "
            f"__version__ ({__version__}) in tap_kustomer/__init__.py."
        )
    if not re.search(
        rf"^## \[{re.escape(__version__)}\] - \d{{4}}-\d\d-\d\d$", changes, re.MULTILINE
    ):
        yield f"CHANGELOG.md: {__version__} has no date."
    readme = (checkout / "README.md").read_text(encoding="utf-8")
    pins = set(re.findall(r"/tap-kustomer/v([\d.]+\d)/", readme))
    if pins != {__version__}:
        yield f"README.md: the quick start names {', '.join(sorted(pins))}, not v{__version__}."
    tags = subprocess.run(
        ["git", "tag", "--list", f"v{__version__}"],  # noqa: S607 - wherever git is
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    if not tags.stdout.strip():
        yield f"git: there is no tag v{__version__}, which the install lines name."


if __name__ == "__main__":
    rest = list(left_to_do())
    sys.stdout.write("\n".join([f"- {one}" for one in rest] or ["Nothing is left."]) + "\n")
    sys.exit(1 if rest else 0)
