"""Generated text is current, and links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tap_kustomer import __version__
from tools.docs import generate

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


def test_a_part_that_is_stale_is_named_with_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An entry of the ledger that is added changes a page; whoever adds it is told how."""
    parts = {("docs/first-contact.md", "assumptions"): lambda _: "| `new-entry` |\n"}
    monkeypatch.setattr(generate, "PARTS", parts)
    assert generate.main(["--check"]) == 1
    told = capsys.readouterr().err
    assert told == "Not current: docs/first-contact.md. Run: make docs\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_links_between_documents_lead_to_files(page: Path) -> None:
    """A newcomer follows them."""
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert not [link for link in links if not (page.parent / link).exists()]


def test_the_changelog_tells_of_the_version() -> None:
    """Version and changelog agree."""
    assert f"## [{__version__}]" in (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
