"""Simulated orgs of any size, with conversations of about 2.8 KB, served by another process."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator import Clock, Org, Simulator, to_iso, to_ms
from simulator.shapes import SHAPES, ShapeContext

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["served_org"]

CHECKOUT = Path(__file__).resolve().parent.parent
_SPAN = 500 * 86_400.0  # seconds over which the rows are spread
_TEMPLATES = 40  # different conversations, given out in turn


@contextlib.contextmanager
def served_org(**options: object) -> Iterator[dict[str, Any]]:
    """Serve an org in a process of its own and yield the tap's config for it."""
    command = [sys.executable, "-m", "bench.orgs", json.dumps(options)]
    with subprocess.Popen(  # noqa: S603 - this module
        command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            config: dict[str, Any] = json.loads(process.stdout.readline())
            yield config
        finally:
            process.terminate()


def _fill(org: Org, context: str, rows: int) -> None:
    """Add ``rows`` conversations; their attributes are shared, so that a million fits."""
    rng = random.Random(7)  # noqa: S311 - seeded and repeatable is the point
    now = org.clock.now()
    begun = to_iso(to_ms(now - 1e6))
    templates = [
        SHAPES["conversation"](
            rng,
            ShapeContext("0" * 24, now, begun, begun, {}),
        )[0]
        for _ in range(_TEMPLATES)
    ]
    start = now - _SPAN
    step = (_SPAN - 3600) / max(rows, 1)
    per_template = -(-rows // _TEMPLATES)
    for number, attributes in enumerate(templates):
        count = min(per_template, rows - number * per_template)
        if count <= 0:
            break
        moments = [start + step * (number + _TEMPLATES * i) for i in range(count)]
        org.add(context, count, updated_at=moments, created_at=moments, **_lean(attributes))


def _lean(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes without those that the store sets itself."""
    return {
        key: value for key, value in attributes.items() if key not in {"createdAt", "updatedAt"}
    }


def main(options: dict[str, Any]) -> None:
    """Serve an org until a signal comes."""
    rows = options.pop("rows", {})
    klasses = options.pop("klasses", 0)
    clock = Clock(speed=options.pop("speed", 1.0))
    org = Org(seed=1, clock=clock, realistic=False, search_limit=options.pop("search_limit", 100))
    for number in range(klasses):
        org.add_klass(f"klass-{number}", attributes={f"a{i}Str": {} for i in range(20)})
    for context, count in rows.items():
        _fill(org, context, count)
    with Simulator(org, **options) as sim:
        config = {**sim.config, "start_date": to_iso(to_ms(clock.now() - _SPAN - 86_400))}
        sys.stdout.write(json.dumps(config) + "\n")
        sys.stdout.flush()
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    main(json.loads(sys.argv[1]))
