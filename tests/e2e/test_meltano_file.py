"""`meltano.yml` and `sample_config.json` say what the tap says."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
import yaml

from tests.e2e.project import CHECKOUT

# Kinds of Meltano settings that hold a value of a JSON type.
KINDS = {
    "string": {"string", "options", "date_iso8601"},
    "integer": {"integer"},
    "number": {"integer", "decimal"},
    "boolean": {"boolean"},
    "array": {"array"},
    "object": {"object"},
}


@pytest.fixture(scope="module")
def about() -> dict[str, Any]:
    """Return what the tap says about itself."""
    command = [sys.executable, "-m", "tap_kustomer", "--about", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    described: dict[str, Any] = json.loads(done.stdout)
    return described


@pytest.fixture(scope="module")
def extractor() -> dict[str, Any]:
    """Return the definition of the tap in `meltano.yml`."""
    definition: dict[str, Any]
    content = yaml.safe_load((CHECKOUT / "meltano.yml").read_text(encoding="utf-8"))
    (definition,) = content["plugins"]["extractors"]
    return definition


def test_meltano_yml_is_valid() -> None:
    """The schema is Meltano's own, as check-jsonschema carries it."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.meltano"]
    done = subprocess.run(
        [*command, str(CHECKOUT / "meltano.yml")], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_no_catalog_is_reused(extractor: dict[str, Any]) -> None:
    """A new custom field has to arrive with the next run."""
    assert extractor["use_cached_catalog"] is False
    assert not extractor["pip_url"].startswith("-e")


def test_capabilities_are_those_of_the_tap(
    about: dict[str, Any], extractor: dict[str, Any]
) -> None:
    """`test` is Meltano's name for `--test`, which every SDK tap has."""
    assert set(extractor["capabilities"]) == {*about["capabilities"], "test"}


def test_settings_are_those_of_the_tap(about: dict[str, Any], extractor: dict[str, Any]) -> None:
    """Names, kinds and defaults, and what is secret."""
    properties: dict[str, dict[str, Any]] = about["settings"]["properties"]
    settings: dict[str, dict[str, Any]] = {s["name"]: s for s in extractor["settings"]}

    assert set(settings) == {name for name in properties if not is_part_of_faker(name)}
    for name, setting in settings.items():
        types = {t for t in properties[name]["type"] if t != "null"}
        assert setting["kind"] in set().union(*(KINDS[t] for t in types)), name
        assert setting.get("sensitive", False) == properties[name].get("secret", False), name
        if setting["kind"] == "options":
            assert [o["value"] for o in setting["options"]] == properties[name]["enum"], name
        if "value" in setting:
            assert setting["value"] == properties[name]["default"], name


def is_part_of_faker(name: str) -> bool:
    """Return whether ``name`` is a dotted setting below `faker_config`."""
    return name.startswith("faker_config.")


def test_the_sample_config_names_settings_of_the_tap(about: dict[str, Any]) -> None:
    """It is the smallest one: the key and where the org is."""
    sample = json.loads((CHECKOUT / "sample_config.json").read_text(encoding="utf-8"))

    assert set(sample) <= set(about["settings"]["properties"])
    assert set(about["settings"]["required"]) <= set(sample)
