"""The shortest time that a number of requests can take, by budget, latency and concurrency."""

from __future__ import annotations

import heapq
from collections import deque

__all__ = ["floor_seconds"]

_WINDOW = 60.0


def floor_seconds(requests: int, *, share: int, concurrency: int, latency: float) -> float:
    """Return the seconds that ``requests`` take at best.

    ``share`` requests may be answered in any 60 seconds, ``concurrency`` are in flight at most,
    each takes ``latency`` seconds, and none has to wait for the answer of another.
    """
    free_workers = [0.0] * concurrency
    answered: deque[float] = deque()
    end = 0.0
    for number in range(requests):
        start = heapq.heappop(free_workers)
        if number >= share:
            start = max(start, answered.popleft() + _WINDOW)
        end = start + latency
        heapq.heappush(free_workers, end)
        answered.append(end)
    return end
