"""Sends one signed sample to a receiver: does the way from the outside to the spool work?"""

from __future__ import annotations

import json
import secrets as random
import time

import requests

from tap_kustomer import __version__, timestamps
from tap_kustomer.webhooks.errors import WebhookError
from tap_kustomer.webhooks.events import SAMPLE_ORG
from tap_kustomer.webhooks.signature import SIGNATURE_HEADER, sign

__all__ = ["send_sample"]

_SECONDS = 20
_ADVICE = {
    401: "The receiver does not know this secret: give both the same one.",
    403: "The spool belongs to another org: give its id with --org.",
    404: "No receiver is behind this address: check its path and the proxy.",
    413: "A proxy on the way limits the size of bodies to less than 1 MiB: raise its limit.",
    503: "The receiver cannot write its spool: its log says why.",
}


def send_sample(url: str, secret: bytes, event: str, org_id: str | None) -> str:
    """Send a sample and return what the receiver did with it.

    Raises: ``WebhookError`` when it was not taken.
    """
    body = json.dumps(_sample(event, org_id or SAMPLE_ORG)).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"tap-kustomer/{__version__}",
        "X-Kustomer-Webhook-Event": event,
        SIGNATURE_HEADER: sign(body, secret),
    }
    try:
        answer = requests.post(
            url, data=body, headers=headers, timeout=_SECONDS, allow_redirects=False
        )
    except requests.RequestException as error:
        msg = f"{url} does not answer ({type(error).__name__}). Is the receiver running?"
        raise WebhookError(msg) from None
    if answer.status_code != requests.codes.ok:
        advice = _ADVICE.get(answer.status_code, "Check the address and the proxy.")
        msg = f"{url} answered with status {answer.status_code}. {advice}"
        raise WebhookError(msg)
    try:
        outcome = answer.json()["status"]
    except (ValueError, KeyError, TypeError):
        outcome = None
    if outcome == "sample":
        return "The receiver knows the secret and can write its spool. The sample is not kept."
    if outcome == "stored":
        return "The sample is in the spool; `webhook_events` will bring it like any other event."
    msg = f"{url} answers with status 200, but it is not kustomer-webhooks. Check the address."
    raise WebhookError(msg)


def _sample(event: str, org_id: str) -> dict[str, object]:
    now = timestamps.from_epoch(time.time())
    id_ = random.token_hex(12)
    resource = event.split(".")[1] if event.count(".") > 1 else "conversation"
    return {
        "id": id_,
        "name": event,
        "org": org_id,
        "orgName": "sample",
        "partition": org_id,
        "createdAt": now,
        "persist": True,
        "client": "kustomer-webhooks send-sample",
        "data": {"type": resource, "id": id_, "attributes": {"name": "Sample", "updatedAt": now}},
        "changes": {
            "attributes": {"name": {"op": "replace", "before": "Example", "after": "Sample"}},
            "relationships": {},
        },
    }
