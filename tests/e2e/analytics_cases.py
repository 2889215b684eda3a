"""The hand-made conversations of `analytics_cases.yml`: an org, and what is expected of it."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator import Org

    Row = dict[str, Any]

__all__ = ["READ_AT", "SURVEYS", "Case", "Table", "cases", "id_of", "populate", "surveys", "tables"]

FILE = Path(__file__).with_name("analytics_cases.yml")
READ_AT = "2026-03-20T21:30:00.000Z"
SURVEYS = ("id", "org_id", "conversation_id", "status", "rating", "score", "sent_at")
OFFSET = re.compile(r"\+(\d+)([smhd])")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
STARTED = "2024-01-01T00:00:00.000Z"  # of what the org set up
# What a conversation has where a case says nothing.
PLAIN: dict[str, Any] = {
    "direction": "in", "tags": [], "assignedUsers": [], "assignedTeams": [], "doneCount": 0,
    "reopenCount": 0, "reopenFromDoneCount": 0, "spam": False, "rev": 7,
    "firstMessageIn": {}, "firstMessageOut": {}, "firstResponse": {}, "firstDone": {},
    "lastDone": {}, "satisfactionLevel": {},
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One conversation, why it is here, and its columns of `kustomer__conversation_metrics`."""

    id: str
    name: str
    why: str
    expect: Row | None
    """None: no metric counts it."""


@dataclass(frozen=True)
class Table:
    """One row of another model, found by some of its columns."""

    model: str
    why: str
    key: Row
    expect: Row | None
    """None: there is no such row."""


