"""The org's own search schema: what its search may filter and sort by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.api import attributes as attrs
from simulator.api.answers import Answer
from simulator.api.validation import OPERATORS
from simulator.org.objects import KOBJECT

if TYPE_CHECKING:
    from simulator.jsontypes import JSON
    from simulator.knobs import Knobs
    from simulator.org.org import Org

PATH = "/v1/customers/searches/schema"


def answer(org: Org, knobs: Knobs) -> Answer:
    """Return the schema: the standard attributes and the org's own, without any `work_*`."""
    kinds = {
        one.name: one.kind
        for table in attrs.STANDARD.values()
        for one in table.values()
        if not one.name.startswith("work_")
    }
    for base in attrs.STANDARD:
        for name in org.metadata.properties(base) if org.metadata.has(base) else ():
            custom = attrs.custom_attribute(base, name)
            kinds[custom.name] = custom.kind
    if knobs.company_updated_at_supported:
        kinds |= dict.fromkeys(("company_created_at", "company_updated_at"), attrs.DATETIME)
    patterns: dict[str, JSON] = {}
    if knobs.kobject_klass_attribute in ("kobject_<klass>_updated_at", "both"):
        patterns = {f"^{KOBJECT}_.+_(created|updated)_at$": {"operator": "datetime"}}
    fields: JSON = {
        "type": "object",
        "properties": {name: {"operator": kind} for name, kind in kinds.items()},
        "patternProperties": patterns,
        "definitions": {},
    }
    operators = {kind: {"enum": sorted(names)} for kind, names in OPERATORS.items()}
    sorts = sorted(name for name, kind in kinds.items() if kind == attrs.DATETIME)
    resource: JSON = {
        "type": "search_schema",
        "attributes": {
            "fields": fields,
            "operators": {"type": "object", "properties": operators},
            "sort": {"type": "object", "properties": {"fields": {"enum": sorts}}},
        },
        "relationships": {"org": {"data": {"type": "org", "id": org.org_id}}},
        "links": {"self": PATH},
    }
    return Answer(document={"data": resource})
