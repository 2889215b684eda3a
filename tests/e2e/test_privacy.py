"""The recipes of docs/security.md and of the README keep out what they promise, through Meltano."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from simulator import Org, Simulator
from tests.docs.pages import CHECKOUT, Block, blocks_of
from tests.e2e.project import MeltanoProject

RUN = ("--log-level=debug", "run", "tap-kustomer", "target-duckdb")  # shows each record, too
SALT = "pepper-77"
STREAMS = ["customers", "conversations", "messages"]
PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
# What the rows hold, each text in one place only.
MAIL, SHARED, HEADER = "ada@example.com", "shared@example.com", "header@example.com"
TEXT, SUBJECT = "words of a customer", "subject of a customer"
OF_CUSTOMER, OF_CONVERSATION = "words in a customer", "words in a conversation"
DIAGNOSIS, PASSPORT, DOTTED, QUOTED, TIER = (
    "flu-555",
    "passport-555",
    "dot-555",
    "quote-555",
    "gold",
)
NEW, UNKNOWN = "new-555", "unknown-555"
MISFIT = "misfit-555"  # of a text where a list belongs, in `emails`
EVERYTHING = {
    MAIL, SHARED, HEADER, TEXT, SUBJECT, OF_CUSTOMER, OF_CONVERSATION, DIAGNOSIS, PASSPORT, DOTTED,
    QUOTED, TIER, NEW, UNKNOWN, MISFIT,
}  # fmt: skip
ALL_TEXT = {HEADER, TEXT, SUBJECT, OF_CUSTOMER, OF_CONVERSATION}


@dataclass(frozen=True)
class Kept:
    """What a recipe keeps in; all else arrives."""

    stays: Collection[str]

    @property
    def arrives(self) -> set[str]:
        """What is loaded as without the recipe."""
        return EVERYTHING - {*self.stays}


# What the schema does not know may be what is meant, once any attribute is left out: NEW.
RECIPES = {
    "hashed": Kept({MAIL, SHARED, MISFIT}),
    "salted": Kept({MAIL, SHARED, MISFIT, SALT}),
    "no text": Kept(ALL_TEXT),
    "no text by a map": Kept(ALL_TEXT),
    "one attribute": Kept({DIAGNOSIS, NEW}),
    "odd names": Kept({DOTTED, NEW}),
    "only what is named": Kept(EVERYTHING - {TIER}),
    "select": Kept(ALL_TEXT | {PASSPORT, NEW}),
}


def recipes() -> list[Block]:
    """Return the blocks of all pages that say which values leave."""
    found = [block for page in PAGES for block in blocks_of(page) if block.language == "yaml"]
    return [one for one in found if "stream_maps" in one.text or _leaves_columns_out(one.text)]


def _leaves_columns_out(text: str) -> bool:
    patterns = re.findall(r'^ *- "?(!?[a-z_*]+\.[^"\s]+)', text, re.MULTILINE)
    return any(not pattern.endswith(".*") for pattern in patterns)


def clinic() -> Org:
    """Return an org whose rows hold every private value, each in one place."""
    org = Org(seed=3)
    names = {"diagnosisStr": DIAGNOSIS, "passportNumStr": PASSPORT, "a.bStr": DOTTED,
             'c"d[0]Str': QUOTED, "tierStr": TIER}  # fmt: skip
    for name in names:
        org.set_attribute("customer", name)
    preview = {"text": OF_CUSTOMER, "previewAt": "2026-01-01T00:00:00Z"}
    org.add("customer", custom={**names, "newStr": NEW}, preview=preview, brandNew=UNKNOWN,
            emails=[{"email": MAIL, "type": "home"}], sharedEmails=[{"email": SHARED}])  # fmt: skip
    org.add("customer", custom={}, emails=MISFIT)
    org.add("conversation", preview=OF_CONVERSATION)
    org.add("message", preview=TEXT, subject=SUBJECT, meta={"from": HEADER})
    return org


@pytest.fixture(scope="module")
def served() -> Iterator[Simulator]:
    """Serve it; no test changes it."""
    with Simulator(clinic(), limits=False) as simulator:
        yield simulator


def extractor(project: MeltanoProject, folder: Path, recipe: dict[str, Any]) -> MeltanoProject:
    """Return a project whose extractor has what a recipe says."""

    def change(content: dict[str, Any]) -> None:
        (plugin,) = content["plugins"]["extractors"]
        plugin["config"] = {**plugin.get("config", {}), **recipe.get("config", {})}
        plugin["select"] = recipe.get("select", ["*.*"])

    return project.changed(folder, change).with_env(
        KUSTOMER_SALT=SALT, TAP_KUSTOMER__SELECT_FILTER=json.dumps(STREAMS)
    )


def loaded_text(project: MeltanoProject) -> str:
    """Return all values of all tables."""
    return "\n".join(
        str(project.query(f'select * from "{table}"'))  # noqa: S608 - the database named it
        for (table,) in project.query("select table_name from information_schema.tables")
    )


def assert_kept(project: MeltanoProject, kept: Kept) -> None:
    """Load, and look for each value in what was loaded and in what was said."""
    done = project.meltano(*RUN)
    said, there = done.stdout + done.stderr, loaded_text(project)
    assert {one for one in kept.stays if one in there} == set()
    assert {one for one in kept.stays if one in said} == set()
    assert {one for one in kept.arrives if one not in there} == set()


FLAT = {"TAP_KUSTOMER_FLATTENING_ENABLED": "true", "TAP_KUSTOMER_FLATTENING_MAX_DEPTH": "1"}
FLAT_TOO = {"hashed", "odd names", "only what is named"}


@pytest.mark.parametrize(
    ("recipe", "shape"),
    [(one, "nested") for one in recipes()]
    + [(one, "flat") for one in recipes() if one.remark in FLAT_TOO],
    ids=str,
)
def test_a_recipe_keeps_in_what_it_says_and_nothing_else(
    project: MeltanoProject, served: Simulator, recipe: Block, shape: str, tmp_path: Path
) -> None:
    """In the tables, and in every line that Meltano, the tap and the loader print."""
    content = yaml.safe_load(recipe.text)
    content = {"select": content} if isinstance(content, list) else content
    there = extractor(project.reading(served), tmp_path, content)
    if shape == "flat":
        there = there.with_env(**FLAT)
    assert_kept(there, RECIPES[recipe.remark])
    if recipe.remark in {"hashed", "salted"}:
        salt = SALT if recipe.remark == "salted" else ""
        digest = hashlib.sha256((salt + MAIL).encode()).hexdigest()
        assert there.query("select emails from customers where emails is not null") == [
            (json.dumps([digest]),)
        ]


def test_every_recipe_of_the_pages_is_known() -> None:
    """One that nobody has written down here was never tried."""
    assert sorted(one.remark for one in recipes()) == sorted(RECIPES)
    lines = (CHECKOUT / "docs" / "security.md").read_text(encoding="utf-8")
    assert lines.count("```yaml") == sum(one.page == "security" for one in recipes())


def test_nothing_is_kept_in_without_a_recipe(
    project: MeltanoProject, served: Simulator, tmp_path: Path
) -> None:
    """Else the other tests could not fail."""
    assert_kept(extractor(project.reading(served), tmp_path, {}), Kept(()))


@pytest.mark.parametrize("pattern", ["a.bStr", 'c"d[0]Str'])
def test_a_name_that_meltano_misreads_is_left_out(
    project: MeltanoProject, served: Simulator, pattern: str, tmp_path: Path
) -> None:
    """Meltano's own catalog still selects it."""
    rule = {"select": ["*.*", f"!customers.custom.{pattern}"]}
    meant = DOTTED if pattern.startswith("a") else QUOTED
    assert_kept(extractor(project.reading(served), tmp_path, rule), Kept({meant, NEW}))


