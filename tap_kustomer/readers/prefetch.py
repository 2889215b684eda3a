"""Fetches pages while the main thread writes, and hands them out in their order.

A page is a task: a job rests between two of its pages, so no thread waits for room, and none for
another. What runs in a thread only talks to Kustomer and peeks at keys, and asks nothing of these
classes but to fetch more. The main thread alone decodes, writes and keeps state. It never waits
for a socket itself, so it notices a signal at once.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar

from tap_kustomer.clock import Clock

__all__ = ["BUFFER_BYTES", "HELD_BYTES", "Job", "Line", "Prefetch", "Sized", "only"]

_MEBIBYTE = 1_048_576
# Bytes of pages that wait in one search, over all slices: a few slices of large rows.
BUFFER_BYTES = 40 * _MEBIBYTE
# Bytes, as sent, over which no list goes on before its turn; decoded they take six times as much.
# Of the smallest rows they are about eighty pages: with the searches of the same minute no more
# than the share of the smallest plan.
HELD_BYTES = 4 * _MEBIBYTE
_DUE_PAGES = 2  # that the job may hold whose turn it is, whatever the others hold
# Each line bounds how many of its jobs run, but a page that nobody waits for any more may hold its
# thread for minutes: what is due then has one more.
_MOST_THREADS = 1_000


class Sized(Protocol):
    """A page that knows the bytes of its answer."""

    @property
    def size(self) -> int:
        """Bytes as sent."""


S = TypeVar("S")
T = TypeVar("T")
P = TypeVar("P")
Z = TypeVar("Z", bound=Sized)


@dataclass(eq=False)
class Job(Generic[P]):
    """Pages that are fetched one after the other, each by any thread.

    ``behind``: the job whose pages come right before these; ``None`` for the last of the line.
    ``is_single``: there is one page, so nothing is asked for after it.
    """

    pages: Iterator[P]
    behind: Job[P] | None = None
    is_single: bool = False
    fetched: deque[P] = field(default_factory=deque)  # that wait to be taken
    error: BaseException | None = None  # comes after them
    is_running: bool = False
    is_due: bool = False  # its pages are taken now
    has_ended: bool = False  # all are fetched


class Line(Generic[P]):
    """Jobs in the order in which their pages are due."""

    def __init__(  # noqa: PLR0913 - what one kind of line differs in from another
        self,
        clock: Clock,
        threads: Executor,
        *,
        at_once: int,
        bytes_of: Callable[[P], int] = lambda _page: 0,
        most_bytes: int = 1,
        next_job: Callable[[], Job[P] | None] = lambda: None,
    ) -> None:
        """Fetch nothing yet.

        ``at_once`` jobs are under way at most, while the pages that wait have less than
        ``most_bytes``; the one whose turn it is goes on whatever the others do. ``next_job`` is
        asked by the main thread whenever one more may begin; ``None``: nothing to begin now.
        """
        self._clock = clock
        self._threads = threads
        self._at_once = at_once
        self._bytes_of = bytes_of
        self._most_bytes = most_bytes
        self._next_job = next_job
        self._jobs: list[Job[P]] = []  # in the order of their turns
        self._changed = threading.Condition()

    def add(self, job: Job[P]) -> None:
        """Put ``job`` in its place, and fetch its first page when there is room."""
        with self._changed:
            self._insert(job)
            self._go_on()

    def close(self) -> None:
        """Fetch no more; what is under way is not waited for."""
        with self._changed:
            self._jobs.clear()

    def pages(self) -> Generator[P, None, None]:
        """Yield the pages of all jobs, job after job."""
        try:
            while (head := self._head()) is not None:
                yield from self._taken(head)
                self._drop(head)
        finally:
            self.close()

    def pages_of(self, job: Job[P]) -> Generator[P, None, None]:
        """Yield the pages of ``job``, whose turn comes with the first that is taken."""
        try:
            yield from self._taken(job)
        finally:
            self._drop(job)

    def _taken(self, job: Job[P]) -> Iterator[P]:
        """Yield the pages of ``job`` as they come. Raises what fetching raised, in its place."""
        job.is_due = True
        while page := self._take(job):
            yield page[0]
        if job.error is not None:
            raise job.error

    def _drop(self, job: Job[P]) -> None:
        with self._changed:
            job.fetched.clear()
            if job in self._jobs:
                self._jobs.remove(job)
            self._go_on()

    def _head(self) -> Job[P] | None:
        with self._changed:
            self._begin()
            return self._jobs[0] if self._jobs else None

    def _take(self, job: Job[P]) -> list[P]:
        """Wait for the next page of ``job``; none at its end."""
        with self._changed:
            self._begin()
            while not (job.fetched or job.has_ended):
                self._clock.wait_for(self._changed)
                self._begin()
            page = [job.fetched.popleft()] if job.fetched else []
            self._go_on()  # there is room for another
            return page

    def _begin(self) -> None:
        """Take up jobs as long as one more may be under way."""
        while sum(not job.has_ended for job in self._jobs) < self._at_once:
            job = self._next_job()
            if job is None:
                break
            self._insert(job)
        self._go_on()

    def _insert(self, job: Job[P]) -> None:
        place = len(self._jobs)
        if job.behind is not None:  # of one that is over, it is the first
            place = self._jobs.index(job.behind) + 1 if job.behind in self._jobs else 0
        self._jobs.insert(place, job)

    def _go_on(self) -> None:
        """Have the next pages fetched, in the order of the jobs."""
        held = sum(self._bytes_of(page) for job in self._jobs for page in job.fetched)
        running = sum(job.is_running for job in self._jobs)
        for job in self._jobs:
            has_room = running < self._at_once and held < self._most_bytes
            is_wanted = job.is_due and len(job.fetched) < _DUE_PAGES
            if (has_room or is_wanted) and not (job.is_running or job.has_ended):
                job.is_running = True
                running += 1
                self._threads.submit(self._step, job)

    def _step(self, job: Job[P]) -> None:
        """Fetch the next page of ``job``; the one part that a thread of its own does."""
        page: list[P] = []
        error: BaseException | None = None
        try:
            page = list(islice(job.pages, 1))
        except BaseException as raised:  # noqa: BLE001 - raised again where the page is waited for
            error = raised
        with self._changed:
            job.fetched += page
            job.error = error
            job.has_ended = job.is_single or not page
            job.is_running = False
            self._go_on()
            self._changed.notify_all()


class Prefetch:
    """The threads of one run. All methods but ``ask`` and ``hold`` are the main thread's.

    How many requests are in flight is bounded where they are sent; most threads wait for a budget.
    """

    def __init__(self, clock: Clock, size: int, threads: Executor | None = None) -> None:
        """Start no thread yet; in each line, ``size`` jobs are under way at most.

        ``threads`` run the tasks; a pool of their own if none are given.
        """
        self.size = size
        self._clock = clock
        self._threads = threads or ThreadPoolExecutor(_MOST_THREADS, "kustomer")
        self._answers: Line[Any] = self._line()
        # A search that waits for its budget holds up no list.
        self._lists: Line[Any] = self._line(bytes_of=_size, most_bytes=HELD_BYTES)

    def _line(self, **options: Any) -> Line[Any]:
        return Line(self._clock, self._threads, at_once=self.size, **options)

    def close(self) -> None:
        """Let go of the threads; requests in flight are not waited for."""
        self._answers.close()
        self._lists.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def ask(self, work: Callable[[], T]) -> Callable[[], T]:
        """Have ``work`` done; return what waits for its result, once, or its error."""
        job = _single(work)
        self._answers.add(job)
        return lambda: next(self._answers.pages_of(job))

    def call(self, work: Callable[[], T]) -> T:
        """Return ``work()``, done by a thread while this one listens for signals."""
        return self.ask(work)()

    def map(self, work: Callable[[S], T], items: Iterable[S]) -> list[T]:
        """Return ``work`` of each item, in order, several at a time."""
        jobs = (_single(partial(work, item)) for item in items)
        return list(self._line(next_job=lambda: next(jobs, None)).pages())

    def in_turn(self, pages: Iterator[P]) -> Iterator[P]:
        """Yield ``pages``, each fetched once it is asked for, and none before."""
        while page := self.call(lambda: list(islice(pages, 1))):
            yield page[0]

    def hold(self, pages: Iterator[Z]) -> Generator[Z, None, None]:
        """Have ``pages`` fetched before their turn, as many as may be held of all lists."""
        job: Job[Z] = Job(pages)
        self._lists.add(job)
        return self._lists.pages_of(job)

    def in_order(self, next_job: Callable[[], Job[Z] | None]) -> Generator[Z, None, None]:
        """Yield the pages of all jobs, job after job, while up to ``size`` are under way.

        ``next_job`` is asked whenever one more may begin. A job that fails raises its error when
        its turn comes, after all pages before it.
        """
        line = self._line(bytes_of=_size, most_bytes=BUFFER_BYTES, next_job=next_job)
        return line.pages()


def only(pages: Iterator[P]) -> Callable[[], Job[P] | None]:
    """Return what gives out one job, for ``in_order``."""
    jobs = [Job(pages)]
    return lambda: jobs.pop() if jobs else None


def _single(work: Callable[[], T]) -> Job[T]:
    # A generator, as it makes a `StopIteration` of the work an error.
    return Job((one() for one in (work,)), is_single=True)


def _size(page: Sized) -> int:
    return page.size
