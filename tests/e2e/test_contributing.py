"""The recipes of docs/contributing.md, followed to the letter in a copy of the checkout."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.e2e.project import CHECKOUT

STEP = re.compile(
    r"<!-- (?P<how>file|before|after|end): (?P<path>[\w./]+)(?:: (?P<line>[^\n]*))? -->\n"
    r" *```\w+\n(?P<text>.*?\n) *```\n",
    re.DOTALL,
)


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the checkout with every recipe followed, and `make docs` run."""
    copy = tmp_path_factory.mktemp("recipes") / "checkout"
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    for name in names.stdout.splitlines():
        if (CHECKOUT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHECKOUT / name, copy / name)
    page = (CHECKOUT / "docs" / "contributing.md").read_text(encoding="utf-8")
    for step in STEP.finditer(page):
        follow(step, copy / step["path"])
    for module in ("tools.docs.generate", "ruff format --quiet"):
        done = subprocess.run(
            [sys.executable, "-m", *module.split()], cwd=copy, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
    return copy


def follow(step: re.Match[str], path: Path) -> None:
    """Do one step: a whole file, or lines beside a line that is named by its beginning."""
    text = textwrap.dedent(step["text"])
    if step["how"] == "file":
        path.write_text(text, encoding="utf-8")
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    if step["how"] == "end":
        path.write_text("".join(lines) + "\n\n" + text, encoding="utf-8")
        return
    wanted = step["line"].strip()
    at = next(i for i, line in enumerate(lines) if line.strip().startswith(wanted))
    at += step["how"] == "after"
    depth = re.match(" *", lines[at - 1 if step["how"] == "after" else at])
    assert depth is not None
    deeper = lines[at - 1].rstrip().endswith((":", "(")) and step["how"] == "after"
    indent = depth[0] + "    " * deeper
    lines.insert(at, textwrap.indent(text, indent) + "\n" * (not indent))
    path.write_text("".join(lines), encoding="utf-8")


def test_every_kind_of_step_is_on_the_page() -> None:
    """A mark that is misspelt would leave its step out."""
    page = (CHECKOUT / "docs" / "contributing.md").read_text(encoding="utf-8")
    assert len(STEP.findall(page)) == page.count("<!-- ")


def test_what_the_recipes_add_passes_the_tests_and_the_checks(followed: Path) -> None:
    """A newcomer who does as the page says is done."""
    names = "holiday_calendars or calls or conversation_ratings or summary"
    for command in (
        ["pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "-m", "not e2e", "-k", names],
        ["ruff", "check", "--quiet"],
        ["mypy", "--no-error-summary", "tap_kustomer", "simulator"],
    ):
        paths = ["tests/catalog", "tests/streams/test_streams.py", "tests/settings"]
        paths = paths if command[0] == "pytest" else []
        done = subprocess.run(
            [sys.executable, "-m", *command, *paths],
            cwd=followed,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    columns = (followed / "tests" / "catalog" / "snapshot.txt").read_text(encoding="utf-8")
    assert "\nholiday_calendars\n" in columns
    assert "\ncalls\n" in columns
    assert "\nconversation_ratings\n" in columns
    assert "| `summary` |" in (followed / "docs" / "settings.md").read_text(encoding="utf-8")
