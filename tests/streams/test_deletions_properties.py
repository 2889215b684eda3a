"""Whatever is deleted, restored and killed in between: the target ends with what Kustomer has."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import Org, Simulator
from tests.readers.trials import LONG
from tests.support import Output, sync_tap

RUNS = 4
PACE = 900.0  # seconds, at most, between two changes of the org
CHANGES = ("update", "erase", "erase", "restore", "add", "delete")


class Life:
    """An org that changes at random, seen late by its search and its log."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.org = Org(
            seed=seed,
            realistic=False,
            audit=True,
            index_lag=lambda: self.rng.uniform(0, 250),
            audit_delay=lambda: self.rng.choice((0, 20, 3000)),
        )
        self.org.add("customer", 8)
        self.gone: set[str] = set()

    def change(self) -> None:
        """Do one thing to one row, and let some time pass."""
        org, rng = self.org, self.rng
        kind = rng.choice(CHANGES)
        known = org.ids("customer")
        if kind == "add" or not known:
            org.add("customer", updated_at=org.clock.now())
        elif kind == "restore" and self.gone:
            back = rng.choice(sorted(self.gone))
            org.restore("customer", back)
            self.gone.discard(back)
        elif kind == "erase":
            id_ = rng.choice(known)
            org.erase("customer", id_)
            self.gone.add(id_)
        elif kind in ("update", "delete"):
            getattr(org, kind)("customer", rng.choice(known))
        org.clock.advance(rng.choice((1, 60, rng.uniform(0, PACE))))

    def change_sometimes(self) -> None:
        """Change while the org is read."""
        if self.rng.random() < 0.3:
            self.change()


def kept(output: Output, share: float) -> list[dict[str, Any]]:
    """Return what a target has of a run that was killed: all up to some STATE."""
    places = [place for place, one in enumerate(output.messages) if one["type"] == "STATE"]
    return output.messages[: places[int(share * (len(places) - 1))] + 1]


@settings(settings.get_profile("trials"), max_examples=200 if LONG else 5)
@given(seed=st.integers(0, 10**6))
def test_the_target_forgets_what_is_gone_and_keeps_what_is_there(seed: int) -> None:
    """Entries are up to fifty minutes late, the search up to the lookback, runs end anywhere."""
    life = Life(seed)
    table: dict[str, dict[str, Any]] = {}
    state: dict[str, Any] | None = None
    with Simulator(life.org, limits=False) as server:
        config = {**server.config, "optional_streams": ["deletions"], "tombstones": True}
        for number in range(RUNS + 1):
            server.clear_hooks()
            if number < RUNS:
                for _ in range(life.rng.randrange(6)):
                    life.change()
                server.before_each_request(life.change_sometimes)
            else:
                life.org.clock.advance(3100)  # until all is told
            output = sync_tap(config, ["customers", "deletions"], state=state)
            assert output.status == 0, output.stderr
            whole = number == RUNS or life.rng.random() < 0.5
            for message in kept(output, 1.0 if whole else life.rng.random()):
                if message["type"] == "STATE":
                    state = message["value"]
                elif message["type"] == "RECORD" and message["stream"] == "customers":
                    table[message["record"]["id"]] = message["record"]

    present = {row["id"]: row["attributes"] for row in life.org.rows("customer")}
    assert {id_ for id_, row in table.items() if row["updated_at"]} == set(present)
    assert {id_: table[id_]["updated_at"] for id_ in present} == {
        id_: row["updatedAt"] for id_, row in present.items()
    }
    emptied = [row for id_, row in table.items() if id_ not in present]
    assert all(row["_sdc_deleted_at"] and row["name"] is None for row in emptied)
