"""Asks Kustomer which org this is, what the key may do, and which custom data the org has."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import quote

from tap_kustomer import timestamps
from tap_kustomer.catalog.klass_names import klass_streams
from tap_kustomer.client.transport import KustomerClient
from tap_kustomer.errors import (
    CredentialsError,
    ForeignAnswerError,
    MissingRoleError,
    NotFoundError,
    RequestRefusedError,
    StreamError,
)
from tap_kustomer.ledger.ledger import Ledger
from tap_kustomer.org import Klass, Org
from tap_kustomer.readers.lists import read_list, read_one
from tap_kustomer.readers.prefetch import Prefetch

__all__ = [
    "DOCUMENTED",
    "KLASSES_SAMPLED",
    "KLASS_STATUSES",
    "check_discovered",
    "discover_org",
    "metadata_problem",
    "read_metadata",
]

logger = logging.getLogger("tap-kustomer")

_Pending: TypeAlias = "dict[str, Callable[[], dict[str, Any] | StreamError]]"

KLASS_STATUSES = ("enabled", "disabled", "existing_only")
KLASSES_SAMPLED = 3  # that a check asks for by themselves
# Of others the metadata is asked for once; without it, types follow from suffixes.
DOCUMENTED = frozenset({"customer", "conversation", "message", "company"})
# Kustomer's own words for a resource without custom attributes, or for a key that may not see them.
_WITHOUT_METADATA = (MissingRoleError, NotFoundError, RequestRefusedError)


def discover_org(
    client: KustomerClient,
    prefetch: Prefetch,
    with_custom: Iterable[str],
    *,
    most_klasses: int | None = None,
    known: Iterable[str] = (),
) -> Org:
    """Return what Kustomer tells of the org behind the key.

    ``with_custom`` are the standard objects that may have custom attributes. Of no more than
    ``most_klasses`` klasses the attributes are asked for. ``known`` are the streams of klasses
    that the catalog or the state speaks of: if one is gone, the klasses are listed again.

    Raises: ``CredentialsError`` when key or host are wrong, ``UnavailableError``.
    """
    me = prefetch.call(lambda: _whoami(client))  # alone: a wrong key is asked for once
    listing = _begin_klasses(client, prefetch)
    pending = _begin_metadata(client, prefetch, with_custom)  # which needs no klasses
    token = None if _roles(me) else prefetch.ask(lambda: _roles_of_token(client))
    lists = {status: answer() for status, answer in listing.items()}
    klasses, problem = _klasses(lists)
    if problem is None and not klass_streams(klasses).keys() >= set(known):
        # One answer that leaves out a klass decides nothing.
        lists = {status: answer() for status, answer in _begin_klasses(client, prefetch).items()}
        klasses, problem = _klasses(lists)
    readable = [f"kobject.{klass.name}" for klass in klasses if klass.is_readable]
    pending |= _begin_metadata(client, prefetch, readable[:most_klasses])
    metadata, unread = _end_metadata(client.ledger, pending)
    roles = _roles(me) if token is None else token()
    client.ledger.judge("own-roles", holds=roles is not None, how="no list of roles")
    return Org(
        id=_related_id(me, "org"),
        roles=roles,
        klasses=klasses,
        klasses_problem=problem,
        klass_lists={
            status: rows for status, rows in lists.items() if not isinstance(rows, StreamError)
        },
        metadata=metadata,
        unread_metadata=unread,
    )


def check_discovered(org: Org) -> None:
    """Raise the error because of which a catalog would lack streams or columns.

    A role that the key lacks, and metadata that Kustomer does not have, are no such error.
    """
    if org.klasses_problem is not None and not isinstance(org.klasses_problem, MissingRoleError):
        msg = f"Klasses could not be listed, so the catalog would lack them: {org.klasses_problem}"
        raise StreamError(msg)
    for resource in org.unread_metadata:
        problem = metadata_problem(org, resource)
        if problem is not None:
            raise problem


def metadata_problem(org: Org, resource: str) -> StreamError | None:
    """Return why the types of a resource's custom attributes are not known, if they may exist."""
    problem = org.unread_metadata.get(resource)
    if problem is None or isinstance(problem, _WITHOUT_METADATA):
        return None
    return type(problem)(f"The custom attributes of {resource} could not be read: {problem}")


def _whoami(client: KustomerClient) -> dict[str, Any]:
    try:
        return read_one(client, "/v1/users/current") or {}
    except NotFoundError:
        msg = (
            "There is no Kustomer org on this host (status 404 on /v1/users/current). Check "
            "`org_name`, `region` or `api_url`; the org may have been renamed."
        )
        raise CredentialsError(msg) from None
    except (MissingRoleError, RequestRefusedError, ForeignAnswerError) as error:
        raise CredentialsError(str(error)) from None


def _roles(resource: Mapping[str, Any]) -> frozenset[str] | None:
    attributes = resource.get("attributes")
    roles = attributes.get("roles") if isinstance(attributes, dict) else None
    if not isinstance(roles, list) or not roles:
        return None
    return frozenset(role for role in roles if isinstance(role, str))


def _roles_of_token(client: KustomerClient) -> frozenset[str] | None:
    try:
        return _roles(read_one(client, "/v1/auth/tokens/current") or {})
    except StreamError:
        return None  # which role this needs is documented nowhere; never fail because of it