def loaded() -> Row:
    """Return the file."""
    read: Row = yaml.load(FILE.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a safe one
    return read


class _Loader(yaml.SafeLoader):
    """Leaves moments as they are written."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if "timestamp" not in tag]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def id_of(name: str) -> str:
    """Return the id of whatever has this name: 24 digits like Kustomer's."""
    return hashlib.sha256(name.encode()).hexdigest()[:24]


def resolved(value: Any, created: dt.datetime | None = None) -> Any:
    """Return a value of the file with ids for names and moments for offsets."""
    if isinstance(value, dict):
        return {key: resolved(one, created) for key, one in value.items()}
    if isinstance(value, list):
        return [resolved(one, created) for one in value]
    if isinstance(value, str) and value.startswith("@"):
        return id_of(value[1:])
    if isinstance(value, str) and created is not None and OFFSET.fullmatch(value):
        return at(value, created)
    return value


def at(text: str, created: dt.datetime) -> str:
    """Return a moment that is written out or counted from the creation."""
    found = OFFSET.fullmatch(text)
    if not found:
        return text
    moment = created + dt.timedelta(seconds=int(found[1]) * SECONDS[found[2]])
    return moment.isoformat().replace("+00:00", ".000Z")


def cases() -> list[Case]:
    """Return every conversation with what is expected of it."""
    return [
        Case(id_of(one["name"]), one["name"], one["why"], resolved(one["expect"]))
        for one in loaded()["conversations"]
    ]


def tables(org_id: str) -> list[Table]:
    """Return the expected rows of the other models."""
    found = []
    for one in loaded()["tables"]:
        key = resolved(one["key"])
        if key.get("org_id") == "main":
            key["org_id"] = org_id
        found.append(Table(one["model"], one["why"], key, resolved(one["expect"])))
    return found


def populate(org: Org) -> None:
    """Add all that the file has to an empty org."""
    file = loaded()
    for name, attributes in file["users"].items():
        _add(org, "user", name, {"displayName": name, "createdAt": STARTED, **attributes})
    for name, members in file["teams"].items():
        ids = [id_of(one) for one in members]
        _add(org, "team", name, {"displayName": name, "createdAt": STARTED, "members": ids})
    for name in file["tags"]:
        _add(org, "tag", name, {"name": name, "createdAt": STARTED})
    for one in file["conversations"]:
        _conversation(org, one)


def surveys(org_id: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of `satisfaction_responses`, which the API hands out one by one."""
    for one in loaded()["conversations"]:
        created = _moment(one["created"])
        for survey in one.get("surveys", []):
            row = {"org_id": org_id, "conversation_id": id_of(one["name"]), **survey}
            yield tuple(resolved(row[name], created) for name in SURVEYS)


def _conversation(org: Org, one: Row) -> None:
    created, name = _moment(one["created"]), one["name"]
    customer = f"customer {one.get('customer', name)}"
    if id_of(customer) not in org.ids("customer"):
        _add(org, "customer", customer, {"name": customer, "createdAt": STARTED})
    channel = one.get("channel", "email")
    messages = one.get("messages", [])
    first = {"firstMessageIn": {"sentAt": "+0s", "channel": channel}} if _asked(one) else {}
    facts: Row = {
        **PLAIN,
        "channels": [channel],
        "messageCount": len(messages),
        **first,
        **one["is"],
    }
    facts |= {"createdAt": "+0s", "updatedAt": one.get("updated", "+0s")}
    related = {"customer": ("customer", customer)}
    if one.get("org"):
        related["org"] = ("org", one["org"])
    _add(org, "conversation", name, resolved(facts, created), related)
    inside = {**related, "conversation": ("conversation", name)}
    for number, (when, direction, *more) in enumerate(messages):
        facts = {
            "direction": direction, "channel": channel, "sentAt": when, "createdAt": when,
            "auto": False, "rev": 1, "status": "received" if direction == "in" else "sent",
            **(more[1] if len(more) > 1 else {}),
        }  # fmt: skip
        who = {"createdBy": ("user", more[0])} if more else {}
        _add(org, "message", f"{name} {number}", resolved(facts, created), {**inside, **who})
    for survey in one.get("surveys", []):
        facts = {"status": survey["status"], "rating": survey["rating"], "score": survey["score"]}
        facts |= {"sentAt": survey["sent_at"], "createdAt": survey["sent_at"]}
        title = survey["id"].removeprefix("@")
        _add(org, "satisfaction_response", title, resolved(facts, created), inside)
    for number, entry in enumerate(one.get("times", [])):
        facts = {key: value for key, value in entry.items() if key not in ("at", "by")}
        facts |= {"createdAt": entry["at"], "handleAt": entry["at"]}
        who = {"createdBy": ("user", entry["by"])}
        title = f"{name} time {number}"
        _add(org, "conversation_time", title, resolved(facts, created), {**inside, **who})
    for number, entry in enumerate(one.get("log", [])):
        verb = entry.get("verb", "update")
        facts = {
            "objectType": "conversation", "objectId": f"@{name}", "eventVerb": verb,
            "eventName": f"kustomer.conversation.{verb}", "createdAt": entry["at"],
            "changes": {"attributes": entry["changes"], "relationships": {}},
        }  # fmt: skip
        _add(org, "audit_log", f"{name} log {number}", resolved(facts, created))
        if verb == "update":
            event = {"name": facts["eventName"], "publishedAt": entry["at"]}
            event |= {key: facts[key] for key in ("createdAt", "changes")}
            title = f"{name} event {number}"
            _add(org, "customer_event", title, resolved(event, created), inside)


def _asked(one: Row) -> bool:
    return any(message[1] == "in" and message[0] == "+0s" for message in one.get("messages", []))


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text.replace("Z", "+00:00"))


def _add(
    org: Org,
    context: str,
    name: str,
    attributes: Row,
    related: dict[str, tuple[str, str]] | None = None,
) -> None:
    org.add_row(
        context,
        {
            "type": context,
            "id": id_of(name),
            "attributes": {"updatedAt": attributes["createdAt"], **attributes},
            "relationships": {
                key: {"data": {"type": kind, "id": id_of(other)}}
                for key, (kind, other) in (related or {}).items()
            },
        },
    )
