"""What is asked before its turn: by threads of their own, while another stream is read.

The main thread takes every answer where the order of the streams has its place; until then it
waits here. How many requests are in flight is bounded where they are sent, not by these threads.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Generic, Protocol, TypeVar

from typing_extensions import override

from tap_kustomer.clock import Clock
from tap_kustomer.readers.workers import THREADS, Workers

__all__ = [
    "HELD_BYTES",
    "Ahead",
    "AnswerAhead",
    "PagesAhead",
    "WorkersInTurn",
    "in_turn",
]

# Bytes, as sent, over which no list goes on before its turn; decoded they take six times as much.
# Of the smallest rows they are about eighty pages: with the searches of the same minute no more
# than the share of the smallest plan.
HELD_BYTES = 4 * 1024 * 1024
_DUE_PAGES = 2  # that the list may hold whose turn it is, whatever the others hold
_AHEAD = f"{THREADS}-ahead"  # beginning of the names of the threads that ask ahead
_TICK = 0.1  # seconds between two looks at the stop flag


class Sized(Protocol):
    """A page that knows the bytes of its answer."""

    @property
    def size(self) -> int:
        """Bytes as sent."""


S = TypeVar("S")
T = TypeVar("T")
P = TypeVar("P", bound=Sized)


def in_turn(workers: Workers, pages: Iterator[P]) -> Iterator[P]:
    """Yield ``pages``, each fetched by a worker once it is asked for, and none before."""
    while (page := workers.call(lambda: next(pages, None))) is not None:
        yield page


class WorkersInTurn(Workers):
    """The workers of the stream whose turn it is.

    A thread that asks ahead does itself what it would have them do: a question that is asked
    again and again, since Kustomer does not answer it, must not hold up the stream that is due.
    """

    @override
    def call(self, work: Callable[[], T]) -> T:
        return work() if _asks_ahead() else super().call(work)

    @override
    def map(self, work: Callable[[S], T], items: Iterable[S]) -> list[T]:
        return list(map(work, items)) if _asks_ahead() else super().map(work, items)


def _asks_ahead() -> bool:
    return threading.current_thread().name.startswith(_AHEAD)


class Ahead:
    """Threads that ask ahead: ``size`` for lists, ``size`` for single answers."""

    def __init__(self, clock: Clock, size: int) -> None:
        """Start no thread before the first question."""
        self.clock = clock
        self._size = size
        self._for_pages = ThreadPoolExecutor(size, thread_name_prefix=_AHEAD)
        self._for_answers = ThreadPoolExecutor(size, thread_name_prefix=_AHEAD)
        self._lists: list[PagesAhead[Any]] = []
        self._closed = False
        self.changed = threading.Condition()

    def ask(self, question: Callable[[], T]) -> AnswerAhead[T]:
        """Have ``question`` asked; what it raises is raised where the answer is taken."""
        return AnswerAhead(self.clock, self._for_answers.submit(question))

    def read(self, pages: Iterator[P]) -> PagesAhead[P]:
        """Have the first of ``pages`` fetched, as many as there is room for."""
        ahead = PagesAhead(self, pages)
        with self.changed:
            self._lists.append(ahead)
            self.fill()
        return ahead

    def fill(self) -> None:
        """Let the lists go on that may hold one more page, in the order of their turns.

        To be called with ``changed`` held.
        """
        self._lists = [one for one in self._lists if not one.ended]
        held = sum(one.held_bytes for one in self._lists)
        running = sum(one.is_running for one in self._lists)
        for one in self._lists:
            has_room = running < self._size and held < HELD_BYTES
            if not self._closed and one.is_free and (has_room or one.is_urgent):
                one.is_running = True
                running += 1
                self._for_pages.submit(one.step)

    def close(self) -> None:
        """Let go of the threads; requests in flight are not waited for."""
        with self.changed:
            self._closed = True
        for pool in (self._for_pages, self._for_answers):
            pool.shutdown(wait=False, cancel_futures=True)


class AnswerAhead(Generic[T]):
    """An answer that was asked for ahead of its turn."""

    def __init__(self, clock: Clock, future: Future[T]) -> None:
        """Wait for nothing yet."""
        self._clock = clock
        self._future = future

    def take(self) -> T:
        """Return the answer once it is there. Raises what asking raised; ``StopRequested``."""
        while not wait([self._future], timeout=_TICK).done:
            self._clock.check()
        return self._future.result()


class PagesAhead(Generic[P]):
    """The pages of one list, of which a few are fetched before its turn.

    No thread waits for room: each page is a task of its own, and the list rests between two.
    """

    def __init__(self, ahead: Ahead, source: Iterator[P]) -> None:
        """Fetch nothing yet; ``source`` is moved on by one thread at a time."""
        self._ahead = ahead
        self._source = source
        self._pages: deque[P] = deque()
        self._at_end = False
        self._error: BaseException | None = None
        self._is_due = False
        self.ended = False  # nobody takes more pages
        self.is_running = False

    @property
    def held_bytes(self) -> int:
        """Bytes of the pages that wait."""
        return sum(page.size for page in self._pages)

    @property
    def is_free(self) -> bool:
        """Whether the next page can be fetched now."""
        return not self.is_running and not self._at_end

    @property
    def is_urgent(self) -> bool:
        """Whether somebody waits for the next page, or soon will."""
        return self._is_due and len(self._pages) < _DUE_PAGES

    def pages(self) -> Iterator[P]:
        """Yield all pages, now that it is the list's turn. Raises what reading raised, in place."""
        self._is_due = True
        try:
            while (page := self._take()) is not None:
                yield page
        finally:
            with self._ahead.changed:
                self.ended = self._at_end = True
                self._pages.clear()
                self._ahead.fill()

    def _take(self) -> P | None:
        changed = self._ahead.changed
        with changed:
            self._ahead.fill()
            while not self._pages and not self._at_end:
                changed.wait(_TICK)
                self._ahead.clock.check()
            if self._pages:
                page = self._pages.popleft()
                self._ahead.fill()
                return page
        if self._error is not None:
            raise self._error
        return None

    def step(self) -> None:
        """Fetch one page, in a thread of its own."""
        page: P | None = None
        error: BaseException | None = None
        try:
            page = next(self._source, None)
        except BaseException as raised:  # noqa: BLE001 - raised again where it is waited for
            error = raised
        with self._ahead.changed:
            self.is_running = False
            if page is None:
                self._at_end, self._error = True, error
            elif not self.ended:
                self._pages.append(page)
            self._ahead.fill()
            self._ahead.changed.notify_all()