def _related_id(resource: Mapping[str, Any], name: str) -> str | None:
    relationship = (resource.get("relationships") or {}).get(name)
    data = relationship.get("data") if isinstance(relationship, dict) else None
    return str(data["id"]) if isinstance(data, dict) and data.get("id") else None


def _klasses(
    lists: Mapping[str, list[dict[str, Any]] | StreamError],
) -> tuple[tuple[Klass, ...], StreamError | None]:
    """Return the klasses of the lists by status, oldest first, and why there are none.

    All or none: a klass that is left out would give its name to another one.
    """
    found: dict[str, Klass] = {}
    for status, resources in lists.items():
        if isinstance(resources, MissingRoleError):
            logger.warning(
                "This API key may not read klasses, so custom objects are left out. Use a key with "
                "the role org.permission.klass.read to read them.",
            )
            return (), resources
        if isinstance(resources, StreamError):
            logger.warning(
                "Klasses could not be listed, so custom objects are left out: %s", resources
            )
            return (), resources
        for resource in resources:
            klass = _klass(resource, status)
            if klass is not None:
                found.setdefault(klass.id, klass)
    return tuple(sorted(found.values(), key=lambda klass: (klass.created_at, klass.id))), None


def _begin_klasses(
    client: KustomerClient, prefetch: Prefetch
) -> dict[str, Callable[[], list[dict[str, Any]] | StreamError]]:
    return {status: prefetch.ask(partial(_klass_list, client, status)) for status in KLASS_STATUSES}


def _klass_list(client: KustomerClient, status: str) -> list[dict[str, Any]] | StreamError:
    # Most orgs have none of the other statuses, so only this one is suspicious without rows.
    at_least = int(status == KLASS_STATUSES[0])
    pages = read_list(client, "/v1/klasses", {"status": status}, at_least=at_least)
    try:
        return [row for page in pages for row in page.rows]
    except StreamError as error:
        return error


def _klass(resource: Mapping[str, Any], asked: str) -> Klass | None:
    attributes = resource.get("attributes")
    if not isinstance(attributes, dict) or not isinstance(attributes.get("name"), str):
        return None
    status = attributes.get("status")
    return Klass(
        id=str(resource.get("id") or attributes["name"]),
        name=attributes["name"],
        status=status if status in KLASS_STATUSES else asked,
        created_at=timestamps.normalise(attributes.get("createdAt")) or "",
        resource=resource,
    )


def read_metadata(
    client: KustomerClient,
    prefetch: Prefetch,
    resources: Iterable[str],
) -> tuple[dict[str, dict[str, Any]], dict[str, StreamError]]:
    """Return the custom attributes of each resource, and why those of the others are not known."""
    return _end_metadata(client.ledger, _begin_metadata(client, prefetch, resources))


def _begin_metadata(
    client: KustomerClient, prefetch: Prefetch, resources: Iterable[str]
) -> _Pending:
    """Ask for the custom attributes of each resource; return what waits for the answers."""

    def read(name: str) -> dict[str, Any] | StreamError:
        try:
            return _metadata(client, name)
        except StreamError as error:
            return error

    return {name: prefetch.ask(partial(read, name)) for name in resources}


def _end_metadata(
    ledger: Ledger, pending: _Pending
) -> tuple[dict[str, dict[str, Any]], dict[str, StreamError]]:
    """Wait for the answers, note and log what they say, and return them and the refusals."""
    answers = {name: answer() for name, answer in pending.items()}
    unread = {name: one for name, one in answers.items() if isinstance(one, StreamError)}
    documents = {name: one for name, one in answers.items() if not isinstance(one, StreamError)}
    _note_metadata(ledger, answers)
    refused = sorted(name for name, error in unread.items() if isinstance(error, MissingRoleError))
    if refused:
        logger.warning(
            "This API key may not read the custom attributes of %s, so their types follow from "
            "their names. Use a key with the role org.permission.metadata.read to have all.",
            ", ".join(refused),
        )
    for name in sorted(set(unread) - set(refused)):
        expected = name not in DOCUMENTED and isinstance(unread[name], _WITHOUT_METADATA)
        level = logging.DEBUG if expected else logging.WARNING
        logger.log(level, "No custom attributes of %s: %s", name, unread[name])
    return documents, unread


def _note_metadata(ledger: Ledger, answers: Mapping[str, dict[str, Any] | StreamError]) -> None:
    """Note which resources have metadata; a role that is missing says nothing of it."""
    for name, answer in answers.items():
        is_unread = isinstance(answer, StreamError)
        if isinstance(answer, MissingRoleError):
            continue
        if name in DOCUMENTED:
            ledger.judge("metadata-served", holds=not is_unread, how=f"not for {name}")
        elif not name.startswith("kobject."):
            ledger.judge("metadata-of-others", holds=is_unread, how=f"also for {name}")


def _metadata(client: KustomerClient, resource: str) -> dict[str, Any]:
    expected = resource in DOCUMENTED or resource.startswith("kobject.")
    path = f"/v1/metadata/{quote(resource, safe='')}"
    document = read_one(client, path, confirms=expected) or {}
    attributes = document.get("attributes")
    properties = attributes.get("properties") if isinstance(attributes, dict) else None
    return properties if isinstance(properties, dict) else {}
