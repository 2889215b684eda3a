"""What goes on in the org: rows come, change and go, alone and by the hundred."""

from __future__ import annotations

import random
from collections.abc import Callable

from simulator import Org
from simulator.clock import DAY, TWO_YEARS
from tools.soak.plan import LOOKBACK

__all__ = ["HOUR", "Life", "index_lag"]

HOUR = 3600.0

# How often each object changes, compared with the others.
CONTEXTS = {
    "message": 4.0,
    "conversation": 3.0,
    "customer": 3.0,
    "note": 1.0,
    "company": 0.5,
    "kobject_ecomm-order": 1.0,
    "kobject_device": 0.5,
    "conversation_time": 0.5,
}
NEVER_CHANGES = frozenset({"conversation_time"})
NOT_IN_THE_ARCHIVE = frozenset({"conversation_time", "note"})
CHANGES_PER_SECOND = 1.0  # of the org's time
MOST_AT_ONCE = 40
EDGE_ROWS = 300  # rows about to be idle for two years, of each object that the archive holds


def index_lag(seed: int) -> Callable[[], float]:
    """Return how late the search shows a change: mostly soon, at times as late as allowed."""
    rng = random.Random(f"{seed} lag")
    at_most = (0.0, 5.0, 60.0, LOOKBACK)
    return lambda: rng.uniform(0, rng.choices(at_most, (4, 4, 2, 1))[0])


class Life:
    """Changes an org as its time passes. The caller holds the org's lock or is alone with it."""

    def __init__(self, org: Org, seed: int) -> None:
        """Change nothing yet."""
        self.changes = 0
        self._org = org
        self._rng = random.Random(f"{seed} life")
        self._last = org.clock.now()

    def go_on(self) -> None:
        """Do what the time since the last call brings."""
        now = self._org.clock.now()
        due = (now - self._last) * CHANGES_PER_SECOND
        self._last = now
        count = int(due) + (self._rng.random() < due % 1)
        for _ in range(min(count, MOST_AT_ONCE)):
            self._change()
        if self._rng.random() < count / 200:
            self._many_at_one_instant()

    def let_pass(self, seconds: float) -> None:
        """Let time pass at once, with changes spread over it."""
        steps = self._rng.randint(1, 8)
        for _ in range(steps):
            self._org.clock.advance(seconds / steps)
            self.go_on()

    def grow_old(self) -> None:
        """Add rows that become two years idle in the days to come, or just have."""
        with self._org.lock:
            edge = self._org.clock.now() - TWO_YEARS
            for context in CONTEXTS.keys() - NOT_IN_THE_ARCHIVE - {"company"}:
                self._org.add(
                    context,
                    EDGE_ROWS,
                    plain=True,
                    updated_at=lambda _: edge + self._rng.uniform(-2 * DAY, 4 * DAY),
                    title=lambda number: f"old {number}",
                )

    def _context(self) -> str:
        return self._rng.choices(list(CONTEXTS), list(CONTEXTS.values()))[0]

    def _change(self) -> None:
        self.changes += 1
        context, kind = self._context(), self._rng.random()
        if context in NEVER_CHANGES or kind < 0.3:  # noqa: PLR2004 - three in ten are new
            now = self._org.clock.now()
            self._org.add(context, created_at=now, updated_at=now, plain=kind < 0.25)  # noqa: PLR2004
        elif kind < 0.92:  # noqa: PLR2004
            self._org.update_random(context)
        else:
            self._org.delete(context, self._rng.choice(self._org.ids(context)))

    def _many_at_one_instant(self) -> None:
        """A bulk edit or an import: hundreds of rows share a timestamp, new ones share both."""
        context, count = self._context(), self._rng.choice((20, 60, 200, 400))
        now = self._org.clock.now()
        self.changes += count
        if context in NEVER_CHANGES or self._rng.random() < 0.5:  # noqa: PLR2004 - one of two
            self._org.add(context, count, plain=True, created_at=now, updated_at=now)
            return
        ids = self._org.ids(context)
        for id_ in self._rng.sample(ids, min(count, len(ids))):
            self._org.update(context, id_, updated_at=now, name=f"bulk {self.changes}")
