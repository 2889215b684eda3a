"""The control plane: other processes look at the org and change it under `/_simulator/`.

It is not part of Kustomer's API: no key, no budget, not in the log.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from simulator.api.answers import Answer, Refused, error_answer
from simulator.clock import DAY
from simulator.server.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.jsontypes import JSON
    from simulator.server.simulator import Simulator

PREFIX = "/_simulator/"


def answer(
    simulator: Simulator, method: str, path: str, query: Mapping[str, str], body: bytes
) -> Answer:
    """Return the answer to one control request."""
    action = _ACTIONS.get((method, path.removeprefix(PREFIX)))
    if action is None:
        known = ", ".join(f"{verb} {name}" for verb, name in _ACTIONS)
        return error_answer(Refused(404, f"Known: {known}."), "A")
    try:
        arguments = {**query, **(json.loads(body) if body else {})}
        with simulator.org.lock:
            return Answer(document=action(simulator, arguments))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return error_answer(Refused(400, f"{type(error).__name__}: {error}"), "A")


def _ids(simulator: Simulator, arguments: JSON) -> JSON:
    return {"ids": simulator.org.ids(arguments["context"])}


def _rows(simulator: Simulator, arguments: JSON) -> JSON:
    return {"rows": simulator.org.rows(arguments["context"])}


def _counts(simulator: Simulator, _: JSON) -> JSON:
    return dict(simulator.org.counts())


def _requests(simulator: Simulator, arguments: JSON) -> JSON:
    """Return the last ``limit`` requests (default 1,000), and how many there were in all."""
    logs = list(simulator.requests)
    limit = int(arguments.get("limit", 1000))
    shown = [dataclasses.asdict(log) for log in logs[-limit:]]
    for log in shown:
        log.pop("headers")  # they carry the key
    return {
        "total": len(logs),
        "searches": sum(log.is_search for log in logs),
        "refused": simulator.refused,
        "requests": shown,
    }


def _config(simulator: Simulator, _: JSON) -> JSON:
    return simulator.config


def _clock(simulator: Simulator, _: JSON) -> JSON:
    return {"now": simulator.org.clock.now(), "speed": simulator.org.clock.speed}


def _fault(simulator: Simulator, arguments: JSON) -> JSON:
    simulator.faults.add(Fault(**arguments))
    return {"faults": [repr(fault) for fault in simulator.faults]}


def _clear_faults(simulator: Simulator, _: JSON) -> JSON:
    simulator.faults.clear()
    return {"faults": []}


def _advance(simulator: Simulator, arguments: JSON) -> JSON:
    simulator.org.clock.advance(float(arguments["seconds"]))
    return _clock(simulator, {})


def _churn(simulator: Simulator, arguments: JSON) -> JSON:
    """Update, add and delete rows of ``context``, so many of each; return their ids."""
    org, context = simulator.org, arguments["context"]
    added = org.add(context, int(arguments.get("add", 0)), updated_at=org.clock.now())
    updated = org.update_random(context, int(arguments.get("update", 0)))
    known = org.ids(context)
    deleted = org.rng.sample(known, min(len(known), int(arguments.get("delete", 0))))
    for id_ in deleted:
        org.delete(context, id_)
    return {"added": added, "updated": updated, "deleted": deleted}


def _erase(simulator: Simulator, arguments: JSON) -> JSON:
    """Remove a row for good: ``context``, ``id``; return what went."""
    return {"gone": simulator.org.erase(arguments["context"], arguments["id"])}


def _retain(simulator: Simulator, arguments: JSON) -> JSON:
    """Apply a retention rule of ``days``; return what went."""
    return {"gone": simulator.org.retain(float(arguments["days"]) * DAY)}


def _consume(simulator: Simulator, arguments: JSON) -> JSON:
    simulator.consume(search=int(arguments.get("search", 0)), org=int(arguments.get("org", 0)))
    return {}


def _knobs(simulator: Simulator, arguments: JSON) -> JSON:
    simulator.set(**arguments)
    return {name: repr(getattr(simulator.knobs, name)) for name in arguments}


def _refuse(simulator: Simulator, arguments: JSON) -> JSON:
    simulator.refuse(arguments["path"], int(arguments.get("status", 404)))
    return {}


def _attribute(simulator: Simulator, arguments: JSON) -> JSON:
    """Define a custom attribute: ``resource``, ``name`` and its definition."""
    simulator.org.set_attribute(arguments.pop("resource"), arguments.pop("name"), **arguments)
    return {}


def _klass(simulator: Simulator, arguments: JSON) -> JSON:
    """Define a klass: ``name``, ``status``, ``display_name``, ``attributes``."""
    return {"id": simulator.org.add_klass(**arguments)}


def _webhook(simulator: Simulator, arguments: JSON) -> JSON:
    """Send events to ``url``, signed with ``secret``; the rest are fields of ``Webhooks``."""
    url, secret = arguments.pop("url", None), arguments.pop("secret", None)
    simulator.webhooks.adjust(**arguments)
    return {} if url is None else {"id": simulator.webhooks.subscribe(url, secret)}


def _deliveries(simulator: Simulator, _: JSON) -> JSON:
    return {"deliveries": [one._asdict() for one in simulator.webhooks.deliveries]}


def _reset_log(simulator: Simulator, _: JSON) -> JSON:
    simulator.reset_log()
    return {}


_ACTIONS: dict[tuple[str, str], Callable[[Simulator, JSON], JSON]] = {
    ("GET", "ids"): _ids,
    ("GET", "rows"): _rows,
    ("GET", "counts"): _counts,
    ("GET", "requests"): _requests,
    ("GET", "config"): _config,
    ("GET", "clock"): _clock,
    ("POST", "fault"): _fault,
    ("POST", "clear-faults"): _clear_faults,
    ("POST", "advance"): _advance,
    ("POST", "churn"): _churn,
    ("POST", "erase"): _erase,
    ("POST", "retain"): _retain,
    ("POST", "consume"): _consume,
    ("POST", "knobs"): _knobs,
    ("POST", "refuse"): _refuse,
    ("POST", "attribute"): _attribute,
    ("POST", "klass"): _klass,
    ("POST", "reset-log"): _reset_log,
    ("POST", "webhook"): _webhook,
    ("GET", "deliveries"): _deliveries,
}
