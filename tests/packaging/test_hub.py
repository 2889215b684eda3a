"""The definition for MeltanoHub is one that the Hub takes, and says what the tap says."""

from __future__ import annotations

from typing import Any

import jsonschema
import yaml

from tap_kustomer import __version__
from tests.docs.pages import CHECKOUT
from tools.docs.account import account

DEFINITION = CHECKOUT / "packaging" / "hub" / "tap-kustomer.yml"
TEXT = {"type": "string", "minLength": 1}
ADDRESS = {"type": "string", "pattern": "^https://"}

# Our own words for the rules that the Hub's schema of extractors has (its file belongs to
# https://github.com/meltano/hub and cannot be had without a network): which keys there are, which
# have to be there, and which values they take.
RULES: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": [
        "name",
        "variant",
        "namespace",
        "label",
        "description",
        "repo",
        "pip_url",
        "capabilities",
        "settings",
        "maintenance_status",
    ],
    "properties": {
        "name": {"const": "tap-kustomer"},
        "variant": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]*$"},
        "namespace": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"},
        "label": TEXT,
        "description": TEXT,
        "docs": ADDRESS,
        "repo": ADDRESS,
        "domain_url": ADDRESS,
        "logo_url": TEXT,
        "pip_url": {"type": "string", "pattern": "^git\\+https://"},
        "executable": TEXT,
        "keywords": {"type": "array", "items": TEXT, "contains": {"const": "meltano_sdk"}},
        "maintenance_status": {"enum": ["active", "beta", "development", "inactive", "unknown"]},
        "quality": {"enum": ["gold", "silver", "bronze", "unknown"]},
        "capabilities": {
            "type": "array",
            "uniqueItems": True,
            "items": {
                "enum": [
                    "about",
                    "activate-version",
                    "batch",
                    "catalog",
                    "discover",
                    "log-based",
                    "properties",
                    "schema-flattening",
                    "state",
                    "stream-maps",
                    "structured-logging",
                    "test",
                ],
            },
        },
        "settings_group_validation": {"type": "array", "items": {"type": "array", "items": TEXT}},
        "settings": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "kind", "label", "description"],
                "properties": {
                    "name": {"type": "string", "pattern": "^[a-z][a-z0-9_.]*$"},
                    "kind": {
                        "enum": [
                            "array",
                            "boolean",
                            "date_iso8601",
                            "decimal",
                            "integer",
                            "object",
                            "options",
                            "string",
                        ],
                    },
                    "label": TEXT,
                    "description": TEXT,
                    "sensitive": {"const": True},
                    "value": {},
                    "placeholder": TEXT,
                    "documentation": ADDRESS,
                    "options": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["label", "value"],
                            "properties": {"label": TEXT, "value": TEXT},
                        },
                    },
                },
            },
        },
        **dict.fromkeys(("definition", "prereq", "usage", "next_steps", "settings_preamble"), TEXT),
    },
}


def definition() -> dict[str, Any]:
    """Return the definition."""
    content: dict[str, Any] = yaml.safe_load(DEFINITION.read_text(encoding="utf-8"))
    return content


def test_it_has_the_form_that_the_hub_asks_for() -> None:
    """A pull request there fails otherwise."""
    jsonschema.Draft202012Validator(RULES).validate(definition())


def test_it_is_the_extractor_of_meltano_yml() -> None:
    """Whoever adds the tap from the Hub has what those have who copy the file."""
    content = yaml.safe_load((CHECKOUT / "meltano.yml").read_text(encoding="utf-8"))
    (extractor,) = content["plugins"]["extractors"]
    shared = {"name", "namespace", "label", "description", "executable", "settings"}
    ours = definition()

    assert {key: ours[key] for key in shared} == {key: extractor[key] for key in shared}
    assert sorted(ours["capabilities"]) == sorted(extractor["capabilities"])
    for file in (ours, extractor):
        assert sorted(file["settings_group_validation"]) == [
            ["api_key", "api_url"],
            ["api_key", "org_name"],
            ["api_key", "region"],
        ]


def test_every_group_of_settings_exists() -> None:
    """A group that names a setting of old would never be complete."""
    names = {setting["name"] for setting in definition()["settings"]}
    assert {name for group in definition()["settings_group_validation"] for name in group} <= names


def test_only_the_account_is_left_open() -> None:
    """It is filled in at one place, and the version is pinned."""
    open_ = {key for key, value in definition().items() if account().lower() in str(value).lower()}
    assert open_ == {"variant", "docs", "repo", "pip_url"}
    assert definition()["pip_url"].endswith(f"/tap-kustomer.git@v{__version__}")
