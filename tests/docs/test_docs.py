"""Generated text is current, and links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tap_kustomer import __version__

CHECKOUT = Path(__file__).parents[2]
PAGES = sorted([*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").glob("*.md")])


def test_generated_parts_are_current() -> None:
    """A setting or stream that is added shows up in the documents, or this fails."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.docs.generate", "--check"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_links_between_documents_lead_to_files(page: Path) -> None:
    """A newcomer follows them."""
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert not [link for link in links if not (page.parent / link).exists()]


def test_the_changelog_tells_of_the_version() -> None:
    """Version and changelog agree."""
    assert f"## [{__version__}]" in (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
