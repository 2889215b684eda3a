"""The definition of the tap for MeltanoHub: `packaging/hub/tap-kustomer.yml`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from tools.docs.account import REPOSITORY, account

if TYPE_CHECKING:
    from collections.abc import Sequence

    JSON = dict[str, Any]

__all__ = ["KIND_OF_TEST", "hub_definition", "loader_definition"]

KIND_OF_TEST = "test"  # what Meltano calls `--test`, which every SDK tap has

_PREREQ = """\
Create an API key in Kustomer: Settings > Security > API Keys > Add API Key. The roles of an
existing key can't be edited; docs/key.md says which role opens which stream.
"""
_USAGE = """\
### Custom fields

Run `meltano config set tap-kustomer _use_cached_catalog false`: with a cached catalog a custom
field or klass that an admin adds would never arrive.

### Before the first run

`meltano invoke tap-kustomer --check` shows what the key may read, which roles it lacks, and how
long the first extract takes.
"""


def hub_definition(tap: JSON, settings: Sequence[JSON]) -> str:
    """Return the definition; ``tap`` is what ``--about`` says, ``settings`` as for Meltano."""
    definition: JSON = {
        "name": tap["name"],
        "variant": account().lower(),
        "namespace": tap["name"].replace("-", "_"),
        "label": "Kustomer",
        "description": "CRM platform for customer service",
        "docs": f"{REPOSITORY}#readme",
        "repo": REPOSITORY,
        "domain_url": "https://developer.kustomer.com",
        "logo_url": "/assets/logos/extractors/kustomer.png",
        "pip_url": f"git+{REPOSITORY}.git@v{tap['version']}",
        "executable": tap["name"],
        "keywords": ["api", "meltano_sdk"],
        "maintenance_status": "beta",
        "capabilities": sorted({*tap["capabilities"], KIND_OF_TEST}),
        "settings_group_validation": [["api_key", place] for place in _PLACES],
        "settings": list(settings),
        "prereq": _PREREQ,
        "usage": _USAGE,
    }
    return yaml.dump(definition, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=98)


def loader_definition(loader: JSON) -> str:
    """Return a loader of `meltano.yml` as `meltano add --from-ref` takes it.

    What `meltano.yml` configures becomes the defaults: a project of its own has none of it.
    """
    set_here = loader.get("config", {})
    definition: JSON = {
        **{key: value for key, value in loader.items() if key not in {"config", "settings"}},
        "repo": loader.get("repo", REPOSITORY),
        "settings": [
            {**one, "value": set_here[one["name"]]} if one["name"] in set_here else one
            for one in loader["settings"]
        ],
    }
    if str(definition["pip_url"]).startswith("./"):
        definition["pip_url"] = f"git+{REPOSITORY}.git#subdirectory={definition['pip_url'][2:]}"
        definition["variant"] = "kustomer"
    return yaml.dump(definition, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=98)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style)


_Dumper.add_representer(str, _text)


# Any one of them says which host to ask.
_PLACES = ("org_name", "region", "api_url")
