"""Writes the parts of the documents that the code knows best: `make docs`.

A part stands between two marks that carry its name, `<name>` and `</name>`, in a comment of the
document's language. With `--check` nothing is written; the exit status says whether all is current.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tap_kustomer.settings.values import SETTINGS_SCHEMA
from tap_kustomer.streams.registry import STREAM_TYPES
from tools.docs.account import PAGES, named
from tools.docs.catalog_snapshot import catalog_snapshot
from tools.docs.endpoints_page import endpoint_table
from tools.docs.first_contact import assumptions_table, contact_output, report_output
from tools.docs.hub_definition import hub_definition, loader_definition
from tools.docs.readme_parts import check_output, minutes_table, sample_query, sample_row
from tools.docs.streams_page import core_diagram, join_list, stream_sections, stream_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    JSON = dict[str, Any]

CHECKOUT = Path(__file__).resolve().parents[2]


def about() -> JSON:
    """Return what the tap says about itself."""
    command = [sys.executable, "-m", "tap_kustomer", "--about", "--format", "json"]
    done = subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=True)
    described: JSON = json.loads(done.stdout)
    return described


def meltano_settings(tap: JSON) -> str:
    """Return the settings as `meltano.yml` lists them."""
    text = yaml.safe_dump(_settings(tap), sort_keys=False, allow_unicode=True, width=94)
    return textwrap.indent(text, "    ")


def hub_file(tap: JSON) -> str:
    """Return the definition for MeltanoHub, whose settings are those of `meltano.yml`."""
    return hub_definition(tap, _settings(tap))


def _settings(tap: JSON) -> list[JSON]:
    return [
        _meltano_setting(name, described, tap["version"])
        for name, described in tap["settings"]["properties"].items()
    ]


def _meltano_setting(name: str, described: JSON, version: str) -> JSON:
    setting: JSON = {"name": name, "kind": _kind(described)}
    if "title" in described:
        setting["label"] = described["title"]
    if described.get("secret"):
        setting["sensitive"] = True
    default = described.get("default")
    if default is not None and version not in str(default):  # it would be passed on to later ones
        setting["value"] = default
    if setting["kind"] == "options":
        setting["options"] = [{"label": v, "value": v} for v in described["enum"] if v is not None]
    setting["description"] = described.get("description", "")
    return setting


def _kind(described: JSON) -> str:
    if "enum" in described:
        return "options"
    if described.get("format") in {"date", "date-time"}:
        return "date_iso8601"
    (kind,) = {t for t in described["type"] if t != "null"}
    return "decimal" if kind == "number" else str(kind)


def settings_table(tap: JSON) -> str:
    """Return the tap's own settings as a table."""
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for name in SETTINGS_SCHEMA["properties"]:
        described = tap["settings"]["properties"][name]
        default = described.get("default")
        required = "required" if name in tap["settings"].get("required", []) else ""
        shown = required if default is None else f"`{json.dumps(default)}`"
        shown = shown.replace(tap["version"], "<version>").replace('`"', "`").replace('"`', "`")
        meaning = described["description"]
        if "enum" in described:
            meaning += " One of " + ", ".join(f"`{v}`" for v in described["enum"] if v) + "."
        lines.append(f"| `{name}` | {shown} | {meaning} |")
    return "\n".join(lines) + "\n"


def roles_table(_tap: JSON) -> str:
    """Return the roles a key needs, and the streams that each opens."""
    opened: dict[str, list[str]] = {}
    for stream in STREAM_TYPES:
        for role in stream.roles[:1]:
            opened.setdefault(role, []).append(
                f"`{stream.name}`{'' if stream.roles_documented else ' (a guess)'}"
            )
    opened.setdefault("org.permission.klass.read", []).append("custom objects: their klasses")
    lines = ["| role | opens |", "|---|---|"]
    lines += [f"| `{role}` | {', '.join(names)} |" for role, names in opened.items()]
    return "\n".join(lines) + "\n"


