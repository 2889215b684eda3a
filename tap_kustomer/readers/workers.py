"""Worker threads that fetch pages; the main thread takes them in order.

Workers only talk to Kustomer and peek at keys. The main thread alone decodes, writes and keeps
state, and it never waits for a socket itself, so it notices a signal at once.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TypeVar

from tap_kustomer.clock import Clock
from tap_kustomer.readers.search.page import OrderedPage

__all__ = ["THREADS", "PageTask", "Workers", "one_task"]

S = TypeVar("S")
T = TypeVar("T")

THREADS = "kustomer"  # beginning of the threads' names
# Bytes of pages that wait for their turn, over all tasks: a few slices of large rows.
BUFFER_BYTES = 40 * 1024 * 1024
_DUE_PAGES = 1  # that may wait of the task whose turn it is, whatever the others hold
_TICK = 0.1  # seconds between two looks at the stop flag


@dataclass(eq=False)
class PageTask:
    """One range to read: ``read`` runs in a worker, its pages arrive in ``pages``."""

    read: Callable[[], Iterator[OrderedPage]]
    behind: PageTask | None = None  # the one whose pages come right before
    pages: deque[OrderedPage] = field(default_factory=deque)
    waiting: int = 0  # pages that nobody took yet
    done: bool = False
    error: BaseException | None = None


def one_task(
    read: Callable[..., Iterator[OrderedPage]], *args: object
) -> Callable[[], PageTask | None]:
    """Return a task source that yields one task."""
    tasks = [PageTask(lambda: read(*args))]
    return lambda: tasks.pop() if tasks else None


class Workers:
    """The pool of threads, one for the whole tap."""

    def __init__(self, clock: Clock, size: int) -> None:
        """Start no thread before the first task; ``size`` requests are in flight at most."""
        self._clock = clock
        self.size = size
        self._pool = ThreadPoolExecutor(size, thread_name_prefix=THREADS)

    def close(self) -> None:
        """Let go of the threads; requests in flight are not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def call(self, work: Callable[[], T]) -> T:
        """Return ``work()``, done in a worker while this thread listens for signals."""
        return self._result(self._pool.submit(work))

    def begin(self, work: Callable[[], T]) -> Callable[[], T]:
        """Have ``work`` done in a worker; return what waits for its result, or its error."""
        future = self._pool.submit(work)
        return lambda: self._result(future)

    def map(self, work: Callable[[S], T], items: Iterable[S]) -> list[T]:
        """Return ``work`` of each item, in order, several at a time."""
        futures = [self._pool.submit(work, item) for item in items]
        return [self._result(future) for future in futures]

    def _result(self, future: Future[T]) -> T:
        while not wait([future], timeout=_TICK).done:
            self._clock.check()
        return future.result()

    def in_order(
        self, next_task: Callable[[], PageTask | None]
    ) -> Generator[OrderedPage, None, None]:
        """Yield the pages of all tasks, task after task, while up to ``size`` are read.

        ``next_task`` is asked whenever a worker is free and something was read; ``None`` means
        that there is nothing to begin now. A task that fails raises its error when its turn
        comes, after all pages before it.
        """
        run = _PagesInOrder(self._clock, self._pool, self.size, next_task)
        try:
            yield from run.pages()
        finally:
            run.closed = True


class _ClosedError(Exception):
    """Nobody takes the pages any more."""


class _PagesInOrder:
    def __init__(
        self,
        clock: Clock,
        pool: ThreadPoolExecutor,
        size: int,
        next_task: Callable[[], PageTask | None],
    ) -> None:
        self.closed = False
        self._clock = clock
        self._pool = pool
        self._size = size
        self._next_task = next_task
        self._active: list[PageTask] = []  # in order of their pages
        self._working = 0
        self._events: queue.SimpleQueue[tuple[PageTask, OrderedPage | None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._buffered = 0

    def pages(self) -> Iterator[OrderedPage]:
        self._fill()
        while self._active:
            head = self._active[0]
            while head.pages:
                page = head.pages.popleft()
                self._count(head, page, -1)
                yield page
            if head.done:
                if head.error is not None:
                    raise head.error
                del self._active[0]
            else:
                self._take()
            self._fill()

    def _take(self) -> None:
        """Wait for the next page of any task and put it to its task."""
        while True:
            self._clock.check()
            try:
                task, page = self._events.get(timeout=_TICK)
            except queue.Empty:
                continue
            if page is None:
                task.done = True
                self._working -= 1
            else:
                task.pages.append(page)
            return

    def _fill(self) -> None:
        while self._working < self._size:
            task = self._next_task()
            if task is None:
                return
            # Behind a task that is over, or none, it is the first.
            before = [index for index, one in enumerate(self._active) if one is task.behind]
            self._active.insert(before[0] + 1 if before else 0, task)
            self._working += 1
            self._pool.submit(self._work, task)

    def _work(self, task: PageTask) -> None:
        try:
            for page in task.read():
                self._count(task, page, 1)
                self._events.put((task, page))
                self._wait_for_room(task)
        except _ClosedError:
            return
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            task.error = error
        self._events.put((task, None))

    def _wait_for_room(self, task: PageTask) -> None:
        """Hold a task back while too much waits, unless its own pages are waited for."""
        while True:
            if self.closed:
                raise _ClosedError
            is_due = self._active[0] is task and task.waiting <= _DUE_PAGES
            if self._buffered < BUFFER_BYTES or is_due:
                return
            self._clock.sleep(_TICK)

    def _count(self, task: PageTask, page: OrderedPage, sign: int) -> None:
        size = len(page.page.raw) if page.page is not None else 0
        with self._lock:
            self._buffered += sign * size
            task.waiting += sign