def test_a_map_works_or_says_that_it_does_not(
    project: MeltanoProject, served: Simulator, tmp_path: Path
) -> None:
    """A null holds, one of a stream that is not selected does nothing, a typo is named."""
    maps = {
        "messages": {"preview": None},
        "tags": {"color": "__NULL__"},
        "mesages": {"subject": "__NULL__"},
        "customers": {"previw": "__NULL__"},
        "conversations": {},
    }
    there = extractor(project.reading(served), tmp_path, {"config": {"stream_maps": maps}})
    done = there.meltano("run", "tap-kustomer", "target-duckdb")
    text, said = loaded_text(there), done.stdout + done.stderr
    assert {one for one in EVERYTHING if one not in text} == {TEXT}
    for words in ("Meltano drops the null of `stream_maps` for messages.preview",
                  "mesages, which is no stream; did you mean messages?",
                  "customers.previw, which is no column; did you mean preview?",
                  "The stream map of conversations is empty"):  # fmt: skip
        assert words in said
    assert "`stream_maps` names tags" not in said


def test_patterns_that_only_take_away_say_that_nothing_is_selected(
    project: MeltanoProject, served: Simulator, tmp_path: Path
) -> None:
    """The run would otherwise end well, with no row."""
    rule = {"select": ["!customers.custom.diagnosisStr"]}
    done = extractor(project.reading(served), tmp_path, rule).meltano(*RUN)
    assert "No stream is selected" in done.stdout + done.stderr
