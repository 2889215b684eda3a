"""What a key may learn about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.api.answers import Answer, Refused
from simulator.api.roles import all_roles
from simulator.org.rows import reference

if TYPE_CHECKING:
    from simulator.knobs import Knobs
    from simulator.org.org import Org


def _machine_user(org: Org) -> str:
    for version in org.store.versions("user"):
        if version.resource["attributes"].get("userType") == "machine":
            return version.id
    return "5f0c5e1dd0a1b2c3d4e5f6ff"


def _roles(org: Org) -> list[str]:
    return all_roles() if org.roles is None else sorted(org.roles)


def current_user(org: Org) -> Answer:
    """Whoami: any live key may ask."""
    id_ = _machine_user(org)
    known = org.store.get("user", id_)
    attributes = known.resource["attributes"] if known else {"name": "API key"}
    data = {
        "type": "user",
        "id": id_,
        "attributes": {**attributes, "userType": "machine", "roles": _roles(org)},
        "relationships": {"org": reference("org", org.org_id)},
        "links": {"self": f"/v1/users/{id_}"},
    }
    return Answer(document={"data": data})


def current_token(org: Org, knobs: Knobs) -> Answer:
    """Return the key itself; which role that needs is UNCONFIRMED (own-roles)."""
    if knobs.token_status != 200:  # noqa: PLR2004
        raise Refused(knobs.token_status, "Not available to this key.")
    user = _machine_user(org)
    data = {
        "type": "auth_token",
        "id": f"{org.org_id[:-4]}a9e1",
        "attributes": {
            "name": "Data warehouse",
            "roles": _roles(org),
            "lastTokenChars": knobs.api_key[-4:],
            "createdAt": "2024-02-01T09:00:00.000Z",
            "updatedAt": "2024-02-01T09:00:00.000Z",
        },
        "relationships": {
            "org": reference("org", org.org_id),
            "user": reference("user", user),
        },
    }
    return Answer(document={"data": data})
