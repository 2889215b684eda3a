"""What users read is in words that they do not stop at."""

from __future__ import annotations

import re

import yaml

from tools.docs.account import CHECKOUT
from tools.docs.words import WORDS, found_in, texts


def test_no_word_of_the_list_is_used_in_what_users_read() -> None:
    """Each has a reason, and what to write instead."""
    found = [
        f"{name}: {words} -> {rule.instead}"
        for name, text in texts()
        for _, words, rule in found_in(text)
    ]
    assert found == []


def test_every_word_has_a_reason() -> None:
    """A rule that nobody can explain is ignored."""
    for word in WORDS:
        re.compile(word.pattern)
        assert word.instead
        assert word.why.startswith("P")


def test_sentences_of_a_module_are_found_and_its_docstrings_left_out() -> None:
    """The check would otherwise be green whatever the tap prints."""
    said = dict(texts())
    assert "The last STATE message holds" in said["tap_kustomer/summary.py"]
    assert "What a run says about its streams" not in said["tap_kustomer/summary.py"]
    assert list(found_in("make it anew and go on from there"))


def test_dbt_reads_by_default_the_schema_that_the_loaders_write() -> None:
    """Following two pages must not lead to a schema that does not exist."""
    loaders = {
        one["name"]: one.get("config", {})
        for one in yaml.safe_load((CHECKOUT / "meltano.yml").read_text("utf-8"))["plugins"][
            "loaders"
        ]
    }
    sources = CHECKOUT / "analytics" / "models" / "staging" / "_sources.yml"
    pattern = r"\('(\w+)' if target.type == 'duckdb' else '(\w+)'\)"
    found = re.search(pattern, sources.read_text("utf-8"))
    assert found
    assert loaders["target-duckdb"]["default_target_schema"] == found[1]
    assert loaders["target-postgres"]["default_target_schema"] == found[2]
    assert loaders["target-snowflake"]["default_target_schema"].lower() == found[2]
    assert loaders["target-bigquery"]["dataset"] == found[2]