def default_roles(_tap: JSON) -> str:
    """Return the roles of the default streams, to copy."""
    return _role_block(optional=False)


def optional_roles(_tap: JSON) -> str:
    """Return the roles that only optional streams need, to copy."""
    return _role_block(optional=True)


def _role_block(*, optional: bool) -> str:
    streams = [one for one in STREAM_TYPES if one.roles]
    default = {one.roles[0] for one in streams if not one.optional} | {
        "org.permission.klass.read",
        "org.permission.metadata.read",
    }
    roles = {one.roles[0] for one in streams} - default if optional else default
    names = sorted(one.removeprefix("org.permission.") for one in roles)
    # Short names: Kustomer's list of roles shows them all below `org.permission`.
    text = "org.permission. + " + " ".join(names)
    return "\n".join(["```text", *textwrap.wrap(text, 100), "```"]) + "\n"


def loader_file(name: str) -> Callable[[JSON], str]:
    """Return what writes the definition of a loader."""

    def definition(_tap: JSON) -> str:
        content = yaml.safe_load((CHECKOUT / "meltano.yml").read_text(encoding="utf-8"))
        (loader,) = (one for one in content["plugins"]["loaders"] if one["name"] == name)
        return loader_definition(loader)

    return definition


PARTS: Mapping[tuple[str, str], Callable[[JSON], str]] = {
    ("meltano.yml", "settings"): meltano_settings,
    ("packaging/hub/tap-kustomer.yml", "definition"): hub_file,
    **{
        (f"packaging/hub/{name}.yml", "definition"): loader_file(name)
        for name in ("target-duckdb", "target-postgres", "target-snowflake", "target-bigquery")
    },
    ("README.md", "core"): core_diagram,
    ("README.md", "row"): sample_row,
    ("README.md", "query"): sample_query,
    ("README.md", "roles"): default_roles,
    ("docs/settings.md", "settings"): settings_table,
    ("docs/key.md", "default"): default_roles,
    ("docs/key.md", "optional"): optional_roles,
    ("docs/key.md", "roles"): roles_table,
    ("docs/key.md", "check"): check_output,
    ("docs/operations.md", "minutes"): minutes_table,
    ("docs/joins.md", "core"): core_diagram,
    ("docs/joins.md", "joins"): join_list,
    ("docs/streams.md", "table"): stream_table,
    ("docs/streams.md", "streams"): stream_sections,
    ("tests/catalog/snapshot.txt", "catalog"): catalog_snapshot,
    ("docs/streams.md", "endpoints"): endpoint_table,
    ("docs/first-contact.md", "contact"): contact_output,
    ("docs/first-contact.md", "report"): report_output,
    ("docs/first-contact.md", "assumptions"): assumptions_table,
}


def with_part(text: str, name: str, part: str) -> str:
    """Return ``text`` with what stands between the marks of ``name`` replaced."""
    pattern = re.compile(rf"(<{name}>[^\n]*\n).*?([^\n]*</{name}>)", re.DOTALL)
    replaced, count = pattern.subn(lambda match: match[1] + part + match[2], text)
    if count != 1:
        message = f"The marks <{name}> and </{name}> are not there once."
        raise ValueError(message)
    return replaced


def main(arguments: list[str]) -> int:
    """Write or check every part; return the exit status."""
    tap, stale = about(), []
    for (document, name), produce in PARTS.items():
        path = CHECKOUT / document
        text = path.read_text(encoding="utf-8")
        current = with_part(text, name, produce(tap))
        if document in PAGES:
            current = named(current)
        if current == text:
            continue
        stale.append(document)
        if "--check" not in arguments:
            path.write_text(current, encoding="utf-8")
    if "--check" not in arguments or not stale:
        return 0
    sys.stderr.write(f"Not current: {', '.join(stale)}. Run: make docs\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
