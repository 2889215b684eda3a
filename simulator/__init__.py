"""A simulated Kustomer org behind a real HTTP server, as strict as the documented API.

    from simulator import Fault, Org, Simulator

    org = Org(seed=1)  # Org(realistic=False) for many rows quickly
    org.seed(customers=200)
    with Simulator(org, page_latency=0.2) as sim:
        run_tap(sim.config)
        assert not sim.refused

**Org** (any thread may call it): ``add``, ``add_row``, ``update``, ``update_random``, ``delete``
(soft), ``erase`` (for good, with what hangs on it), ``restore``, ``retain`` (the retention
rule), ``ids``, ``row``, ``rows``, ``counts``; ``add_klass``,
``set_klass_status``, ``rename_klass_display``, ``remove_klass``, ``set_attribute``,
``delete_attribute``; ``seed``, ``warm``. Contexts are the names of
``simulator.org.objects.OBJECTS`` and `kobject_<klass>`. Rows change by the org's ``clock``
(``now``, ``advance``, ``set``).
``Org(plan_limit=…, search_limit=…, roles=…, index_lag=…, shuffle_ties=…, audit=…,
audit_delay=…, realistic=…)`` sets what belongs to the org.

**Simulator**: ``url``, ``config``, ``requests`` (a list of ``RequestLog``), ``searches()``,
``reset_log()``, ``refused`` (429s), ``consume()``, ``before_each_search()``,
``before_each_request()``, ``clear_hooks()``, ``faults``,
``refuse()`` and ``allow()`` (paths, `*` too),
``close_port()``, ``open_port()``, ``set()`` and ``knobs``. Every knob is a field of ``Knobs``
and a keyword of ``Simulator``. ``simulator.client.Client(sim)`` asks it the plain way.

**Webhooks**: ``sim.webhooks.subscribe(url, secret)`` sends the org's events from then on, as
Kustomer does: signed, at least once, in no order, tried again for an hour of the org's clock.
``adjust(duplicates=…, disorder_seconds=…, wrong_signatures=…)``, ``deliveries``, ``wait()``.

**Faults**: ``sim.faults.add(Fault(kind, path=…, context=…, method=…, times=1, after=0, every=…,
probability=…, **detail))``; ``times=None`` is without end, ``path`` a beginning.

===================== ====================================================================
kind                  detail
===================== ====================================================================
status                status=500, body (bytes, str or dict), html, headers, shape
429                   seconds=60, reset="seconds" | "milliseconds" | "delta" | None,
                      retry_after="seconds" | "date" | None, headers
redirect              to=URL of another host, status=302
invalid_json          body; status 200
not_json_200          HTML with status 200
reset                 the connection ends by RST
close, refuse         the connection ends before an answer (`close_port` refuses for real)
truncated             fraction=0.5 of the body, then the end
hang                  seconds=3600, real ones, or until the client goes
slow                  seconds=1, real ones
timed_out             meta.timed_out is true; keep=rows or fraction=0.5 of the page
short_page            keep or fraction=0.5; total unchanged
empty_page            no rows; total unchanged
shrink_total          by=rows or to=rows; by default half
next_link_other_host  to=scheme and host
null_attributes       rows=1: how many rows of the page
missing_id            rows=1
missing_updated_at    rows=1
rewrite               rewrite=function from document to document
===================== ====================================================================

**Control plane** for other processes: ``GET /_simulator/`` ids, rows, counts, requests, config,
clock, deliveries; ``POST`` fault, clear-faults, advance, churn, erase, retain, consume, knobs,
refuse, attribute, klass, reset-log, webhook. ``python -m simulator --help`` lists the flags of the
server.
"""

from simulator.api import search
from simulator.clock import Clock, to_iso, to_ms
from simulator.knobs import Knobs
from simulator.org import index
from simulator.org.org import Org
from simulator.org.versions import MISSING
from simulator.server.faults import Fault
from simulator.server.requestlog import RequestLog
from simulator.server.simulator import Simulator

__all__ = [
    "MISSING",
    "Clock",
    "Fault",
    "Knobs",
    "Org",
    "RequestLog",
    "Simulator",
    "index",
    "search",
    "to_iso",
    "to_ms",
]
